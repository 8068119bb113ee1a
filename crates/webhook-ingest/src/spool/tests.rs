//! The spool on its own, against the embedded store.

use std::{collections::HashSet, path::Path};

use bytes::Bytes;
use test_support::eventually_true;
use textproof::{
    event::{Content, ContentDigest, DeliveryReport, DeliveryStatus, Event, EventId, Identity, Reply},
    secret::FingerprintKey,
    store::{Completed, EventStore, GroupMember, MemoryStore, PhoneStore, Queue},
};

use tokio_util::sync::CancellationToken;

use super::{drain::DrainError, *};
use crate::StreamDepth;

mod file;

const WIDE: SpoolLimits = SpoolLimits { bytes: 1 << 30, age: Duration::from_secs(3600) };

fn outgoing(content: Content, raw: &str, received_at_ms: u64) -> Outgoing {
    let (identity, digest) = (Identity::of_body("mac", raw.as_bytes()), ContentDigest::of(&content));
    let event = Event {
        id: EventId::of(&identity),
        endpoint: "mac".into(),
        tenant: "default".into(),
        received_at_ms,
        conflict: false,
        content,
    };
    Outgoing::event(&event, &identity, digest, Bytes::copy_from_slice(raw.as_bytes()))
}

fn report(raw: &str) -> Outgoing {
    let report = DeliveryReport {
        gateway: "connexus".into(),
        message_id: raw.into(),
        status: DeliveryStatus::Delivered,
        status_word: None,
        status_code: None,
        reported_at_ms: None,
        extra: serde_json::Map::new(),
    };
    outgoing(Content::DeliveryReport(report), raw, 1)
}

fn reply(from: &str, raw: &str, received_at_ms: u64) -> Outgoing {
    let reply = Reply {
        message_id: None,
        from: from.into(),
        to: "552".into(),
        text: "Yes".into(),
        reference: None,
        sent_at_ms: None,
        extra: serde_json::Map::new(),
    };
    outgoing(Content::Reply(reply), raw, received_at_ms)
}

fn open(folder: &Path) -> Spool {
    Spool::open(folder, WIDE).expect("a free folder")
}

fn drainer(spool: &Spool, store: &Arc<MemoryStore>) -> Drainer {
    Drainer::new(spool.clone(), Arc::clone(store) as Arc<dyn EventStore>, None, StreamDepth::new(0))
}

/// The original bytes of every event of the store, in order.
async fn bodies(store: &Arc<MemoryStore>) -> Vec<String> {
    let member = GroupMember { group: "test".into(), consumer: "one".into(), shard: 0 };
    let mut reader = store.reader(&member).await.expect("a reader");
    let entries = reader.read(10_000, Duration::ZERO).await.expect("the store answers");
    entries.iter().map(|entry| String::from_utf8_lossy(&entry.raw).into_owned()).collect()
}

/// A spool ends when its last handle is gone; its thread closes the file a moment later.
async fn reopened(folder: &Path) -> Spool {
    Spool::open_when_free(folder, WIDE, Duration::from_secs(10)).await.expect("it is free soon")
}

#[tokio::test]
async fn what_is_appended_is_there_after_a_restart_and_drained_in_order() {
    let (folder, store) = (tempfile::tempdir().expect("a folder"), Arc::new(MemoryStore::new()));
    let names: Vec<_> = (0..300).map(|n| format!("n{n:03}")).collect();
    let spool = open(folder.path());
    for name in &names[..150] {
        spool.append(&report(name)).await.expect("room");
    }
    drop(spool);
    let spool = reopened(folder.path()).await;
    assert_eq!(spool.report().events, 150);
    for name in &names[150..] {
        spool.append(&report(name)).await.expect("room");
    }
    let mut drainer = drainer(&spool, &store);
    assert_eq!(drainer.drain().await.expect("all of it"), Drained { new: 300, ..Drained::default() });
    assert_eq!(bodies(&store).await, names);
    assert_eq!(spool.report(), SpoolReport::default(), "nothing is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_at_once_are_all_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = open(folder.path());
    let mut appending = tokio::task::JoinSet::new();
    for n in 0..1_000 {
        let spool = spool.clone();
        appending.spawn(async move { spool.append(&report(&format!("n{n}"))).await });
    }
    for appended in appending.join_all().await {
        appended.expect("room");
    }
    assert_eq!(spool.report().events, 1_000);
    let mut exported = Vec::new();
    drop(spool);
    reopened(folder.path()).await;
    // The file is free again a moment after the last handle has gone.
    let lines = loop {
        match export(folder.path(), &mut exported) {
            Err(SpoolError::InUse(_)) => tokio::task::yield_now().await,
            lines => break lines.expect("it can be read"),
        }
    };
    assert_eq!(lines, 1_000);
    let lines: HashSet<_> = exported.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 1_000);
}

