//! Where the generic dialect finds what it reads: JSON pointers (RFC 6901), checked once at start.

use std::collections::HashMap;

use super::pointer_settings::{PointerError, PointerSettings};
use crate::event::DeliveryStatus;

/// The longest pointer, in bytes.
const MAX_POINTER_BYTES: usize = 256;

/// The longest type, status word or gateway name, in bytes.
const MAX_WORD_BYTES: usize = 64;

/// Pointers that fit together. The default has none.
#[derive(Clone, Debug, Default)]
pub(in crate::webhook) struct Pointers {
    pub(super) settings: PointerSettings,
    /// By type in lower case.
    types: HashMap<String, Kind>,
    /// By word in lower case, or by code.
    statuses: HashMap<String, DeliveryStatus>,
}

/// What a generic payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Reply,
    Report,
    Other,
}

impl Pointers {
    /// Checks that every kind of payload can be told and read.
    pub(in crate::webhook) fn new(settings: PointerSettings) -> Result<Self, PointerError> {
        for (name, pointer) in settings.named() {
            if !pointer.is_none_or(is_pointer) {
                return Err(PointerError::Malformed(name));
            }
        }
        let types = settings.kinds()?;
        let is_reported = settings.status.is_some() || settings.status_code.is_some();
        if settings.kind.is_some() == types.is_empty() {
            return Err(PointerError::Types);
        }
        if settings.kind.is_none() && settings.text.is_some() && is_reported {
            return Err(PointerError::Ambiguous);
        }
        let statuses = settings.meanings()?;
        let name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = |gateway: &String| (1..=32).contains(&gateway.len()) && gateway.bytes().all(name);
        if !settings.gateway.as_ref().is_none_or(fits) {
            return Err(PointerError::Gateway);
        }
        let pointers = Self { settings, types, statuses };
        pointers.check_fields(is_reported)?;
        Ok(pointers)
    }

    /// The kind of a payload of this type; without a pointer to the type all are of one kind.
    pub(super) fn kind(&self, type_name: Option<&str>) -> Option<Kind> {
        match type_name {
            Some(type_name) => self.types.get(&type_name.to_lowercase()).copied(),
            None if self.settings.text.is_some() => Some(Kind::Reply),
            None if self.settings.status.is_some() || self.settings.status_code.is_some() => {
                Some(Kind::Report)
            }
            None => Some(Kind::Other),
        }
    }

    /// The word leads, the code is the fallback; what neither says is unknown.
    pub(super) fn status(&self, word: Option<&str>, code: Option<i64>) -> DeliveryStatus {
        let word = word.map(|word| word.trim().to_lowercase());
        let configured = |written: &str| self.statuses.get(written).copied();
        word.as_deref()
            .and_then(|word| configured(word).or_else(|| common(word)))
            .or_else(|| configured(&code?.to_string()))
            .unwrap_or(DeliveryStatus::Unknown)
    }

    fn check_fields(&self, is_reported: bool) -> Result<(), PointerError> {
        let PointerSettings { message_id, from, to, text, .. } = &self.settings;
        let has = |kind| match self.settings.kind {
            Some(_) => self.types.values().any(|known| *known == kind),
            None => self.kind(None) == Some(kind),
        };
        let replies = [("from", from), ("to", to), ("text", text)];
        let missing = replies.into_iter().find(|(_, pointer)| has(Kind::Reply) && pointer.is_none());
        if let Some((name, _)) = missing {
            return Err(PointerError::Missing { kind: "replies", name });
        }
        if has(Kind::Report) && message_id.is_none() {
            return Err(PointerError::Missing { kind: "delivery reports", name: "message_id" });
        }
        if has(Kind::Report) && !is_reported {
            return Err(PointerError::Missing { kind: "delivery reports", name: "status" });
        }
        Ok(())
    }
}

impl PointerSettings {
    fn kinds(&self) -> Result<HashMap<String, Kind>, PointerError> {
        let mut kinds = HashMap::new();
        for (name, types, kind) in [
            ("reply_types", &self.reply_types, Kind::Reply),
            ("report_types", &self.report_types, Kind::Report),
            ("other_types", &self.other_types, Kind::Other),
        ] {
            add(&mut kinds, name, types, kind)?;
        }
        Ok(kinds)
    }

    fn meanings(&self) -> Result<HashMap<String, DeliveryStatus>, PointerError> {
        let mut meanings = HashMap::new();
        for (status, words) in &self.statuses {
            add(&mut meanings, "statuses", words, *status)?;
        }
        Ok(meanings)
    }
}

