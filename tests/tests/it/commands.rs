//! The operator's tools as a shell sees them: exit status, stdout, stderr.

mod codes;
mod configuration;
mod consent;
mod dead_letters;
mod health;
mod lint;
mod operating;
mod quarantine;
mod risk;
mod shards;
mod signatures;
mod spool;
mod status;

use data_encoding::BASE64;
use serde_json::Value;
use test_support::{Process, ProcessBuilder, binary};

use crate::fixture::{PATIENCE, World};

/// What a command ended with.
struct Ended {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    async fn of(command: ProcessBuilder) -> Self {
        let mut process = command.spawn();
        let status = process.wait(PATIENCE).await;
        Self {
            status: status.code().unwrap_or_else(|| panic!("{process} was killed")),
            stdout: process.stdout(),
            stderr: process.stderr(),
        }
    }

    /// Everything that it wrote.
    fn output(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }

    /// The one object on stdout.
    fn json(&self) -> Value {
        let one_line = self.stdout.lines().count() == 1;
        assert!(one_line, "{}", self.output());
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.output()))
    }

    /// Refused as a configuration: 64, one line on stderr that says `what`, nothing on stdout.
    #[track_caller]
    fn assert_refused(&self, what: &str) {
        assert_eq!(self.status, 64, "{}", self.output());
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.output());
        assert!(self.stderr.contains(what), "{what}: {}", self.output());
        assert_eq!(self.stdout, "");
    }
}

/// A world with a sandbox as its gateway.
struct Desk {
    world: World,
    sandbox: Process,
}

impl Desk {
    async fn start() -> Self {
        let world = World::start().await;
        let sandbox = Process::new(binary("sandbox")).args(["--bind", "127.0.0.1:0"]);
        Self { world, sandbox: sandbox.listen().await }
    }

    /// `textproof` with everything that it needs, as loud as can be.
    fn textproof(&self, arguments: &[&str]) -> ProcessBuilder {
        self.world
            .binary("textproof")
            .args(arguments)
            .env("RUST_LOG", "trace")
            .env("TEXTPROOF_PEPPER", BASE64.encode(b"canary-pepper-canary-pepper-0123"))
            .env("TEXTPROOF_OTP_COUNTRIES", "NZ")
            .env("TEXTPROOF_OTP_DEFAULT_COUNTRY", "NZ")
            .env("TEXTPROOF_OTP_WEB_OTP_DOMAINS", "app.example.com")
            .env("WEBSMS_CLIENT_ID", "cid_sandbox")
            .env("WEBSMS_CLIENT_SECRET", "csk_sandbox")
            .env("WEBSMS_BASE_URL", format!("{}/api/connexus", self.sandbox.url()))
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.textproof(arguments)).await
    }

    /// The texts on a phone.
    async fn texts(&self, phone: &str) -> Vec<String> {
        let url = format!("{}/sandbox/messages", self.sandbox.url());
        let answer = crate::fixture::http().get(url).query(&[("to", phone)]).send().await;
        let inbox: Value = answer.expect("an answer").json().await.expect("JSON");
        let texts = inbox["messages"].as_array().expect("a list of texts");
        let text = |text: &Value| text["text"].as_str().expect("a text").to_owned();
        texts.iter().map(text).collect()
    }
}
