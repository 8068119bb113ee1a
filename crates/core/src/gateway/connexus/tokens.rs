//! `POST /auth/token`: a bearer token for client id and secret.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    gateway::{
        http::{Answer, Http, NoAnswer},
        setup::is_sendable,
    },
    token::{IssuedToken, TokenRequestError, TokenSource},
};

/// The lifetime when the gateway states none (WebSMS Connexus guide: tokens live for 24 hours).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(86_400);
/// A longer token is taken for a mistake; it would not fit into many servers' header limits.
const MAX_TOKEN_BYTES: usize = 4096;

/// Asks for tokens, once each time it is told to.
pub(super) struct Tokens {
    http: Http,
    client_id: String,
    client_secret: SecretString,
}

impl Tokens {
    pub(super) fn new(http: Http, client_id: String, client_secret: SecretString) -> Self {
        Self { http, client_id, client_secret }
    }
}

#[async_trait]
impl TokenSource for Tokens {
    async fn request(&self) -> Result<IssuedToken, TokenRequestError> {
        let form =
            [("client_id", self.client_id.as_str()), ("client_secret", self.client_secret.expose_secret())];
        let result = match self.http.exchange(self.http.post("auth/token").form(&form)).await {
            Ok(answer) => issued(&answer),
            Err(NoAnswer::NotConnected(_)) => {
                Err(unavailable("cannot connect; check the base URL and the network", None))
            }
            Err(NoAnswer::Lost { what, .. }) => Err(unavailable(what, None)),
        };
        let outcome = match &result {
            Ok(_) => "accepted",
            Err(TokenRequestError::CredentialsRefused) => "unauthorized",
            Err(TokenRequestError::Unavailable { .. }) => "unavailable",
        };
        self.http.count("token", outcome);
        result
    }
}

#[derive(Deserialize)]
struct Reply {
    access_token: Option<SecretString>,
    #[serde(default)]
    expires_in: Value,
}

fn issued(answer: &Answer) -> Result<IssuedToken, TokenRequestError> {
    match answer.status.as_u16() {
        200..=299 => {}
        400 | 401 | 403 => return Err(TokenRequestError::CredentialsRefused),
        status @ (300..=399 | 404 | 405) => {
            return Err(unavailable(format!("HTTP {status}; check the base URL"), None));
        }
        status => return Err(unavailable(format!("HTTP {status}"), answer.retry_after)),
    }
    let reply: Reply = answer.json().map_err(|what| unavailable(what, None))?;
    let secret = reply
        .access_token
        .filter(|token| is_sendable(token.expose_secret()) && token.expose_secret().len() <= MAX_TOKEN_BYTES)
        .ok_or_else(|| unavailable("the answer has no usable access_token", None))?;
    let lifetime = lifetime(&reply.expires_in)
        .ok_or_else(|| unavailable("expires_in is not a number of seconds above zero", None))?;
    Ok(IssuedToken { secret, lifetime })
}

/// `expires_in` in seconds, as a number or, tolerated, as a string of digits.
fn lifetime(expires_in: &Value) -> Option<Duration> {
    let seconds = match expires_in {
        Value::Null => return Some(DEFAULT_LIFETIME),
        Value::Number(seconds) => seconds.as_u64()?,
        Value::String(seconds) => seconds.trim().parse().ok()?,
        _ => return None,
    };
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

fn unavailable(what: impl Into<String>, retry_after: Option<Duration>) -> TokenRequestError {
    TokenRequestError::Unavailable { what: what.into(), retry_after }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_stated_lifetime_is_trusted_and_the_default_is_for_silence_only() {
        assert_eq!(lifetime(&Value::Null), Some(Duration::from_secs(86_400)));
        assert_eq!(lifetime(&json!(3600)), Some(Duration::from_secs(3600)));
        assert_eq!(lifetime(&json!("3600")), Some(Duration::from_secs(3600)));
        for wrong in [json!(0), json!(-1), json!("soon"), json!([3600]), json!(true), json!("")] {
            assert_eq!(lifetime(&wrong), None, "{wrong}");
        }
    }
}
