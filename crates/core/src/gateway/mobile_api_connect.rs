//! MMobile API Connect: a paired phone as the gateway, under a static key.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Accepted, CodeAccepted, CodeMessage, Gateway, GatewayError, TextMessage,
    http::{Answer, Http, NoAnswer},
    setup::{CONNECT_TIMEOUT, GatewaySetupError, REQUEST_TIMEOUT, check_credential},
    text::code_text,
};

const NAME: &str = "mobile-api-connect";
/// Bounds of the gateway's guide, in characters.
const MAX_TEXT_CHARS: usize = 1600;
const MAX_REFERENCE_CHARS: usize = 64;
/// Longer message ids are taken for a mistake; the documented ones (`msg_…`) are far shorter.
const MAX_MESSAGE_ID_CHARS: usize = 128;

/// What is needed to use a tenant of MMobile API Connect.
#[derive(Clone)]
pub struct MobileApiConnectSettings {
    /// Base URL, for example `https://api.mobileapiconnect.com/v1`.
    pub base_url: String,
    /// The API key (`sk_live_…`).
    pub key: SecretString,
    /// How long connecting may take; 5 s by default.
    pub connect_timeout: Duration,
    /// How long a whole request may take, connecting included; 10 s by default.
    pub request_timeout: Duration,
}

impl MobileApiConnectSettings {
    /// Settings with the default timeouts.
    pub fn new(base_url: impl Into<String>, key: impl Into<SecretString>) -> Self {
        Self {
            base_url: base_url.into(),
            key: key.into(),
            connect_timeout: CONNECT_TIMEOUT,
            request_timeout: REQUEST_TIMEOUT,
        }
    }
}

impl fmt::Debug for MobileApiConnectSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MobileApiConnectSettings")
            .field("connect_timeout", &self.connect_timeout)
            .field("request_timeout", &self.request_timeout)
            .finish_non_exhaustive()
    }
}

/// The gateway MMobile API Connect.
///
/// It has no endpoint for codes: their text is made here, so a code must be given. It says nothing about
/// billed parts. A refused key is final, and no request is ever repeated.
pub struct MobileApiConnect {
    http: Http,
    key: SecretString,
}

impl MobileApiConnect {
    /// Builds the gateway; nothing is called yet.
    ///
    /// # Errors
    /// [`GatewaySetupError`] when a setting cannot be used.
    pub fn new(settings: MobileApiConnectSettings) -> Result<Self, GatewaySetupError> {
        let MobileApiConnectSettings { base_url, key, connect_timeout, request_timeout } = settings;
        check_credential(NAME, "key", key.expose_secret())?;
        Ok(Self { http: Http::new(NAME, &base_url, connect_timeout, request_timeout)?, key })
    }

    async fn send(&self, call: &'static str, message: &Message<'_>) -> Result<Accepted, GatewayError> {
        message.check()?;
        let key = self.key.expose_secret();
        let request = self.http.post("messages").bearer_auth(key).json(message);
        let result = match self.http.exchange(request).await {
            Ok(answer) => accepted(&answer, &[key, message.text]),
            Err(no_answer) => Err(no_answer.into_error(NAME)),
        };
        self.http.counted(call, result)
    }
}

#[async_trait]
impl Gateway for MobileApiConnect {
    fn name(&self) -> &'static str {
        NAME
    }

    fn makes_codes(&self) -> bool {
        false
    }

    async fn send_code(&self, message: &CodeMessage<'_>) -> Result<CodeAccepted, GatewayError> {
        let Some(code) = message.code else {
            let what = "this gateway cannot make codes; use codes of our own";
            return Err(GatewayError::Unsupported { gateway: NAME, what });
        };
        let text = code_text(code, message.company, message.comment, message.web_otp_domain);
        let message = Message::new(message.to.e164(), &text, Some(message.reference));
        Ok(CodeAccepted { accepted: self.send("otp", &message).await?, code: None })
    }

    async fn send_text(&self, message: &TextMessage<'_>) -> Result<Accepted, GatewayError> {
        self.send("text", &Message::new(message.to.e164(), message.body, message.reference)).await
    }

    /// Asks for the base URL: the gateway documents no call that changes nothing, so any answer but a 401
    /// shows that it can be reached. Whether the key is good shows at the first send.
    async fn check(&self) -> Result<(), GatewayError> {
        let request = self.http.get_base().bearer_auth(self.key.expose_secret());
        let result = match self.http.exchange(request).await {
            Ok(answer) if answer.status.as_u16() == 401 => Err(GatewayError::Unauthorized { gateway: NAME }),
            Ok(_) => Ok(()),
            Err(NoAnswer::NotConnected(source) | NoAnswer::Lost { source, .. }) => {
                Err(GatewayError::Connect { gateway: NAME, source })
            }
        };
        self.http.counted("check", result)
    }
}

