//! The sends of one phone: cool-down ladder and exact windows. The same rules as `lua/send_times.lua`.

use crate::{policy::SendLimits, store::RequestId};

use super::ms;

/// What is remembered of a phone's sends.
#[derive(Clone, Default)]
pub(super) struct Sends {
    /// Sends in the present run of the ladder.
    pub(super) steps: u8,
    /// The same before the open send, for giving it back.
    pub(super) before: u8,
    pub(super) open: Option<OpenSend>,
    /// Milliseconds, ascending.
    pub(super) times: Vec<u64>,
    /// `gateway:message id` of the last accepted send.
    pub(super) message: String,
}

#[derive(Clone, Copy)]
pub(super) struct OpenSend {
    pub(super) id: RequestId,
    /// Whether the live code is sent again.
    pub(super) same: bool,
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
