//! Decoding of script replies: small integers and byte strings, read in one place.

use redis::Value;

/// Reads a reply element by element; any surprise is `None`.
pub(super) struct Reply(std::vec::IntoIter<Value>);

impl Reply {
    pub(super) fn new(value: Value) -> Option<Self> {
        match value {
            Value::Array(elements) => Some(Self(elements.into_iter())),
            _ => None,
        }
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        number(&self.0.next()?)
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        signed(&self.0.next()?)
    }

    pub(super) fn bytes(&mut self) -> Option<Vec<u8>> {
        match self.0.next()? {
            Value::BulkString(bytes) => Some(bytes),
            Value::SimpleString(text) => Some(text.into_bytes()),
            _ => None,
        }
    }

    pub(super) fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?).ok()
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes()?.try_into().ok()
    }

    pub(super) fn nested(&mut self) -> Option<Self> {
        Self::new(self.0.next()?)
    }

    pub(super) fn rest(self) -> impl Iterator<Item = Value> {
        self.0
    }
}

/// An integer reply.
pub(super) fn signed(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

/// A non-negative integer reply.
pub(super) fn number(value: &Value) -> Option<u64> {
    u64::try_from(signed(value)?).ok()
}
