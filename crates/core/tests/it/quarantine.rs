//! The quarantine: read page by page, published once it is understood, never lost and never doubled.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use jiff::Timestamp;
use textproof::{
    event::Content,
    store::{EventStore, GroupMember, Order, Published, Queue, Store},
    stream::{Consumer, ConsumerSettings, Outgoing, Producer, Quarantine, Quarantined, Replayed},
    webhook::{
        Authentication, Dialect, Endpoint, EndpointSettings, PointerSettings, Request, SecretEntry,
        Understood,
    },
};

use crate::{
    ageing::World,
    fixture::{millis, settle},
};

crate::on_every_store!(
    the_quarantine_is_read_page_by_page_from_either_end,
    what_is_no_position_names_nothing,
    what_is_understood_by_now_is_published_once_and_removed,
    what_is_still_not_understood_stays,
    a_replay_that_was_cut_off_is_no_second_event,
    a_copy_of_what_was_let_go_is_not_kept_again,
);

mod as_time_passes {
    use super::a_copy_of_what_was_let_go_is_known_for_a_week_from_then_on;

    crate::in_every_world!(a_copy_of_what_was_let_go_is_known_for_a_week_from_then_on);
}

const SECRET: &str = "abcdefghijklmnopqrstuv";
const BODY: &[u8] = br#"{"kind":"in","id":7,"from":"6421234567","to":"552","text":"hello"}"#;
const RECEIVED: u64 = 1_700_000_000_000;
const DAY: Duration = Duration::from_secs(86_400);

/// An endpoint that reads [`BODY`] where these pointers say.
fn endpoint(pointers: &str) -> Endpoint {
    let endpoint = Endpoint::new(EndpointSettings {
        name: "relay".into(),
        tenant: "default".into(),
        dialect: Dialect::Generic,
        authentication: Authentication::PathSecret {},
        secrets: vec![SecretEntry { id: "a".into(), value: SECRET.into(), not_after: None }],
        addresses: None,
    });
    let pointers: PointerSettings = serde_json::from_str(pointers).expect("pointers");
    endpoint.and_then(|endpoint| endpoint.with_pointers(pointers)).expect("a sound endpoint")
}

