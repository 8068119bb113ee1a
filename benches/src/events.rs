//! Events as an ingest would publish them.

use textproof::{
    event::{Content, ContentDigest, Event, EventId, Identity, Reply},
    store::{Published, StoreError},
    stream::{Outgoing, Producer},
};

/// The body of a webhook: 250 bytes, an everyday size.
pub const BODY: &str = concat!(
    r#"{"type":"mo","messageId":"MO000000000001","from":"+6421234567","to":"552","#,
    r#""body":"Yes please, keep my appointment on Tuesday at half past nine, and thank you for the"#,
    r#" reminder. See you then!","timestamp":1700000000,"reference":"appointment-000000421"}"#,
);

/// An event that can be published again and again under another name, without making a new one.
pub struct Numbered {
    event: Event,
    identity: Identity,
    digest: ContentDigest,
}

impl Numbered {
    /// A person's reply.
    #[must_use]
    pub fn new() -> Self {
        let reply = Reply {
            message_id: Some("MO000000000001".into()),
            from: "+6421234567".into(),
            to: "552".into(),
            text: "Yes please, keep my appointment on Tuesday at half past nine".into(),
            reference: None,
            sent_at_ms: Some(1_700_000_000_000),
            extra: serde_json::Map::new(),
        };
        let content = Content::Reply(reply);
        // The whole body is the identity: the conflict's name is computed as for any other.
        let identity = Identity::of_body("websms", BODY.as_bytes());
        let event = Event {
            id: EventId::of(&identity),
            endpoint: "websms".into(),
            tenant: "default".into(),
            received_at_ms: 1_700_000_000_000,
            conflict: false,
            content,
        };
        Self {
            event,
            identity,
            // Without NUL, so that it can stand on a command line, too.
            digest: ContentDigest(*b"contents"),
        }
    }

    /// Publishes the event as number `n`.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    ///
    /// # Panics
    /// Never: the name is well formed.
    pub async fn publish(&mut self, producer: &Producer, n: u64) -> Result<Published, StoreError> {
        self.event.id = EventId::try_from(format!("evt_{n:032}")).expect("32 digits");
        let raw = BODY.into();
        producer.publish(&Outgoing::event(&self.event, &self.identity, self.digest, raw)).await
    }
}

impl Default for Numbered {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_size_that_the_figures_are_given_for() {
        assert_eq!(BODY.len(), 250);
    }
}
