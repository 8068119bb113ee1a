//! The binary: first line, exit codes, signals.

use std::{
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::Command,
};

use crate::support::{DEADLINE, Receiver};

fn sandbox(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox"));
    command.args(args).env_remove("RUST_LOG").kill_on_drop(true).stdin(Stdio::null());
    command
}

async fn output(mut command: Command) -> Output {
    tokio::time::timeout(DEADLINE, command.output()).await.expect("an end in time").unwrap()
}

#[tokio::test]
async fn the_first_line_names_the_address_and_a_signal_ends_it() {
    for signal in ["TERM", "INT"] {
        let mut child = sandbox(&["--bind", "127.0.0.1:0"])
            .env("TEXTPROOF_LOG_FORMAT", "json")
            .env("TEXTPROOF_SANDBOX_CONNEXUS_WEBHOOK", "")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap().unwrap();
        let base = line.strip_prefix("listening on ").unwrap();
        // Usually a sandbox in this process has done it; here it runs in another.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build().unwrap();
        assert_eq!(client.get(format!("{base}/healthz")).send().await.unwrap().status(), 200);

        let pid = child.id().unwrap().to_string();
        let killed = Command::new("kill").args(["-s", signal, &pid]).status().await.unwrap();
        assert!(killed.success());
        let output = tokio::time::timeout(DEADLINE, child.wait_with_output()).await.unwrap().unwrap();
        assert_eq!(output.status.code(), Some(0), "{signal}");
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(log.lines().all(|line| line.starts_with('{')), "{log}");
    }
}

#[tokio::test]
async fn logs_hold_no_code_no_number_and_no_secret_even_at_trace() {
    let mut receiver = Receiver::start(&[]).await;
    let mut child = sandbox(&["--bind", "127.0.0.1:0", "--client-secret", "c4nary-client"])
        .args(["--api-key", "c4nary-key", "--mac-secret", "c4nary-mac"])
        .args(["--connexus-webhook", &receiver.url("/hooks/c4nary-path")])
        .args(["--mac-webhook", &receiver.url("/hooks/c4nary-path")])
        .env("RUST_LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Read while it is written, or a full pipe would stop the sandbox.
    let mut log = child.stderr.take().unwrap();
    let log = tokio::spawn(async move {
        let mut text = String::new();
        log.read_to_string(&mut text).await.map(|_| text)
    });
    let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let base = line.strip_prefix("listening on ").unwrap().to_owned();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();

    let form = [("client_id", "cid_sandbox"), ("client_secret", "c4nary-client")];
    let token = client.post(format!("{base}/api/connexus/auth/token")).form(&form).send().await.unwrap();
    let token: Value = token.json().await.unwrap();
    let token = token["access_token"].as_str().unwrap();
    let form = [("to", "6421234567"), ("msgCompany", "MyApp"), ("msgCode", "48217493")];
    let otp = client.post(format!("{base}/api/connexus/sms/otp")).bearer_auth(token).form(&form);
    assert_eq!(otp.send().await.unwrap().status(), 200);
    let text = json!({"to": "+6421234567", "text": "48217493"});
    let message = client.post(format!("{base}/v1/messages")).bearer_auth("c4nary-key").json(&text);
    assert_eq!(message.send().await.unwrap().status(), 202);
    let reply = json!({"from": "+6421234567", "text": "48217493"});
    client.post(format!("{base}/sandbox/reply")).json(&reply).send().await.unwrap();
    for _ in 0..3 {
        receiver.next().await;
    }
    child.start_kill().unwrap();
    let log = tokio::time::timeout(DEADLINE, log).await.unwrap().unwrap().unwrap();
    assert!(log.contains("sandbox.text.accepted") && log.contains("TRACE"), "a log at trace");
    for secret in ["48217493", "6421234567", "c4nary", token] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn bad_configuration_is_64_and_one_clear_line() {
    for (args, environment, named) in [
        (vec!["--no-such-flag"], None, "--no-such-flag"),
        (vec!["--bind", "nowhere"], None, "--bind"),
        (vec!["--connexus-webhook", "s3cret"], None, "connexus webhook 1"),
        (vec!["--retry-delays", "soon"], None, "soon"),
        (vec![], Some(("TEXTPROOF_SANDBOX_API_KEY", "")), "api key"),
        (vec![], Some(("TEXTPROOF_LOG_FORMAT", "xml")), "TEXTPROOF_LOG_FORMAT"),
        (vec![], Some(("RUST_LOG", "=,=!")), "RUST_LOG"),
    ] {
        let mut command = sandbox(&["--bind", "127.0.0.1:0"]);
        if args.first() == Some(&"--bind") {
            command = sandbox(&[]);
        }
        command.args(&args).envs(environment);
        let output = output(command).await;
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{args:?} {line}");
        assert!(line.lines().count() == 1 && line.contains(named), "{line}");
        assert!(!line.contains("s3cret"), "{line}");
        assert!(output.stdout.is_empty(), "nothing was bound");
    }
}

#[tokio::test]
async fn help_shows_every_flag_and_no_secret_of_the_environment() {
    let mut command = sandbox(&["--help"]);
    command
        .env("TEXTPROOF_SANDBOX_CLIENT_SECRET", "c4nary")
        .env("TEXTPROOF_SANDBOX_API_KEY", "c4nary")
        .env("TEXTPROOF_SANDBOX_MAC_SECRET", "c4nary")
        .env("TEXTPROOF_SANDBOX_CONNEXUS_WEBHOOK", "http://h/c4nary");
    let help = output(command).await;
    assert_eq!(help.status.code(), Some(0));
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(!help.contains("c4nary"));
    for flag in [
        "--bind",
        "--client-id",
        "--client-secret",
        "--api-key",
        "--connexus-webhook",
        "--mac-webhook",
        "--mac-secret",
        "--retry-delays",
    ] {
        assert!(help.contains(flag), "{flag}");
    }
    let version = output(sandbox(&["--version"])).await;
    assert_eq!(version.status.code(), Some(0));
    assert!(version.stdout.starts_with(b"sandbox "));
}

#[tokio::test]
async fn an_address_in_use_is_a_fault() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = output(sandbox(&["--bind", &taken.local_addr().unwrap().to_string()])).await;
    assert_eq!(output.status.code(), Some(2));
}