fn add<V: Copy>(
    known: &mut HashMap<String, V>,
    name: &'static str,
    words: &[String],
    meaning: V,
) -> Result<(), PointerError> {
    for word in words {
        let word = word.trim().to_lowercase();
        let fits = (1..=MAX_WORD_BYTES).contains(&word.len());
        if !fits || known.insert(word, meaning).is_some() {
            return Err(PointerError::Words(name));
        }
    }
    Ok(())
}

/// RFC 6901, without the empty pointer: it means the whole payload, which is no field.
fn is_pointer(pointer: &str) -> bool {
    let escapes_are_whole = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    pointer.starts_with('/') && pointer.len() <= MAX_POINTER_BYTES && escapes_are_whole
}

/// Words that gateways and relays share.
fn common(word: &str) -> Option<DeliveryStatus> {
    Some(match word {
        "delivered" | "delivrd" => DeliveryStatus::Delivered,
        "undelivered" | "undeliv" | "undeliverable" | "failed" => DeliveryStatus::Undelivered,
        "rejected" | "rejectd" => DeliveryStatus::Rejected,
        "blocked" => DeliveryStatus::Blocked,
        "expired" => DeliveryStatus::Expired,
        "accepted" | "acceptd" | "queued" | "submitted" | "sent" => DeliveryStatus::Accepted,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        Pointers::new(serde_json::from_str(json).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn a_pointer_is_one_of_rfc_6901_and_names_a_field() {
        for (pointer, good) in [
            ("/a", true),
            ("/a/0/b", true),
            ("/", true),
            ("/a~0~1b", true),
            ("", false),
            ("a", false),
            ("/a~", false),
            ("/a~2", false),
            (&format!("/{}", "a".repeat(256)), false),
        ] {
            assert_eq!(is_pointer(pointer), good, "{pointer}");
        }
        assert!(refused(r#"{"message_id":"id"}"#).starts_with("`message_id` is no JSON pointer"));
    }

    #[test]
    fn pointers_that_contradict_each_other_are_refused() {
        let types = "`type` and at least one of reply_types, report_types and other_types belong together";
        let words = "has an entry that is empty, longer than 64 bytes, or there twice";
        for (json, expected) in [
            (r#"{"type":"/t"}"#, types),
            (r#"{"other_types":["a"]}"#, types),
            (r#"{"text":"/t","status_code":"/s"}"#, "only a `type` can tell replies from reports"),
            (r#"{"text":"/t","from":"/f"}"#, "replies need a pointer `to`"),
            (r#"{"type":"/t","reply_types":["in"],"from":"/f","to":"/t"}"#, "replies need a pointer `text`"),
            (r#"{"status":"/s"}"#, "delivery reports need a pointer `message_id`"),
            (
                r#"{"type":"/t","report_types":["dlr"],"message_id":"/i"}"#,
                "delivery reports need a pointer `status`",
            ),
            (r#"{"type":"/t","other_types":["a","A "]}"#, words),
            (r#"{"type":"/t","other_types":[" "]}"#, words),
            (r#"{"statuses":{"delivered":["ok"],"blocked":["OK"]}}"#, words),
            (r#"{"gateway":"Connexus"}"#, "`gateway` is 1 to 32 characters"),
        ] {
            let refused = refused(json);
            assert!(refused.contains(expected), "{json}: {refused}");
        }
        assert!(Pointers::new(PointerSettings::default()).is_ok());
    }

    #[test]
    fn what_is_configured_leads_and_what_nobody_knows_is_unknown() {
        use DeliveryStatus::{Accepted, Blocked, Delivered, Unknown};
        let settings = r#"{"statuses":{"delivered":["OK","0"],"blocked":["failed"]}}"#;
        let pointers = Pointers::new(serde_json::from_str(settings).unwrap()).unwrap();
        for (word, code, expected) in [
            (Some(" ok "), Some(7), Delivered),
            (Some("Failed"), None, Blocked),
            (Some("DELIVRD"), Some(7), Delivered),
            (Some("sent"), Some(0), Accepted),
            (Some("new"), Some(0), Delivered),
            (None, Some(0), Delivered),
            (None, Some(1), Unknown),
            (Some("new"), None, Unknown),
        ] {
            assert_eq!(pointers.status(word, code), expected, "{word:?} {code:?}");
        }
    }
}
