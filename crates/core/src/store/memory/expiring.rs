//! A map whose entries end: what Redis does with `PX`.

use std::{collections::HashMap, hash::Hash};

pub(super) struct Expiring<K, V> {
    entries: HashMap<K, (V, u64)>,
    /// Size at which expired entries are thrown out, so that the map stays within twice what lives.
    purge_at: usize,
}

impl<K, V> Default for Expiring<K, V> {
    fn default() -> Self {
        Self { entries: HashMap::new(), purge_at: 1024 }
    }
}

impl<K: Hash + Eq, V> Expiring<K, V> {
    pub(super) fn get(&self, key: &K, now: u64) -> Option<&V> {
        self.entries.get(key).filter(|(_, ends)| *ends > now).map(|(value, _)| value)
    }

    pub(super) fn get_mut(&mut self, key: &K, now: u64) -> Option<&mut V> {
        self.entries.get_mut(key).filter(|(_, ends)| *ends > now).map(|(value, _)| value)
    }

    /// Milliseconds that the entry still lives.
    pub(super) fn left(&self, key: &K, now: u64) -> u64 {
        self.entries.get(key).map_or(0, |(_, ends)| ends.saturating_sub(now))
    }

    pub(super) fn put(&mut self, key: K, value: V, now: u64, lives_ms: u64) {
        if self.entries.len() >= self.purge_at {
            self.entries.retain(|_, (_, ends)| *ends > now);
            self.purge_at = (self.entries.len() * 2).max(1024);
        }
        self.entries.insert(key, (value, now.saturating_add(lives_ms)));
    }

    /// What has not ended, with its end.
    pub(super) fn iter(&self, now: u64) -> impl Iterator<Item = (&K, &V, u64)> {
        let living = self.entries.iter().filter(move |(_, (_, ends))| *ends > now);
        living.map(|(key, (value, ends))| (key, value, *ends))
    }

    /// Removes an entry and returns it unless it had ended.
    pub(super) fn take(&mut self, key: &K, now: u64) -> Option<V> {
        self.entries.remove(key).filter(|(_, ends)| *ends > now).map(|(value, _)| value)
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    pub(super) fn prolong(&mut self, key: &K, now: u64, lives_ms: u64) {
        if let Some((_, ends)) = self.entries.get_mut(key) {
            *ends = now.saturating_add(lives_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_gone_when_its_time_is_over() {
        let mut map = Expiring::default();
        map.put("a", 1, 100, 50);
        assert_eq!(map.get(&"a", 149), Some(&1));
        assert_eq!(map.left(&"a", 149), 1);
        assert_eq!(map.get(&"a", 150), None);
    }

    #[test]
    fn expired_entries_do_not_pile_up() {
        let mut map = Expiring::default();
        for i in 0..100_000u64 {
            map.put(i, (), i, 10);
        }
        assert!(map.entries.len() <= 1024, "{}", map.entries.len());
    }
}
