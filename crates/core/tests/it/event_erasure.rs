//! A person's events are erased wherever they are kept, nobody else's, and what they said about consent holds.

use std::{sync::Arc, time::Duration};

use test_support::{FaultProxy, TestRedis};
use textproof::{
    PhoneNumber,
    consent::ConsentLedger,
    event::{Content, ContentDigest, DeliveryReport, DeliveryStatus, Event, EventId, Identity, Reply},
    secret::FingerprintKey,
    store::{
        Backlog, Consent, Failures, GroupMember, Publish, Published, Queue, RedisSettings, RedisStore, Store,
        Suspects,
    },
    stream::{ErasedEvents, EventErasure, Outgoing, Producer},
};

use crate::fixture::{redis, redis_at, settle};

crate::on_every_store!(
    a_person_is_erased_from_every_place_and_nobody_else_is,
    what_is_erased_is_not_stored_again_and_cannot_be_settled,
    a_stop_that_no_worker_has_seen_holds,
    another_tenants_events_stay,
);

const PERSON: &str = "+64211234567";
const OTHER: &str = "+64211234568";

fn phone() -> PhoneNumber {
    PhoneNumber::parse_international(PERSON).expect("a number")
}

fn key() -> FingerprintKey {
    FingerprintKey::new(&[7; 32]).expect("32 bytes")
}

fn erasure(store: &Arc<dyn Store>) -> EventErasure {
    EventErasure::new(Arc::clone(store), ConsentLedger::new(Arc::clone(store), key()))
}

fn tenants() -> Vec<String> {
    vec!["default".into()]
}

fn reply(name: &str, tenant: &str, from: &str, text: &str) -> Outgoing {
    let content = Content::Reply(Reply {
        message_id: None,
        from: from.into(),
        to: "552".into(),
        text: text.into(),
        reference: None,
        sent_at_ms: None,
        extra: serde_json::Map::new(),
    });
    outgoing(name, tenant, content, format!("{name} {from} {text}"))
}

