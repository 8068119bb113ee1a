//! What Connexus answers to a send, in every shape that has been seen.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{
    Deserialize, Deserializer,
    de::{Unexpected, Visitor},
};
use serde_json::Value;

use super::NAME;
use crate::{
    code::Code,
    gateway::{Accepted, CodeAccepted, GatewayError, http::Answer},
};

/// Longer message ids are taken for a mistake; the documented ones have about ten characters.
const MAX_MESSAGE_ID_CHARS: usize = 128;

/// No code is longer than eight digits, however it is spelled.
const MAX_CODE_BYTES: usize = 64;

/// Reads the answer of `/sms/otp`. `sent` is our own code, if we gave one.
///
/// Only `status` `success` with a code counts. A code other than ours means that the person was texted
/// something we cannot check.
pub(super) fn code(
    answer: &Answer,
    sent: Option<&Code>,
    hidden: &[&str],
) -> Result<CodeAccepted, GatewayError> {
    let reply = understood(answer, hidden)?;
    if reply.verdict() != Some(true) || reply.status != "success" {
        return Err(answer.lost("neither a success nor a refusal"));
    }
    let code = reply.code.0.as_ref().filter(|code| !code.expose_secret().is_empty());
    let code = code.ok_or_else(|| answer.lost("a success without a code"))?;
    let code = Code::parse(code.expose_secret())
        .map_err(|_| answer.lost("the gateway sent something that is not a code"))?;
    if sent.is_some_and(|sent| *sent != code) {
        return Err(answer.lost("the gateway sent another code"));
    }
    Ok(CodeAccepted { accepted: reply.accepted()?, code: sent.is_none().then_some(code) })
}

/// Reads the answer of `/sms/out`.
pub(super) fn text(answer: &Answer, hidden: &[&str]) -> Result<Accepted, GatewayError> {
    let reply = understood(answer, hidden)?;
    if reply.verdict() != Some(true) {
        return Err(answer.lost("neither a success nor a refusal"));
    }
    reply.accepted()
}

/// One message's reply that is not a refusal.
fn understood(answer: &Answer, hidden: &[&str]) -> Result<Reply, GatewayError> {
    let reply = answer.json::<Reply>();
    if !answer.status.is_success() {
        return Err(turned_away(answer, reply.ok().as_ref(), hidden));
    }
    let mut reply = reply.map_err(|what| answer.lost(what))?;
    // The bulk shape says yes as a whole and no for each message; we send one message at a time.
    if reply.verdict() != Some(false)
        && let Some(messages) = reply.messages.take()
    {
        let [mut only] = <[Reply; 1]>::try_from(messages)
            .map_err(|_| answer.lost("the answer is about more or fewer messages than one"))?;
        if only.success.is_null() {
            only.success = reply.success;
        }
        reply = only;
    }
    match reply.verdict() {
        Some(false) => Err(reply.refusal(answer, hidden)),
        _ => Ok(reply),
    }
}

/// The error for a status that is not a success: the status decides, and the words name the reason.
fn turned_away(answer: &Answer, reply: Option<&Reply>, hidden: &[&str]) -> GatewayError {
    match (answer.status.as_u16(), reply) {
        // The documented meaning of a 403 without a word.
        (403, Some(reply)) if reply.words().is_none() => funds(),
        (400 | 402..=428 | 430..=499, Some(reply)) => reply.refusal(answer, hidden),
        _ => answer.refused(reply.and_then(Reply::words), hidden),
    }
}

/// The fields of all shapes. Nothing here is required, and only what is looked at has to make sense.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Reply {
    success: Value,
    status: Value,
    message: Value,
    error: Value,
    required: Value,
    message_id: Value,
    parts: Value,
    code: CodeField,
    messages: Option<Vec<Reply>>,
}

impl Reply {
    /// Yes or no where `success` and `status` do not contradict each other; anything else is unknown.
    fn verdict(&self) -> Option<bool> {
        let status = match self.status.as_str() {
            Some("success" | "accepted") => Some(true),
            Some("error" | "fail" | "failed" | "failure" | "rejected") => Some(false),
            _ => None,
        };
        match (self.success.as_bool(), status) {
            (Some(one), Some(other)) if one != other => None,
            (one, other) => one.or(other),
        }
    }

    fn words(&self) -> Option<&str> {
        [&self.message, &self.error].into_iter().filter_map(Value::as_str).find(|words| !words.is_empty())
    }

    fn refusal(&self, answer: &Answer, hidden: &[&str]) -> GatewayError {
        let says = |phrase: &str| {
            [&self.message, &self.error]
                .into_iter()
                .filter_map(Value::as_str)
                .any(|words| words.replace('_', " ").to_lowercase().starts_with(phrase))
        };
        if !self.required.is_null() || says("insufficient funds") {
            funds()
        } else if says("invalid number") {
            GatewayError::InvalidNumber { gateway: NAME }
        } else {
            answer.rejected(self.words(), hidden)
        }
    }

    fn accepted(&self) -> Result<Accepted, GatewayError> {
        let message_id = match &self.message_id {
            Value::String(id) => id.trim().to_owned(),
            Value::Number(id) => id.to_string(),
            _ => String::new(),
        };
        let length = message_id.chars().count();
        if !(1..=MAX_MESSAGE_ID_CHARS).contains(&length) || message_id.contains(char::is_control) {
            return Err(GatewayError::NoMessageId { gateway: NAME });
        }
        let parts = self.parts.as_u64().or_else(|| self.parts.as_str()?.parse().ok());
        Ok(Accepted { message_id, parts: parts.and_then(|parts| parts.try_into().ok()) })
    }
}

fn funds() -> GatewayError {
    GatewayError::InsufficientFunds { gateway: NAME }
}

/// A code that goes from the body into a wiped string, without a copy in a [`Value`]. A number is no code,
/// since leading zeros would be lost: failures carry error numbers under this name elsewhere.
#[derive(Default)]
struct CodeField(Option<SecretString>);

impl<'de> Deserialize<'de> for CodeField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CodeVisitor)
    }
}

struct CodeVisitor;

impl Visitor<'_> for CodeVisitor {
    type Value = CodeField;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code")
    }

    fn visit_str<E: serde::de::Error>(self, code: &str) -> Result<CodeField, E> {
        if code.len() > MAX_CODE_BYTES {
            return Err(E::invalid_value(Unexpected::Other("long string"), &self));
        }
        Ok(CodeField(Some(code.into())))
    }

    fn visit_unit<E>(self) -> Result<CodeField, E> {
        Ok(CodeField(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<CodeField, E> {
        Ok(CodeField(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<CodeField, E> {
        Ok(CodeField(None))
    }
}
