//! Webhooks posted by hand: the copies and the forgeries that a gateway's own would not be.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use sha2::Sha256;

/// Posts to the ingest.
pub(super) struct Poster {
    http: reqwest::Client,
    url: String,
}

impl Poster {
    pub(super) fn new(http: &reqwest::Client, url: String) -> Self {
        Self { http: http.clone(), url }
    }

    /// Posts a body, with a signature header if one is given; returns the status and the answer's length.
    pub(super) async fn post(
        &self,
        body: &str,
        signature: Option<&str>,
    ) -> anyhow::Result<(StatusCode, usize)> {
        let mut request = self.http.post(&self.url).header("content-type", "application/json");
        if let Some(signature) = signature {
            request = request.header("x-mac-signature", signature);
        }
        let answer = request.body(body.to_owned()).send().await?;
        Ok((answer.status(), answer.bytes().await?.len()))
    }
}

/// `sha256=<hex>` over the body: what Mobile API Connect sends.
pub(super) fn signature(secret: &str, body: &str) -> anyhow::Result<String> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes())?;
    mac.update(body.as_bytes());
    Ok(format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes())))
}
