//! Entries are settled together: each gets its own answer, and none is settled that another consumer has.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join_all};
use test_support::{TestRedis, eventually_true};
use textproof::{
    store::{EventStore, Published, Queue, Store, Suspects},
    stream::{Consumer, ConsumerSettings, Delivery},
};

use crate::{
    events::{member, publish, read},
    fixture::completed,
};

crate::on_every_store!(
    of_many_settled_at_once_each_is_settled_if_it_is_still_held,
    what_ends_together_gets_its_own_answers,
    an_acknowledgement_that_nobody_waits_for_is_made,
);

const PATIENCE: Duration = Duration::from_secs(20);

async fn depth(store: &Arc<dyn Store>) -> u64 {
    store.depth(Queue::Events).await.expect("the store answers")
}

/// A consumer of the only shard, and all events that are there, in its hands.
async fn taken(store: &Arc<dyn Store>, events: usize) -> (Consumer, Vec<Delivery>) {
    for n in 0..events {
        publish(store, &format!("e{n}"), 1).await;
    }
    let lease = Duration::from_secs(30);
    let settings = ConsumerSettings { group: "textproof".into(), host: "one".into(), lease };
    let mut consumer =
        Consumer::of_every_shard(Arc::clone(store) as Arc<dyn EventStore>, &settings).remove(0);
    let mut deliveries = Vec::new();
    while deliveries.len() < events {
        deliveries.extend(consumer.next(events).await.expect("the store answers"));
    }
    (consumer, deliveries)
}

async fn of_many_settled_at_once_each_is_settled_if_it_is_still_held(store: Arc<dyn Store>) {
    for n in 0..6 {
        publish(&store, &format!("e{n}"), 1).await;
    }
    let (mine, others) = (read(&store, "one", 3).await, read(&store, "two", 3).await);
    let mut all: Vec<_> = [mine[0].clone(), others[0].clone(), mine[1].clone(), mine[2].clone()]
        .iter()
        .map(completed)
        .collect();
    all[2].claim.deliveries = 2;
    let settled = store.settle_events(&member("one"), &all).await.expect("the store answers");
    assert_eq!(settled, [true, false, false, true]);
    assert_eq!(depth(&store).await, 4);
    // Marked done: a copy is known although its entry is gone.
    for n in [0, 2, 1, 3] {
        assert_eq!(publish(&store, &format!("e{n}"), 1).await, Published::Duplicate, "{n}");
    }
    assert_eq!(depth(&store).await, 4);
    assert!(
        store.settle_events(&member("one"), &[completed(&mine[1])]).await.expect("the store answers")[0],
        "a wrong count among others changed nothing"
    );
    assert!(store.settle_events(&member("one"), &[]).await.expect("the store answers").is_empty());
}

async fn what_ends_together_gets_its_own_answers(store: Arc<dyn Store>) {
    let (_consumer, deliveries) = taken(&store, 300).await;
    let taken_over = store.sweep(&member("two"), Duration::ZERO, "-", 7, Suspects::LeftOut).await;
    let taken_over: HashSet<_> =
        taken_over.expect("the store answers").entries.into_iter().map(|entry| entry.id).collect();
    assert_eq!(taken_over.len(), 7);
    let acknowledged = deliveries.into_iter().map(|delivery| async {
        let id = delivery.id().to_owned();
        (id, delivery.ack().await.expect("the store answers"))
    });
    for (id, mine) in join_all(acknowledged).await {
        assert_eq!(mine, !taken_over.contains(&id), "{id}");
    }
    assert_eq!(depth(&store).await, 7);
}

async fn an_acknowledgement_that_nobody_waits_for_is_made(store: Arc<dyn Store>) {
    let (consumer, deliveries) = taken(&store, 3).await;
    for delivery in deliveries {
        assert!(delivery.ack().now_or_never().is_none(), "asked once, and not again");
    }
    drop(consumer);
    eventually_true(PATIENCE, "all are settled", async || depth(&store).await == 0).await;
}

#[tokio::test]
async fn events_that_end_while_a_call_is_under_way_share_the_next_one() {
    let server = TestRedis::start().await;
    let store = crate::fixture::redis(&server);
    let (_consumer, deliveries) = taken(&store, 300).await;
    let mut monitor = server.monitor().await;
    let settled = join_all(deliveries.into_iter().map(Delivery::ack)).await;
    assert!(settled.into_iter().all(|settled| settled.expect("the store answers")));
    let digest = textproof::store::redis::scripts()
        .into_iter()
        .find(|script| script.name == "settle_events")
        .expect("there is such a script")
        .digest;
    let lines = monitor.lines().await;
    let calls = lines.iter().filter(|line| line.contains(&digest)).count();
    // 128 at a time, whoever comes first by itself, and once more in full since Redis had not seen the script.
    assert!((3..=6).contains(&calls), "{calls} calls");
}

#[tokio::test]
async fn a_store_that_does_not_answer_fails_everyone_who_waits() {
    let server = TestRedis::start().await;
    let store = crate::fixture::redis(&server);
    let (_consumer, deliveries) = taken(&store, 300).await;
    server.kill();
    let settled = join_all(deliveries.into_iter().map(Delivery::ack)).await;
    assert_eq!(settled.into_iter().filter(Result::is_err).count(), 300);
}
