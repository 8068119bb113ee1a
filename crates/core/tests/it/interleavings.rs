//! Any interleaving of sends, settlements, checks, repeats and time: the stores answer as the model does, and no
//! more is compared than the budgets allow.

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use proptest::{prelude::*, test_runner::TestRunner};
use textproof::{
    Purpose,
    policy::{FailureLimits, SendLimits, Window},
    secret::Fingerprint,
    store::{
        Check, Checked, CodeKey, CodeMacs, CodeOrigin, Denial, NewCode, RequestId, Reserve, Reserved, Settle,
        Settlement,
    },
};

use crate::{
    ageing::World,
    fixture::{TAG, mac, message, sent},
    model::{self, Answer, Outcome, Phone, Refusal, Sent, Session},
};

#[derive(Clone, Debug)]
enum Step {
    Send { session: Session },
    Settle { back: usize, outcome: Outcome },
    Check { session: Session, right: bool, own_handle: bool },
    Repeat { back: usize, right: bool },
    Unlock,
    Pass { seconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let session = 0..5u8;
    let outcome = prop_oneof![Just(Outcome::Sent), Just(Outcome::NotSent), Just(Outcome::Unknown)];
    prop_oneof![
        4 => session.clone().prop_map(|session| Step::Send { session }),
        3 => (0..2usize, outcome).prop_map(|(back, outcome)| Step::Settle { back, outcome }),
        10 => (session, prop::bool::weighted(0.15), prop::bool::weighted(0.9))
            .prop_map(|(session, right, own_handle)| Step::Check { session, right, own_handle }),
        2 => (0..3usize, any::<bool>()).prop_map(|(back, right)| Step::Repeat { back, right }),
        1 => Just(Step::Unlock),
        4 => prop_oneof![Just(11u64), Just(35), Just(65), Just(130), Just(301), Just(700)]
            .prop_map(|seconds| Step::Pass { seconds }),
    ]
}

/// A run of model and store side by side.
pub(crate) struct Run<'a> {
    world: &'a World,
    phone: Fingerprint,
    limits: SendLimits,
    failures: FailureLimits,
    model: Phone,
    now: u64,
    next: u32,
    /// The digits that each session's next fresh code has, and the ones of its live code.
    live: [u32; 5],
    sends: Vec<(u32, Session)>,
    checks: Vec<(u32, Session)>,
    /// Comparisons of the live code of each session.
    compared: [u8; 5],
    left: [u8; 5],
    used: [bool; 5],
}

impl<'a> Run<'a> {
    pub(crate) fn new(world: &'a World, phone: u8) -> Self {
        let ms = Duration::from_millis;
        let (sends, period) = model::WINDOW;
        let window = Window { sends: u8::try_from(sends).expect("few"), period: ms(period) };
        Self {
            world,
            phone: Fingerprint::from_bytes([phone; 16]),
            limits: SendLimits::new(vec![ms(model::COOL_DOWN)], ms(model::QUIET), vec![window])
                .expect("limits"),
            failures: FailureLimits::new(
                model::CEILING,
                model::FREE,
                ms(model::FIRST_WAIT),
                ms(model::LONGEST_WAIT),
                ms(model::FORGOTTEN),
            )
            .expect("limits"),
            model: Phone::default(),
            now: 1_000_000_000,
            next: 1,
            live: [0; 5],
            sends: Vec::new(),
            checks: Vec::new(),
            compared: [0; 5],
            left: [0; 5],
            used: [false; 5],
        }
    }

    fn key(&self, session: Session) -> CodeKey {
        let session = (session > 0).then(|| Fingerprint::from_bytes([session; 16]));
        CodeKey { phone: self.phone.clone(), purpose: Purpose::new("login").expect("a purpose"), session }
    }

