//! WebSMS Connexus: replies (`mo`, in practice also `SMS`) and delivery reports (`dlr`).

use super::{NotUnderstood, Reading, fields::Fields};
use crate::event::{Content, DeliveryReport, DeliveryStatus, Reply};

/// The gateway whose message ids the reports carry.
const GATEWAY: &str = "connexus";

/// Reads a payload; its `type` says what it is.
pub(super) fn read(mut fields: Fields) -> Result<Reading, NotUnderstood> {
    match fields.type_name("type")?.to_ascii_lowercase().as_str() {
        "mo" | "sms" => reply(fields),
        "dlr" => delivery_report(fields),
        _ => Err(NotUnderstood::UnknownType),
    }
}

fn reply(mut fields: Fields) -> Result<Reading, NotUnderstood> {
    let message_id = fields.message_id("messageId")?;
    let from = fields.sender("from")?;
    let to = fields.address("to")?;
    let text = fields.text("body")?;
    let time = fields.time("timestamp")?;
    let extra = fields.into_extra();
    let reply = Reply { message_id, from, to, text, reference: None, sent_at_ms: time.ms, extra };
    Ok(Reading { content: Content::Reply(reply), status_code: None, timestamp: time.as_written })
}

fn delivery_report(mut fields: Fields) -> Result<Reading, NotUnderstood> {
    let message_id = fields.message_id("messageId")?.ok_or(NotUnderstood::MissingField("messageId"))?;
    let word = fields.word("status")?;
    let code = fields.integer("statusCode")?;
    if word.is_none() && code.is_none() {
        return Err(NotUnderstood::MissingField("status"));
    }
    let time = fields.time("timestamp")?;
    // One message has several reports; the word tells them apart where there is no code.
    let status_code = code.map(|code| code.to_string()).or_else(|| word.as_deref().map(normalised));
    let report = DeliveryReport {
        gateway: GATEWAY.to_owned(),
        message_id,
        status: status(word.as_deref(), code),
        status_word: word,
        status_code: code,
        reported_at_ms: time.ms,
        extra: fields.into_extra(),
    };
    Ok(Reading { content: Content::DeliveryReport(report), status_code, timestamp: time.as_written })
}

/// The word leads, the code is the fallback: the codes are the gateway's own, not SMPP's.
///
/// Code 16 comes with the word of code 2 and means that the network refused; there the code says more than
/// the word without contradicting it. Code 4 is documented as queued and has been seen for expired: without
/// a word that says so, nothing has expired, since a report may not claim more than the gateway did.
fn status(word: Option<&str>, code: Option<i64>) -> DeliveryStatus {
    match (word.map(normalised).as_deref(), code) {
        (Some("UNDELIV"), Some(16)) => DeliveryStatus::Rejected,
        (Some("DELIVRD"), _) => DeliveryStatus::Delivered,
        (Some("UNDELIV"), _) => DeliveryStatus::Undelivered,
        (Some("REJECTD" | "REJECTED"), _) => DeliveryStatus::Rejected,
        (Some("BLOCKED"), _) => DeliveryStatus::Blocked,
        (Some("EXPIRED"), _) => DeliveryStatus::Expired,
        (Some("ACCEPTD" | "QUEUED"), _) => DeliveryStatus::Accepted,
        (_, Some(1)) => DeliveryStatus::Delivered,
        (_, Some(2)) => DeliveryStatus::Undelivered,
        (_, Some(4 | 8)) => DeliveryStatus::Accepted,
        (_, Some(16)) => DeliveryStatus::Rejected,
        (_, Some(-1)) => DeliveryStatus::Blocked,
        _ => DeliveryStatus::Unknown,
    }
}

fn normalised(word: &str) -> String {
    word.trim().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_leads_and_the_code_is_the_fallback() {
        use DeliveryStatus::{Accepted, Blocked, Delivered, Expired, Rejected, Undelivered, Unknown};
        for (word, code, expected) in [
            (Some("DELIVRD"), Some(1), Delivered),
            (Some("DELIVRD"), Some(2), Delivered),
            (Some(" delivrd "), None, Delivered),
            (Some("UNDELIV"), Some(2), Undelivered),
            (Some("UNDELIV"), Some(1), Undelivered),
            (Some("UNDELIV"), Some(16), Rejected),
            (Some("REJECTD"), None, Rejected),
            (Some("rejected"), Some(16), Rejected),
            (Some("QUEUED"), Some(4), Accepted),
            (Some("expired"), Some(4), Expired),
            (Some("ACCEPTD"), Some(8), Accepted),
            (Some("BLOCKED"), Some(-1), Blocked),
            (None, Some(1), Delivered),
            (None, Some(2), Undelivered),
            (None, Some(4), Accepted),
            (None, Some(8), Accepted),
            (None, Some(16), Rejected),
            (None, Some(-1), Blocked),
            (Some("NEWWORD"), Some(1), Delivered),
            (Some("NEWWORD"), Some(5), Unknown),
            (Some("NEWWORD"), None, Unknown),
            (None, Some(0), Unknown),
        ] {
            assert_eq!(status(word, code), expected, "{word:?} {code:?}");
        }
    }
}