#[tokio::test]
async fn what_reached_the_store_all_the_same_is_not_stored_twice() {
    let (folder, store) = (tempfile::tempdir().expect("a folder"), Arc::new(MemoryStore::new()));
    let spool = open(folder.path());
    let producer = textproof::stream::Producer::new(Arc::clone(&store) as Arc<dyn EventStore>);
    producer.publish(&report("a")).await.expect("the store answers");
    for name in ["a", "b"] {
        spool.append(&report(name)).await.expect("room");
    }
    let drained = drainer(&spool, &store).drain().await.expect("all of it");
    assert_eq!(drained, Drained { new: 1, known: 1, ..Drained::default() });
    assert_eq!(bodies(&store).await, ["a", "b"]);
}

#[tokio::test]
async fn a_full_stream_leaves_everything_in_the_spool_until_there_is_room() {
    let (folder, store) = (tempfile::tempdir().expect("a folder"), Arc::new(MemoryStore::new()));
    let (spool, depth) = (open(folder.path()), StreamDepth::new(1));
    let events = Arc::clone(&store) as Arc<dyn EventStore>;
    let mut drainer = Drainer::new(spool.clone(), Arc::clone(&events), None, Arc::clone(&depth));
    spool.append(&report("a")).await.expect("room");
    drainer.drain().await.expect("the stream is empty");
    depth.ask(events.as_ref()).await;
    spool.append(&report("b")).await.expect("room");
    assert!(matches!(drainer.drain().await, Err(DrainError::StreamFull)));
    assert_eq!(spool.report().events, 1);

    let member = GroupMember { group: "test".into(), consumer: "one".into(), shard: 0 };
    let mut reader = store.reader(&member).await.expect("a reader");
    let entry = reader.read(1, Duration::ZERO).await.expect("the store answers").remove(0);
    let completed = Completed { event: entry.id, claim: entry.claim };
    assert!(store.settle_events(&member, &[completed]).await.expect("the store answers")[0]);
    depth.ask(events.as_ref()).await;
    drainer.drain().await.expect("there is room");
    assert_eq!((spool.report().events, store.depth(Queue::Events).await.expect("a depth")), (0, 1));
}

#[tokio::test]
async fn a_full_spool_refuses_and_keeps_what_it_has() {
    let (folder, store) = (tempfile::tempdir().expect("a folder"), Arc::new(MemoryStore::new()));
    let size = report("a").to_bytes().len() as u64;
    let spool =
        Spool::open(folder.path(), SpoolLimits { bytes: 2 * size + 20, ..WIDE }).expect("a free folder");
    for name in ["a", "b"] {
        spool.append(&report(name)).await.expect("room");
    }
    assert!(matches!(spool.append(&report("c")).await, Err(SpoolError::Full("bytes"))));
    assert_eq!(spool.report().refusing.as_deref(), Some("bytes"));
    assert_eq!(drainer(&spool, &store).drain().await.expect("all of it").new, 2);
    spool.append(&report("c")).await.expect("room again");
    assert_eq!(spool.report().refusing, None);
}