    fn id(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    async fn step(&mut self, step: &Step) {
        match *step {
            Step::Send { session } => self.send(session).await,
            Step::Settle { back, outcome } => self.settle(back, outcome).await,
            Step::Check { session, right, own_handle } => {
                let id = self.id();
                self.checks.push((id, session));
                self.check(session, id, right, own_handle).await;
            }
            Step::Repeat { back, right } => {
                if let Some((id, session)) = self.checks.iter().rev().nth(back).copied() {
                    self.check(session, id, right, true).await;
                }
            }
            Step::Unlock => {
                self.model.unlock();
                self.world.store.unlock(&self.phone, None).await.expect("the store answers");
            }
            Step::Pass { seconds } => {
                self.now += seconds * 1000;
                self.world.advance(Duration::from_secs(seconds)).await;
            }
        }
    }

    async fn send(&mut self, session: Session) {
        let (id, digits) = (self.id(), 100_000 + self.next);
        let answer = self.reserve(session, id, digits).await;
        assert_eq!(answer, self.model.send(session, id, digits, self.now));
        if answer == Sent::Fresh {
            let at = usize::from(session);
            (self.live[at], self.compared[at]) = (digits, 0);
            (self.left[at], self.used[at]) = (model::GUESSES, false);
        }
        if !matches!(answer, Sent::Refused(_)) {
            self.sends.push((id, session));
        }
    }

    /// What the store says to a send.
    pub(crate) async fn reserve(&self, session: Session, id: u32, digits: u32) -> Sent {
        let fresh = NewCode {
            origin: CodeOrigin::Derived,
            digits: 6,
            pepper: TAG,
            nonce: [0; 6],
            handle: [4; 6],
            mac: mac(digits),
        };
        let ms = Duration::from_millis;
        let request = Reserve {
            key: &self.key(session),
            send: request_id(id),
            limits: &self.limits,
            failures: &self.failures,
            idempotency: None,
            lifetime: ms(model::LIFETIME),
            guesses: model::GUESSES,
            fresh,
            resend_min_left: ms(model::RESEND_MIN_LEFT),
            macs: CodeMacs(vec![(TAG, [0; 16])]),
        };
        match self.world.store.reserve(&request).await.expect("the store answers") {
            Reserved::Granted(granted) if granted.same.is_some() => Sent::Same,
            Reserved::Granted(_) => Sent::Fresh,
            Reserved::Denied { by, .. } => Sent::Refused(match by {
                Denial::CoolDown => Refusal::CoolDown,
                Denial::Window => Refusal::Window,
                Denial::Locked => Refusal::Locked,
                Denial::Sessions => Refusal::Sessions,
            }),
        }
    }

    async fn settle(&mut self, back: usize, outcome: Outcome) {
        let Some((id, session)) = self.sends.iter().rev().nth(back).copied() else { return };
        self.close(session, id, outcome).await;
        self.model.settle(id, outcome, self.now);
    }

    /// Tells the store what became of a send.
    pub(crate) async fn close(&self, session: Session, id: u32, outcome: Outcome) {
        let taken = message("MSG1");
        let settlement = match outcome {
            Outcome::Sent => sent(&taken),
            Outcome::NotSent => Settlement::NotSent,
            Outcome::Unknown => Settlement::Unknown,
        };
        let settle = Settle { key: &self.key(session), send: request_id(id), settlement };
        self.world.store.settle_send(&settle).await.expect("the store answers");
    }

    async fn check(&mut self, session: Session, id: u32, right: bool, own_handle: bool) {
        let at = usize::from(session);
        let digits = if right { self.live[at] } else { 999_999 };
        let answer = self.ask(session, id, digits, own_handle).await;
        let failures_before = self.model.failures();
        let expected = self.model.check(session, id, digits, own_handle, self.now);
        match (answer, expected) {
            (Answer::Waits { ms }, Answer::Waits { ms: expected }) => {
                let tolerance = self.world.tolerance_ms();
                assert!(ms <= expected && ms + tolerance >= expected, "{ms} ms, the model says {expected}");
            }
            (answer, expected) => assert_eq!(answer, expected),
        }
        self.within_budget(at, answer, failures_before);
    }

    /// What the store says to a guess.
    pub(crate) async fn ask(&self, session: Session, id: u32, digits: u32, own_handle: bool) -> Answer {
        let check = Check {
            key: &self.key(session),
            request: request_id(id),
            handle: Some(if own_handle { [4; 6] } else { [9; 6] }),
            macs: CodeMacs(vec![(TAG, mac(digits))]),
            limits: &self.limits,
            failures: &self.failures,
            remember_used: Duration::from_millis(model::REMEMBERED),
            receipt_lifetime: Duration::from_secs(60),
        };
        match self.world.store.check(&check).await.expect("the store answers") {
            Checked::Right => Answer::Right,
            Checked::Wrong { left } => Answer::Wrong { left },
            Checked::Exhausted { .. } => Answer::Exhausted,
            Checked::AlreadyUsed => Answer::AlreadyUsed,
            Checked::Absent => Answer::Absent,
            Checked::Throttled { retry_after: None } => Answer::Locked,
            Checked::Throttled { retry_after: Some(wait) } => {
                Answer::Waits { ms: u64::try_from(wait.as_millis()).expect("a short wait") }
            }
        }
    }

    /// The budgets, whatever the model says. A repeat of a counted check compares nothing: its guesses left are
    /// those of before.
    fn within_budget(&mut self, at: usize, answer: Answer, failures_before: u8) {
        match answer {
            Answer::Wrong { left } => {
                assert!(left <= self.left[at], "guesses grew from {} to {left}", self.left[at]);
                self.compared[at] += u8::from(left < self.left[at]);
                self.left[at] = left;
            }
            Answer::Right if !self.used[at] => {
                self.compared[at] += 1;
                self.used[at] = true;
                assert!(failures_before < model::CEILING, "a locked phone verified");
            }
            _ => {}
        }
        assert!(self.compared[at] <= model::GUESSES, "{} comparisons of one code", self.compared[at]);
        assert!(self.model.failures() <= model::CEILING);
    }
}

fn request_id(n: u32) -> RequestId {
    let mut id = [7; 12];
    id[..4].copy_from_slice(&n.to_be_bytes());
    RequestId(id)
}

fn run(cases: u32, longest: usize, world: &World, runtime: &tokio::runtime::Runtime) {
    let phones = AtomicU8::new(0);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&prop::collection::vec(step(), 1..longest), |steps| {
        let phone = phones.fetch_add(1, Ordering::SeqCst);
        runtime.block_on(async {
            // Phones come round again: whatever an earlier run left is forgotten.
            world.store.erase(&Fingerprint::from_bytes([phone; 16])).await.expect("the store answers");
            let mut run = Run::new(world, phone);
            for step in &steps {
                run.step(step).await;
            }
        });
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn any_interleaving_stays_within_the_budget_and_matches_the_model() {
    run(3_000, 120, &World::in_memory(), &runtime());
}

#[test]
fn any_interleaving_on_redis_stays_within_the_budget_and_matches_the_model() {
    let runtime = runtime();
    let world = runtime.block_on(World::in_redis());
    run(60, 60, &world, &runtime);
}
