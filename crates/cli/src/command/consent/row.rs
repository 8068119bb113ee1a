//! One statement as a line of JSON or CSV.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use textproof::{
    PhoneNumber,
    consent::{Imported, InForce, Statement, Whose},
    event::EventId,
    secret::Fingerprint,
    store::{Consent, ConsentRegister},
};

/// How far ahead of this host's clock a statement may be: one from the future would freeze its register.
const FUTURE_TOLERANCE_MS: u64 = 60_000;

/// What a line holds. Of somebody who was erased it holds the names that stand in the store instead of the numbers.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    consent: String,
    at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    word: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phone_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sender_name: Option<String>,
}

/// The columns of CSV: all but the text.
pub(super) const COLUMNS: [&str; 10] = [
    "tenant",
    "phone",
    "sender",
    "consent",
    "at",
    "event_id",
    "endpoint",
    "word",
    "phone_name",
    "sender_name",
];

impl Row {
    pub(super) fn of(statement: InForce) -> Self {
        let (consent, at) = (super::word(statement.consent).to_owned(), super::time(statement.at_ms));
        let Some(said) = statement.said else {
            return Self {
                consent,
                at,
                phone_name: Some(statement.register.phone.as_str().to_owned()),
                sender_name: Some(statement.register.sender.as_str().to_owned()),
                ..Self::default()
            };
        };
        Self {
            tenant: Some(said.tenant),
            phone: Some(said.phone),
            sender: Some(said.sender),
            consent,
            at,
            event_id: statement.event.map(|event| event.to_string()),
            endpoint: Some(said.endpoint),
            word: Some(said.word),
            text: said.text,
            ..Self::default()
        }
    }

    /// The fields of [`COLUMNS`]. None is a formula to a spreadsheet: strangers choose what a sender is called.
    pub(super) fn columns(&self) -> [Cow<'_, str>; 10] {
        [
            or_empty(&self.tenant),
            or_empty(&self.phone),
            or_empty(&self.sender),
            &self.consent,
            &self.at,
            or_empty(&self.event_id),
            or_empty(&self.endpoint),
            or_empty(&self.word),
            or_empty(&self.phone_name),
            or_empty(&self.sender_name),
        ]
        .map(no_formula)
    }

    /// A row of CSV as it was before [`Row::columns`].
    pub(super) fn of_columns(mut self) -> Self {
        // All that are not one of a few words: a name in the store may begin with a hyphen.
        let Self { tenant, phone, sender, endpoint, word, phone_name, sender_name, .. } = &mut self;
        for text in [tenant, phone, sender, endpoint, word, phone_name, sender_name] {
            if let Some(quoted) = text.as_deref().and_then(|text| text.strip_prefix('\''))
                && looks_like_a_formula(quoted)
            {
                *text = Some(quoted.to_owned());
            }
        }
        self
    }

    /// What the line says, or what is wrong with it; never its content.
    pub(super) fn read(self, tenant: &str, now_ms: u64) -> Result<Imported, &'static str> {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let consent = match self.consent.as_str() {
            "out" => Consent::Out,
            "in" => Consent::In,
            _ => return Err("`consent` is neither in nor out"),
        };
        let at: Timestamp = self.at.parse().map_err(|_| "`at` is no time in RFC 3339")?;
        let at_ms = u64::try_from(at.as_millisecond()).map_err(|_| "`at` is before 1970")?;
        if at_ms > now_ms.saturating_add(FUTURE_TOLERANCE_MS) {
            return Err("`at` is in the future");
        }
        let event = given(self.event_id).map(EventId::try_from).transpose();
        let event = event.map_err(|_| "`event_id` is no event id")?;
        if let (Some(phone), Some(sender)) = (given(self.phone_name), given(self.sender_name)) {
            let names = Fingerprint::parse(&phone).zip(Fingerprint::parse(&sender));
            let (phone, sender) = names.ok_or("`phone_name` or `sender_name` is no name of 22 characters")?;
            let whose = Whose::Erased(ConsentRegister { phone, sender });
            return Ok(Imported { whose, consent, at_ms, event: None });
        }
        let phone = phone(&given(self.phone).ok_or("`phone` is missing")?)?;
        let said = Statement {
            tenant: given(self.tenant).unwrap_or_else(|| tenant.to_owned()),
            phone,
            sender: given(self.sender).ok_or("`sender` is missing")?,
            endpoint: given(self.endpoint).unwrap_or_else(|| "import".to_owned()),
            word: given(self.word).unwrap_or_else(|| "import".to_owned()),
            text: given(self.text),
        };
        Ok(Imported { whose: Whose::Known(said), consent, at_ms, event })
    }
}

/// A leading apostrophe says that what follows is text (OWASP, CSV Injection).
fn no_formula(text: &str) -> Cow<'_, str> {
    if looks_like_a_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// A number with its plus is none: it comes to itself.
fn looks_like_a_formula(text: &str) -> bool {
    let is_number = text.strip_prefix('+').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) && !is_number
}

fn or_empty(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

/// As an event names it: E.164 where it is a number, and what is no number as it is.
fn phone(text: &str) -> Result<String, &'static str> {
    if let Ok(phone) = PhoneNumber::parse_international(text) {
        return Ok(phone.e164().to_owned());
    }
    let text = text.trim();
    let is_number = text.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "+-().".contains(c));
    let is_short_code =
        text.len() <= 6 && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    match is_number && !is_short_code {
        true => Err("`phone` is no international number"),
        false => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_column_is_a_formula_and_reading_gives_back_what_was_written() {
        for text in ["=HYPERLINK(1)", "@SUM(1)", "-1", "+1+1", "+64 21", "\t=1", "\r=1", "'=1", "''", "'x"] {
            let row = Row { sender: Some(text.to_owned()), ..Row::default() };
            let written = row.columns()[2].to_string();
            assert!(written.starts_with('\''), "{written}");
            let back = Row { sender: Some(written), ..Row::default() }.of_columns();
            assert_eq!(back.sender.as_deref(), Some(text));
        }
        let name = "-AAAAAAAAAAAAAAAAAAAAA";
        let (phone_name, sender_name) = (Some(name.to_owned()), Some(name.to_owned()));
        let row = Row { phone_name, sender_name, ..Row::default() };
        let written = row.columns().map(|column| column.to_string());
        let (phone_name, sender_name) = (Some(written[8].clone()), Some(written[9].clone()));
        let back = Row { phone_name, sender_name, ..Row::default() }.of_columns();
        assert_eq!((back.phone_name.as_deref(), back.sender_name.as_deref()), (Some(name), Some(name)));
        for text in ["+64211234567", "552", "Acme", "x=1", ""] {
            let row = Row { phone: Some(text.to_owned()), ..Row::default() };
            assert_eq!(row.columns()[1], text);
            assert_eq!(row.of_columns().phone.as_deref(), Some(text));
        }
    }
}
