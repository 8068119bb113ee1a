//! Packed records as the scripts write them, read where no script has to.

use crate::store::{
    MessageKey, RequestId,
    send_times::{Indexed, IndexedKind, LastSend, Progress, Sends},
};

/// Takes fields off the front of a record; anything that does not fit is `None`.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Six bytes, big endian, in milliseconds.
    fn time(&mut self) -> Option<u64> {
        let bytes: [u8; 6] = self.array()?;
        Some(bytes.iter().fold(0, |time, byte| time << 8 | u64::from(*byte)))
    }

    fn text(&mut self) -> Option<String> {
        let length = self.byte()?;
        String::from_utf8(self.bytes(usize::from(length))?.to_vec()).ok()
    }
}

/// Reads `{p}:w`; the layout is in `lua/send_times.lua`.
pub(super) fn sends(record: &[u8]) -> Option<Sends> {
    let mut fields = Fields(record);
    let (steps, before, state) = (fields.byte()?, fields.byte()?, fields.byte()?);
    let (id, handle) = (RequestId(fields.array()?), fields.array()?);
    let progress = match state {
        0 => None,
        1 | 2 => Some(Progress::Open { same: state == 2 }),
        3 => Some(Progress::Sent),
        4 => Some(Progress::NotSent),
        5 => Some(Progress::Unknown),
        _ => return None,
    };
    let count = fields.byte()?;
    let times = (0..count).map(|_| fields.time()).collect::<Option<_>>()?;
    let mut index = Vec::new();
    while !fields.0.is_empty() {
        let kind = match fields.byte()? {
            b'c' => IndexedKind::LiveCode,
            b'u' => IndexedKind::UsedCode,
            b'k' => IndexedKind::Idempotency,
            _ => return None,
        };
        index.push(Indexed { kind, ends: fields.time()?, name: fields.text()? });
    }
    let last = progress.map(|progress| LastSend { id, handle, progress });
    Some(Sends { steps, before, last, times, index })
}

/// `gateway:message id`, as `{p}:m` keeps it.
pub(super) fn message(message: &MessageKey) -> String {
    format!("{}:{}", message.gateway, message.message_id)
}

/// Reads `{p}:m`, the oldest first; the layout is in `lua/settle_send.lua`.
pub(super) fn messages(record: &[u8]) -> Option<Vec<MessageKey>> {
    let mut fields = Fields(record);
    let mut messages = Vec::new();
    while !fields.0.is_empty() {
        fields.time()?;
        let (gateway, message_id) =
            fields.text()?.split_once(':').map(|(gateway, id)| (gateway.to_owned(), id.to_owned()))?;
        messages.push(MessageKey { gateway, message_id });
    }
    Some(messages)
}

/// One session's wrong guesses in a row, and the time of the last one in milliseconds.
pub(super) struct SessionFailures {
    pub(super) in_a_row: u8,
    pub(super) last_ms: u64,
}

/// Reads a field of `{p}:f`: in a row over all sessions, and each session; the layout is in `lua/failures.lua`.
pub(super) fn failures(field: &[u8]) -> Option<(u8, Vec<SessionFailures>)> {
    let mut fields = Fields(field);
    let in_a_row = fields.byte()?;
    let mut sessions = Vec::new();
    while !fields.0.is_empty() {
        let _: [u8; 6] = fields.array()?;
        sessions.push(SessionFailures { in_a_row: fields.byte()?, last_ms: fields.time()? });
    }
    Some((in_a_row, sessions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_records_are_unreadable_and_never_a_panic() {
        let mut record = vec![1, 0, 1];
        record.extend([7; 12]);
        record.extend([8; 6]);
        record.extend([1, 0, 0, 0, 0, 1, 2]);
        record.extend(*b"c\0\0\0\0\x01\x00\x05login");
        let read = sends(&record).unwrap();
        assert_eq!((read.times.as_slice(), read.index[0].name.as_str()), (&[258][..], "login"));
        assert_eq!(read.last.unwrap().progress, Progress::Open { same: false });
        for cut in 0..record.len() {
            // Without its index a record is whole.
            assert_eq!(sends(&record[..cut]).is_some(), cut == 28, "{cut}");
        }
    }

    #[test]
    fn a_message_id_may_hold_colons() {
        let key = MessageKey { gateway: "connexus".into(), message_id: "a:b".into() };
        let text = message(&key);
        let mut record = vec![0, 0, 0, 0, 0, 1, u8::try_from(text.len()).unwrap()];
        record.extend(text.bytes());
        assert_eq!(messages(&record), Some(vec![key]));
    }
}
