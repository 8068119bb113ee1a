//! What a phone's codes do, as plainly as it can be said: the specification that the stores are held against.
//!
//! A phone has *codes*, one for each purpose and session, *sends* that all of them share, and *failures*, wrong
//! guesses in a row, for each purpose.
//!
//! ```text
//!             send                      right guess
//!   (nothing) ────► live, guesses left ─────────────► used ─► (nothing, after a while)
//!                    │  └ wrong guess: one guess less; with none left, nothing is compared
//!                    ├ send again: the same code, or a fresh one with all its guesses
//!                    ├ the send that made it did not go out: (nothing)
//!                    └ its life ends: (nothing)
//! ```
//!
//! Nothing here waits, locks or knows how a store works: time is an argument in milliseconds, and every step is a
//! function from what was to what is.

use std::collections::BTreeMap;

pub(crate) use crate::words::{Guess, Id, Outcome, Place, Rules, SendAnswer, State, VerifyAnswer};

/// One phone.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    rules: Rules,
    codes: BTreeMap<Place, Code>,
    sends: Sends,
    failures: BTreeMap<u8, Failures>,
    receipts: Vec<Receipt>,
}

#[derive(Clone, Debug)]
struct Code {
    digits: u32,
    handle: u32,
    used: bool,
    guesses_left: u8,
    last_guess: Option<Id>,
    ends: u64,
}

#[derive(Clone, Debug, Default)]
struct Sends {
    times: Vec<u64>,
    /// Steps of the cool-down ladder, now and before the last send.
    steps: usize,
    before: usize,
    last: Option<LastSend>,
}

/// Only the last send can still be settled: the outcome of one before it stays unknown.
#[derive(Clone, Debug)]
struct LastSend {
    id: Id,
    at: u64,
    same: bool,
    outcome: Option<Outcome>,
}

#[derive(Clone, Debug, Default)]
struct Failures {
    in_a_row: u8,
    /// By session: how many in a row, and when the last one was.
    sessions: BTreeMap<Option<u8>, (u8, u64)>,
}

#[derive(Clone, Debug)]
struct Receipt {
    id: Id,
    ends: u64,
    redeemer: Option<Id>,
}

impl Model {
    pub(crate) fn new(rules: Rules) -> Self {
        let (codes, failures) = (BTreeMap::new(), BTreeMap::new());
        Self { rules, codes, sends: Sends::default(), failures, receipts: Vec::new() }
    }

    /// Asks to send. The limits are asked in this order: lock, cool-down and windows, sessions; a denial changes
    /// nothing. `digits` and `handle` are of the code that is sent if the live one cannot be sent again.
    pub(crate) fn send(&mut self, place: Place, id: Id, digits: u32, handle: u32, now: u64) -> SendAnswer {
        if let Some(answer) = self.repeated_send(place, id, now) {
            return answer;
        }
        if self.failures.get(&place.purpose).is_some_and(|failed| failed.in_a_row >= self.rules.ceiling) {
            return SendAnswer::Locked;
        }
        match self.wait_for_send(now) {
            (0, _) => {}
            (wait, true) => return SendAnswer::CoolDown { wait },
            (wait, false) => return SendAnswer::Window { wait },
        }
        let others = self.codes.iter().filter(|(other, code)| {
            other.purpose == place.purpose && **other != place && !code.used && code.ends > now
        });
        if others.clone().count() >= self.rules.sessions {
            let wait = others.map(|(_, code)| code.ends - now).min().unwrap_or_default();
            return SendAnswer::Sessions { wait };
        }

        let same = self.code(place, now).is_some_and(|code| {
            !code.used && code.guesses_left > 0 && code.ends - now >= self.rules.resend_min_left
        });
        if !same {
            let (ends, guesses_left) = (now + self.rules.lifetime, self.rules.guesses);
            let fresh = Code { digits, handle, used: false, guesses_left, last_guess: None, ends };
            self.codes.insert(place, fresh);
        }
        let before = self.steps(now);
        let sends = &mut self.sends;
        (sends.before, sends.steps) = (before, before + 1);
        sends.times.push(now);
        sends.last = Some(LastSend { id, at: now, same, outcome: None });
        self.granted(place, same, false, now)
    }

