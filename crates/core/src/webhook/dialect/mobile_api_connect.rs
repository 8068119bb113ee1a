//! MMobile API Connect: texts that a paired phone received (`message.received`).

use super::{NotUnderstood, Reading, fields::Fields};
use crate::event::{Content, Reply};

/// Reads a payload; its `event` says what it is.
///
/// The documented payload has no message id. One that is there is used (`messageId` before `id`, which
/// could also name something else); without one the identity is the raw body's.
pub(super) fn read(mut fields: Fields) -> Result<Reading, NotUnderstood> {
    if fields.type_name("event")? != "message.received" {
        return Err(NotUnderstood::UnknownType);
    }
    let message_id = match fields.message_id("messageId")? {
        Some(message_id) => Some(message_id),
        None => fields.message_id("id")?,
    };
    let from = fields.sender("from")?;
    let to = fields.address("to")?;
    let text = fields.text("text")?;
    let reference = fields.reference("ref")?;
    let time = fields.time("receivedAt")?;
    let extra = fields.into_extra();
    let reply = Reply { message_id, from, to, text, reference, sent_at_ms: time.ms, extra };
    Ok(Reading { content: Content::Reply(reply), status_code: None, timestamp: time.as_written })
}
