//! Events of a kind that a later release added: left for the workers that know it.

use std::{sync::Arc, time::Duration};

use test_support::eventually;
use textproof::{
    event::{ContentDigest, EventId, Identity},
    store::{EventStore, GroupMember, Publish, Published, Queue, Store, Suspects},
    stream::{Consumer, ConsumerSettings, Unreadable},
};

use crate::fixture::millis;

crate::on_every_store!(an_event_of_a_kind_from_a_later_release_is_not_lost);

async fn an_event_of_a_kind_from_a_later_release_is_not_lost(store: Arc<dyn Store>) {
    const ENVELOPE: &str =
        r#"{"v":1,"endpoint":"a","tenant":"b","received_at_ms":1,"content":{"kind":"from-a-later-release"}}"#;
    let id = EventId::of(&Identity::of_body("a", b"{}"));
    let publish = Publish {
        queue: Queue::Events,
        id: &id,
        conflict_id: &id,
        digest: ContentDigest([0; 8]),
        envelope: ENVELOPE,
        raw: b"{}",
        placement: 0,
    };
    assert_eq!(store.publish(&publish).await.expect("the store answers"), Published::New);

    let settings =
        ConsumerSettings { group: "textproof".into(), host: "old".into(), lease: Duration::from_secs(30) };
    let mut old = Consumer::of_every_shard(Arc::clone(&store) as Arc<dyn EventStore>, &settings).remove(0);
    let taken = old.next(1).await.expect("the store answers");
    assert_eq!(taken[0].event().expect_err("it is not known"), Unreadable::Newer);
    drop(taken);
    assert_eq!(store.depth(Queue::Events).await.expect("the store answers"), 1, "it is not settled");

    let new = GroupMember { group: "textproof".into(), consumer: "new".into(), shard: 0 };
    let entry = eventually(Duration::from_secs(5), "it comes back after its lease", async || {
        let swept = store.sweep(&new, millis(1), "-", 1, Suspects::LeftOut).await.expect("the store answers");
        swept.entries.into_iter().next()
    })
    .await;
    assert_eq!((entry.envelope.as_str(), entry.claim.deliveries), (ENVELOPE, 2));
}
