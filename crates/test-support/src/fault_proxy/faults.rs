//! The faults that are set, and what has come of them.

use std::time::Duration;

use tokio::sync::watch;

/// Set by the test, read by every connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    pub(super) hold: Vec<Vec<u8>>,
    /// Pattern, and how many replies are still to be lost.
    pub(super) cut: Vec<(Vec<u8>, usize)>,
    pub(super) black_hole: bool,
    pub(super) delay_to_server: Duration,
    pub(super) delay_to_client: Duration,
    pub(super) refuse: bool,
    /// Grows with each `clear`: a connection that was held under a lower number goes on.
    pub(super) releases: u64,
    /// Grows with each `drop_connections`: a connection that began under a lower number ends.
    pub(super) drops: u64,
}

impl Faults {
    pub(super) fn clear(&mut self) {
        *self = Self { releases: self.releases + 1, drops: self.drops, ..Self::default() };
    }

    /// Takes one of the replies that are still to be lost, if the chunk asks for it.
    pub(super) fn take_cut(&mut self, seen: impl Fn(&[u8]) -> bool) -> bool {
        match self.cut.iter_mut().find(|(pattern, left)| *left > 0 && seen(pattern)) {
            Some((_, left)) => {
                *left -= 1;
                true
            }
            None => false,
        }
    }
}

/// Set by the connections, read by the test.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) open: usize,
    pub(super) held: usize,
    pub(super) cut: usize,
}

/// What the proxy and its connections share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) faults: watch::Sender<Faults>,
    pub(super) counts: watch::Sender<Counts>,
}

/// Adds one to a count for as long as it lives, however its connection ends.
pub(super) struct Counted<'a> {
    shared: &'a Shared,
    field: fn(&mut Counts) -> &mut usize,
}

impl<'a> Counted<'a> {
    pub(super) fn new(shared: &'a Shared, field: fn(&mut Counts) -> &mut usize) -> Self {
        shared.counts.send_modify(|counts| *field(counts) += 1);
        Self { shared, field }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.shared.counts.send_modify(|counts| *(self.field)(counts) -= 1);
    }
}

pub(super) fn nonempty(pattern: Vec<u8>) -> Vec<u8> {
    assert!(!pattern.is_empty(), "an empty pattern would match between any two bytes");
    pattern
}
