//! Everything dies, at random: workers, Redis, its scripts, the place that events are forwarded to. In the end each
//! event that was accepted has taken effect exactly once.
//!
//! In a run of all tests, 5,000 events. `scripts/chaos [EVENTS] [SEED]` runs it with 100,000.

mod fleet;
mod plan;
mod schema;
mod target;
mod verdict;
mod webhooks;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use redis::cmd;
use test_support::{Fsync, TestRedis, eventually_true};
use textproof::store::Backlog;
use tokio::time::{MissedTickBehavior, interval};

use self::{
    fleet::Fleet,
    plan::{Action, Plan},
    target::Target,
    webhooks::{Poison, Webhooks},
};
use crate::{acting::backlog, fixture::World};

/// From one blow to the next.
const TICK: Duration = Duration::from_millis(250);
/// Until everything has settled once the blows have ended: an event that failed often waits its time.
const CALM: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_each_accepted_event_takes_effect_exactly_once() {
    let events = setting("TEXTPROOF_CHAOS_EVENTS").unwrap_or(5_000);
    let seed = setting("TEXTPROOF_CHAOS_SEED").unwrap_or_else(rand::random);
    println!("chaos with {events} events and seed {seed}");

    let redis = TestRedis::builder().aof(Fsync::Always).start().await;
    let world = World::on(redis, "");
    let spool = world.folder("spool");
    let ingest = world.binary("webhook-ingest").env("TEXTPROOF_SPOOL_DIR", spool).listen().await;
    let webhooks = Webhooks::new(&world, &ingest, events as usize).await;
    let mut target = Target::start().await;
    let mut fleet = Fleet::start(&world, &target);
    let poison = Poison::plant(&world, &webhooks).await;

    let mut plan = Plan::new(seed);
    let posted = AtomicBool::new(false);
    let post_all = async {
        webhooks.post_all(TICK).await;
        posted.store(true, Ordering::Relaxed);
    };
    let strike = async {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !posted.load(Ordering::Relaxed) {
            ticks.tick().await;
            fleet.tend();
            target.tend().await;
            act(plan.next(), &world, &mut fleet, &mut target).await;
        }
    };
    tokio::join!(post_all, strike);

    target.come_back().await;
    fleet.thaw_all();
    let done = Backlog { dead_letters: poison.len() as u64, ..Backlog::default() };
    eventually_true(CALM, "everything is settled", async || {
        fleet.tend();
        webhooks::spooled(&ingest).await == 0 && backlog(&world).await == done
    })
    .await;
    fleet.stop().await;
    println!("{plan} {} workers died or left.", fleet.ended());
    verdict::assert_exactly_once(&world, &webhooks, &poison, &target).await;
    schema::assert_every_key_is_as_the_schema_says(&world.redis).await;
}

async fn act(action: Action, world: &World, fleet: &mut Fleet<'_>, target: &mut Target) {
    match action {
        Action::KillWorker(worker) => fleet.kill(worker).await,
        Action::DeployWorker(worker) => fleet.deploy(worker),
        Action::FreezeWorker(worker, time) => fleet.freeze(worker, time),
        Action::FlushScripts => world.ask(cmd("SCRIPT").arg("FLUSH")).await,
        Action::StopTarget(time) => target.go_away(time),
        Action::StopRedis => {
            world.redis.stop().await;
            world.redis.restart().await;
        }
        Action::KillRedis => {
            world.redis.kill();
            world.redis.restart().await;
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}
