//! Several clients, each with connections of its own, on one phone at once: what they saw can be put into one order
//! that the model would have answered in, and that respects who was answered before whom.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};
use textproof::secret::Fingerprint;

use crate::{
    adapter::Asked,
    ageing::World,
    model::{Guess, Id, Model, Outcome, Place, Rules, SendAnswer, VerifyAnswer},
};

const PLACE: Place = Place { purpose: 0, session: None };
const HISTORIES: u64 = 200;
const CLIENTS: u64 = 4;
const STEPS: u64 = 5;

#[derive(Clone, Copy, Debug)]
enum Op {
    Send { id: Id },
    Settle { id: Id, outcome: Outcome },
    Verify(Guess),
    Redeem { guess: Id, by: Id },
}

/// An answer without its times: they differ by what passes between.
#[derive(Clone, Debug, PartialEq)]
enum Ret {
    Granted { same: bool, repeated: bool, sends_left: u32 },
    Denied,
    Settled(bool),
    Verified(VerifyAnswer),
    Redeemed(bool),
}

/// The model at a time that stands still.
#[derive(Clone, Debug)]
struct Phone(Model);

impl SequentialSpec for Phone {
    type Op = Op;
    type Ret = Ret;

    fn invoke(&mut self, op: &Op) -> Ret {
        match *op {
            Op::Send { id } => sent(&self.0.send(PLACE, id, digits(id), digits(id), 0)),
            Op::Settle { id, outcome } => Ret::Settled(self.0.settle(PLACE, id, outcome, 0)),
            Op::Verify(guess) => Ret::Verified(without_times(self.0.verify(PLACE, guess, 0))),
            Op::Redeem { guess, by } => Ret::Redeemed(self.0.redeem(guess, by, 0)),
        }
    }
}

async fn ask(store: &Asked, op: Op) -> Ret {
    match op {
        Op::Send { id } => sent(&store.send(PLACE, id, digits(id), digits(id)).await),
        Op::Settle { id, outcome } => Ret::Settled(store.settle(PLACE, id, outcome).await),
        Op::Verify(guess) => Ret::Verified(without_times(store.verify(PLACE, guess).await)),
        Op::Redeem { guess, by } => Ret::Redeemed(store.redeem(guess, by).await),
    }
}

fn sent(answer: &SendAnswer) -> Ret {
    match *answer {
        SendAnswer::Granted { same, repeated, sends_left, .. } => Ret::Granted { same, repeated, sends_left },
        _ => Ret::Denied,
    }
}

fn without_times(answer: VerifyAnswer) -> VerifyAnswer {
    match answer {
        VerifyAnswer::Exhausted { .. } => VerifyAnswer::Exhausted { wait: 0 },
        VerifyAnswer::Throttled { wait } => VerifyAnswer::Throttled { wait: wait.map(|_| 0) },
        answer => answer,
    }
}

/// The digits of the code that a send makes, if it makes one.
fn digits(send: Id) -> u32 {
    u32::try_from(send).expect("few sends")
}

/// Few guesses and few sends, so that every client runs into the doings of the others.
fn rules() -> Rules {
    let minute = 60_000;
    Rules {
        lifetime: 5 * minute,
        guesses: 3,
        resend_min_left: minute,
        remember_used: minute,
        receipt_lifetime: 5 * minute,
        sessions: 3,
        ladder: vec![0],
        quiet: minute,
        windows: vec![(8, 10 * minute)],
        sends_remembered: 1440 * minute,
        ceiling: 7,
        free: 6,
        first_wait: minute,
        longest_wait: minute,
        forget_after: 60 * minute,
    }
}

