//! The walk: every path that handles a secret, in real binaries that log all they can.

use std::{io::Write, time::Duration};

use serde_json::{Value, json};
use tempfile::NamedTempFile;
use test_support::{Monitor, Process, ProcessBuilder, RedisDump, TestRedis, binary, eventually_true};

use super::{
    recorder::Recorder,
    secrets::{self, Canary},
};
use crate::{host::Host, sandbox::Sandbox};

const DEADLINE: Duration = Duration::from_secs(20);
const PHONES: [&str; 8] = [
    "+64211840271",
    "+64211840382",
    "+64211840493",
    "+64211840504",
    "+64211840615",
    "+64211840726",
    "+64211840948",
    "+64211840837",
];

/// What the walk left behind, and what must not be in it.
pub(super) struct Traces {
    pub(super) codes: Vec<Canary>,
    pub(super) receipts: Vec<Canary>,
    pub(super) tokens: Vec<Canary>,
    pub(super) phones: Vec<Canary>,
    /// Of the whole walk.
    pub(super) monitor: Vec<String>,
    /// Of its first part: sending and verifying, without webhooks.
    pub(super) sending: Vec<String>,
    /// When the stream had drained.
    pub(super) dump: RedisDump,
    pub(super) processes: Vec<(&'static str, Process)>,
    /// Between hosts and gateway.
    pub(super) wire: String,
}

/// Walks, stops everything and gives what is left.
pub(super) async fn walk() -> Traces {
    let mut walk = Walk::start().await;
    walk.send_and_verify().await;
    let sending = walk.monitor.lines().await;
    let servers = walk.hear_from_the_phones().await;
    walk.finish(sending, servers).await
}

struct Walk {
    redis: TestRedis,
    monitor: Monitor,
    configuration: NamedTempFile,
    sandbox: Sandbox,
    recorder: Recorder,
    hosts: [Host; 2],
    codes: Vec<Canary>,
    receipts: Vec<Canary>,
}

impl Walk {
    async fn start() -> Self {
        let redis = TestRedis::builder().password(secrets::REDIS_PASSWORD).start().await;
        let monitor = redis.monitor().await;
        let mut configuration = NamedTempFile::new().expect("a temporary file");
        configuration.write_all(secrets::configuration().as_bytes()).expect("a small file");
        let sandbox = Sandbox::builder()
            .args(["--client-secret", secrets::CLIENT_SECRET])
            .args(["--mac-secret", secrets::SIGNING_SECRET])
            .env("RUST_LOG", "trace");
        let sandbox = Sandbox::start(sandbox).await;
        let recorder = Recorder::start(sandbox.address()).await;
        let gateway = format!("http://{}/api/connexus", recorder.address());
        let host = async || {
            let builder = configured(Host::builder(), &redis)
                .args(["--code-length", "8"])
                .env("TEXTPROOF_PEPPER", secrets::base64(secrets::PEPPER))
                .env("TEXTPROOF_OTP_COUNTRIES", "NZ")
                .env("WEBSMS_BASE_URL", &gateway)
                .env("WEBSMS_CLIENT_ID", "cid_sandbox")
                .env("WEBSMS_CLIENT_SECRET", secrets::CLIENT_SECRET);
            Host::start(builder).await
        };
        let hosts = [host().await, host().await];
        Self {
            redis,
            monitor,
            configuration,
            sandbox,
            recorder,
            hosts,
            codes: Vec::new(),
            receipts: Vec::new(),
        }
    }

    /// Every outcome of a send and most verdicts: each has its own lines in a log.
    async fn send_and_verify(&mut self) {
        let code = self.sent(PHONES[0], "sent").await;
        assert_eq!(self.send(PHONES[0], None).await, "cool_down");
        assert_eq!(self.verdict(PHONES[0], secrets::GUESS).await, "incorrect");
        assert_eq!(self.verdict(PHONES[0], &format!("{code}x")).await, "malformed");
        assert_eq!(self.verdict(PHONES[0], &code).await, "verified");
        assert_eq!(self.verdict(PHONES[0], &code).await, "already_used");

        self.codes.push(Canary::new("a given code", secrets::OWN_CODE));
        assert_eq!(self.send(PHONES[1], Some(secrets::OWN_CODE)).await, "sent");
        assert_eq!(self.verdict(PHONES[1], secrets::OWN_CODE).await, "verified");

        self.script(json!({ "kind": "accept_then_drop", "on": "otp", "times": 1 })).await;
        let code = self.sent(PHONES[2], "unknown").await;
        assert_eq!(self.verdict(PHONES[2], &code).await, "verified");

        self.script(json!({ "kind": "expire_tokens" })).await;
        let code = self.sent(PHONES[3], "sent").await;
        assert_eq!(self.verdict(PHONES[3], &code).await, "verified");

        self.script(json!({ "kind": "refused_200", "on": "otp", "times": 1 })).await;
        assert_eq!(self.send(PHONES[4], None).await, "gateway_refused");

        let named = json!({
            "do": "send", "phone": PHONES[6], "session": secrets::SESSION,
            "idempotency_key": secrets::IDEMPOTENCY_KEY,
        });
        for _ in 0..2 {
            assert_eq!(self.hosts[0].ask(named.clone()).await["outcome"], "sent");
        }
        let code = self.sandbox.last_code(PHONES[6]).await;
        self.codes.push(Canary::new("the code of a session", &code));
        let verify =
            json!({ "do": "receipt", "phone": PHONES[6], "code": code, "session": secrets::SESSION });
        let receipt = self.hosts[1].ask(verify).await["receipt"].as_str().expect("a receipt").to_owned();
        self.receipts.push(Canary::receipt(&receipt));
        let redeem =
            json!({ "do": "redeem", "phone": PHONES[6], "receipt": receipt, "session": secrets::SESSION });
        for redeemed in [true, false] {
            assert_eq!(self.hosts[0].ask(redeem.clone()).await, json!({ "redeemed": redeemed }));
        }
    }