    /// A repeat after a lost reply gets the first answer, as long as that send may have gone out.
    fn repeated_send(&self, place: Place, id: Id, now: u64) -> Option<SendAnswer> {
        let last = self.last_send(id, now).filter(|last| last.outcome != Some(Outcome::NotSent))?;
        self.code(place, now)?;
        Some(self.granted(place, last.same && last.outcome.is_none(), true, now))
    }

    fn granted(&self, place: Place, same: bool, repeated: bool, now: u64) -> SendAnswer {
        let expires_in = self.code(place, now).map_or(0, |code| code.ends - now);
        let (next_send_in, _) = self.wait_for_send(now);
        SendAnswer::Granted { same, repeated, expires_in, next_send_in, sends_left: self.sends_left(now) }
    }

    /// Tells what became of a send; acts once. What did not go out is given back, unless the code has been
    /// guessed at, or has ended so that nobody knows: a failing gateway must not buy guesses.
    pub(crate) fn settle(&mut self, place: Place, id: Id, outcome: Outcome, now: u64) -> bool {
        let Some(LastSend { same, outcome: known, .. }) = self.last_send(id, now).cloned() else {
            return false;
        };
        if let Some(known) = known {
            return known == outcome;
        }
        if let Some(last) = &mut self.sends.last {
            last.outcome = Some(outcome);
        }
        if outcome == Outcome::NotSent {
            let made = self.code(place, now).filter(|_| !same);
            let guessed = !same && made.is_none_or(|code| code.last_guess.is_some());
            let withdrawn = made.is_some_and(|code| !code.used && code.guesses_left > 0);
            if !guessed {
                self.sends.times.pop();
                self.sends.steps = self.sends.steps.min(self.sends.before);
            }
            if withdrawn {
                self.codes.remove(&place);
            }
        }
        true
    }

    /// Checks a guess: throttle, life, count, compare, consume, in this order.
    pub(crate) fn verify(&mut self, place: Place, guess: Guess, now: u64) -> VerifyAnswer {
        let wait_for_send = self.wait_for_send(now).0;
        let throttled = self.throttled(place, now);
        let known = self.codes.get_mut(&place).filter(|code| code.ends > now);
        let code = known.filter(|code| guess.handle.is_none_or(|handle| handle == code.handle));

        if let Some(code) = code.as_ref().filter(|code| code.last_guess == Some(guess.id)) {
            // A repeat gets the first answer, and costs nothing; with other digits it is no repeat of a success.
            return match code.used {
                true if guess.digits == code.digits => VerifyAnswer::Right,
                true => VerifyAnswer::Absent,
                false => VerifyAnswer::Wrong { left: code.guesses_left },
            };
        }
        if let Some(wait) = throttled {
            return VerifyAnswer::Throttled { wait };
        }
        let Some(code) = code else { return VerifyAnswer::Absent };
        let right = guess.digits == code.digits;
        if code.used {
            return if right { VerifyAnswer::AlreadyUsed } else { VerifyAnswer::Absent };
        }
        if code.guesses_left == 0 {
            return VerifyAnswer::Exhausted { wait: wait_for_send };
        }
        code.guesses_left -= 1;
        code.last_guess = Some(guess.id);
        if !right {
            let left = code.guesses_left;
            self.count_failure(place, now);
            return VerifyAnswer::Wrong { left };
        }
        code.used = true;
        code.ends = now + self.rules.remember_used;
        self.failures.remove(&place.purpose);
        self.sends.steps = self.sends.steps.min(1);
        let ends = now + self.rules.receipt_lifetime;
        self.receipts.push(Receipt { id: guess.id, ends, redeemer: None });
        VerifyAnswer::Right
    }

    /// Redeems the receipt of a right guess, once; `by` may repeat it.
    pub(crate) fn redeem(&mut self, guess: Id, by: Id, now: u64) -> bool {
        let receipt = self.receipts.iter_mut().find(|receipt| receipt.id == guess && receipt.ends > now);
        receipt.is_some_and(|receipt| *receipt.redeemer.get_or_insert(by) == by)
    }

