//! Events that failed: put off, buried, redriven, and suspects taken alone.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use test_support::{TestRedis, eventually};
use textproof::{
    event::{ContentDigest, EventId, Identity},
    store::{
        Backlog, DeadLetter, Entry, Failures, Order, Place, Publish, Published, Queue, SUSPICIOUS_STARTS,
        Store, Suspects,
    },
};

use crate::fixture::{member, millis, redis, settle};

crate::on_every_store!(
    an_event_that_is_put_off_comes_back_with_its_failures,
    an_event_that_is_not_due_stays_away,
    only_who_holds_an_entry_can_put_it_off_or_bury_it,
    what_is_put_off_is_tried_since_it_came_and_a_redriven_letter_since_then,
    what_is_due_is_moved_once,
    a_dead_letter_keeps_everything_and_can_be_redriven_once,
    a_dropped_dead_letter_stays_a_duplicate,
    dead_letters_have_pages,
    an_entry_started_twice_without_an_answer_is_taken_alone,
);

const PATIENCE: Duration = Duration::from_secs(5);

fn id(name: &str) -> EventId {
    EventId::of(&Identity::of_body("test", name.as_bytes()))
}

async fn publish(store: &Arc<dyn Store>, name: &str) -> Published {
    let publish = Publish {
        queue: Queue::Events,
        id: &id(name),
        conflict_id: &id(&format!("{name} conflict")),
        digest: ContentDigest([1; 8]),
        envelope: name,
        raw: &[0, 255, 7],
        placement: 0,
    };
    store.publish(&publish).await.expect("the store answers")
}

async fn read(store: &Arc<dyn Store>, consumer: &str) -> Vec<Entry> {
    let mut reader = store.reader(&member(consumer)).await.expect("the store answers");
    reader.read(100, millis(20)).await.expect("the store answers")
}

fn failures(count: u32) -> Failures {
    Failures { count, first: "the first".into(), last: "the last".into() }
}

async fn delay(store: &Arc<dyn Store>, consumer: &str, entry: &Entry, delay: Duration) -> bool {
    let (member, failures) = (member(consumer), failures(3));
    let delayed = store.delay_event(&member, &entry.id, &entry.claim, &failures, delay).await;
    delayed.expect("the store answers")
}

async fn bury(store: &Arc<dyn Store>, consumer: &str, entry: &Entry) -> bool {
    let (member, failures) = (member(consumer), failures(12));
    let buried = store.bury_event(&member, &entry.id, &entry.claim, &failures, "failures").await;
    buried.expect("the store answers")
}

async fn backlog(store: &Arc<dyn Store>) -> Backlog {
    store.backlog().await.expect("the store answers")
}

async fn dead(store: &Arc<dyn Store>) -> Vec<DeadLetter> {
    store.dead_letters(Order::OldestFirst, None, 100).await.expect("the store answers")
}

async fn moved(store: &Arc<dyn Store>) -> u64 {
    store.move_due(0, 100).await.expect("the store answers").moved
}

async fn an_event_that_is_put_off_comes_back_with_its_failures(store: Arc<dyn Store>) {
    publish(&store, "a").await;
    let entry = read(&store, "one").await.remove(0);
    assert_eq!(entry.failures, Failures::default());
    assert!(delay(&store, "one", &entry, millis(1)).await);
    assert_eq!(publish(&store, "a").await, Published::Duplicate, "its webhook comes again meanwhile");
    eventually(PATIENCE, "it is moved when it is due", async || (moved(&store).await == 1).then_some(()))
        .await;
    assert_eq!(backlog(&store).await, Backlog { events: 1, ..Backlog::default() });
    let back = read(&store, "two").await.remove(0);
    assert_eq!(
        (back.id.as_str(), back.envelope.as_str(), back.raw.as_ref()),
        (id("a").as_str(), "a", &[0, 255, 7][..])
    );
    assert_eq!(
        (back.failures.clone(), back.claim.deliveries),
        (failures(3), 1),
        "its starts are counted anew"
    );
    assert_eq!(publish(&store, "a").await, Published::Duplicate);
    assert!(settle(&store, &member("two"), &back).await);
    assert_eq!(publish(&store, "a").await, Published::Duplicate);
}

async fn an_event_that_is_not_due_stays_away(store: Arc<dyn Store>) {
    publish(&store, "a").await;
    let entry = read(&store, "one").await.remove(0);
    assert!(delay(&store, "one", &entry, Duration::from_secs(60)).await);
    let due = store.move_due(0, 100).await.expect("the store answers");
    assert_eq!(due.moved, 0);
    assert!(due.next.is_some_and(|next| next > Duration::from_secs(50) && next <= Duration::from_secs(60)));
    assert_eq!(backlog(&store).await, Backlog { delayed: 1, ..Backlog::default() });
    assert!(read(&store, "two").await.is_empty());
}