/// The steps of one client. Ids are numbers that all clients draw from, so that they repeat and settle each other's.
fn steps(seed: u64) -> Vec<Op> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut step = |n: u64| match rng.random_range(0..12) {
        0..=2 => Op::Send { id: rng.random_range(1..5) },
        3 => Op::Settle { id: rng.random_range(1..5), outcome: Outcome::NotSent },
        4 => Op::Settle { id: rng.random_range(1..5), outcome: Outcome::Sent },
        5 => Op::Redeem { guess: 100 + rng.random_range(0..4), by: seed * STEPS + n },
        // Some ids are shared: a check and its repeat, at once.
        6 | 7 => Op::Verify(Guess { digits: 1, handle: None, id: 100 + rng.random_range(0..4) }),
        8 => Op::Verify(Guess { digits: 1, handle: Some(1), id: 1_000 + seed * STEPS + n }),
        _ => Op::Verify(Guess { digits: rng.random_range(1..5), handle: None, id: 1_000 + seed * STEPS + n }),
    };
    (0..STEPS).map(&mut step).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn recorded_histories_are_linearizable() {
    let world = World::redis().await;
    let rules = rules();
    let connections: Vec<_> = (0..CLIENTS).map(|_| world.another_connection()).collect();
    let mut overlapping = 0;
    for history in 0..HISTORIES {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&history.to_be_bytes());
        let phone = Fingerprint::from_bytes(bytes);
        let recorder = Arc::new(Mutex::new(History::new(&rules)));
        let first = Asked::new(Arc::clone(&world.store), phone.clone(), &rules);
        record(&recorder, &first, CLIENTS, Op::Send { id: 1 }).await;
        let start = Arc::new(tokio::sync::Barrier::new(connections.len()));
        let mut clients = tokio::task::JoinSet::new();
        for (client, connection) in (0..CLIENTS).zip(&connections) {
            let store = Asked::new(Arc::clone(connection), phone.clone(), &rules);
            let (recorder, start) = (Arc::clone(&recorder), Arc::clone(&start));
            clients.spawn(async move {
                start.wait().await;
                for op in steps(history * CLIENTS + client) {
                    record(&recorder, &store, client, op).await;
                }
            });
        }
        clients.join_all().await;
        let recorded = Arc::into_inner(recorder).expect("no client is left");
        let recorded = recorded.into_inner().unwrap_or_else(PoisonError::into_inner);
        assert!(
            fits_an_order(&recorded.steps).await,
            "history {history} fits no order: {:#?}",
            recorded.steps
        );
        overlapping += u64::from(recorded.most_at_once > 1);
    }
    assert!(overlapping > HISTORIES / 2, "only {overlapping} histories had steps at once");
}

/// An order that fits is found within milliseconds; that there is none may take for ever to be certain of.
async fn fits_an_order(steps: &LinearizabilityTester<u64, Phone>) -> bool {
    let (steps, (tell, told)) = (steps.clone(), tokio::sync::oneshot::channel());
    std::thread::spawn(move || tell.send(steps.is_consistent()));
    matches!(tokio::time::timeout(Duration::from_secs(20), told).await, Ok(Ok(true)))
}

async fn record(history: &Mutex<History>, store: &Asked, client: u64, op: Op) {
    let lock = || history.lock().unwrap_or_else(PoisonError::into_inner);
    lock().asked(client, op);
    let answer = ask(store, op).await;
    lock().answered(client, answer);
}

/// Who asked and who was answered, in order.
struct History {
    steps: LinearizabilityTester<u64, Phone>,
    at_once: usize,
    most_at_once: usize,
}

impl History {
    fn new(rules: &Rules) -> Self {
        let steps = LinearizabilityTester::new(Phone(Model::new(rules.clone())));
        Self { steps, at_once: 0, most_at_once: 0 }
    }

    fn asked(&mut self, client: u64, op: Op) {
        self.steps.on_invoke(client, op).expect("one step after the other");
        self.at_once += 1;
        self.most_at_once = self.most_at_once.max(self.at_once);
    }

    fn answered(&mut self, client: u64, answer: Ret) {
        self.steps.on_return(client, answer).expect("a step was asked for");
        self.at_once -= 1;
    }
}

/// The checker itself: what no order explains is not let through.
#[test]
fn a_history_that_no_order_explains_is_refused() {
    let history = |answers: [VerifyAnswer; 2]| {
        let mut recorder = LinearizabilityTester::new(Phone(Model::new(rules())));
        let send = Ret::Granted { same: false, repeated: false, sends_left: 7 };
        recorder.on_invret(0, Op::Send { id: 1 }, send).expect("the first step");
        for (client, id) in [(1, 1_000), (2, 1_001)] {
            recorder.on_invoke(client, Op::Verify(Guess { digits: 1, handle: None, id })).expect("a step");
        }
        for (client, answer) in [1, 2].into_iter().zip(answers) {
            recorder.on_return(client, Ret::Verified(answer)).expect("a step was asked for");
        }
        recorder.is_consistent()
    };
    assert!(history([VerifyAnswer::AlreadyUsed, VerifyAnswer::Right]));
    assert!(!history([VerifyAnswer::Right, VerifyAnswer::Right]));
    assert!(!history([VerifyAnswer::AlreadyUsed, VerifyAnswer::AlreadyUsed]));
}
