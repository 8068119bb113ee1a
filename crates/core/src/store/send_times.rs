//! The sends of one phone: cool-down ladder and exact windows. The same rules as `lua/send_times.lua`.

use std::time::Duration;

use super::RequestId;
use crate::policy::SendLimits;

/// What is remembered of a phone's sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sends {
    /// Sends in the present run of the ladder.
    pub(super) steps: u8,
    /// The same before the last send, for giving it back.
    pub(super) before: u8,
    pub(super) last: Option<LastSend>,
    /// Milliseconds, ascending.
    pub(super) times: Vec<u64>,
    /// Names of the phone's other keys.
    pub(super) index: Vec<Indexed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastSend {
    pub(super) id: RequestId,
    /// Digest of its handle.
    pub(super) handle: [u8; 6],
    pub(super) progress: Progress,
}

/// How far a send has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Open {
        /// Whether the live code is sent again.
        same: bool,
    },
    Sent,
    NotSent,
    Unknown,
}

/// A key of the phone and when it ends, in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Indexed {
    pub(super) kind: IndexedKind,
    pub(super) ends: u64,
    /// Of a code: purpose and session as in its key; of an idempotency record: its 22 characters, then the send's 16.
    pub(super) name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IndexedKind {
    LiveCode,
    UsedCode,
    Idempotency,
}

impl Indexed {
    /// The name of the idempotency record.
    pub(super) fn idempotency(&self) -> Option<&str> {
        (self.kind == IndexedKind::Idempotency).then(|| self.name.get(..22)).flatten()
    }

    /// Whether it is a live code of this purpose.
    pub(super) fn is_live_code_of(&self, purpose: &str) -> bool {
        self.kind == IndexedKind::LiveCode && self.name.split(':').next() == Some(purpose)
    }
}

/// Whether and when the phone can be sent to.
pub(super) struct Wait {
    /// Zero: now.
    pub(super) wait_ms: u64,
    pub(super) cool_down: bool,
    /// Sends left in the tightest window.
    pub(super) sends_left: u32,
}

impl Sends {
    /// Steps of the ladder that still count: none after a quiet time.
    pub(super) fn steps_at(&self, limits: &SendLimits, now: u64) -> u8 {
        match self.times.last() {
            Some(last) if now.saturating_sub(*last) < ms(limits.forget_after()) => self.steps,
            _ => 0,
        }
    }

    pub(super) fn wait(&self, limits: &SendLimits, now: u64) -> Wait {
        let mut wait = Wait { wait_ms: 0, cool_down: false, sends_left: u32::MAX };
        let steps = usize::from(self.steps_at(limits, now));
        if let (1.., Some(last)) = (steps, self.times.last()) {
            let step = limits.ladder()[steps.min(limits.ladder().len()) - 1];
            wait.wait_ms = (last + ms(step)).saturating_sub(now);
            wait.cool_down = wait.wait_ms > 0;
        }
        for window in limits.windows() {
            let (sends, period) = (usize::from(window.sends), ms(window.period));
            let inside: Vec<u64> = self.times.iter().copied().filter(|time| time + period > now).collect();
            let left = u32::try_from(sends.saturating_sub(inside.len())).unwrap_or(u32::MAX);
            wait.sends_left = wait.sends_left.min(left);
            if inside.len() >= sends {
                // The send whose end makes room for one more.
                let until = (inside[inside.len() - sends] + period).saturating_sub(now);
                if until > wait.wait_ms {
                    wait.wait_ms = until;
                    wait.cool_down = false;
                }
            }
        }
        wait
    }
}

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