async fn only_who_holds_an_entry_can_put_it_off_or_bury_it(store: Arc<dyn Store>) {
    publish(&store, "a").await;
    let entry = read(&store, "one").await.remove(0);
    assert!(!delay(&store, "two", &entry, millis(1)).await);
    assert!(!bury(&store, "two", &entry).await);
    let mut stale = entry.clone();
    stale.claim.deliveries += 1;
    assert!(!delay(&store, "one", &stale, millis(1)).await);
    assert!(!bury(&store, "one", &stale).await);
    assert_eq!(backlog(&store).await, Backlog { events: 1, ..Backlog::default() });
    assert!(bury(&store, "one", &entry).await);
    assert!(!bury(&store, "one", &entry).await && !delay(&store, "one", &entry, millis(1)).await);
    assert_eq!(backlog(&store).await, Backlog { dead_letters: 1, ..Backlog::default() });
}

async fn what_is_put_off_is_tried_since_it_came_and_a_redriven_letter_since_then(store: Arc<dyn Store>) {
    publish(&store, "a").await;
    let first = read(&store, "one").await.remove(0);
    let mut entry = first.clone();
    for _ in 0..3 {
        assert!(delay(&store, "one", &entry, millis(2)).await);
        eventually(PATIENCE, "it is due", async || (moved(&store).await == 1).then_some(())).await;
        entry = read(&store, "one").await.remove(0);
        assert_eq!(entry.tried_since_ms, first.tried_since_ms);
    }
    assert!(bury(&store, "one", &entry).await);
    assert!(store.redrive(&dead(&store).await[0]).await.expect("the store answers"));
    let back = read(&store, "one").await.remove(0);
    assert!(back.tried_since_ms >= first.tried_since_ms + 6, "three delays later: {back:?}");
}

async fn what_is_due_is_moved_once(store: Arc<dyn Store>) {
    for n in 0..30 {
        publish(&store, &format!("e{n}")).await;
    }
    for entry in read(&store, "one").await {
        assert!(delay(&store, "one", &entry, Duration::ZERO).await);
    }
    let mut movers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        movers.spawn(async move { store.move_due(0, 7).await.expect("the store answers").moved });
    }
    let mut all: u64 = movers.join_all().await.into_iter().sum();
    while all < 30 {
        all += moved(&store).await;
    }
    assert_eq!(all, 30);
    let mut names: Vec<_> = read(&store, "two").await.into_iter().map(|entry| entry.envelope).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), moved(&store).await), (30, 0));
}

async fn a_dead_letter_keeps_everything_and_can_be_redriven_once(store: Arc<dyn Store>) {
    publish(&store, "a").await;
    let entry = read(&store, "one").await.remove(0);
    assert!(bury(&store, "one", &entry).await);
    assert_eq!(publish(&store, "a").await, Published::Duplicate, "a copy of its webhook");
    let letter = dead(&store).await.remove(0);
    let expected = DeadLetter {
        position: letter.position.clone(),
        id: id("a").to_string(),
        reason: "failures".into(),
        starts: 1,
        failures: failures(12),
        envelope: "a".into(),
        raw: vec![0, 255, 7].into(),
    };
    assert_eq!(letter, expected);
    let found = store.dead_letter_at(&letter.position).await.expect("the store answers");
    assert_eq!(found.as_ref(), Some(&letter));
    assert_eq!(store.dead_letter_at("no position").await.expect("the store answers"), None);
    assert!(store.redrive(&letter).await.expect("the store answers"));
    assert!(!store.redrive(&letter).await.expect("the store answers"), "it is gone");
    assert!(!store.drop_dead_letter(&letter).await.expect("the store answers"));
    assert_eq!(publish(&store, "a").await, Published::Duplicate);
    let back = read(&store, "two").await;
    assert_eq!(back.len(), 1);
    assert_eq!((back[0].failures.clone(), back[0].claim.deliveries), (Failures::default(), 1));
    assert_eq!(backlog(&store).await, Backlog { events: 1, ..Backlog::default() });
}

async fn a_dropped_dead_letter_stays_a_duplicate(store: Arc<dyn Store>) {
    publish(&store, "a").await;
    let entry = read(&store, "one").await.remove(0);
    assert!(bury(&store, "one", &entry).await);
    let letter = dead(&store).await.remove(0);
    assert!(store.drop_dead_letter(&letter).await.expect("the store answers"));
    assert!(!store.drop_dead_letter(&letter).await.expect("the store answers"));
    assert_eq!(backlog(&store).await, Backlog::default());
    assert_eq!(publish(&store, "a").await, Published::Duplicate);
}

