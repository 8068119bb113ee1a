//! `POST /messages`, parsed strictly: every issue is listed, not only the first.

use reqwest::Url;
use serde_json::{Value, json};

const MAX_TEXT_CHARS: usize = 1_600;
const MAX_REF_CHARS: usize = 64;

/// A message that may be sent. `ref` and `callback` are checked and then have no effect: the gateway's guide
/// documents nothing that carries them back.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) to: String,
    pub(super) text: String,
}

impl Message {
    pub(super) fn read(body: &[u8]) -> Result<Self, Vec<Value>> {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return Err(vec![issue(&[], "expected a JSON object")]);
        };
        let mut issues = Vec::new();
        let mut text_of = |name: &str, required: bool, rule: &str, good: fn(&str) -> bool| {
            match fields.get(name) {
                None | Some(Value::Null) if !required => {}
                Some(Value::String(text)) if good(text) => return text.clone(),
                _ => issues.push(issue(&[name], rule)),
            }
            String::new()
        };
        let to = text_of("to", true, "must be E.164 with a leading +", is_e164);
        let text = text_of("text", true, "must be 1 to 1600 characters", |text| {
            (1..=MAX_TEXT_CHARS).contains(&text.chars().count())
        });
        text_of("ref", false, "must be at most 64 characters", |text| text.chars().count() <= MAX_REF_CHARS);
        text_of("callback", false, "must be an http or https URL", is_http_url);
        text_of("channel", false, "must be sms", |channel| channel == "sms");
        if issues.is_empty() { Ok(Self { to, text }) } else { Err(issues) }
    }
}

pub(super) fn issue(path: &[&str], message: &str) -> Value {
    json!({"path": path, "message": message})
}

fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

fn is_http_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_issue_is_listed() {
        let body =
            json!({"to": "6421234567", "text": "", "ref": "r".repeat(65), "channel": "fax", "callback": "x"});
        let issues = Message::read(body.to_string().as_bytes()).unwrap_err();
        let paths: Vec<&str> = issues.iter().filter_map(|issue| issue["path"][0].as_str()).collect();
        assert_eq!(paths, ["to", "text", "ref", "callback", "channel"]);
        assert_eq!(Message::read(b"nonsense").unwrap_err().len(), 1);
    }

    #[test]
    fn optional_fields_may_be_null() {
        let body = json!({"to": "+6421234567", "text": "hi", "ref": null, "callback": null, "channel": null});
        assert!(Message::read(body.to_string().as_bytes()).is_ok());
    }
}
