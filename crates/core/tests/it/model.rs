//! One phone and one purpose, as simple as can be: what the scripts and the embedded store do, without packing,
//! keys or locks. Read it from the top; time is an argument, in milliseconds.
//!
//! A *send* makes a code, or repeats the live one. A *check* is a repeat, or throttled, or finds no code, or is
//! counted and compared. A *settlement* tells what became of the last send. Nothing else changes anything.

use std::collections::BTreeMap;

/// The rules of the model; the tests give the stores the same ones.
pub(crate) const LIFETIME: u64 = 300_000;
pub(crate) const GUESSES: u8 = 3;
pub(crate) const RESEND_MIN_LEFT: u64 = 120_000;
pub(crate) const REMEMBERED: u64 = 120_000;
pub(crate) const COOL_DOWN: u64 = 10_000;
pub(crate) const QUIET: u64 = 60_000;
pub(crate) const WINDOW: (usize, u64) = (20, 3_600_000);
pub(crate) const LIVE_SESSIONS: usize = 3;
pub(crate) const CEILING: u8 = 12;
pub(crate) const FREE: u8 = 4;
pub(crate) const FIRST_WAIT: u64 = 30_000;
pub(crate) const LONGEST_WAIT: u64 = 120_000;
pub(crate) const FORGOTTEN: u64 = 600_000;

/// Sessions are small numbers; 0 is the one without a name.
pub(crate) type Session = u8;

#[derive(Clone, Debug, Default)]
pub(crate) struct Phone {
    codes: BTreeMap<Session, Code>,
    /// Times of the sends that were not given back.
    sends: Vec<u64>,
    steps: u8,
    last_send: Option<LastSend>,
    /// Wrong guesses in a row, over all sessions, and for each with the time of the last.
    failures: u8,
    session_failures: BTreeMap<Session, (u8, u64)>,
}