    /// An operator forgets the failures of a purpose; returns whether there were any.
    pub(crate) fn unlock(&mut self, purpose: u8) -> bool {
        self.failures.remove(&purpose).is_some()
    }

    /// Everything is forgotten.
    pub(crate) fn erase(&mut self) {
        *self = Self::new(self.rules.clone());
    }

    /// What an operator sees.
    pub(crate) fn state(&self, now: u64) -> State {
        let live = self.codes.iter().filter(|(_, code)| code.ends > now);
        let codes =
            live.map(|(place, code)| (place.purpose, place.session.is_some(), code.used, code.guesses_left));
        let mut codes: Vec<_> = codes.collect();
        codes.sort_unstable();
        let failures = self.failures.iter().map(|(purpose, failed)| (*purpose, failed.in_a_row));
        State { failures: failures.collect(), codes }
    }

    fn code(&self, place: Place, now: u64) -> Option<&Code> {
        self.codes.get(&place).filter(|code| code.ends > now)
    }

    fn last_send(&self, id: Id, now: u64) -> Option<&LastSend> {
        let remembered = self.rules.sends_remembered;
        self.sends.last.as_ref().filter(|last| last.id == id && last.at + remembered > now)
    }

    /// Steps of the ladder that still count: none after a quiet time.
    fn steps(&self, now: u64) -> usize {
        let quiet = self.sends.times.last().is_none_or(|last| now - last >= self.rules.quiet);
        if quiet { 0 } else { self.sends.steps }
    }

    /// The time until a send is possible, and whether the cool-down is what is waited for.
    fn wait_for_send(&self, now: u64) -> (u64, bool) {
        let cool_down = match (self.steps(now), self.sends.times.last()) {
            (0, _) | (_, None) => 0,
            (steps, Some(last)) => {
                let wait = self.rules.ladder[steps.min(self.rules.ladder.len()) - 1];
                (last + wait).saturating_sub(now)
            }
        };
        let windows = self.rules.windows.iter().map(|(sends, period)| {
            let inside = self.inside(*period, now);
            // The send whose end makes room for one more.
            let full = inside.len().checked_sub(usize::from(*sends)).map(|at| inside[at] + period - now);
            full.unwrap_or_default()
        });
        let window = windows.max().unwrap_or_default();
        (cool_down.max(window), cool_down >= window && cool_down > 0)
    }

    fn sends_left(&self, now: u64) -> u32 {
        let left = self.rules.windows.iter().map(|(sends, period)| {
            u32::from(*sends)
                .saturating_sub(u32::try_from(self.inside(*period, now).len()).unwrap_or(u32::MAX))
        });
        left.min().unwrap_or(u32::MAX)
    }

    /// Times of the sends in the last `period`.
    fn inside(&self, period: u64, now: u64) -> Vec<u64> {
        self.sends.times.iter().copied().filter(|time| time + period > now).collect()
    }

    /// `Some(None)`: until an operator unlocks.
    fn throttled(&self, place: Place, now: u64) -> Option<Option<u64>> {
        let Rules { ceiling, free, first_wait, longest_wait, forget_after, .. } = self.rules;
        let failed = self.failures.get(&place.purpose)?;
        if failed.in_a_row >= ceiling {
            return Some(None);
        }
        let (in_a_row, last) = failed.sessions.get(&place.session)?;
        if now - last >= forget_after || *in_a_row < free {
            return None;
        }
        let doubled = 2u64.saturating_pow(u32::from(in_a_row - free));
        let wait = first_wait.saturating_mul(doubled).min(longest_wait);
        (last + wait > now).then(|| Some(last + wait - now))
    }

    fn count_failure(&mut self, place: Place, now: u64) {
        let failed = self.failures.entry(place.purpose).or_default();
        failed.in_a_row += 1;
        failed.sessions.retain(|_, (_, last)| now - *last < self.rules.forget_after);
        let (in_a_row, last) = failed.sessions.entry(place.session).or_default();
        (*in_a_row, *last) = (*in_a_row + 1, now);
    }
}
