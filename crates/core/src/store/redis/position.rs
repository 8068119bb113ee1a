//! Where an entry is: its stream id and its shard, in one order over all shards.

use std::fmt;

use redis::Cmd;

use crate::store::Order;

/// `milliseconds-sequence`, and `.shard` behind it in every shard but the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) ms: u64,
    pub(super) sequence: u64,
    pub(super) shard: u16,
}

impl Position {
    /// Reads a whole position. Half of one would be a range.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (ms, rest) = text.split_once('-')?;
        let (sequence, shard) = rest.split_once('.').unwrap_or((rest, "0"));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if !(digits(ms) && digits(sequence) && digits(shard)) {
            return None;
        }
        Some(Self { ms: ms.parse().ok()?, sequence: sequence.parse().ok()?, shard: shard.parse().ok()? })
    }

    /// The position of an entry that Redis names so in this shard.
    pub(super) fn of(entry: &str, shard: u16) -> Option<Self> {
        Some(Self { shard, ..Self::parse(entry)? })
    }

    /// The name that Redis has for the entry.
    pub(super) fn entry(self) -> String {
        format!("{}-{}", self.ms, self.sequence)
    }

    /// The command for what one shard may have of a page.
    pub(super) fn page(stream: &str, shard: u16, order: Order, after: Option<Self>, count: usize) -> Cmd {
        let beyond = after.map(|after| {
            // Of entries with the same id, those in lower shards come first.
            let passed = match order {
                Order::OldestFirst => shard <= after.shard,
                Order::NewestFirst => shard >= after.shard,
            };
            if passed { format!("({}", after.entry()) } else { after.entry() }
        });
        let (command, first, last) = match order {
            Order::NewestFirst => ("XREVRANGE", beyond.as_deref().unwrap_or("+"), "-"),
            Order::OldestFirst => ("XRANGE", beyond.as_deref().unwrap_or("-"), "+"),
        };
        let mut range = redis::cmd(command);
        range.arg(stream).arg(first).arg(last).arg("COUNT").arg(count);
        range
    }

    /// The command for this entry alone.
    pub(super) fn range(self, stream: &str) -> Cmd {
        let mut range = redis::cmd("XRANGE");
        range.arg(stream).arg(self.entry()).arg(self.entry());
        range
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.sequence)?;
        if self.shard > 0 { write!(f, ".{}", self.shard) } else { Ok(()) }
    }
}

/// The first `count` of what the shards had of a page.
pub(super) fn merge<T>(mut found: Vec<(Position, T)>, order: Order, count: usize) -> Vec<T> {
    found.sort_unstable_by_key(|(position, _)| *position);
    if order == Order::NewestFirst {
        found.reverse();
    }
    found.into_iter().take(count).map(|(_, entry)| entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_two_numbers_and_perhaps_a_shard() {
        for (text, good) in [
            ("1764120000000-0", true),
            ("0-18446744073709551615", true),
            ("1764120000000-0.7", true),
            ("1764120000000", false),
            ("-", false),
            ("+", false),
            ("(1-1", false),
            ("+1-1", false),
            ("1-1-1", false),
            ("1-1.", false),
            ("1-1.+2", false),
            ("1-1.65536", false),
            ("1-18446744073709551616", false),
        ] {
            assert_eq!(Position::parse(text).is_some(), good, "{text}");
            if good {
                assert_eq!(Position::parse(text).map(|position| position.to_string()).as_deref(), Some(text));
            }
        }
        assert_eq!(Position::parse("1-2.0").map(|position| position.to_string()).as_deref(), Some("1-2"));
    }
}
