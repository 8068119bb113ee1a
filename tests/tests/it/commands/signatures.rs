//! `textproof verify-signature`: a captured request, the configuration, and what is wrong.

use std::fs;

use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::{Process, ProcessBuilder, binary};

use super::Ended;

const FILE: &str = include_str!("../../../../crates/core/tests/vectors/signatures.json");
const PATH_SECRET: &str = "canary_path-secret-000000";
const CONFIG: &str = r#"
[[endpoint]]
name = "plain"
dialect = "connexus"
auth = { scheme = "hmac-body", header = "X-Signature", prefix = "" }
secrets = [
    { id = "other", value = "canary-of-another-sender" },
    { id = "a", value_file = "secret" },
]

[[endpoint]]
name = "ended"
dialect = "connexus"
auth = { scheme = "hmac-body", header = "X-Signature", prefix = "" }
secrets = [{ id = "old", value_file = "secret", not_after = "2026-01-01T00:00:00Z" }]

[[endpoint]]
name = "standard"
dialect = "connexus"
auth = { scheme = "standard-webhooks" }
secrets = [{ id = "a", value = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }]

[[endpoint]]
name = "websms"
dialect = "connexus"
auth = { scheme = "path-secret" }
secrets = [{ id = "p", value = "canary_path-secret-000000" }]
addresses = ["192.0.2.0/24"]
"#;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        folder.write("textproof.toml", CONFIG.as_bytes());
        folder.write("secret", vector("mm-01-mo")["secret"].as_str().expect("a secret").as_bytes());
        folder
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.0.path().join(name), bytes).expect("a file");
    }

    /// Headers and body of a vector as files, each header on a line.
    fn capture(&self, id: &str) -> Value {
        let vector = vector(id);
        let body = BASE64.decode(vector["body_b64"].as_str().expect("a body").as_bytes()).expect("base64");
        self.write("body", &body);
        let headers = vector["headers"].as_object().expect("headers").iter();
        let lines = headers.map(|(name, value)| format!("{name}: {}\r\n", value.as_str().expect("text")));
        self.write("headers", lines.collect::<String>().as_bytes());
        vector
    }

    fn command(&self, arguments: &[&str]) -> ProcessBuilder {
        Process::new(binary("textproof")).arg("verify-signature").args(arguments).current_dir(self.0.path())
    }

    /// What it says to the captured request, loudly and as JSON.
    async fn said(&self, endpoint: &str, more: &[&str]) -> (i32, Value) {
        let arguments = [&[endpoint, "--json", "--body", "body", "--headers", "headers"], more].concat();
        let ended = Ended::of(self.command(&arguments).env("RUST_LOG", "trace")).await;
        let secret = vector("mm-01-mo")["secret"].as_str().expect("a secret").to_owned();
        for canary in ["canary", &secret, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(!ended.output().contains(canary), "{}", ended.output());
        }
        (ended.status, ended.json())
    }
}

fn vector(id: &str) -> Value {
    let file: Value = serde_json::from_str(FILE).expect("JSON");
    let vectors = file["vectors"].as_array().expect("a list of vectors");
    vectors.iter().find(|vector| vector["id"] == id).unwrap_or_else(|| panic!("no vector {id}")).clone()
}

fn words(said: &Value) -> Vec<&str> {
    let findings = said["findings"].as_array().expect("a list of findings");
    findings.iter().map(|finding| finding["finding"].as_str().expect("a word")).collect()
}

#[tokio::test]
async fn a_right_request_is_said_to_be_right() {
    let folder = Folder::new();
    folder.capture("mm-01-mo");
    let (status, said) = folder.said("plain", &[]).await;
    let expected = json!({
        "endpoint": "plain", "scheme": "hmac-body", "verdict": "right", "reason": null, "secret_id": "a", "findings": [],
    });
    assert_eq!((status, said), (0, expected));
    let table = Ended::of(folder.command(&["plain", "--body", "body", "--headers", "headers"])).await;
    assert_eq!((table.status, table.stderr.as_str()), (0, ""));
    assert!(table.stdout.contains("right") && !table.stdout.contains("FINDING"), "{}", table.stdout);
}