    /// Webhooks of both gateways, genuine, doubled and forged, until the worker has acted on all of them.
    async fn hear_from_the_phones(&mut self) -> [(&'static str, Process); 2] {
        let server = async |name| {
            configured(Process::new(binary(name)), &self.redis)
                .arg("--config")
                .arg(self.configuration.path())
                .listen()
                .await
        };
        let (ingest, worker) = (server("webhook-ingest").await, server("worker").await);
        let hooks = format!("{}/hooks", ingest.url());
        self.sandbox
            .webhooks(&format!("{hooks}/websms/{}", secrets::PATH_SECRET), &format!("{hooks}/mac"))
            .await;

        self.sent(PHONES[5], "sent").await;
        for text in ["STOP", "START", secrets::REPLY] {
            self.reply("connexus", PHONES[5], text).await;
        }
        self.reply("mobile-api-connect", PHONES[7], secrets::REPLY).await;
        for kind in ["duplicate", "forge"] {
            self.script(json!({ "kind": kind, "gateway": "connexus", "times": 1 })).await;
            self.reply("connexus", PHONES[5], secrets::REPLY).await;
            self.script(json!({ "kind": kind, "gateway": "mobile-api-connect", "times": 1 })).await;
            self.reply("mobile-api-connect", PHONES[7], secrets::REPLY).await;
        }
        eventually_true(DEADLINE, "the gateways have told everything", async || {
            let webhooks = &self.sandbox.stats().await["webhooks"];
            assert_eq!(webhooks["failed"], 0, "{webhooks}");
            webhooks["pending"] == 0 && webhooks["delivered"] == 10 && webhooks["forged"] == 2
        })
        .await;
        let mut connection = self.redis.connection().await;
        eventually_true(DEADLINE, "the stream has drained", async || {
            let mut length = redis::cmd("XLEN");
            length.arg("tp1:{e0}:s").query_async::<u64>(&mut connection).await == Ok(0)
        })
        .await;
        [("webhook-ingest", ingest), ("worker", worker)]
    }

    async fn finish(mut self, sending: Vec<String>, servers: [(&'static str, Process); 2]) -> Traces {
        let monitor = self.monitor.lines().await;
        let dump = self.redis.dump_all().await;
        let mut processes = Vec::from(servers);
        for (_, process) in &mut processes {
            assert!(process.terminate(DEADLINE).await.success(), "{process}");
        }
        for host in self.hosts {
            processes.push(("fleet_host", host.hang_up().await));
        }
        processes.push(("sandbox", self.sandbox.stop().await));
        let wire = self.recorder.text();
        let tokens = secrets::tokens(&wire);
        assert!(tokens.len() >= 2, "a token, and another when it was refused");
        Traces {
            codes: self.codes,
            receipts: self.receipts,
            tokens,
            phones: PHONES.iter().map(|phone| Canary::phone(phone)).collect(),
            monitor,
            sending,
            dump,
            processes,
            wire,
        }
    }

    /// Sends a code of our own and reads it from the phone.
    async fn sent(&mut self, phone: &str, outcome: &str) -> String {
        assert_eq!(self.send(phone, None).await, outcome);
        let code = self.sandbox.last_code(phone).await;
        assert_eq!(code.len(), 8, "{code}");
        self.codes.push(Canary::new(&format!("the code of {phone}"), &code));
        code
    }

    async fn send(&mut self, phone: &str, code: Option<&str>) -> Value {
        let send = json!({ "do": "send", "phone": phone, "code": code });
        self.hosts[0].ask(send).await["outcome"].take()
    }

    /// The verdict of the host that did not send.
    async fn verdict(&mut self, phone: &str, code: &str) -> String {
        let verify = json!({ "do": "verify", "phone": phone, "codes": [code] });
        let tally = self.hosts[1].run(verify).await;
        let mut words = tally.as_object().expect("a tally").keys();
        words.next().expect("one verdict").clone()
    }

    async fn script(&self, fault: Value) {
        self.sandbox.fault(fault).await;
    }

    async fn reply(&self, gateway: &str, from: &str, text: &str) {
        let reply = json!({ "gateway": gateway, "from": from, "text": text });
        self.sandbox.reply(reply).await;
    }
}

/// What every binary of the product gets here.
fn configured(builder: ProcessBuilder, redis: &TestRedis) -> ProcessBuilder {
    builder
        .env("RUST_LOG", "trace")
        .env("TEXTPROOF_REDIS_URL", redis.url())
        .env("TEXTPROOF_FINGERPRINT_KEY", secrets::base64(secrets::FINGERPRINT_KEY))
}
