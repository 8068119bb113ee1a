//! Which key belongs to which slot, and which slot to which master.

use std::{ops::RangeInclusive, sync::Arc};

use crc::{CRC_16_XMODEM, Crc};
use redis::Value;

use super::super::{
    node::{Address, Node},
    reply::Reply,
};

const SLOTS: usize = 16_384;
const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
const NOBODY: u16 = u16::MAX;

/// The slot of a key: that of its hash tag, if it has one that is not empty.
pub(crate) fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let behind = &key[open + 1..];
        let close = behind.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &behind[..close])
    });
    CRC.checksum(tag.unwrap_or(key)) % SLOTS as u16
}

/// The owners of all slots, as one server saw them.
#[derive(Default)]
pub(crate) struct Slots {
    /// For each slot an index into the masters, or [`NOBODY`].
    owners: Vec<u16>,
    masters: Vec<Arc<Node>>,
}

/// Slots that belong to the server at this address.
pub(super) type Range = (RangeInclusive<u16>, Address);

impl Slots {
    pub(super) fn new<E>(
        ranges: Vec<Range>,
        mut node: impl FnMut(&Address) -> Result<Arc<Node>, E>,
    ) -> Result<Self, E> {
        let mut slots = Self { owners: vec![NOBODY; SLOTS], masters: Vec::new() };
        for (range, address) in ranges {
            let known = slots.masters.iter().position(|master| master.address.as_ref() == Some(&address));
            let index = match known {
                Some(index) => index,
                None => {
                    slots.masters.push(node(&address)?);
                    slots.masters.len() - 1
                }
            };
            // There are at most as many masters as slots.
            let index = u16::try_from(index).unwrap_or(NOBODY);
            for slot in range {
                if let Some(owner) = slots.owners.get_mut(usize::from(slot)) {
                    *owner = index;
                }
            }
        }
        Ok(slots)
    }

    /// The master of a slot, or a master without a slot.
    pub(super) fn owner(&self, slot: Option<u16>) -> Option<&Arc<Node>> {
        match slot {
            Some(slot) => self.masters.get(usize::from(*self.owners.get(usize::from(slot))?)),
            None => self.masters.first(),
        }
    }

    pub(super) fn masters(&self) -> &[Arc<Node>] {
        &self.masters
    }

    /// True when every slot has a master.
    pub(super) fn is_whole(&self) -> bool {
        !self.owners.is_empty() && !self.owners.contains(&NOBODY)
    }
}

/// Reads the reply to `CLUSTER SLOTS` of the server at `asked`: `[first, last, [host, port, …], replicas…]`.
pub(super) fn ranges(reply: Value, asked: &Address) -> Option<Vec<Range>> {
    Reply::new(reply)?
        .rest()
        .map(|range| {
            let mut range = Reply::new(range)?;
            let (first, last) = (slot(range.number()?)?, slot(range.number()?)?);
            let mut master = range.nested()?;
            // No host means the one that was asked.
            let host = master.text().filter(|host| !host.is_empty()).unwrap_or_else(|| asked.host.clone());
            let port = u16::try_from(master.number()?).ok()?;
            Some((first..=last, Address { host, port }))
        })
        .collect()
}

fn slot(number: u64) -> Option<u16> {
    u16::try_from(number).ok().filter(|slot| usize::from(*slot) < SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the cluster specification, and from `CLUSTER KEYSLOT` of Redis 7.0.
    #[test]
    fn slots_are_those_of_redis() {
        assert_eq!(slot_of(b"123456789"), 0x31C3);
        assert_eq!(slot_of(b"foo"), 12_182);
        assert_eq!(slot_of(b"tp1:{foo}:w"), 12_182);
        assert_eq!(slot_of(b"a{foo}{bar}"), 12_182);
        assert_eq!(slot_of(b"foo{}{bar}"), 8363);
        assert_eq!(slot_of(b"foo{{bar}}zap"), 4015);
        assert_eq!(slot_of(b""), 0);
    }

    #[test]
    fn a_server_without_a_host_is_the_one_that_was_asked() {
        let server = |host, port| Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".into())]);
        let range = |first, last, master| Value::Array(vec![Value::Int(first), Value::Int(last), master]);
        let reply = Value::Array(vec![
            range(0, 5, server(Value::BulkString(b"10.0.0.1".into()), 7000)),
            range(6, 16_383, server(Value::Nil, 7001)),
        ]);
        let address = |host: &str, port| Address { host: host.into(), port };
        let found = ranges(reply, &address("asked", 1)).unwrap();
        assert_eq!(found, [(0..=5, address("10.0.0.1", 7000)), (6..=16_383, address("asked", 7001))]);
        let beyond = Value::Array(vec![range(0, 16_384, server(Value::Nil, 1))]);
        assert_eq!(ranges(beyond, &address("asked", 1)), None);
    }
}