#[derive(Clone, Debug)]
struct Code {
    digits: u32,
    ends: u64,
    guesses_left: u8,
    used: bool,
    last_check: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct LastSend {
    id: u32,
    session: Session,
    open: bool,
    /// It made the code, which goes when it did not go out.
    fresh: bool,
    steps_before: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Fresh,
    Same,
    Refused(Refusal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    CoolDown,
    Window,
    Locked,
    Sessions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Right,
    Wrong {
        left: u8,
    },
    Exhausted,
    AlreadyUsed,
    Absent,
    /// Until an operator unlocks.
    Locked,
    Waits {
        ms: u64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Sent,
    NotSent,
    Unknown,
}

impl Phone {
    /// A send reserves everything at once, or changes nothing.
    pub(crate) fn send(&mut self, session: Session, id: u32, digits: u32, now: u64) -> Sent {
        self.forget(now);
        if let Some(refusal) = self.refusal(session, now) {
            return Sent::Refused(refusal);
        }
        let same = self
            .codes
            .get(&session)
            .is_some_and(|code| !code.used && code.guesses_left > 0 && code.ends - now >= RESEND_MIN_LEFT);
        if !same {
            let code =
                Code { digits, ends: now + LIFETIME, guesses_left: GUESSES, used: false, last_check: None };
            self.codes.insert(session, code);
        }
        let steps_before = self.steps_at(now);
        self.steps = steps_before + 1;
        self.sends.push(now);
        self.last_send = Some(LastSend { id, session, open: true, fresh: !same, steps_before });
        if same { Sent::Same } else { Sent::Fresh }
    }

    /// A settlement acts once, on the last send, while it is open.
    pub(crate) fn settle(&mut self, id: u32, outcome: Outcome, now: u64) {
        self.forget(now);
        let Some(send) = self.last_send.as_mut().filter(|send| send.id == id && send.open) else { return };
        send.open = false;
        let send = *send;
        let code = self.codes.get(&send.session);
        let guessed = send.fresh && code.is_some_and(|code| code.last_check.is_some());
        if outcome != Outcome::NotSent {
            return;
        }
        if !guessed {
            self.sends.pop();
            self.steps = self.steps.min(send.steps_before);
        }
        if send.fresh && code.is_some_and(|code| !code.used && code.guesses_left > 0) {
            self.codes.remove(&send.session);
        }
    }

    /// A check: a repeat gets the first answer; what has to wait or has no code counts nothing; the rest is
    /// counted, then compared, and a right code is used up.
    pub(crate) fn check(
        &mut self,
        session: Session,
        id: u32,
        digits: u32,
        own_handle: bool,
        now: u64,
    ) -> Answer {
        self.forget(now);
        let waits = self.waits(session, now);
        let code = self.codes.get_mut(&session).filter(|_| own_handle);
        if let Some(code) = code.as_ref().filter(|code| code.last_check == Some(id)) {
            return match (code.used, code.digits == digits) {
                (true, true) => Answer::Right,
                (true, false) => Answer::Absent,
                (false, _) => Answer::Wrong { left: code.guesses_left },
            };
        }
        if let Some(waits) = waits {
            return waits;
        }
        let Some(code) = code else { return Answer::Absent };
        if code.used {
            return if code.digits == digits { Answer::AlreadyUsed } else { Answer::Absent };
        }
        if code.guesses_left == 0 {
            return Answer::Exhausted;
        }
        code.guesses_left -= 1;
        code.last_check = Some(id);
        if code.digits != digits {
            self.failures += 1;
            let in_a_row = self.session_failures.get(&session).map_or(0, |(in_a_row, _)| *in_a_row) + 1;
            self.session_failures.insert(session, (in_a_row, now));
            return Answer::Wrong { left: code.guesses_left };
        }
        code.used = true;
        code.ends = now + REMEMBERED;
        self.steps = self.steps.min(1);
        self.unlock();
        Answer::Right
    }

    /// An operator, or a right code, forgets the wrong guesses in a row. Nothing else does.
    pub(crate) fn unlock(&mut self) {
        self.failures = 0;
        self.session_failures.clear();
    }

    pub(crate) fn failures(&self) -> u8 {
        self.failures
    }

    fn refusal(&self, session: Session, now: u64) -> Option<Refusal> {
        if self.failures >= CEILING {
            return Some(Refusal::Locked);
        }
        let cool_down = match self.sends.last() {
            Some(last) if self.steps_at(now) > 0 => (last + COOL_DOWN).saturating_sub(now),
            _ => 0,
        };
        let inside = self.sends.iter().filter(|at| *at + WINDOW.1 > now);
        if inside.clone().count() >= WINDOW.0 {
            return Some(Refusal::Window);
        }
        if cool_down > 0 {
            return Some(Refusal::CoolDown);
        }
        let others = self.codes.iter().filter(|(other, code)| **other != session && !code.used);
        (others.count() >= LIVE_SESSIONS).then_some(Refusal::Sessions)
    }

    fn waits(&self, session: Session, now: u64) -> Option<Answer> {
        if self.failures >= CEILING {
            return Some(Answer::Locked);
        }
        let (in_a_row, last) = self.session_failures.get(&session)?;
        let wait = match in_a_row.checked_sub(FREE) {
            Some(doublings) => (FIRST_WAIT << doublings.min(16)).min(LONGEST_WAIT),
            None => 0,
        };
        let ms = (last + wait).saturating_sub(now);
        (ms > 0).then_some(Answer::Waits { ms })
    }

    /// Steps of the ladder that still count: none after a quiet time.
    fn steps_at(&self, now: u64) -> u8 {
        self.sends.last().filter(|last| now - **last < QUIET).map_or(0, |_| self.steps)
    }

    /// Time takes codes and a session's failures away; never the phone's count.
    fn forget(&mut self, now: u64) {
        self.codes.retain(|_, code| code.ends > now);
        self.session_failures.retain(|_, (_, last)| now - *last < FORGOTTEN);
    }
}
