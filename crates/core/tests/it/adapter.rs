//! A store, asked in the words of the model.

use std::{sync::Arc, time::Duration};

use textproof::{
    Purpose,
    policy::{FailureLimits, SendLimits, Window},
    secret::Fingerprint,
    store::{
        Check, Checked, CodeKey, CodeMacs, Denial, NewCode, Redeem, RequestId, Reserve, Reserved, Settle,
        Settlement, Store,
    },
};

use crate::{
    fixture::{Phone, TAG, mac, message, millis, sent},
    model::{Guess, Id, Outcome, Place, Rules, SendAnswer, State, VerifyAnswer},
};

/// One phone in a store.
#[derive(Clone)]
pub(crate) struct Asked {
    store: Arc<dyn Store>,
    phone: Fingerprint,
    rules: Rules,
    limits: SendLimits,
    failures: FailureLimits,
}

impl Asked {
    pub(crate) fn new(store: Arc<dyn Store>, phone: Fingerprint, rules: &Rules) -> Self {
        let windows = rules.windows.iter();
        let windows = windows.map(|(sends, period)| Window { sends: *sends, period: millis(*period) });
        let ladder = rules.ladder.iter().copied().map(millis).collect();
        let limits = SendLimits::new(ladder, millis(rules.quiet), windows.collect());
        let waits = [rules.first_wait, rules.longest_wait, rules.forget_after].map(millis);
        let failures = FailureLimits::new(rules.ceiling, rules.free, waits[0], waits[1], waits[2]);
        Self {
            store,
            phone,
            rules: rules.clone(),
            limits: limits.expect("the limits are sound"),
            failures: failures.expect("the limits are sound"),
        }
    }

    fn key(&self, place: Place) -> CodeKey {
        CodeKey {
            phone: self.phone.clone(),
            purpose: purpose(place.purpose),
            session: place.session.map(|session| Fingerprint::from_bytes([session; 16])),
        }
    }

    pub(crate) async fn send(&self, place: Place, id: Id, digits: u32, handle: u32) -> SendAnswer {
        let fresh = NewCode { handle: handle_bytes(handle), ..Phone::fresh(digits) };
        let request = Reserve {
            key: &self.key(place),
            send: request(id),
            limits: &self.limits,
            failures: &self.failures,
            idempotency: None,
            lifetime: millis(self.rules.lifetime),
            guesses: self.rules.guesses,
            macs: CodeMacs(vec![(fresh.pepper, fresh.mac)]),
            fresh,
            resend_min_left: millis(self.rules.resend_min_left),
        };
        match self.store.reserve(&request).await.expect("the store answers") {
            Reserved::Granted(granted) => SendAnswer::Granted {
                same: granted.same.is_some(),
                repeated: granted.repeated,
                expires_in: ms(granted.expires_in),
                next_send_in: ms(granted.next_send_in),
                sends_left: granted.sends_left,
            },
            Reserved::Denied { by: Denial::Locked, retry_after: None } => SendAnswer::Locked,
            Reserved::Denied { by, retry_after } => {
                let wait = ms(retry_after.expect("a wait"));
                match by {
                    Denial::CoolDown => SendAnswer::CoolDown { wait },
                    Denial::Window => SendAnswer::Window { wait },
                    Denial::Sessions => SendAnswer::Sessions { wait },
                    Denial::Locked => panic!("a lock has no end"),
                }
            }
        }
    }

    pub(crate) async fn settle(&self, place: Place, id: Id, outcome: Outcome) -> bool {
        let message = message(&format!("MSG{id}"));
        let settlement = match outcome {
            Outcome::Sent => sent(&message),
            Outcome::NotSent => Settlement::NotSent,
            Outcome::Unknown => Settlement::Unknown,
        };
        let settle = Settle { key: &self.key(place), send: request(id), settlement };
        self.store.settle_send(&settle).await.expect("the store answers")
    }

    pub(crate) async fn verify(&self, place: Place, guess: Guess) -> VerifyAnswer {
        let check = Check {
            key: &self.key(place),
            request: request(guess.id),
            handle: guess.handle.map(handle_bytes),
            macs: CodeMacs(vec![(TAG, mac(guess.digits))]),
            limits: &self.limits,
            failures: &self.failures,
            remember_used: millis(self.rules.remember_used),
            receipt_lifetime: millis(self.rules.receipt_lifetime),
        };
        match self.store.check(&check).await.expect("the store answers") {
            Checked::Right => VerifyAnswer::Right,
            Checked::Wrong { left } => VerifyAnswer::Wrong { left },
            Checked::Exhausted { retry_after } => VerifyAnswer::Exhausted { wait: ms(retry_after) },
            Checked::Throttled { retry_after } => VerifyAnswer::Throttled { wait: retry_after.map(ms) },
            Checked::AlreadyUsed => VerifyAnswer::AlreadyUsed,
            Checked::Absent => VerifyAnswer::Absent,
        }
    }

    pub(crate) async fn redeem(&self, guess: Id, by: Id) -> bool {
        let redeem = Redeem { phone: &self.phone, receipt: request(guess), request: request(by) };
        self.store.redeem(&redeem).await.expect("the store answers")
    }

    pub(crate) async fn unlock(&self, of: u8) -> bool {
        self.store.unlock(&self.phone, Some(&purpose(of))).await.expect("the store answers")
    }

    pub(crate) async fn state(&self) -> State {
        let state = self.store.inspect(&self.phone, &self.limits, &self.failures).await;
        let state = state.expect("the store answers");
        let number = |purpose: &str| purpose[1..].parse().expect("a purpose of ours");
        let failures = state.failures.iter().map(|failed| (number(&failed.purpose), failed.in_a_row));
        let codes = state
            .codes
            .iter()
            .map(|code| (number(&code.purpose), code.in_session, code.used, code.guesses_left));
        let mut state = State { failures: failures.collect(), codes: codes.collect() };
        state.failures.sort_unstable();
        state.codes.sort_unstable();
        state
    }

    pub(crate) async fn erase(&self) {
        self.store.erase(&self.phone).await.expect("the store answers");
    }
}

fn purpose(purpose: u8) -> Purpose {
    Purpose::new(format!("p{purpose}")).expect("a purpose")
}

fn request(id: Id) -> RequestId {
    let mut bytes = [1; 12];
    bytes[4..].copy_from_slice(&id.to_be_bytes());
    RequestId(bytes)
}

fn handle_bytes(handle: u32) -> [u8; 6] {
    let mut bytes = [2; 6];
    bytes[2..].copy_from_slice(&handle.to_be_bytes());
    bytes
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("days fit")
}