/// A report whose webhook names whom the text was for.
fn report(name: &str, to: &str) -> Outgoing {
    let content = Content::DeliveryReport(DeliveryReport {
        gateway: "connexus".into(),
        message_id: name.into(),
        status: DeliveryStatus::Delivered,
        status_word: None,
        status_code: None,
        reported_at_ms: None,
        extra: serde_json::Map::new(),
    });
    outgoing(name, "default", content, format!(r#"{{"id":"{name}","to":"{to}"}}"#))
}

fn outgoing(name: &str, tenant: &str, content: Content, raw: String) -> Outgoing {
    let identity = Identity::of_body("websms", name.as_bytes());
    let digest = ContentDigest::of(&content);
    let event = Event {
        id: EventId::of(&identity),
        endpoint: "websms".into(),
        tenant: tenant.into(),
        received_at_ms: 1,
        conflict: false,
        content,
    };
    Outgoing::event(&event, &identity, digest, raw.into())
}

async fn publish(store: &Arc<dyn Store>, outgoing: &Outgoing) -> Published {
    Producer::new(Arc::clone(store) as _).publish(outgoing).await.expect("the store answers")
}

async fn keep(store: &Arc<dyn Store>, raw: &str) -> Published {
    let id = EventId::of(&Identity::of_body("quarantine of websms", raw.as_bytes()));
    let publish = Publish {
        queue: Queue::Quarantine,
        id: &id,
        conflict_id: &id,
        digest: ContentDigest([0; 8]),
        envelope: "{}",
        raw: raw.as_bytes(),
        placement: 0,
    };
    store.publish(&publish).await.expect("the store answers")
}

fn member() -> GroupMember {
    GroupMember { group: "textproof".into(), consumer: "one".into(), shard: 0 }
}

/// Each on its way: put off, dead, and on the stream, of the person and of somebody else.
async fn everywhere(store: &Arc<dyn Store>) {
    let failures = Failures { count: 1, first: "no".into(), last: "no".into() };
    for (step, name) in ["delayed", "dead", "live"].into_iter().enumerate() {
        publish(store, &reply(&format!("{name} of them"), "default", PERSON, "hello")).await;
        publish(store, &report(&format!("{name} about them"), PERSON)).await;
        publish(store, &reply(&format!("{name} of another"), "default", OTHER, &format!("ask {PERSON}")))
            .await;
        if name == "live" {
            continue;
        }
        let mut reader = store.reader(&member()).await.expect("the store answers");
        for entry in reader.read(10, Duration::ZERO).await.expect("the store answers") {
            let delay = Duration::from_secs(3600);
            let moved = match step {
                0 => store.delay_event(&member(), &entry.id, &entry.claim, &failures, delay).await,
                _ => store.bury_event(&member(), &entry.id, &entry.claim, &failures, "failures").await,
            };
            assert!(moved.expect("the store answers"));
        }
    }
    keep(store, &format!("[\"{PERSON}\"]")).await;
    keep(store, &format!("[\"{OTHER}\"]")).await;
}

async fn a_person_is_erased_from_every_place_and_nobody_else_is(store: Arc<dyn Store>) {
    everywhere(&store).await;
    let before = Backlog { events: 3, delayed: 3, dead_letters: 3, quarantined: 2 };
    assert_eq!(store.backlog().await.expect("the store answers"), before);
    let expected = ErasedEvents { events: 2, delayed: 2, dead_letters: 2, quarantined: 1 };
    let found = erasure(&store).find(&tenants(), &phone()).await.expect("the store answers");
    assert_eq!(found, expected);
    assert_eq!(store.backlog().await.expect("the store answers"), before, "looking changes nothing");

    let erased = erasure(&store).erase(&tenants(), &phone()).await.expect("the store answers");
    assert_eq!(erased, expected);
    let rest = Backlog { events: 1, delayed: 1, dead_letters: 1, quarantined: 1 };
    assert_eq!(store.backlog().await.expect("the store answers"), rest);
    let again = erasure(&store).erase(&tenants(), &phone()).await.expect("the store answers");
    assert_eq!(again, ErasedEvents::default());
    // Nothing is left that would come back, and somebody else's does.
    let due = store.move_due(0, 10).await.expect("the store answers");
    assert!(due.next.is_some_and(|next| next > Duration::from_secs(3000)), "{due:?}");
}

async fn what_is_erased_is_not_stored_again_and_cannot_be_settled(store: Arc<dyn Store>) {
    let theirs = reply("in hands", "default", PERSON, "hello");
    publish(&store, &theirs).await;
    let mut reader = store.reader(&member()).await.expect("the store answers");
    let entry = reader.read(1, Duration::ZERO).await.expect("the store answers").remove(0);
    let erased = erasure(&store).erase(&tenants(), &phone()).await.expect("the store answers");
    assert_eq!(erased.events, 1);
    let reaper = GroupMember { consumer: "another".into(), ..member() };
    let reaped = store.reap(&reaper, Duration::ZERO, 10).await.expect("the store answers");
    assert_eq!(reaped, 1, "nothing is left in its hands");
    let failures = Failures::default();
    assert!(!settle(&store, &member(), &entry).await);
    let delayed = store.delay_event(&member(), &entry.id, &entry.claim, &failures, Duration::ZERO).await;
    assert!(!delayed.expect("the store answers"));
    let buried = store.bury_event(&member(), &entry.id, &entry.claim, &failures, "fatal").await;
    assert!(!buried.expect("the store answers"));
    let swept = store.sweep(&member(), Duration::ZERO, "-", 10, Suspects::LeftOut).await;
    assert_eq!(swept.expect("the store answers").entries, [], "nothing is left in anybody's hands");
    assert_eq!(publish(&store, &theirs).await, Published::Duplicate);
    assert_eq!(store.backlog().await.expect("the store answers"), Backlog::default());
}

async fn a_stop_that_no_worker_has_seen_holds(store: Arc<dyn Store>) {
    publish(&store, &reply("stop", "default", PERSON, "STOP")).await;
    store.erase(&key().phone("default", PERSON)).await.expect("the store answers");
    erasure(&store).erase(&tenants(), &phone()).await.expect("the store answers");
    let ledger = ConsentLedger::new(Arc::clone(&store), key());
    let said = ledger.read("default", PERSON, "552").await.expect("the store answers").expect("it is known");
    assert_eq!(said.consent, Consent::Out);
    assert_eq!(store.depth(Queue::Events).await.expect("the store answers"), 0);
}

async fn another_tenants_events_stay(store: Arc<dyn Store>) {
    publish(&store, &reply("a", "default", PERSON, "hello")).await;
    publish(&store, &reply("b", "elsewhere", PERSON, "hello")).await;
    let erased = erasure(&store).erase(&tenants(), &phone()).await.expect("the store answers");
    assert_eq!((erased.events, store.depth(Queue::Events).await.expect("the store answers")), (1, 1));
}

/// Three shards, and more than a page of others' events before theirs in each place.
#[tokio::test]
async fn every_page_of_every_shard_is_looked_through() {
    const OTHERS: usize = 400;
    let server = TestRedis::start().await;
    let mut settings = RedisSettings::new(server.url());
    settings.shards = 3;
    let store: Arc<dyn Store> = Arc::new(RedisStore::new(&settings).expect("the URL is usable"));
    let failures = Failures { count: 1, first: "no".into(), last: "no".into() };
    for place in ["delayed", "dead", "live"] {
        for n in 0..OTHERS {
            publish(&store, &reply(&format!("{place} {n}"), "default", OTHER, "hello")).await;
        }
        for n in 0..12 {
            publish(&store, &reply(&format!("{place} of them {n}"), "default", PERSON, "hello")).await;
        }
        for shard in 0..3 {
            if place == "live" {
                break;
            }
            let member = GroupMember { shard, ..member() };
            let mut reader = store.reader(&member).await.expect("the store answers");
            for entry in reader.read(1_000, Duration::ZERO).await.expect("the store answers") {
                let delay = Duration::from_secs(3600);
                let moved = match place {
                    "delayed" => store.delay_event(&member, &entry.id, &entry.claim, &failures, delay).await,
                    _ => store.bury_event(&member, &entry.id, &entry.claim, &failures, "failures").await,
                };
                assert!(moved.expect("the store answers"));
            }
        }
    }
    let erased = erasure(&store).erase(&tenants(), &phone()).await.expect("the store answers");
    assert_eq!(erased, ErasedEvents { events: 12, delayed: 12, dead_letters: 12, quarantined: 0 });
    let rest = OTHERS as u64;
    let expected = Backlog { events: rest, delayed: rest, dead_letters: rest, quarantined: 0 };
    assert_eq!(store.backlog().await.expect("the store answers"), expected);
}

#[tokio::test]
async fn an_event_that_comes_back_onto_the_stream_meanwhile_is_erased_there() {
    let server = TestRedis::start().await;
    let proxy = FaultProxy::start(server.addr()).await;
    let (store, other) = (redis_at(&format!("redis://{}", proxy.addr())), redis(&server));
    publish(&other, &reply("moving", "default", PERSON, "hello")).await;
    let mut reader = other.reader(&member()).await.expect("the store answers");
    let entry = reader.read(1, Duration::ZERO).await.expect("the store answers").remove(0);
    let failures = Failures { count: 1, first: "no".into(), last: "no".into() };
    let delayed = other.delay_event(&member(), &entry.id, &entry.claim, &failures, Duration::ZERO).await;
    assert!(delayed.expect("the store answers"));

    // The stream has been looked through when the delayed events are asked for.
    let scripts = textproof::store::redis::scripts();
    let page = scripts.iter().find(|script| script.name == "delayed_page").expect("a script");
    proxy.hold_on(page.digest.clone());
    let erasing = tokio::spawn(async move { erasure(&store).erase(&tenants(), &phone()).await });
    proxy.held(1, Duration::from_secs(5)).await;
    assert_eq!(other.move_due(0, 10).await.expect("the store answers").moved, 1);
    proxy.clear();
    let erased = erasing.await.expect("no panic").expect("the store answers");
    assert_eq!(erased, ErasedEvents { events: 1, ..ErasedEvents::default() });
    assert_eq!(other.backlog().await.expect("the store answers"), Backlog::default());
}
