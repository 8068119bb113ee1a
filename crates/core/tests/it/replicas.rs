//! `min_replicas`: what replicas have not confirmed is a fault, never a verdict.

use std::{sync::Arc, time::Duration};

use test_support::{FaultProxy, TestCluster, TestRedis, eventually_true};
use textproof::store::{Checked, RedisSettings, RedisStore, RequestId, Store, StoreError, redis::scripts};
use tokio::time::timeout;

use crate::fixture::Phone;

/// A replica has one second, and the machine may be slow.
const BOUND: Duration = Duration::from_secs(4);

fn confirmed_by(replicas: u32, address: impl std::fmt::Display) -> Phone {
    confirmed_at(&format!("redis://{address}"), replicas)
}

fn confirmed_at(url: &str, replicas: u32) -> Phone {
    let mut settings = RedisSettings::new(url);
    settings.min_replicas = replicas;
    let store: Arc<dyn Store> = Arc::new(RedisStore::new(&settings).expect("the URL is usable"));
    Phone::new(&store)
}

async fn check(phone: &Phone, request: RequestId, code: u32) -> Result<Checked, StoreError> {
    timeout(BOUND, phone.try_check(request, code, None)).await.expect("an answer within its bound")
}

fn unconfirmed(answer: &Result<Checked, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unconfirmed { action: "check", confirmed: 0, wanted: 1 }))
}

#[tokio::test]
async fn what_a_replica_has_counts_and_what_it_has_not_is_a_fault() {
    let primary = TestRedis::start().await;
    let replica = primary.replica().await;
    let phone = confirmed_by(1, primary.addr());
    phone.send(482_174).await;
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 4 });

    replica.freeze();
    let request = RequestId::random();
    let answer = check(&phone, request, 111_111).await;
    assert!(unconfirmed(&answer), "{answer:?}");
    let answer = check(&phone, RequestId::random(), 482_174).await;
    assert!(unconfirmed(&answer), "the right code is no verdict either: {answer:?}");
    replica.thaw();

    eventually_true(Duration::from_secs(20), "the replica confirms again", async || {
        check(&phone, RequestId::random(), 111_111).await.is_ok()
    })
    .await;
    assert_eq!(phone.check(482_174).await, Checked::AlreadyUsed, "it was used, though nobody was told");
    drop(replica);
    eventually_true(Duration::from_secs(20), "a replica that is gone does not confirm", async || {
        unconfirmed(&check(&phone, RequestId::random(), 482_174).await)
    })
    .await;
}

#[tokio::test]
async fn one_replica_is_not_two() {
    let primary = TestRedis::start().await;
    let _replica = primary.replica().await;
    let answer = check(&confirmed_by(2, primary.addr()), RequestId::random(), 1).await;
    assert!(matches!(answer, Err(StoreError::Unconfirmed { confirmed: 1, wanted: 2, .. })), "{answer:?}");
}

#[tokio::test]
async fn the_repeat_of_a_lost_call_is_not_confirmed_by_its_own_silence() {
    let primary = TestRedis::start().await;
    let replica = primary.replica().await;
    let proxy = FaultProxy::start(primary.addr()).await;
    let phone = confirmed_by(1, proxy.addr());
    phone.send(482_174).await;
    phone.check(111_111).await;
    replica.freeze();
    // The repeat comes over a connection that has written nothing, and finds nothing left to write.
    let digest = scripts().into_iter().find(|script| script.name == "check").expect("a script").digest;
    proxy.cut_reply_after(digest, 1);
    let answer = check(&phone, RequestId::random(), 482_174).await;
    assert!(unconfirmed(&answer), "{answer:?}");
    proxy.cut(1, Duration::from_secs(5)).await;
    replica.thaw();
    eventually_true(Duration::from_secs(20), "the replica confirms again", async || {
        matches!(check(&phone, RequestId::random(), 482_174).await, Ok(Checked::AlreadyUsed))
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_script_is_confirmed_too() {
    let primary = TestRedis::start().await;
    let replica = primary.replica().await;
    let phone = confirmed_by(1, primary.addr());
    let mut connection = primary.connection().await;
    for code in 0..5 {
        let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.expect("it answers");
        phone.send(code).await;
        assert_eq!(phone.check(code).await, Checked::Right);
    }
    replica.freeze();
    let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.expect("it answers");
    let answer = check(&phone, RequestId::random(), 1).await;
    replica.thaw();
    assert!(unconfirmed(&answer), "{answer:?}");
}

/// Why script and `WAIT` share a connection.
#[tokio::test]
async fn wait_on_another_connection_confirms_nothing() {
    let primary = TestRedis::start().await;
    let replica = primary.replica().await;
    let (mut writer, mut other) = (primary.connection().await, primary.connection().await);
    let mut wait = redis::cmd("WAIT");
    wait.arg(1).arg(1000);
    let confirmed: u32 = wait.query_async(&mut other).await.expect("the primary answers");
    assert_eq!(confirmed, 1);
    replica.freeze();
    let _: () = redis::cmd("SET").arg("key").arg(1).query_async(&mut writer).await.expect("it answers");
    let (on_another, on_its_own): (u32, u32) = (
        wait.query_async(&mut other).await.expect("the primary answers"),
        wait.query_async(&mut writer).await.expect("the primary answers"),
    );
    assert_eq!((on_another, on_its_own), (1, 0));
}

#[tokio::test]
async fn on_a_cluster_the_replica_is_that_of_the_keys_owner() {
    let cluster = TestCluster::start().await;
    let phone = confirmed_at(&cluster.url(), 1);
    let tag = format!("{{{}}}", phone.key.phone.as_str());
    let owner = cluster.owner_of(&tag).await;
    let replica = cluster.replica_of(owner).await;
    phone.send(482_174).await;
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 4 });
    replica.freeze();
    let answer = check(&phone, RequestId::random(), 111_111).await;
    replica.thaw();
    assert!(unconfirmed(&answer), "{answer:?}");

    let to = (owner + 1) % 3;
    let replica = cluster.replica_of(to).await;
    let migration = cluster.migrate(&tag, to).await;
    migration.finish().await;
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 2 }, "where the slot has gone");
    replica.freeze();
    let answer = check(&phone, RequestId::random(), 482_174).await;
    assert!(unconfirmed(&answer), "{answer:?}");
}
