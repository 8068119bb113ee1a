//! Automatic replies with real workers and the sandbox as the gateway: at most once, and not for ever.

mod help;
mod kills;
mod loops;

use std::net::SocketAddr;

use serde_json::{Value, json};
use test_support::{Process, ProcessBuilder, TestRedis, binary, eventually, eventually_true};

use crate::fixture::{PATIENCE, World, http, websms};

/// A deployment with rules, and the sandbox that is its gateway.
struct Deployment {
    world: World,
    sandbox: Process,
    /// Killed when it is dropped.
    ingest: Process,
}

impl Deployment {
    /// The sandbox posts to the deployment's ingest what its phones text.
    async fn start(rules: &str) -> Self {
        let world = World::on(TestRedis::start().await, rules);
        let ingest = world.binary("webhook-ingest").listen().await;
        let sandbox = Process::new(binary("sandbox"))
            .args(["--bind", "127.0.0.1:0", "--retry-delays", "50ms,50ms"])
            .args(["--connexus-webhook", &websms(&ingest)])
            .listen()
            .await;
        Self { world, sandbox, ingest }
    }

    /// A worker whose gateway is at this address.
    fn worker(&self, gateway: SocketAddr) -> ProcessBuilder {
        self.world
            .binary("worker")
            .env("WEBSMS_BASE_URL", format!("http://{gateway}/api/connexus"))
            .env("WEBSMS_CLIENT_ID", "cid_sandbox")
            .env("WEBSMS_CLIENT_SECRET", "csk_sandbox")
            .env("TEXTPROOF_OTP_COUNTRIES", "NZ")
            .env("TEXTPROOF_PEPPER", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    }

    /// A phone texts one of our numbers.
    async fn texts(&self, from: &str, to: &str, text: &str) {
        let reply = json!({ "from": from, "to": to, "text": text, "gateway": "connexus" });
        self.post("reply", reply).await;
    }

    /// Somebody posts to the endpoint `open` what a phone would have texted.
    async fn posts_to_open_endpoint(&self, message_id: &str, from: &str, text: &str) {
        let url = format!("{}/hooks/open", self.ingest.url());
        let body = crate::fixture::reply(message_id, from, text, 1_700_000_000);
        assert_eq!(crate::fixture::post(&http(), &url, body).await.0, 200);
    }

    /// What a phone received.
    async fn inbox(&self, phone: &str) -> Vec<Value> {
        let inbox = http().get(self.url("messages")).query(&[("to", phone)]).send().await;
        let inbox: Value = inbox.expect("the sandbox answers").json().await.expect("JSON");
        inbox["messages"].as_array().expect("messages").clone()
    }

    /// Texts that the gateway took.
    async fn sent(&self) -> u64 {
        let stats = http().get(self.url("stats")).send().await.expect("the sandbox answers");
        let stats: Value = stats.json().await.expect("JSON");
        stats["sends"]["connexus"]["out"].as_u64().expect("a number")
    }

    async fn post(&self, path: &str, body: Value) {
        let answer = http().post(self.url(path)).json(&body).send().await.expect("the sandbox answers");
        assert!(answer.status().is_success(), "{path}: {}", self.sandbox);
    }

    fn url(&self, path: &str) -> String {
        format!("{}/sandbox/{path}", self.sandbox.url())
    }

    /// The state of every claim of a reply.
    async fn claims(&self) -> Vec<u8> {
        let dump = self.world.redis.dump_all().await;
        let claims = dump.keys.iter().filter(|key| key.key.starts_with(b"tp1:{y"));
        let states = claims.filter(|key| String::from_utf8_lossy(&key.key).contains("}:y:evt_"));
        states.filter_map(|key| key.contents.first()?.first().copied()).collect()
    }

    /// Waits until every event that was ever published has been settled, and at least so many were.
    async fn all_settled(&self, at_least: usize) {
        eventually_true(PATIENCE, "every event is settled", async || {
            let marks = self.world.marks().await;
            marks.len() >= at_least && marks.values().all(|state| *state == 'D')
        })
        .await;
    }
}

/// How many automatic replies of this outcome a running worker counts.
async fn counted(worker: &Process, outcome: &str) -> u64 {
    const SAID: &str = "metrics and readiness details addr=";
    let address = eventually(PATIENCE, "it says where its metrics are", async || {
        let said = worker.stderr();
        let after = said.split_once(SAID)?.1;
        Some(after.split_whitespace().next()?.to_owned())
    })
    .await;
    let answer = http().get(format!("http://{address}/metrics")).send().await.expect("an answer");
    let series = format!("textproof_worker_replies_total{{outcome=\"{outcome}\"}} ");
    let metrics = answer.text().await.expect("text");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&series));
    line.map_or(0, |number| number.parse().expect("a number"))
}

#[tokio::test]
async fn a_rule_that_cannot_be_applied_is_one_line_and_status_64() {
    for (lines, what) in [
        ("match = { exact = \"HOURS\" }\nreply = \"ok\"", "a gateway is not set"),
        ("match = { regex = \"(a{100}){100}\" }\nreply = \"ok\"", "too large when compiled"),
        ("match = { any = true }\nreply = \"{{phone}}\"", "the unknown name"),
    ] {
        let world = World::on(TestRedis::start().await, &format!("[[rule]]\nname = \"hours\"\n{lines}\n"));
        let mut worker = world.binary("worker").spawn();
        assert_eq!(worker.wait(PATIENCE).await.code(), Some(64), "{worker}");
        let said = worker.stderr();
        assert!(said.contains(what) && said.lines().count() == 1, "{said}");
    }
}
