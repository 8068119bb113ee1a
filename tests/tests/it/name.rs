//! The id that an event gets, from what its webhook says.

use textproof::event::{EventId, Identity};

/// What makes two webhooks at `websms` one event.
pub(crate) struct Name<'a> {
    pub(crate) kind: &'static str,
    pub(crate) message_id: &'a str,
    pub(crate) status_code: Option<String>,
    pub(crate) timestamp: String,
}

impl Name<'_> {
    pub(crate) fn event_id(self) -> String {
        let identity = Identity::Message {
            endpoint: "websms".into(),
            kind: self.kind,
            message_id: self.message_id.into(),
            status_code: self.status_code,
            timestamp: Some(self.timestamp),
        };
        EventId::of(&identity).to_string()
    }
}
