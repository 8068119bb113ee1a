//! `send`, `verify` and `token` against the sandbox.

use serde_json::json;

use super::{Desk, Ended};

const PHONE: &str = "021 123 4567";
const E164: &str = "+64211234567";

#[tokio::test]
async fn a_code_is_sent_and_verified_once_and_never_printed() {
    let desk = Desk::start().await;
    let mut outputs = Vec::new();
    let sent = desk
        .run(&["--json", "send", PHONE, "--company", "MyApp", "--web-otp-domain", "app.example.com"])
        .await;
    assert_eq!(sent.status, 0, "{}", sent.output());
    let json = sent.json();
    assert_eq!(json["outcome"], "sent");
    assert_eq!(json["delivery"], "accepted");
    assert!(json["expires_in_seconds"].as_u64().is_some_and(|left| left <= 300), "{json}");
    let handle = json["handle"].as_str().expect("a handle").to_owned();
    outputs.push(sent);

    let texts = desk.texts(E164).await;
    assert_eq!(texts.len(), 1);
    let code: String = texts[0].chars().take_while(char::is_ascii_digit).collect();
    assert_eq!(code.len(), 6);
    assert!(texts[0].ends_with(&format!("\n@app.example.com #{code}")));

    let again = desk.run(&["send", PHONE, "--company", "MyApp"]).await;
    assert_eq!(again.status, 1, "in its cool-down: {}", again.output());
    assert!(again.stdout.contains("cool_down"), "{}", again.output());
    outputs.push(again);

    let wrong = if code == "123456" { "654321" } else { "123456" };
    for (guess, json_flag, status, verdict) in [
        (wrong, true, 1, r#"{"verdict":"incorrect","attempts_left":4}"#),
        (wrong, false, 1, "incorrect"),
        ("12", true, 1, r#"{"verdict":"malformed"}"#),
        (code.as_str(), false, 0, "verified"),
        (code.as_str(), true, 1, r#"{"verdict":"already_used"}"#),
    ] {
        let mut arguments = vec!["verify", PHONE, guess, "--handle", &handle];
        arguments.extend(json_flag.then_some("--json"));
        let ended = desk.run(&arguments).await;
        assert_eq!(ended.status, status, "{verdict}: {}", ended.output());
        if json_flag {
            assert_eq!(ended.stdout.trim_end(), verdict);
        } else {
            assert!(ended.stdout.contains(verdict), "{}", ended.output());
        }
        outputs.push(ended);
    }
    assert_silent(&outputs, &[&code, E164, &E164[1..], "canary-pepper", "csk_sandbox"]);
}

#[tokio::test]
async fn guessing_ends_and_says_when_to_come_back() {
    let desk = Desk::start().await;
    let sent = desk.run(&["send", PHONE, "--company", "MyApp", "--code", "402915"]).await;
    assert_eq!(sent.status, 0, "{}", sent.output());
    for left in (0..5).rev() {
        let ended = desk.run(&["--json", "verify", PHONE, "000000"]).await;
        assert_eq!(ended.status, 1, "{}", ended.output());
        assert_eq!(ended.json(), json!({ "verdict": "incorrect", "attempts_left": left }));
    }
    let right = desk.run(&["--json", "verify", PHONE, "402915"]).await;
    assert_eq!(right.status, 1, "{}", right.output());
    let verdict = right.json();
    assert_eq!(verdict["verdict"], "exhausted", "{verdict}");
    assert!(verdict["retry_after_seconds"].as_u64().is_some_and(|wait| wait > 0), "{verdict}");
    assert_silent(&[sent, right], &["402915"]);
}

#[tokio::test]
async fn the_token_is_obtained_and_not_shown() {
    let desk = Desk::start().await;
    for _ in 0..2 {
        let ended = desk.run(&["--json", "token"]).await;
        assert_eq!(ended.status, 0, "{}", ended.output());
        assert_eq!(ended.stdout.trim_end(), r#"{"gateway":"connexus","credentials":"accepted"}"#);
        assert_silent(&[ended], &["csk_sandbox", "Bearer ey"]);
    }
    let refused = Ended::of(desk.textproof(&["token"]).env("WEBSMS_CLIENT_SECRET", "csk_canary_wrong")).await;
    assert_eq!(refused.status, 2, "{}", refused.output());
    assert_silent(&[refused], &["csk_canary_wrong"]);
}

#[tokio::test]
async fn a_fault_is_no_verdict() {
    let desk = Desk::start().await;
    desk.world.redis.kill();
    for arguments in [
        ["verify", PHONE, "123456", "--json"].as_slice(),
        &["send", PHONE, "--company", "MyApp", "--json"],
        &["token"],
    ] {
        let ended = desk.run(arguments).await;
        assert_eq!(ended.status, 2, "{arguments:?}: {}", ended.output());
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
}

#[track_caller]
fn assert_silent(outputs: &[Ended], canaries: &[&str]) {
    for canary in canaries {
        for ended in outputs {
            let output = ended.output();
            let line = output.lines().find(|line| line.contains(canary));
            assert_eq!(line, None, "{canary} was printed");
        }
    }
}
