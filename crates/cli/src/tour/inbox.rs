//! The sandbox's phone, seen through its HTTP interface.

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::PATIENCE;

/// A phone in the sandbox.
pub(super) struct Inbox {
    http: reqwest::Client,
    base_url: String,
    phone: String,
}

impl Inbox {
    /// Looks at `phone` (E.164 with `+`) in the sandbox at `base_url`.
    pub(super) fn new(http: &reqwest::Client, base_url: String, phone: &str) -> Self {
        Self { http: http.clone(), base_url, phone: phone.to_owned() }
    }

    /// The last text that came in.
    pub(super) async fn last_text(&self) -> anyhow::Result<String> {
        let url = format!("{}/sandbox/messages", self.base_url);
        let answer = self.http.get(url).query(&[("to", &self.phone)]).send().await?.error_for_status()?;
        let inbox: Value = answer.json().await?;
        let last = inbox["messages"].as_array().and_then(|texts| texts.last());
        Ok(last.and_then(|text| text["text"].as_str()).context("the inbox is empty")?.to_owned())
    }

    /// Texts back, through a gateway.
    pub(super) async fn reply(&self, gateway: &str, to: &str, text: &str) -> anyhow::Result<()> {
        let reply = json!({ "from": self.phone, "to": to, "text": text, "gateway": gateway });
        let url = format!("{}/sandbox/reply", self.base_url);
        self.http.post(url).json(&reply).send().await?.error_for_status()?;
        Ok(())
    }

    /// How often the gateway was asked for a token.
    pub(super) async fn token_requests(&self) -> anyhow::Result<u64> {
        let url = format!("{}/sandbox/stats", self.base_url);
        let stats: Value = self.http.get(url).send().await?.error_for_status()?.json().await?;
        stats["token_requests"].as_u64().context("the sandbox does not say how many tokens were requested")
    }
}

/// Asks again until `condition` gives an answer.
pub(super) async fn wait_for<T>(
    what: &str,
    mut condition: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let end = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < end {
        if let Some(answer) = condition().await? {
            return Ok(answer);
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    bail!("waited {} s for {what}", PATIENCE.as_secs())
}