fn before() -> Endpoint {
    endpoint(r#"{"type":"/kind","other_types":["hello"]}"#)
}

fn now() -> Endpoint {
    let pointers = r#"{"type":"/kind","reply_types":["in"],"message_id":"/id","from":"/from","to":"/to","text":"/text"}"#;
    endpoint(pointers)
}

fn producer(store: &Arc<dyn Store>) -> Producer {
    Producer::new(Arc::clone(store) as Arc<dyn EventStore>)
}

/// Keeps a body as the ingest does.
async fn keep(store: &Arc<dyn Store>, endpoint: &Endpoint, body: &[u8]) -> Published {
    let request = Request { headers: &HeaderMap::new(), path_secret: Some(SECRET), peer: None, body };
    let verified = endpoint.verify(&request, Timestamp::UNIX_EPOCH).expect("verified");
    let Understood::Quarantine { reason, .. } = verified.understand(Timestamp::UNIX_EPOCH) else {
        panic!("not understood")
    };
    let received_at = Timestamp::from_millisecond(RECEIVED.try_into().expect("a time")).expect("a time");
    let kept = producer(store).publish(&Outgoing::quarantined(&verified, reason, received_at)).await;
    kept.expect("the store answers")
}

async fn all(store: &Arc<dyn Store>) -> Vec<Quarantined> {
    let quarantine = Quarantine::new(Arc::clone(store));
    quarantine.page(Order::OldestFirst, None, 100).await.expect("the store answers")
}

async fn depth(store: &Arc<dyn Store>, queue: Queue) -> u64 {
    store.depth(queue).await.expect("the store answers")
}

async fn the_quarantine_is_read_page_by_page_from_either_end(store: Arc<dyn Store>) {
    let bodies: Vec<String> = (0..7).map(|n| format!("{{\"kind\":\"{n}\"}}")).collect();
    for body in &bodies {
        assert_eq!(keep(&store, &before(), body.as_bytes()).await, Published::New);
    }
    let quarantine = Quarantine::new(Arc::clone(&store));
    for (order, expected) in [
        (Order::OldestFirst, bodies.iter().collect::<Vec<_>>()),
        (Order::NewestFirst, bodies.iter().rev().collect()),
    ] {
        let (mut after, mut read) = (None::<String>, Vec::new());
        loop {
            let page = quarantine.page(order, after.as_deref(), 3).await.expect("the store answers");
            assert!(page.len() <= 3);
            let Some(last) = page.last() else { break };
            after = Some(last.position().to_owned());
            read.extend(page.iter().map(|entry| String::from_utf8_lossy(entry.raw()).into_owned()));
        }
        assert_eq!(read.iter().collect::<Vec<_>>(), expected, "{order:?}");
    }
    let entry = all(&store).await.remove(2);
    assert_eq!((entry.endpoint.as_str(), entry.reason.as_str()), ("relay", "unknown_type"));
    assert_eq!(entry.received_at_ms, RECEIVED);
    let found = quarantine.get(entry.position()).await.expect("the store answers").expect("it is there");
    assert_eq!(found.raw(), entry.raw());
}

async fn what_is_no_position_names_nothing(store: Arc<dyn Store>) {
    keep(&store, &before(), BODY).await;
    for text in ["", "-", "+", "x", "1-1-1", "18446744073709551616", "1-x", "0", "1-1"] {
        assert_eq!(store.kept_at(text).await.expect("the store answers"), None, "{text}");
    }
    let beyond = store.kept(Order::OldestFirst, Some("x"), 10).await.expect("the store answers");
    assert!(beyond.is_empty());
}

async fn what_is_understood_by_now_is_published_once_and_removed(store: Arc<dyn Store>) {
    keep(&store, &before(), BODY).await;
    let (quarantine, entry) = (Quarantine::new(Arc::clone(&store)), all(&store).await.remove(0));
    let replayed = quarantine.replay(&entry, &now()).await.expect("the store answers");
    assert_eq!(replayed, Replayed::Published(Published::New));
    assert_eq!((depth(&store, Queue::Quarantine).await, depth(&store, Queue::Events).await), (0, 1));
    // Somebody else held the same page.
    let again = quarantine.replay(&entry, &now()).await.expect("the store answers");
    assert_eq!(again, Replayed::Published(Published::Duplicate));
    // And the gateway, which delivers it once more, is told that it is there.
    let Understood::Event { event, identity, content_digest } = entry.understand(&now()) else {
        panic!("an event")
    };
    let published =
        producer(&store).publish(&Outgoing::event(&event, &identity, content_digest, BODY.into())).await;
    assert_eq!(published.expect("the store answers"), Published::Duplicate);

    let settings = ConsumerSettings { group: "textproof".into(), host: "one".into(), lease: millis(30_000) };
    let mut consumer =
        Consumer::of_every_shard(Arc::clone(&store) as Arc<dyn EventStore>, &settings).remove(0);
    let delivery = consumer.next(10).await.expect("the store answers").remove(0);
    let event = delivery.event().expect("an event");
    assert_eq!((delivery.raw().as_ref(), event.received_at_ms), (BODY, RECEIVED));
    assert!(matches!(&event.content, Content::Reply(reply) if reply.text == "hello"));
}

async fn what_is_still_not_understood_stays(store: Arc<dyn Store>) {
    keep(&store, &before(), BODY).await;
    let (quarantine, entry) = (Quarantine::new(Arc::clone(&store)), all(&store).await.remove(0));
    let replayed = quarantine.replay(&entry, &before()).await.expect("the store answers");
    assert!(matches!(replayed, Replayed::NotUnderstood(reason) if reason.as_str() == "unknown_type"));
    // Not even what a fresh request would be refused for: it was authentic.
    let missing = endpoint(r#"{"type":"/none","other_types":["a"]}"#);
    let replayed = quarantine.replay(&entry, &missing).await.expect("the store answers");
    assert!(matches!(replayed, Replayed::NotUnderstood(reason) if reason.as_str() == "missing_type"));
    assert_eq!((depth(&store, Queue::Quarantine).await, depth(&store, Queue::Events).await), (1, 0));
    assert_eq!(keep(&store, &before(), BODY).await, Published::Duplicate);
}

/// Published, and the process died before the entry was removed; by now a worker has settled the event.
async fn a_replay_that_was_cut_off_is_no_second_event(store: Arc<dyn Store>) {
    keep(&store, &before(), BODY).await;
    let (quarantine, entry) = (Quarantine::new(Arc::clone(&store)), all(&store).await.remove(0));
    let Understood::Event { event, identity, content_digest } = entry.understand(&now()) else {
        panic!("an event")
    };
    let outgoing = Outgoing::event(&event, &identity, content_digest, BODY.into());
    producer(&store).publish(&outgoing).await.expect("the store answers");
    let member = GroupMember { group: "textproof".into(), consumer: "one".into(), shard: 0 };
    let mut reader = store.reader(&member).await.expect("the store answers");
    let taken = reader.read(1, millis(20)).await.expect("the store answers").remove(0);
    assert!(settle(&store, &member, &taken).await);

    let replayed = quarantine.replay(&entry, &now()).await.expect("the store answers");
    assert_eq!(replayed, Replayed::Published(Published::Duplicate));
    assert_eq!((depth(&store, Queue::Quarantine).await, depth(&store, Queue::Events).await), (0, 0));
}

/// An ingest that has the old configuration gets a copy of what was replayed.
async fn a_copy_of_what_was_let_go_is_not_kept_again(store: Arc<dyn Store>) {
    keep(&store, &before(), BODY).await;
    let kept = store.kept(Order::NewestFirst, None, 1).await.expect("the store answers").remove(0);
    assert!(store.let_go(&kept).await.expect("the store answers"));
    assert!(!store.let_go(&kept).await.expect("the store answers"), "it is gone");
    assert_eq!(keep(&store, &before(), BODY).await, Published::Duplicate);
    assert_eq!(depth(&store, Queue::Quarantine).await, 0);
}

async fn a_copy_of_what_was_let_go_is_known_for_a_week_from_then_on(world: &World) {
    keep(&world.store, &before(), BODY).await;
    let kept = world.store.kept(Order::NewestFirst, None, 1).await.expect("the store answers").remove(0);
    world.advance(6 * DAY).await;
    assert!(world.store.let_go(&kept).await.expect("the store answers"));
    world.advance(6 * DAY).await;
    assert_eq!(keep(&world.store, &before(), BODY).await, Published::Duplicate);
    world.advance(8 * DAY).await;
    assert_eq!(keep(&world.store, &before(), BODY).await, Published::New);
}

/// The mark lives for a week and the entry for a month, so one body can be kept twice.
#[tokio::test]
async fn letting_an_old_entry_go_leaves_the_mark_of_a_newer_one() {
    let server = test_support::TestRedis::start().await;
    let store = crate::fixture::redis(&server);
    keep(&store, &before(), BODY).await;
    let old = store.kept(Order::NewestFirst, None, 1).await.expect("the store answers").remove(0);
    let mut connection = server.connection().await;
    let mark = format!("tp1:{{e0}}:i:{}", old.id);
    let _: () = redis::cmd("DEL").arg(mark).query_async(&mut connection).await.expect("DEL answers");
    assert_eq!(keep(&store, &before(), BODY).await, Published::New);
    assert!(store.let_go(&old).await.expect("the store answers"));
    assert_eq!(depth(&store, Queue::Quarantine).await, 1);
    let _: () = redis::cmd("DEL").arg("tp1:{e0}:q").query_async(&mut connection).await.expect("DEL answers");
    assert_eq!(keep(&store, &before(), BODY).await, Published::Healed);
}

#[tokio::test]
async fn what_cannot_be_published_stays() {
    let server = test_support::TestRedis::start().await;
    let store = crate::fixture::redis(&server);
    keep(&store, &before(), BODY).await;
    let (quarantine, entry) = (Quarantine::new(Arc::clone(&store)), all(&store).await.remove(0));
    let mut connection = server.connection().await;
    // Where the stream should be is something else: appending fails.
    let _: () =
        redis::cmd("SET").arg(&["tp1:{e0}:s", "x"]).query_async(&mut connection).await.expect("SET answers");
    assert!(quarantine.replay(&entry, &now()).await.is_err());
    assert_eq!(depth(&store, Queue::Quarantine).await, 1);
    let _: () = redis::cmd("DEL").arg("tp1:{e0}:s").query_async(&mut connection).await.expect("DEL answers");
    let replayed = quarantine.replay(&entry, &now()).await.expect("the store answers");
    assert_eq!(replayed, Replayed::Published(Published::New));
}

#[tokio::test]
async fn a_note_of_another_version_hides_no_bytes() {
    let server = test_support::TestRedis::start().await;
    let store = crate::fixture::redis(&server);
    let mut connection = server.connection().await;
    let fields = ["i", "x", "c", "0", "e", r#"{"v":9,"canary":true}"#, "r", "bytes"];
    let mut add = redis::cmd("XADD");
    add.arg("tp1:{e0}:q").arg("*").arg(&fields);
    let _: String = add.query_async(&mut connection).await.expect("XADD answers");
    let entry = all(&store).await.remove(0);
    assert_eq!((entry.endpoint.as_str(), entry.reason.as_str()), ("", "unreadable_note"));
    assert_eq!(entry.raw().as_ref(), b"bytes");
    assert!(!format!("{entry:?}").contains("canary"));
}
