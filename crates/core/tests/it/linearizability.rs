//! Histories of several hosts, recorded as they happen and checked for linearizability: there is one order of all
//! calls, within their real times, in which the model gives the same answers.

use std::sync::{Arc, Mutex};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};
use test_support::TestRedis;
use textproof::store::Store;

use crate::{
    ageing::World,
    fixture::redis_at,
    interleavings::Run,
    model::{Answer, Outcome, Phone, Sent, Session},
};

const HISTORIES: u64 = 60;
const HOSTS: usize = 4;
const CALLS: usize = 5;
/// All calls of a history are made within much less than any wait of the model.
const NOW: u64 = 1_000_000_000;

#[derive(Clone, Copy, Debug)]
enum Call {
    Send { session: Session, id: u32 },
    Settle { id: u32, outcome: Outcome },
    Check { session: Session, id: u32, digits: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Return {
    Sent(Sent),
    Settled,
    Checked(Answer),
}

/// The model as the specification of an object that is called by one after the other.
#[derive(Clone, Debug, Default)]
struct Specification(Phone);

impl SequentialSpec for Specification {
    type Op = Call;
    type Ret = Return;

    fn invoke(&mut self, call: &Call) -> Return {
        match *call {
            Call::Send { session, id } => Return::Sent(self.0.send(session, id, digits_of(id), NOW)),
            Call::Settle { id, outcome } => {
                self.0.settle(id, outcome, NOW);
                Return::Settled
            }
            Call::Check { session, id, digits } => {
                Return::Checked(timeless(self.0.check(session, id, digits, true, NOW)))
            }
        }
    }
}

/// The code that a send makes, if it makes one.
fn digits_of(id: u32) -> u32 {
    100_000 + id
}

/// How long exactly is left is no part of what is checked here.
fn timeless(answer: Answer) -> Answer {
    if matches!(answer, Answer::Waits { .. }) { Answer::Waits { ms: 0 } } else { answer }
}

enum Event {
    Invoked(usize, Call),
    Returned(usize, Return),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn recorded_histories_are_linearizable() {
    let server = TestRedis::start().await;
    // Hosts of their own: each has its connection.
    let hosts: Vec<Arc<dyn Store>> = (0..HOSTS).map(|_| redis_at(&server.url())).collect();
    let mut overlapping = 0;
    for seed in 0..HISTORIES {
        let history = record(&hosts, seed).await;
        let mut tester = LinearizabilityTester::new(Specification::default());
        let (mut running, mut most) = (0, 0);
        for event in history {
            let valid = match event {
                Event::Invoked(host, call) => {
                    running += 1;
                    most = running.max(most);
                    tester.on_invoke(host, call).map(drop)
                }
                Event::Returned(host, returned) => {
                    running -= 1;
                    tester.on_return(host, returned).map(drop)
                }
            };
            valid.expect("each host makes one call at a time");
        }
        overlapping += u32::from(most > 1);
        assert!(tester.is_consistent(), "history {seed} has no order that explains it: {tester:?}");
    }
    assert!(overlapping > 30, "only {overlapping} histories had calls at once");
}

/// One send, and then all hosts at once.
async fn record(hosts: &[Arc<dyn Store>], seed: u64) -> Vec<Event> {
    let events = Arc::new(Mutex::new(Vec::new()));
    let phone = u8::try_from(seed).expect("few histories");
    let first = Call::Send { session: 0, id: 1 };
    make(&hosts[0], phone, 0, first, &events).await;
    let mut tasks = tokio::task::JoinSet::new();
    for (number, host) in hosts.iter().enumerate() {
        let (host, events) = (Arc::clone(host), Arc::clone(&events));
        let mut rng = StdRng::seed_from_u64(seed * 100 + number as u64);
        let calls: Vec<Call> = (0..CALLS).map(|n| call(&mut rng, number, n)).collect();
        tasks.spawn(async move {
            for call in calls {
                make(&host, phone, number, call, &events).await;
            }
        });
    }
    tasks.join_all().await;
    Arc::into_inner(events).expect("nobody else").into_inner().expect("no panic")
}

/// Mostly checks, of the code of the first send or of another; now and then a send or a settlement.
fn call(rng: &mut StdRng, host: usize, n: usize) -> Call {
    let id = u32::try_from(10 + host * 10 + n).expect("small");
    let session = u8::from(rng.random_bool(0.2));
    match rng.random_range(0..10) {
        0..=1 => Call::Send { session, id },
        2 => {
            let outcome = if rng.random_bool(0.5) { Outcome::NotSent } else { Outcome::Sent };
            Call::Settle { id: 1, outcome }
        }
        _ => {
            let digits = if rng.random_bool(0.3) { digits_of(1) } else { 999_999 };
            // Two hosts may repeat one request.
            let id = if rng.random_bool(0.1) { 99 } else { id };
            Call::Check { session, id, digits }
        }
    }
}

async fn make(store: &Arc<dyn Store>, phone: u8, host: usize, call: Call, events: &Mutex<Vec<Event>>) {
    let world = World::unaged(store);
    let run = Run::new(&world, phone);
    events.lock().expect("no panic").push(Event::Invoked(host, call));
    let returned = match call {
        Call::Send { session, id } => Return::Sent(run.reserve(session, id, digits_of(id)).await),
        Call::Settle { id, outcome } => {
            run.close(0, id, outcome).await;
            Return::Settled
        }
        Call::Check { session, id, digits } => {
            Return::Checked(timeless(run.ask(session, id, digits, true).await))
        }
    };
    events.lock().expect("no panic").push(Event::Returned(host, returned));
}
