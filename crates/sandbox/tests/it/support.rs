//! A running sandbox, a client for it, and a server that takes its webhooks.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, http::Uri};
use reqwest::Response;
use sandbox::{Sandbox, Settings, Webhooks};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// No wait in these tests is longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
pub(crate) const PHONE: &str = "6421234567";

pub(crate) struct Host {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: reqwest::Client,
    _shutdown: DropGuard,
}

pub(crate) async fn host() -> Host {
    host_with(Settings::default()).await
}

pub(crate) async fn host_with(settings: Settings) -> Host {
    let shutdown = CancellationToken::new();
    let settings = Settings { bind: SocketAddr::from(([127, 0, 0, 1], 0)), ..settings };
    let sandbox = sandbox::start(settings, shutdown.clone()).await.unwrap();
    let client = reqwest::Client::builder().timeout(DEADLINE).no_proxy().build().unwrap();
    Host { sandbox, client, _shutdown: shutdown.drop_guard() }
}

/// Retries after 20 and 40 ms, so that a test sees all of them.
pub(crate) fn quick() -> Settings {
    Settings {
        retry_delays: vec![Duration::from_millis(20), Duration::from_millis(40)],
        ..Settings::default()
    }
}

impl Host {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.sandbox.addr())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = self.client.get(self.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Response {
        self.client.post(self.url(path)).json(body).send().await.unwrap()
    }

    pub(crate) async fn fault(&self, fault: Value) {
        let response = self.post("/sandbox/faults", &fault).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    }

    pub(crate) async fn reply(&self, text: &str, gateway: &str) -> Value {
        let body = json!({"from": format!("+{PHONE}"), "to": "552", "text": text, "gateway": gateway});
        let response = self.post("/sandbox/reply", &body).await;
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    pub(crate) async fn token(&self) -> String {
        let credentials = [("client_id", "cid_sandbox"), ("client_secret", "csk_sandbox")];
        let answer = self.client.post(self.url("/api/connexus/auth/token")).form(&credentials).send().await;
        let answer: Value = answer.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A form-encoded Connexus request with a fresh token.
    pub(crate) async fn connexus(&self, path: &str, form: &[(&str, &str)]) -> reqwest::Result<Response> {
        let token = self.token().await;
        let url = self.url(&format!("/api/connexus{path}"));
        self.client.post(url).bearer_auth(token).form(form).send().await
    }

    pub(crate) async fn otp(&self) -> reqwest::Result<Response> {
        self.connexus("/sms/otp", &[("to", PHONE), ("msgCompany", "MyApp"), ("msgCode", "482174")]).await
    }

    pub(crate) async fn message(&self, body: &Value) -> reqwest::Result<Response> {
        self.client.post(self.url("/v1/messages")).bearer_auth("sk_live_sandbox").json(body).send().await
    }

    pub(crate) async fn inbox(&self, phone: &str) -> Vec<Value> {
        let inbox = self.get(&format!("/sandbox/messages?to={phone}")).await;
        inbox["messages"].as_array().unwrap().clone()
    }

    /// Asks for the stats until they satisfy the condition.
    pub(crate) async fn stats_when(&self, what: &str, good: impl Fn(&Value) -> bool) -> Value {
        test_support::eventually(DEADLINE, what, async || {
            let stats = self.get("/sandbox/stats").await;
            good(&stats).then_some(stats)
        })
        .await
    }
}

/// A webhook request as it came over the wire.
pub(crate) struct Hook {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Hook {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn signature(&self) -> Option<&str> {
        self.headers.get("X-MAC-Signature").map(|value| value.to_str().unwrap())
    }
}

/// Takes webhooks; answers 200, or what the test told it to.
pub(crate) struct Receiver {
    addr: SocketAddr,
    hooks: mpsc::UnboundedReceiver<Hook>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    pub(crate) async fn start(answers: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, hooks) = mpsc::unbounded_channel();
        let answers = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let app = Router::new().fallback(take).with_state((sender, Arc::clone(&answers)));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { addr, hooks, answers }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) async fn next(&mut self) -> Hook {
        tokio::time::timeout(DEADLINE, self.hooks.recv()).await.expect("a webhook in time").unwrap()
    }

    pub(crate) fn nothing_more(&mut self) -> bool {
        self.hooks.try_recv().is_err() && self.answers.lock().unwrap().is_empty()
    }

    /// Makes this the target of both gateways' webhooks.
    pub(crate) fn attach(&self, host: &Host) {
        let webhooks = Webhooks {
            connexus: Some(vec![self.url("/hooks/websms/s3cret-path-segment")]),
            mobile_api_connect: Some(vec![self.url("/hooks/mac")]),
        };
        host.sandbox.set_webhooks(&webhooks).unwrap();
    }
}

type Inbound = (mpsc::UnboundedSender<Hook>, Arc<Mutex<VecDeque<u16>>>);

async fn take(
    State((hooks, answers)): State<Inbound>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let answer = answers.lock().unwrap().pop_front().unwrap_or(200);
    let _ = hooks.send(Hook { path: uri.path().to_owned(), headers, body });
    StatusCode::from_u16(answer).unwrap()
}
