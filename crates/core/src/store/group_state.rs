//! The port for the operator's view: what waits, in whose hands, and what was given up.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;

use super::{Backlog, StoreError};

/// How much is looked at: a group may have very many consumers, and a shard very many dead letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Consumers that are named, those with the most entries first.
    pub consumers: usize,
    /// The newest dead letters whose reasons are counted; each may be as large as a webhook.
    pub dead_letters: usize,
}

/// A consumer of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerState {
    /// Its name: the host, and what was drawn at the start of its process.
    pub name: String,
    /// Entries in its hands.
    pub pending: u64,
    /// How long the longest of its first 100 entries has been in its hands; zero when it has none.
    pub longest_held: Duration,
}

/// What one shard holds, for one consumer group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupState {
    /// The store's time, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// How many events are where.
    pub backlog: Backlog,
    /// Time since the event that is first on the stream came onto it, for the last time when it was put off; none when
    /// the stream is empty.
    pub oldest: Option<Duration>,
    /// Entries that have left the stream since it was made: settled, put off or buried. None where the store does not
    /// tell (Redis before 7.0).
    pub left: Option<u64>,
    /// Entries in the hands of consumers.
    pub pending: u64,
    /// Consumers there are, named or not.
    pub consumer_count: u64,
    /// Those that are named.
    pub consumers: Vec<ConsumerState>,
    /// Of the newest dead letters, how many there are for each reason.
    pub dead_letters_by_reason: BTreeMap<String, u64>,
}

impl GroupState {
    /// Entries that left the stream in each second since `before`; none where the store does not tell, or has lost the
    /// stream in between.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate is a float")]
    pub fn left_per_second(&self, before: &Self) -> Option<f64> {
        let left = self.left?.checked_sub(before.left?)?;
        let ms = self.now_ms.checked_sub(before.now_ms).filter(|ms| *ms > 0)?;
        Some(left as f64 * 1000.0 / ms as f64)
    }
}

/// Looks at consumer groups.
#[async_trait]
pub trait GroupStore: Send + Sync {
    /// The state of a group in every shard, in order.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    async fn group_states(&self, group: &str, detail: Detail) -> Result<Vec<GroupState>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_two_looks_at_one_stream() {
        let at = |now_ms, left| GroupState { now_ms, left, ..GroupState::default() };
        assert_eq!(at(3000, Some(30)).left_per_second(&at(1000, Some(10))), Some(10.0));
        assert_eq!(at(3000, Some(0)).left_per_second(&at(1000, Some(10))), None, "another stream");
        assert_eq!(at(3000, None).left_per_second(&at(1000, None)), None, "Redis 6.2");
        assert_eq!(at(1000, Some(9)).left_per_second(&at(1000, Some(1))), None);
    }
}
