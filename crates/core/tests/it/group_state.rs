//! What an operator sees of a consumer group.

use std::{sync::Arc, time::Duration};

use textproof::store::{Detail, Entry, Failures, GroupState, Queue, Store};

use crate::fixture::{self, member, millis, settle};

crate::on_every_store!(
    nothing_is_there_at_first,
    every_event_is_counted_where_it_is,
    those_with_the_most_in_their_hands_are_named_first,
    what_left_the_stream_is_counted,
);

const ALL: Detail = Detail { consumers: 10, dead_letters: 10 };

async fn publish(store: &Arc<dyn Store>, queue: Queue, name: &str) {
    fixture::publish(store.as_ref(), queue, name).await.expect("the store answers");
}

async fn take(store: &Arc<dyn Store>, consumer: &str, count: usize) -> Vec<Entry> {
    let mut reader = store.reader(&member(consumer)).await.expect("the store answers");
    reader.read(count, millis(20)).await.expect("the store answers")
}

async fn state(store: &Arc<dyn Store>, detail: Detail) -> GroupState {
    let mut states = store.group_states("textproof", detail).await.expect("the store answers");
    assert_eq!(states.len(), 1);
    states.remove(0)
}

async fn nothing_is_there_at_first(store: Arc<dyn Store>) {
    let state = state(&store, ALL).await;
    assert!(state.now_ms > 1_700_000_000_000);
    assert_eq!(state, GroupState { now_ms: state.now_ms, left: Some(0), ..GroupState::default() });
}

async fn every_event_is_counted_where_it_is(store: Arc<dyn Store>) {
    for name in ["delayed", "dead", "also dead", "held", "waiting"] {
        publish(&store, Queue::Events, name).await;
    }
    publish(&store, Queue::Quarantine, "odd").await;
    let entries = take(&store, "one", 4).await;
    let failures = Failures { count: 1, first: "no".into(), last: "no".into() };
    let (one, later) = (member("one"), Duration::from_secs(60));
    store.delay_event(&one, &entries[0].id, &entries[0].claim, &failures, later).await.expect("an answer");
    for (entry, reason) in [(&entries[1], "fatal"), (&entries[2], "attempts")] {
        assert!(store.bury_event(&one, &entry.id, &entry.claim, &failures, reason).await.expect("an answer"));
    }
    let state = state(&store, ALL).await;
    let backlog = state.backlog;
    assert_eq!((backlog.events, backlog.delayed, backlog.dead_letters, backlog.quarantined), (2, 1, 2, 1));
    assert_eq!((state.pending, state.consumer_count, state.left), (1, 1, Some(3)));
    assert!(state.oldest.expect("events wait") < Duration::from_secs(60));
    let reasons: Vec<_> = state.dead_letters_by_reason.into_iter().collect();
    assert_eq!(reasons, [("attempts".to_owned(), 1), ("fatal".to_owned(), 1)]);

    let bounded = self::state(&store, Detail { consumers: 0, dead_letters: 1 }).await;
    assert!(bounded.consumers.is_empty());
    assert_eq!(bounded.dead_letters_by_reason.into_iter().collect::<Vec<_>>(), [("attempts".to_owned(), 1)]);
    assert_eq!((bounded.backlog.dead_letters, bounded.consumer_count), (2, 1), "counted all the same");
}

async fn those_with_the_most_in_their_hands_are_named_first(store: Arc<dyn Store>) {
    for n in 0..6 {
        publish(&store, Queue::Events, &format!("e{n}")).await;
    }
    take(&store, "few", 1).await;
    take(&store, "many", 3).await;
    take(&store, "some", 2).await;
    // Longer than a millisecond, and by the store's clock.
    let shortest = millis(5);
    let held = test_support::eventually(Duration::from_secs(5), "they are held for a while", async || {
        let state = state(&store, Detail { consumers: 2, dead_letters: 0 }).await;
        state.consumers.iter().all(|consumer| consumer.longest_held >= shortest).then_some(state)
    })
    .await;
    let named: Vec<_> = held.consumers.iter().map(|known| (known.name.as_str(), known.pending)).collect();
    assert_eq!(named, [("many", 3), ("some", 2)]);
    assert_eq!((held.consumer_count, held.pending), (3, 6));
}

async fn what_left_the_stream_is_counted(store: Arc<dyn Store>) {
    for n in 0..3 {
        publish(&store, Queue::Events, &format!("e{n}")).await;
    }
    let before = state(&store, ALL).await;
    for entry in take(&store, "one", 2).await {
        assert!(settle(&store, &member("one"), &entry).await);
    }
    let after = state(&store, ALL).await;
    assert_eq!((before.left, after.left), (Some(0), Some(2)));
    // A millisecond may not have passed: the rate of a moment is the test of `GroupState`'s own.
    assert!(after.now_ms >= before.now_ms);
}