async fn dead_letters_have_pages(store: Arc<dyn Store>) {
    for name in ["a", "b", "c"] {
        publish(&store, name).await;
    }
    for entry in read(&store, "one").await {
        assert!(bury(&store, "one", &entry).await);
    }
    let page = async |order, after: Option<&str>| {
        let letters = store.dead_letters(order, after, 2).await.expect("the store answers");
        let last = letters.last().map(|letter| letter.position.clone());
        (letters.into_iter().map(|letter| letter.envelope).collect::<Vec<_>>(), last)
    };
    let (first, last) = page(Order::OldestFirst, None).await;
    assert_eq!(first, ["a", "b"]);
    assert_eq!(page(Order::OldestFirst, last.as_deref()).await.0, ["c"]);
    assert_eq!(page(Order::NewestFirst, None).await.0, ["c", "b"]);
    assert!(page(Order::OldestFirst, Some("no position")).await.0.is_empty());
}

async fn an_entry_started_twice_without_an_answer_is_taken_alone(store: Arc<dyn Store>) {
    for name in ["bad", "good", "worse"] {
        publish(&store, name).await;
    }
    read(&store, "dying").await;
    let sweep = async |suspects| {
        store.sweep(&member("next"), millis(1), "-", 10, suspects).await.expect("the store answers")
    };
    let all = eventually(PATIENCE, "the lease has ended", async || {
        let swept = sweep(Suspects::LeftOut).await;
        (swept.entries.len() == 3).then_some(swept.entries)
    })
    .await;
    // The good one gets its answer, the process dies with the other two.
    assert!(settle(&store, &member("next"), &all[1]).await);
    let left_out = eventually(PATIENCE, "the lease has ended again", async || {
        let swept = sweep(Suspects::LeftOut).await;
        assert!(swept.entries.is_empty(), "{swept:?}");
        swept.suspects.then_some(())
    });
    left_out.await;
    let alone = sweep(Suspects::OneAlone).await;
    assert_eq!(alone.entries.len(), 1, "one and no more");
    assert_eq!(
        (alone.entries[0].envelope.as_str(), alone.entries[0].claim.deliveries),
        ("bad", SUSPICIOUS_STARTS + 1)
    );
}

/// By an operator's hand, say. What it holds then is an event that cannot be read: the worker buries such.
#[tokio::test]
async fn a_spoilt_delayed_entry_keeps_no_other_from_its_turn() {
    let server = TestRedis::start().await;
    let store: Arc<dyn Store> = redis(&server);
    // No MessagePack, a number, a map with too little, one that is whole but for a time that is a list.
    let no_time = b"\x88\xa1i\xa1i\xa1c\xa10\xa1e\xa1e\xa1r\xa1r\xa1a\xa10\xa1f\xa1f\xa1l\xa1l\xa1w\x90";
    let spoilt: [(&str, &[u8]); 4] =
        [("first", b"\xc1nothing"), ("second", b"\x05"), ("third", b"\x81\xa1i\xa1x"), ("fourth", no_time)];
    for name in spoilt.iter().map(|(name, _)| *name).chain(["whole"]) {
        publish(&store, name).await;
    }
    for entry in read(&store, "one").await {
        assert!(delay(&store, "one", &entry, Duration::ZERO).await);
    }
    for (name, bytes) in spoilt {
        let _: u64 = redis::cmd("HSET")
            .arg("tp1:{e0}:delayed")
            .arg(id(name).as_str())
            .arg(bytes)
            .query_async(&mut server.connection().await)
            .await
            .expect("HSET answers");
    }
    let page = store.stored(Place::Delayed, None, 100).await.expect("the store answers").entries;
    let raw = |name: &str, all: &[(String, Bytes)]| {
        all.iter().find(|(known, _)| known == id(name).as_str()).map(|(_, raw)| raw.clone())
    };
    let looked_at: Vec<_> = page.into_iter().map(|entry| (entry.id, entry.raw)).collect();

    assert_eq!(moved(&store).await, 5);
    let entries = read(&store, "two").await;
    let whole = entries.iter().find(|entry| entry.id == id("whole").as_str()).expect("it is back");
    assert_eq!((whole.envelope.as_str(), &whole.failures), ("whole", &failures(3)));
    let back: Vec<_> = entries.iter().map(|entry| (entry.id.clone(), entry.raw.clone())).collect();
    for (name, bytes) in spoilt {
        assert_eq!(raw(name, &looked_at).expect("it is shown"), bytes, "{name}");
        assert_eq!(raw(name, &back).expect("it is back"), bytes, "{name}");
    }
    assert_eq!(backlog(&store).await, Backlog { events: 5, ..Backlog::default() });
}
