//! A gateway sends its webhook again, whatever has become of the event meanwhile.

use test_support::{FaultProxy, eventually_true};
use textproof::store::Backlog;

use crate::{
    acting::{Ledger, Told, acting_worker, backlog},
    fixture::{PATIENCE, World, digest},
    webhooks::counts::stored,
};

/// Fails, is given up at the next start, and takes effect after that: once it is redriven.
const SCRIPT: &str = "fail,fatal,good";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_is_a_duplicate_while_its_event_is_live_put_off_dead_redriven_and_done() {
    let world = World::start().await;
    world.load_scripts().await;
    let proxy = FaultProxy::start(world.redis.addr()).await;
    let ingests = [world.binary("webhook-ingest").listen().await];
    let told = Told::new(&ingests[0]);
    let id = told.post("again", SCRIPT).await;
    let mut copies = 0;
    // Two copies in each state: neither changes it.
    let mut post_copies_while = async |state: char| {
        for _ in 0..2 {
            assert_eq!(world.marks().await[&id], state);
            assert_eq!(told.post("again", SCRIPT).await, id);
            copies += 1;
            assert_eq!(world.marks().await[&id], state);
        }
        let counts = (stored(&ingests, "new").await, stored(&ingests, "duplicate").await);
        assert_eq!(counts, (1, copies), "while {state}");
    };

    post_copies_while('L').await;

    // The call that would bring it back on the stream is held up.
    proxy.hold_on(digest("move_due"));
    let mut worker =
        acting_worker(&world).env("TEXTPROOF_REDIS_URL", format!("redis://{}", proxy.addr())).spawn();
    proxy.held(1, PATIENCE).await;
    post_copies_while('W').await;

    proxy.clear();
    eventually_true(PATIENCE, "it is a dead letter", async || backlog(&world).await.dead_letters == 1).await;
    worker.kill9().await;
    post_copies_while('X').await;

    let redrive = ["dead-letters", "redrive", "--yes", "--json"];
    let mut redriven = world.binary("textproof").args(redrive).spawn();
    assert_eq!(redriven.wait(PATIENCE).await.code(), Some(0), "{redriven}");
    post_copies_while('L').await;

    let _worker = acting_worker(&world).spawn();
    eventually_true(PATIENCE, "it is settled", async || backlog(&world).await == Backlog::default()).await;
    post_copies_while('D').await;
    assert_eq!(backlog(&world).await, Backlog::default());

    let mut ledger = Ledger::open(&world.redis).await;
    assert_eq!(ledger.starts().await[&id].len(), 3);
    assert_eq!((ledger.effects().await.len(), ledger.total().await), (1, 1));
}