impl fmt::Debug for MobileApiConnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MobileApiConnect")
            .field("base_url", &self.http.base().as_str())
            .finish_non_exhaustive()
    }
}

/// The body of `POST /messages`. It has no `Debug`: it holds the number and the code.
#[derive(Serialize)]
struct Message<'a> {
    to: &'a str,
    text: &'a str,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    channel: &'static str,
}

impl<'a> Message<'a> {
    fn new(to: &'a str, text: &'a str, reference: Option<&'a str>) -> Self {
        Self { to, text, reference, channel: "sms" }
    }

    /// Holds the message against the guide's bounds: what is certain to be refused is not sent.
    fn check(&self) -> Result<(), GatewayError> {
        let unsupported = |what| GatewayError::Unsupported { gateway: NAME, what };
        if !(1..=MAX_TEXT_CHARS).contains(&self.text.chars().count()) {
            return Err(unsupported("a text has 1 to 1600 characters"));
        }
        if self.reference.is_some_and(|reference| reference.chars().count() > MAX_REFERENCE_CHARS) {
            return Err(unsupported("a reference has at most 64 characters"));
        }
        Ok(())
    }
}

/// The fields of all answers. Only what is looked at has to make sense.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Reply {
    id: Value,
    error: Value,
    issues: Value,
}

fn accepted(answer: &Answer, hidden: &[&str]) -> Result<Accepted, GatewayError> {
    let reply = answer.json::<Reply>();
    if !answer.status.is_success() {
        return Err(refused(answer, reply.ok().as_ref(), hidden));
    }
    let reply = reply.map_err(|what| answer.lost(what))?;
    if !reply.error.is_null() {
        return Err(answer.lost("a success with an error in it"));
    }
    let id = reply.id.as_str().map(str::trim).unwrap_or_default();
    if !(1..=MAX_MESSAGE_ID_CHARS).contains(&id.chars().count()) || id.contains(char::is_control) {
        return Err(GatewayError::NoMessageId { gateway: NAME });
    }
    Ok(Accepted { message_id: id.to_owned(), parts: None })
}

fn refused(answer: &Answer, reply: Option<&Reply>, hidden: &[&str]) -> GatewayError {
    let error = reply.and_then(|reply| reply.error.as_str());
    match (answer.status.as_u16(), reply) {
        (400, Some(reply)) if error == Some("validation_error") && names_recipient(&reply.issues) => {
            GatewayError::InvalidNumber { gateway: NAME }
        }
        _ => answer.refused(error, hidden),
    }
}

/// Whether one of the issues is about `to`: its `path` (a name or a list of names) or its `field` says so.
fn names_recipient(issues: &Value) -> bool {
    let is_to = |value: &Value| {
        value == "to" || value.as_array().is_some_and(|names| names.iter().any(|n| n == "to"))
    };
    let issues = issues.as_array().map(Vec::as_slice).unwrap_or_default();
    issues.iter().any(|issue| is_to(issue) || is_to(&issue["path"]) || is_to(&issue["field"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_an_issue_about_the_recipient_is_a_wrong_number() {
        for issues in [json!([{"path": ["to"]}]), json!([{"path": "text"}, {"field": "to"}]), json!(["to"])] {
            assert!(names_recipient(&issues), "{issues}");
        }
        for issues in [json!(null), json!([]), json!("to"), json!([{"path": ["text"], "message": "to long"}])]
        {
            assert!(!names_recipient(&issues), "{issues}");
        }
    }
}
