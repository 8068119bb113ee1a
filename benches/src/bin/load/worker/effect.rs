//! From publish to effect at a set rate, against PING at the same rate on a connection of the same kind.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use async_trait::async_trait;
use benches::{Numbered, median, pacer, redis_store};
use test_support::{TestRedis, eventually_true};
use textproof::{
    event::Event,
    store::{HealthStore as _, Published, RedisStore},
    stream::Producer,
};
use tokio::{sync::Semaphore, task::JoinSet};
use worker::{Handler, HandlerError};

use super::engine::Engine;
use crate::args::Args;

const RATE: f64 = 2_000.0;
const DEADLINE: Duration = Duration::from_secs(20);

/// Milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latency {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Times of both, the medians of legs in turns.
pub(crate) async fn run(args: &Args) -> anyhow::Result<(Latency, Latency)> {
    let server = TestRedis::start().await;
    let (mut effects, mut pings) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds.max(2) {
        for is_ping in [true, false, true] {
            let leg =
                if is_ping { ping(&server, args.leg()).await? } else { effect(&server, args.leg()).await? };
            eprintln!("{}: {leg:?}", if is_ping { "PING" } else { "publish to effect" });
            if is_ping { pings.push(leg) } else { effects.push(leg) }
        }
    }
    Ok((middle(&effects), middle(&pings)))
}

/// Nanoseconds from a common start, one place for each event: when it was published, then how long it took.
struct Times {
    start: Instant,
    taken: Vec<AtomicU64>,
    done: AtomicU64,
}

impl Times {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

struct Timing(Arc<Times>);

#[async_trait]
impl Handler for Timing {
    fn name(&self) -> &'static str {
        "timing"
    }

    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let number = event.id.as_str().trim_start_matches("evt_").parse::<usize>();
        let number = number.map_err(|_| HandlerError::fatal("an event without a number"))?;
        let published = self.0.taken[number].load(Ordering::Acquire);
        self.0.taken[number].store(self.0.now() - published, Ordering::Release);
        self.0.done.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

async fn effect(server: &TestRedis, leg: Duration) -> anyhow::Result<Latency> {
    let () = redis::cmd("FLUSHALL").query_async(&mut server.connection().await).await?;
    let store = redis_store(server);
    let room = (RATE * leg.as_secs_f64()) as usize + 1_000;
    let taken = (0..room).map(|_| AtomicU64::new(0)).collect();
    let times = Arc::new(Times { start: Instant::now(), taken, done: AtomicU64::new(0) });
    let engine = Engine::start(Arc::clone(&store), Timing(Arc::clone(&times)));
    let producer = Producer::new(store);
    // The first event opens the connections and creates the group.
    ensure!(Numbered::new().publish(&producer, 0).await? == Published::New);
    eventually_true(DEADLINE, "the first effect", async || times.done.load(Ordering::Acquire) == 1).await;
    let published = Arc::clone(&times);
    let sent = paced(leg, move |n| {
        let (times, producer) = (Arc::clone(&published), producer.clone());
        async move {
            let mut event = Numbered::new();
            times.taken[n].store(times.now(), Ordering::Release);
            ensure!(event.publish(&producer, n as u64).await? == Published::New, "an event was not new");
            Ok(())
        }
    })
    .await?;
    let all = sent as u64 + 1;
    eventually_true(DEADLINE, "every effect", async || times.done.load(Ordering::Acquire) == all).await;
    engine.stop().await?;
    ensure!(times.done.load(Ordering::Acquire) == all, "an event took effect twice");
    latency((1..=sent).map(|n| times.taken[n].load(Ordering::Acquire)).collect())
}

async fn ping(server: &TestRedis, leg: Duration) -> anyhow::Result<Latency> {
    let store: Arc<RedisStore> = redis_store(server);
    store.ping().await?;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    paced(leg, move |_| {
        let (store, sender) = (Arc::clone(&store), sender.clone());
        async move {
            let before = Instant::now();
            store.ping().await?;
            sender.send(before.elapsed().as_nanos() as u64).context("nobody listens")
        }
    })
    .await?;
    let mut taken = Vec::new();
    while let Ok(one) = receiver.try_recv() {
        taken.push(one);
    }
    latency(taken)
}

/// Starts a call with every number from 1 at [`RATE`]; returns the last number when all have ended.
async fn paced<F>(leg: Duration, call: impl Fn(usize) -> F) -> anyhow::Result<usize>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let due = Arc::new(Semaphore::new(0));
    let pacer = pacer(Arc::clone(&due), RATE, Instant::now(), leg);
    let (mut calls, mut number) = (JoinSet::new(), 0);
    while let Ok(permit) = due.acquire().await {
        permit.forget();
        number += 1;
        calls.spawn(call(number));
        while let Some(ended) = calls.try_join_next() {
            ended??;
        }
    }
    while let Some(ended) = calls.join_next().await {
        ended??;
    }
    pacer.join().map_err(|_| anyhow::anyhow!("the pacer panicked"))?;
    Ok(number)
}

fn latency(mut ns: Vec<u64>) -> anyhow::Result<Latency> {
    ensure!(!ns.is_empty(), "nothing was measured");
    ns.sort_unstable();
    let at = |percent: usize| ns[(ns.len() - 1) * percent / 100] as f64 / 1e6;
    Ok(Latency { p50_ms: at(50), p99_ms: at(99) })
}

fn middle(legs: &[Latency]) -> Latency {
    let of = |figure: fn(&Latency) -> f64| median(legs.iter().map(figure).collect());
    Latency { p50_ms: of(|leg| leg.p50_ms), p99_ms: of(|leg| leg.p99_ms) }
}
