//! The sandbox binary, seen through its control paths.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use test_support::{Process, ProcessBuilder, binary};

const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Sandbox {
    process: Process,
    http: reqwest::Client,
}

impl Sandbox {
    /// A sandbox on a free port that still takes flags.
    pub(crate) fn builder() -> ProcessBuilder {
        Process::new(binary("sandbox")).args(["--bind", "127.0.0.1:0"])
    }

    pub(crate) async fn start(builder: ProcessBuilder) -> Self {
        // Refused harmlessly when it was done before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build();
        Self { process: builder.listen().await, http: http.expect("a client") }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// What a phone received last.
    pub(crate) async fn last_text(&self, phone: &str) -> String {
        let request = self.http.get(self.url("messages")).query(&[("to", phone)]).send();
        let inbox = json_of(request.await).await;
        let last = inbox["messages"].as_array().and_then(|texts| texts.last());
        last.and_then(|text| text["text"].as_str()).expect("a text in the inbox").to_owned()
    }

    /// The code in the text that a phone received last: the text begins with it.
    pub(crate) async fn last_code(&self, phone: &str) -> String {
        let text = self.last_text(phone).await;
        text.split(' ').next().expect("a word").to_owned()
    }

    pub(crate) async fn stats(&self) -> Value {
        json_of(self.http.get(self.url("stats")).send().await).await
    }

    pub(crate) async fn token_requests(&self) -> u64 {
        self.stats().await["token_requests"].as_u64().expect("a number")
    }

    /// Scripts a fault, or several.
    pub(crate) async fn fault(&self, fault: Value) {
        self.post("faults", fault).await;
    }

    pub(crate) async fn end_faults(&self) {
        json_of(self.http.delete(self.url("faults")).send().await).await;
    }

    /// Where webhooks go from now on.
    pub(crate) async fn webhooks(&self, connexus: &str, mobile_api_connect: &str) {
        let urls = json!({ "connexus": [connexus], "mobile_api_connect": [mobile_api_connect] });
        self.post("webhooks", urls).await;
    }

    /// A phone texts back.
    pub(crate) async fn reply(&self, reply: Value) {
        self.post("reply", reply).await;
    }

    /// Stops it, and returns the process for what it wrote.
    pub(crate) async fn stop(mut self) -> Process {
        let status = self.process.terminate(DEADLINE).await;
        assert!(status.success(), "{}", self.process);
        self.process
    }

    async fn post(&self, path: &str, body: Value) {
        json_of(self.http.post(self.url(path)).json(&body).send().await).await;
    }

    fn url(&self, path: &str) -> String {
        format!("{}/sandbox/{path}", self.process.url())
    }
}

async fn json_of(answer: reqwest::Result<reqwest::Response>) -> Value {
    let answer = answer.and_then(reqwest::Response::error_for_status);
    answer.expect("the sandbox does it").json().await.expect("JSON")
}
