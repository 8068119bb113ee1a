//! `textproof lint`: no configuration, no Redis, no gateway.

use std::fs::{self, File};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::{Process, ProcessBuilder, binary};

use super::Ended;

const SENT: &str = "482174 is your MyApp verification code.\n@app.example.com #482174";

/// A folder with a configuration that nothing could use, so that whoever reads it is found out.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("textproof.toml"), "[broken").expect("a file");
        Self(folder)
    }

    fn lint(&self, arguments: &[&str]) -> ProcessBuilder {
        Process::new(binary("textproof")).arg("lint").args(arguments).current_dir(self.0.path())
    }

    fn file(&self, bytes: &[u8]) -> File {
        let path = self.0.path().join("text");
        fs::write(&path, bytes).expect("a file");
        File::open(path).expect("the file just written")
    }
}

#[tokio::test]
async fn a_text_is_looked_at_wherever_it_comes_from() {
    let folder = Folder::new();
    let expected = json!({ "encoding": "gsm7", "units": 64, "parts": 1, "units_left": 96, "findings": [] });
    for ended in [
        Ended::of(folder.lint(&[SENT, "--json"])).await,
        Ended::of(folder.lint(&["--json"]).stdin(folder.file(SENT.as_bytes()))).await,
        Ended::of(folder.lint(&["-", "--json"]).stdin(folder.file(SENT.as_bytes()))).await,
        Ended::of(folder.lint(&["--company", "MyApp", "--web-otp-domain", "app.example.com", "--json"]))
            .await,
    ] {
        assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "{}", ended.output());
        assert_eq!(ended.json(), expected);
    }
    let table = Ended::of(folder.lint(&[SENT])).await;
    assert_eq!(table.status, 0);
    for shown in ["encoding", "gsm7", "nothing to say against it"] {
        assert!(table.stdout.contains(shown), "{shown}: {}", table.stdout);
    }
}

#[tokio::test]
async fn an_error_is_exit_1_and_anything_less_is_not() {
    let folder = Folder::new();
    let echoed = folder.file(format!("{SENT}\n").as_bytes());
    let ended = Ended::of(folder.lint(&["--json"]).stdin(echoed)).await;
    assert_eq!(ended.status, 1, "{}", ended.output());
    assert_eq!(words(&ended.json()), [("error".into(), "origin_bound_not_last".into())]);
    assert!(!ended.output().contains("482174"), "{}", ended.output());

    let table = Ended::of(folder.lint(&["482174, see https://example.com/482174"])).await;
    assert_eq!(table.status, 1, "{}", table.output());
    assert!(table.stdout.contains("SEVERITY") && table.stdout.contains("link"), "{}", table.stdout);
    assert!(!table.output().contains("482174"), "{}", table.output());

    let long = "Valid for 5 minutes. Do not share it.";
    let ended = Ended::of(folder.lint(&["--company", "Tāmaki Makaurau", "--comment", long, "--json"])).await;
    assert_eq!(ended.status, 0, "{}", ended.output());
    let report = ended.json();
    assert_eq!((&report["encoding"], &report["parts"]), (&json!("ucs2"), &json!(2)));
    let expected = [("note", "not_origin_bound"), ("note", "macrons"), ("warning", "several_parts")];
    assert_eq!(words(&report), expected.map(|(severity, word)| (severity.into(), word.into())));
}

#[tokio::test]
async fn what_send_would_refuse_is_an_error_here() {
    let folder = Folder::new();
    for (company, reason) in [("bit.ly/x", "link"), ("a@b", "@"), ("", "empty")] {
        let ended = Ended::of(folder.lint(&["--company", company, "--json"])).await;
        assert_eq!(ended.status, 1, "{}", ended.output());
        let report = ended.json();
        assert_eq!(words(&report), [("error".into(), "refused".into())]);
        let explanation = report["findings"][0]["explanation"].as_str().expect("an explanation");
        assert!(explanation.contains(reason), "{explanation}");
        assert_eq!(report["parts"], Value::Null);
    }
}

#[tokio::test]
async fn what_is_no_text_is_a_mistake_of_the_caller() {
    let folder = Folder::new();
    Ended::of(folder.lint(&[]).stdin(folder.file(b"\xff"))).await.assert_refused("UTF-8");
    Ended::of(folder.lint(&[]).stdin(folder.file(&[b'x'; 70_000]))).await.assert_refused("65536");
    for arguments in [["text", "--company", "MyApp"].as_slice(), &["--comment", "x"]] {
        let ended = Ended::of(folder.lint(arguments)).await;
        assert_eq!((ended.status, ended.stdout.as_str()), (64, ""), "{}", ended.output());
    }
}

fn words(report: &Value) -> Vec<(String, String)> {
    let word = |finding: &Value, key: &str| finding[key].as_str().expect("text").to_owned();
    let findings = report["findings"].as_array().expect("a list of findings");
    findings.iter().map(|finding| (word(finding, "severity"), word(finding, "finding"))).collect()
}
