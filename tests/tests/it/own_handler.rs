//! `examples/own-handler`: a worker with one handler more.

use test_support::{TestRedis, eventually_true, free_port};
use textproof::store::Consent;

use crate::{
    fixture::{EVENTS, PATIENCE, World, http, post, reply, websms},
    name::Name,
};

#[tokio::test]
async fn the_example_acts_on_every_text_beside_the_handlers_that_every_worker_has() {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    let mut worker = world.binary("own-handler").listen().await;
    let stop = reply("own-1", "+64211234567", "Stop", 1_700_000_000);
    for copy in 1..=2 {
        assert_eq!(post(&http(), &websms(&ingest), stop.clone()).await.0, 200, "copy {copy}: {ingest}");
    }
    let timestamp = "1700000000".to_owned();
    let id = Name { kind: "reply", message_id: "own-1", status_code: None, timestamp }.event_id();
    eventually_true(PATIENCE, "it is settled", async || world.marks().await.get(&id) == Some(&'D')).await;
    assert_eq!(world.depth(EVENTS).await, 0);
    let kept = std::fs::read_to_string(world.folder("").join(format!("{id}.txt")));
    assert_eq!(kept.expect("its file is there"), "Stop");
    let consent = world.ledger().read("default", "+64211234567", "552").await.expect("the test's Redis");
    assert_eq!(consent.map(|known| known.consent), Some(Consent::Out));
    assert_eq!(worker.terminate(PATIENCE).await.code(), Some(0), "{worker}");
}

#[tokio::test]
async fn a_handler_of_ones_own_acts_although_the_place_that_events_are_forwarded_to_is_down() {
    let nobody = format!("http://127.0.0.1:{}/hook", free_port());
    let world = World::on(TestRedis::start().await, &crate::forwards::rules(&nobody));
    let ingest = world.binary("webhook-ingest").listen().await;
    let mut worker = world.binary("own-handler").listen().await;
    let text = reply("own-2", "+64211234567", "hello", 1_700_000_000);
    assert_eq!(post(&http(), &websms(&ingest), text).await.0, 200, "{ingest}");
    let timestamp = "1700000000".to_owned();
    let id = Name { kind: "reply", message_id: "own-2", status_code: None, timestamp }.event_id();
    eventually_true(PATIENCE, "it is put off", async || world.marks().await.get(&id) == Some(&'W')).await;
    let kept = std::fs::read_to_string(world.folder("").join(format!("{id}.txt")));
    assert_eq!(kept.expect("its file is there"), "hello");
    assert_eq!(worker.terminate(PATIENCE).await.code(), Some(0), "{worker}");
}