#[tokio::test]
async fn what_is_wrong_is_named_and_no_secret_is_shown() {
    let folder = Folder::new();
    for (id, endpoint, reason, expected) in [
        ("mm-10-space-added", "plain", "signature_mismatch", &["body"][..]),
        ("mm-11-reserialised-key-order", "plain", "signature_mismatch", &["wrong_key_or_body"]),
        ("mm-15-missing-header", "plain", "missing_header", &["missing_header"]),
        ("mm-16-sha256-prefix", "plain", "malformed_header", &["malformed", "prefix"]),
        ("mm-17-key-is-prefix-stripped-utf8", "plain", "signature_mismatch", &["key_encoding"]),
        ("mm-18-key-is-base64-decoded", "plain", "signature_mismatch", &["key_encoding"]),
        ("mm-01-mo", "ended", "expired_secret", &["expired_secret"]),
        ("sw-01-published", "standard", "timestamp_too_old", &["clock"]),
        ("sw-12-body-reserialised", "standard", "signature_mismatch", &["body", "clock"]),
        ("gh-02-published", "plain", "missing_header", &["missing_header"]),
    ] {
        folder.capture(id);
        let (status, said) = folder.said(endpoint, &[]).await;
        assert_eq!(
            (status, &said["verdict"], &said["reason"]),
            (1, &json!("refused"), &json!(reason)),
            "{id}"
        );
        assert_eq!(words(&said), expected, "{id}: {said}");
    }
    let table = Ended::of(folder.command(&["plain", "--body", "body", "--headers", "headers"])).await;
    assert_eq!(table.status, 1, "{}", table.output());
    assert!(table.stdout.contains("FINDING") && table.stdout.contains("x-signature"), "{}", table.stdout);
}

#[tokio::test]
async fn the_time_of_receipt_can_be_said() {
    let folder = Folder::new();
    let now = folder.capture("sw-10-edge-300s")["now"].to_string();
    for (at, status) in [(now.as_str(), 0), ("2021-02-25T15:07:10Z", 0), ("2021-02-25T15:07:11Z", 1)] {
        assert_eq!(folder.said("standard", &["--at", at]).await.0, status, "{at}");
    }
}

#[tokio::test]
async fn headers_come_from_arguments_and_the_path_from_the_request_line() {
    let folder = Folder::new();
    let vector = folder.capture("mm-01-mo");
    let header = format!("X-Signature: {}", vector["headers"]["X-Signature"].as_str().expect("a signature"));
    let one = Ended::of(folder.command(&["plain", "--json", "--body", "body", "--header", &header])).await;
    assert_eq!(one.json()["verdict"], "right", "{}", one.output());
    let (_, said) = folder.said("plain", &["--header", "X-Signature: other"]).await;
    assert_eq!((&said["reason"], words(&said)), (&json!("conflicting_headers"), vec!["conflicting_header"]));

    let request_line = |secret: &str| format!("POST /hooks/websms/{secret} HTTP/1.1\r\nHost: a\r\n\r\n{{}}");
    for (secret, peer, expected) in [
        (PATH_SECRET, "192.0.2.7", &[][..]),
        (PATH_SECRET, "203.0.113.7", &["address"]),
        ("wrong", "192.0.2.7", &["wrong_secret"]),
    ] {
        folder.write("headers", request_line(secret).as_bytes());
        let (status, said) = folder.said("websms", &["--peer", peer]).await;
        assert_eq!((status, words(&said)), (i32::from(!expected.is_empty()), expected.to_vec()), "{said}");
    }
    folder.write("headers", b"Host: a\n");
    let path = format!("/hooks/websms/{PATH_SECRET}");
    assert_eq!(folder.said("websms", &["--peer", "192.0.2.7", "--path", &path]).await.0, 0);
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_a_mistake_of_the_caller() {
    let folder = Folder::new();
    folder.capture("mm-01-mo");
    let refused = async |arguments: &[&str]| Ended::of(folder.command(arguments)).await;
    refused(&["nobody", "--body", "body"]).await.assert_refused("plain, ended, standard, websms");
    refused(&["plain", "--body", "nowhere"]).await.assert_refused("nowhere cannot be read");
    refused(&["plain", "--body", "body", "--header", "canary"]).await.assert_refused("not `Name: value`");
    refused(&["plain", "--body", "body", "--at", "soon"]).await.assert_refused("--at");
    refused(&["plain", "--body", "body", "--path", "/elsewhere"]).await.assert_refused("/hooks/plain");
    folder.write("body", &[b'x'; 1024 * 1024 + 1]);
    refused(&["plain", "--body", "body"]).await.assert_refused("longer than 1048576 bytes");
    assert_eq!(Ended::of(folder.command(&["plain"])).await.status, 64);
}
