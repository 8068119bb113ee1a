//! Events on their way to the store: owned, so that they can wait elsewhere while the store is away.
//!
//! In bytes, version 2 (all numbers are big endian; version 1 had no placement and was in no release):
//! ```text
//! 1 version | 1 queue (0 events, 1 quarantine) | 36 id | 36 conflict id | 8 content digest | 8 placement
//! 4 length of the envelope | envelope | original bytes of the webhook
//! ```

use bytes::{Buf, Bytes};
use jiff::Timestamp;

use super::wire;
use crate::{
    event::{Content, ContentDigest, Event, EventId, Identity},
    secret::FingerprintKey,
    store::{PhoneStore, Publish, Queue, StoreError},
    webhook::{NotUnderstood, Verified},
};

const VERSION: u8 = 2;
const EVENTS: u8 = 0;
const QUARANTINE: u8 = 1;
const ID_BYTES: usize = 36;

/// An event, or the bytes of a webhook that was not understood, with everything that storing it needs.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    queue: Queue,
    id: EventId,
    conflict_id: EventId,
    digest: ContentDigest,
    placement: u64,
    envelope: String,
    raw: Bytes,
}

impl Outgoing {
    /// An event with the original bytes of its webhook.
    #[must_use]
    pub fn event(event: &Event, identity: &Identity, digest: ContentDigest, raw: Bytes) -> Self {
        Self {
            queue: Queue::Events,
            id: event.id.clone(),
            conflict_id: EventId::of_conflict(identity, &digest),
            digest,
            placement: identity.placement(),
            envelope: wire::encode(event),
            raw,
        }
    }

    /// The original bytes of a genuine webhook that was not understood.
    #[must_use]
    pub fn quarantined(verified: &Verified<'_>, reason: NotUnderstood, received_at: Timestamp) -> Self {
        let raw = Bytes::copy_from_slice(verified.body());
        let note = wire::Note {
            endpoint: verified.endpoint().name().to_owned(),
            reason: reason.as_str().to_owned(),
            received_at_ms: u64::try_from(received_at.as_millisecond()).unwrap_or_default(),
            message_id: verified.message_id().map(str::to_owned),
        };
        Self::kept(&note, raw)
    }

    fn kept(note: &wire::Note, raw: Bytes) -> Self {
        // The whole body is the identity, so there is no other content under it. No endpoint is named like
        // this, so an event with the same body keeps its own mark.
        let identity = Identity::of_body(&format!("quarantine of {}", note.endpoint), &raw);
        let id = EventId::of(&identity);
        Self {
            queue: Queue::Quarantine,
            conflict_id: id.clone(),
            id,
            digest: ContentDigest([0; 8]),
            placement: identity.placement(),
            envelope: wire::encode_quarantined(note),
            raw,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// Where it goes.
    #[must_use]
    pub fn queue(&self) -> Queue {
        self.queue
    }

    /// The original bytes of the webhook.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// What the store's script is told.
    pub(super) fn publish(&self) -> Publish<'_> {
        Publish {
            queue: self.queue,
            id: &self.id,
            conflict_id: &self.conflict_id,
            digest: self.digest,
            envelope: &self.envelope,
            raw: &self.raw,
            placement: self.placement,
        }
    }

    /// Whether the person who sent this reply was erased after it was received: then it must not be stored.
    /// A host's clock and the store's are compared, so hosts keep their clocks set.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn is_of_an_erased_phone(
        &self,
        store: &dyn PhoneStore,
        key: &FingerprintKey,
    ) -> Result<bool, StoreError> {
        let Some((tenant, phone, received_at_ms)) = self.sender() else { return Ok(false) };
        let erased_at_ms = store.erased_at_ms(&key.phone(&tenant, &phone)).await?;
        Ok(erased_at_ms.is_some_and(|erased_at_ms| received_at_ms <= erased_at_ms))
    }

    /// Tenant, E.164 number and receive time of a reply; of nothing else is the person known here.
    fn sender(&self) -> Option<(String, String, u64)> {
        let event =
            (self.queue == Queue::Events).then(|| wire::decode_envelope(&self.envelope, &self.id))?.ok()?;
        match event.content {
            Content::Reply(reply) if reply.from.starts_with('+') => {
                Some((event.tenant, reply.from, event.received_at_ms))
            }
            _ => None,
        }
    }

