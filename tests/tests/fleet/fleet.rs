//! Four hosts, one Redis, one gateway.

use data_encoding::BASE64;
use serde_json::{Value, json};
use test_support::{ProcessBuilder, TestRedis};

use crate::{host::Host, sandbox::Sandbox};

/// Hosts in a fleet.
pub(crate) const HOSTS: usize = 4;

pub(crate) struct Fleet {
    pub(crate) redis: TestRedis,
    pub(crate) sandbox: Sandbox,
    pub(crate) hosts: Vec<Host>,
}

impl Fleet {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_, builder| builder).await
    }

    /// Starts it with something of its own for each host, by its number.
    pub(crate) async fn start_with(own: impl Fn(usize, ProcessBuilder) -> ProcessBuilder) -> Self {
        let redis = TestRedis::start().await;
        let sandbox = Sandbox::start(Sandbox::builder()).await;
        let mut hosts = Vec::new();
        for number in 0..HOSTS {
            let builder = Host::builder()
                .env("TEXTPROOF_REDIS_URL", redis.url())
                .env("TEXTPROOF_PEPPER", BASE64.encode(&[7; 32]))
                .env("TEXTPROOF_FINGERPRINT_KEY", BASE64.encode(&[8; 32]))
                .env("TEXTPROOF_OTP_COUNTRIES", "NZ")
                .env("WEBSMS_BASE_URL", format!("http://{}/api/connexus", sandbox.address()))
                .env("WEBSMS_CLIENT_ID", "cid_sandbox")
                .env("WEBSMS_CLIENT_SECRET", "csk_sandbox");
            hosts.push(Host::start(own(number, builder)).await);
        }
        Self { redis, sandbox, hosts }
    }

    /// Has one host send a code, and reads it from the phone.
    pub(crate) async fn code_sent_to(&mut self, phone: &str, host: usize) -> String {
        let sent = self.hosts[host].ask(json!({ "do": "send", "phone": phone })).await;
        assert_eq!(sent["outcome"], "sent");
        self.sandbox.last_code(phone).await
    }

    /// Gives each host its command, waits until all stand ready, and then lets all go. One answer a host.
    pub(crate) async fn together(&mut self, commands: &[Value]) -> Vec<Value> {
        assert_eq!(commands.len(), self.hosts.len(), "one command for each host");
        self.prepare(commands).await;
        self.go().await;
        self.answers().await
    }

    pub(crate) async fn prepare(&mut self, commands: &[Value]) {
        for (host, command) in self.hosts.iter_mut().zip(commands) {
            host.prepare(command).await;
        }
    }

    pub(crate) async fn go(&mut self) {
        for host in &mut self.hosts {
            host.tell("go").await;
        }
    }

    pub(crate) async fn answers(&mut self) -> Vec<Value> {
        let mut answers = Vec::new();
        for host in &mut self.hosts {
            answers.push(host.answer().await);
        }
        answers
    }

    /// Has all hosts check these codes of a phone at once, dealt out in turn. The verdicts of all together.
    pub(crate) async fn verify(&mut self, phone: &str, codes: &[String]) -> Tally {
        let commands: Vec<_> = (0..HOSTS)
            .map(|host| {
                let dealt: Vec<_> = codes.iter().skip(host).step_by(HOSTS).collect();
                json!({ "do": "verify", "phone": phone, "codes": dealt })
            })
            .collect();
        let tally = Tally(self.together(&commands).await);
        assert_eq!(tally.all(), codes.len() as u64, "{tally:?}");
        tally
    }
}

/// What several hosts counted.
#[derive(Debug)]
pub(crate) struct Tally(pub(crate) Vec<Value>);

impl Tally {
    /// How often a word was said.
    pub(crate) fn of(&self, word: &str) -> u64 {
        self.0.iter().filter_map(|counts| counts[word].as_u64()).sum()
    }

    /// How many words were said.
    pub(crate) fn all(&self) -> u64 {
        let counts = self.0.iter().filter_map(Value::as_object);
        counts.flat_map(|counts| counts.values()).filter_map(Value::as_u64).sum()
    }
}