#[tokio::test]
async fn a_spool_that_nobody_drains_for_too_long_refuses() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool =
        Spool::open(folder.path(), SpoolLimits { age: Duration::ZERO, ..WIDE }).expect("a free folder");
    spool.append(&report("a")).await.expect("nothing is old yet");
    assert!(matches!(spool.append(&report("b")).await, Err(SpoolError::Full("age"))));
    assert_eq!(spool.report().events, 1, "nothing that was acknowledged is dropped");
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_kept_aside_and_stands_in_nobodys_way() {
    let (folder, store) = (tempfile::tempdir().expect("a folder"), Arc::new(MemoryStore::new()));
    let file = SpoolFile::open(folder.path()).expect("a free folder");
    let (before, after) = (report("a").to_bytes(), report("b").to_bytes());
    let entries: [&[u8]; 3] = [&before, b"\xffof another version", &after];
    file.append(1, entries.into_iter()).expect("room");
    drop(file);
    let spool = open(folder.path());
    let drained = drainer(&spool, &store).drain().await.expect("all of it");
    assert_eq!(drained, Drained { new: 2, unreadable: 1, ..Drained::default() });
    assert_eq!(bodies(&store).await, ["a", "b"]);
    assert_eq!(spool.report(), SpoolReport { unreadable: 1, ..SpoolReport::default() });
    let aside = spool.file.unreadable(None, 10).expect("it can be read");
    assert_eq!(aside[0].event, entries[1]);
}

#[tokio::test]
async fn texts_of_people_who_were_erased_meanwhile_are_not_stored() {
    let (folder, store) = (tempfile::tempdir().expect("a folder"), Arc::new(MemoryStore::new()));
    let key = FingerprintKey::new(&[7; 32]).expect("32 bytes");
    let spool = open(folder.path());
    let (erased, other) = ("+64211111111", "+64212222222");
    spool.append(&reply(erased, "before", 1)).await.expect("room");
    spool.append(&reply(other, "another's", 1)).await.expect("room");
    spool.append(&reply(erased, "after", u64::MAX)).await.expect("room");
    let subject = reply(erased, "before", 1);
    let phones = Arc::clone(&store) as Arc<dyn PhoneStore>;
    assert!(!subject.is_of_an_erased_phone(phones.as_ref(), &key).await.expect("an answer"));
    store.erase(&key.phone("default", erased)).await.expect("the store answers");

    let events = Arc::clone(&store) as Arc<dyn EventStore>;
    let erasures = Some(Erasures { store: phones, key });
    let mut drainer = Drainer::new(spool.clone(), events, erasures, StreamDepth::new(0));
    assert_eq!(
        drainer.drain().await.expect("all of it"),
        Drained { new: 2, erased: 1, ..Drained::default() }
    );
    assert_eq!(bodies(&store).await, ["another's", "after"]);
}

#[tokio::test]
async fn one_process_at_a_time_has_a_spool_and_the_next_one_waits_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = open(folder.path());
    assert!(matches!(Spool::open(folder.path(), WIDE), Err(SpoolError::InUse(_))));
    let waiting = Spool::open_when_free(folder.path(), WIDE, Duration::from_secs(10));
    let (second, ()) = tokio::join!(waiting, async { drop(first) });
    second.expect("it was free").append(&report("a")).await.expect("room");
}

#[tokio::test]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let inner = folder.path().join("spool");
    let _spool = open(&inner);
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&inner), mode(&Spool::path(&inner))), (0o700, 0o600));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_whose_caller_has_gone_is_drained_without_waiting_for_the_next_one() {
    let (folder, store) = (tempfile::tempdir().expect("a folder"), Arc::new(MemoryStore::new()));
    let spool = open(folder.path());
    let shutdown = CancellationToken::new();
    let draining = tokio::spawn(drainer(&spool, &store).run(shutdown.clone()));
    let published = async |wanted| {
        let depth = async || store.depth(Queue::Events).await.expect("a depth") == wanted;
        eventually_true(Duration::from_secs(10), "it is drained", depth).await;
    };
    spool.append(&report("a")).await.expect("room");
    published(1).await;
    // As when the sender hangs up, or the time for an answer is over.
    let (done, _) = oneshot::channel();
    spool.order(Order::Append { event: report("b").to_bytes(), done }).await.expect("the writer runs");
    published(2).await;
    shutdown.cancel();
    draining.await.expect("no panic");
}