    /// The bytes of which [`Outgoing::from_bytes`] makes the same again.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let queue = match self.queue {
            Queue::Events => EVENTS,
            Queue::Quarantine => QUARANTINE,
        };
        let length = u32::try_from(self.envelope.len()).unwrap_or(u32::MAX).to_be_bytes();
        [
            &[VERSION, queue],
            self.id.as_str().as_bytes(),
            self.conflict_id.as_str().as_bytes(),
            &self.digest.0,
            &self.placement.to_be_bytes(),
            &length,
            self.envelope.as_bytes(),
            &self.raw,
        ]
        .concat()
    }

    /// Reads what [`Outgoing::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`UnreadableOutgoing`] for another version's bytes, or damaged ones.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Result<Self, UnreadableOutgoing> {
        let mut bytes = bytes.into();
        if bytes.first() != Some(&VERSION) {
            return Err(UnreadableOutgoing);
        }
        Self::read(&mut bytes).ok_or(UnreadableOutgoing)
    }

    fn read(bytes: &mut Bytes) -> Option<Self> {
        let mut take = |length: usize| (bytes.remaining() >= length).then(|| bytes.split_to(length));
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).ok();
        let head = take(2)?;
        let queue = match head[1] {
            EVENTS => Queue::Events,
            QUARANTINE => Queue::Quarantine,
            _ => return None,
        };
        let id = EventId::try_from(text(take(ID_BYTES)?)?).ok()?;
        let conflict_id = EventId::try_from(text(take(ID_BYTES)?)?).ok()?;
        let digest = ContentDigest(take(8)?.as_ref().try_into().ok()?);
        let placement = take(8)?.get_u64();
        let length = usize::try_from(take(4)?.get_u32()).ok()?;
        let envelope = text(take(length)?)?;
        Some(Self { queue, id, conflict_id, digest, placement, envelope, raw: bytes.clone() })
    }
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("queue", &self.queue).field("id", &self.id).finish_non_exhaustive()
    }
}

/// The bytes are no outgoing event of this version. Never contains what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an event that this version can read; was another version writing?")]
pub struct UnreadableOutgoing;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Reply;

    fn reply(raw: &[u8]) -> Outgoing {
        let identity = Identity::of_body("mac", raw);
        let content = Content::Reply(Reply {
            message_id: None,
            from: "+64211234567".into(),
            to: "552".into(),
            text: "canary".into(),
            reference: None,
            sent_at_ms: None,
            extra: serde_json::Map::new(),
        });
        let digest = ContentDigest::of(&content);
        let event = Event {
            id: EventId::of(&identity),
            endpoint: "mac".into(),
            tenant: "default".into(),
            received_at_ms: 17,
            conflict: false,
            content,
        };
        Outgoing::event(&event, &identity, digest, Bytes::copy_from_slice(raw))
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back(raw in prop::collection::vec(any::<u8>(), 0..300), quarantined: bool) {
            let outgoing = match quarantined {
                true => Outgoing::kept(&wire::Note::unreadable(), Bytes::copy_from_slice(&raw)),
                false => reply(&raw),
            };
            prop_assert_eq!(Outgoing::from_bytes(outgoing.to_bytes()), Ok(outgoing));
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(cut in 0usize..400, at in 0usize..90, byte: u8) {
            let whole = reply(b"{}").to_bytes();
            let short = whole[..cut.min(whole.len() - 3)].to_vec();
            prop_assert_eq!(Outgoing::from_bytes(short), Err(UnreadableOutgoing));
            let mut other = whole;
            other[at] = byte;
            let _ = Outgoing::from_bytes(other);
        }
    }

    #[test]
    fn another_versions_bytes_are_not_guessed_at() {
        let mut bytes = reply(b"{}").to_bytes();
        bytes[0] = 1;
        assert_eq!(Outgoing::from_bytes(bytes), Err(UnreadableOutgoing));
    }

    #[test]
    fn the_sender_is_known_of_replies_only() {
        let (tenant, phone, received) = reply(b"{}").sender().expect("a sender");
        assert_eq!((tenant.as_str(), phone.as_str(), received), ("default", "+64211234567", 17));
        assert_eq!(Outgoing::kept(&wire::Note::unreadable(), Bytes::new()).sender(), None);
        assert!(!format!("{:?}", reply(b"canary")).contains("canary"));
    }
}
