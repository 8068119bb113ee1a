//! `min_replicas` for events: none is acknowledged before replicas have it, and many share one `WAIT`.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::join_all};
use test_support::{FaultProxy, TestCluster, TestRedis, eventually_true};
use textproof::{
    event::{ContentDigest, EventId, Identity},
    store::{
        EventStore as _, Publish, Published, Queue, RedisSettings, RedisStore, StoreError, redis::scripts,
    },
};
use tokio::time::timeout;

/// A replica has one second and a server four, and the machine may be slow.
const BOUND: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_secs(20);
const STREAM: &str = "tp1:{e0}:s";
const QUARANTINE: &str = "tp1:{e0}:q";

fn store_at(url: &str, replicas: u32) -> Arc<RedisStore> {
    let mut settings = RedisSettings::new(url);
    settings.min_replicas = replicas;
    Arc::new(RedisStore::new(&settings).expect("the URL is usable"))
}

fn confirmed_by(replicas: u32, address: impl std::fmt::Display) -> Arc<RedisStore> {
    store_at(&format!("redis://{address}"), replicas)
}

fn id(name: &str) -> EventId {
    EventId::of(&Identity::of_body("test", name.as_bytes()))
}

async fn publish_to(
    store: &RedisStore,
    queue: Queue,
    name: &str,
    content: u8,
) -> Result<Published, StoreError> {
    let publish = Publish {
        queue,
        id: &id(name),
        conflict_id: &id(&format!("{name} {content}")),
        digest: ContentDigest([content; 8]),
        envelope: name,
        raw: &[0, 255, content],
        placement: 0,
    };
    timeout(BOUND, store.publish(&publish)).await.expect("an answer within its bound")
}

async fn publish(store: &RedisStore, name: &str) -> Result<Published, StoreError> {
    publish_to(store, Queue::Events, name, 1).await
}

fn unconfirmed(answer: &Result<Published, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unconfirmed { action: "publish", confirmed: 0, wanted: 1 }))
}

async fn depth(server: &TestRedis) -> usize {
    let length = redis::cmd("XLEN").arg(STREAM).query_async(&mut server.connection().await).await;
    length.expect("the server answers")
}

/// A server with a replica, and a store that reaches it through a proxy.
struct World {
    primary: TestRedis,
    replica: TestRedis,
    proxy: FaultProxy,
    store: Arc<RedisStore>,
}

impl World {
    async fn start() -> Self {
        let primary = TestRedis::start().await;
        let replica = primary.replica().await;
        let proxy = FaultProxy::start(primary.addr()).await;
        let store = confirmed_by(1, proxy.addr());
        eventually_true(SOON, "the replica confirms", async || publish(&store, "before").await.is_ok()).await;
        Self { primary, replica, proxy, store }
    }

    /// Has one publish held on its way, lets all of `others` come meanwhile, and then lets everything go.
    async fn meanwhile<T>(&self, others: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
        self.proxy.hold_on("under way");
        let mut first = pin!(publish(&self.store, "under way"));
        assert!(first.as_mut().now_or_never().is_none());
        self.proxy.held(1, SOON).await;
        let mut others = pin!(join_all(others));
        assert!(others.as_mut().now_or_never().is_none(), "they wait for the group under way");
        self.proxy.clear();
        assert_eq!(first.await.expect("it is confirmed"), Published::New);
        others.await
    }
}

#[tokio::test]
async fn an_event_is_acknowledged_only_when_a_replica_has_it() {
    let primary = TestRedis::start().await;
    let replica = primary.replica().await;
    let store = confirmed_by(1, primary.addr());
    assert_eq!(publish(&store, "a").await.expect("it is confirmed"), Published::New);
    assert_eq!(publish(&store, "a").await.expect("it is confirmed"), Published::Duplicate);

    replica.freeze();
    let answer = publish(&store, "b").await;
    assert!(unconfirmed(&answer), "{answer:?}");
    assert_eq!(depth(&primary).await, 2, "the primary has it");
    let answer = publish(&store, "b").await;
    assert!(unconfirmed(&answer), "a copy is no proof: {answer:?}");
    // Another process has written nothing over its connection: only a write of its own makes WAIT wait.
    let answer = publish(&confirmed_by(1, primary.addr()), "b").await;
    assert!(unconfirmed(&answer), "nor is one that another process got: {answer:?}");
    replica.thaw();

    eventually_true(SOON, "the replica confirms again", async || {
        matches!(publish(&store, "b").await, Ok(Published::Duplicate))
    })
    .await;
    drop(replica);
    eventually_true(SOON, "a replica that is gone does not confirm", async || {
        unconfirmed(&publish(&store, "b").await)
    })
    .await;
}

#[tokio::test]
async fn every_outcome_waits_for_the_replica() {
    let primary = TestRedis::start().await;
    let replica = primary.replica().await;
    let prepared = confirmed_by(1, primary.addr());
    for content in [1, 2] {
        publish_to(&prepared, Queue::Events, "a", content).await.expect("it is confirmed");
    }
    replica.freeze();
    // Each over a connection of its own, which has written nothing before.
    for content in [1, 2, 3] {
        let answer = publish_to(&confirmed_by(1, primary.addr()), Queue::Events, "a", content).await;
        assert!(unconfirmed(&answer), "{answer:?}");
    }
    let mut connection = primary.connection().await;
    let _: () = redis::cmd("DEL").arg(STREAM).query_async(&mut connection).await.expect("it answers");
    for queue in [Queue::Events, Queue::Quarantine] {
        let name = if queue == Queue::Events { "a" } else { "odd" };
        let answer = publish_to(&confirmed_by(1, primary.addr()), queue, name, 1).await;
        assert!(unconfirmed(&answer), "{answer:?}");
    }
}

/// Some servers count only writes for `WAIT`: an outcome that wrote nothing would be confirmed at once there.
#[tokio::test]
async fn every_outcome_writes() {
    let primary = TestRedis::start().await;
    let _replica = primary.replica().await;
    let store = confirmed_by(0, primary.addr());
    let written = async || {
        let info: redis::InfoDict = redis::cmd("INFO")
            .arg("replication")
            .query_async(&mut primary.connection().await)
            .await
            .expect("INFO");
        info.get::<u64>("master_repl_offset").expect("an offset")
    };
    let mut before = written().await;
    let mut outcomes = Vec::new();
    for content in [1, 1, 2, 2, 1] {
        if outcomes.len() == 4 {
            let mut connection = primary.connection().await;
            let _: () = redis::cmd("DEL").arg(STREAM).query_async(&mut connection).await.expect("DEL");
            before = written().await;
        }
        outcomes.push(publish_to(&store, Queue::Events, "a", content).await.expect("it answers"));
        let after = written().await;
        assert!(after > before, "{outcomes:?}");
        before = after;
    }
    use Published::{Conflict, Duplicate, Healed, New};
    assert_eq!(outcomes, [New, Duplicate, Conflict, Duplicate, Healed]);
}

#[tokio::test]
async fn events_that_come_together_share_one_wait_and_have_their_own_answers() {
    let world = World::start().await;
    let mut connection = world.primary.connection().await;
    let _: () =
        redis::cmd("SET").arg(QUARANTINE).arg("no stream").query_async(&mut connection).await.expect("SET");
    let mut monitor = world.primary.monitor().await;
    let names: Vec<_> = (0..40).map(|n| format!("e{n}")).collect();
    let store = &world.store;
    let mut calls: Vec<_> = names.iter().map(|name| publish_to(store, Queue::Events, name, 1)).collect();
    calls.push(publish_to(store, Queue::Events, "before", 1));
    calls.push(publish_to(store, Queue::Events, "before", 2));
    calls.push(publish_to(store, Queue::Quarantine, "odd", 1));
    calls.push(publish_to(store, Queue::Events, "e0", 1));
    let mut answers = world.meanwhile(calls).await;

    assert_eq!(answers.pop().expect("e0").expect("it is confirmed"), Published::Duplicate);
    let odd = answers.pop().expect("odd");
    assert!(matches!(odd, Err(StoreError::Unavailable { action: "publish", .. })), "{odd:?}");
    assert_eq!(answers.pop().expect("before").expect("it is confirmed"), Published::Conflict);
    assert_eq!(answers.pop().expect("before").expect("it is confirmed"), Published::Duplicate);
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Published::New))), "{answers:?}");
    let waits = monitor.lines().await.iter().filter(|line| line.contains("\"WAIT\"")).count();
    assert_eq!(waits, 2, "one for the call under way, one for all that came meanwhile");
    assert_eq!(depth(&world.primary).await, 43);
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nothing_from_the_others() {
    let world = World::start().await;
    world.proxy.hold_on("under way");
    let mut first = Box::pin(publish(&world.store, "under way"));
    assert!(first.as_mut().now_or_never().is_none());
    world.proxy.held(1, SOON).await;
    let mut gone = Box::pin(publish(&world.store, "gone"));
    let mut stays = pin!(publish(&world.store, "stays"));
    assert!(gone.as_mut().now_or_never().is_none());
    assert!(stays.as_mut().now_or_never().is_none());
    drop(first);
    drop(gone);
    world.proxy.clear();
    assert_eq!(stays.await.expect("it is confirmed"), Published::New);
    assert_eq!(publish(&world.store, "under way").await.expect("it is confirmed"), Published::Duplicate);
    assert_eq!(publish(&world.store, "gone").await.expect("it is confirmed"), Published::New, "never sent");
}

#[tokio::test]
async fn a_lost_reply_is_repeated_once_and_confirmed_by_its_own_write() {
    let world = World::start().await;
    let digest = scripts().into_iter().find(|script| script.name == "publish").expect("a script").digest;
    world.proxy.cut_reply_after(digest.clone(), 1);
    assert_eq!(publish(&world.store, "a").await.expect("it is confirmed"), Published::Duplicate);
    world.proxy.cut(1, SOON).await;

    world.replica.freeze();
    world.proxy.cut_reply_after(digest, 1);
    let answer = publish(&world.store, "b").await;
    assert!(unconfirmed(&answer), "{answer:?}");
    world.proxy.cut(2, SOON).await;
    assert_eq!(depth(&world.primary).await, 3);
}

#[tokio::test]
async fn a_script_that_redis_forgot_is_published_all_the_same() {
    let world = World::start().await;
    let mut connection = world.primary.connection().await;
    let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.expect("it answers");
    assert_eq!(publish(&world.store, "a").await.expect("it is confirmed"), Published::New);

    let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.expect("it answers");
    let names: Vec<_> = (0..20).map(|n| format!("e{n}")).collect();
    let answers = world.meanwhile(names.iter().map(|name| publish(&world.store, name))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Published::New))), "{answers:?}");
    assert_eq!(depth(&world.primary).await, 23);

    world.replica.freeze();
    let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.expect("it answers");
    let answer = publish(&world.store, "b").await;
    assert!(unconfirmed(&answer), "{answer:?}");
}

#[tokio::test]
async fn every_caller_hears_that_redis_is_gone_and_its_return_is_noticed() {
    let world = World::start().await;
    world.proxy.hold_on("under way");
    let mut first = pin!(publish(&world.store, "under way"));
    assert!(first.as_mut().now_or_never().is_none());
    world.proxy.held(1, SOON).await;
    let names: Vec<_> = (0..20).map(|n| format!("e{n}")).collect();
    let mut others = pin!(join_all(names.iter().map(|name| publish(&world.store, name))));
    assert!(others.as_mut().now_or_never().is_none());
    world.proxy.refuse(true);
    world.proxy.drop_connections();
    assert!(first.await.is_err());
    let answers = others.await;
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    world.proxy.refuse(false);
    world.proxy.clear();
    assert_eq!(publish(&world.store, "after").await.expect("it is confirmed"), Published::New);
    assert_eq!(depth(&world.primary).await, 2, "nothing that was refused was published");
}

#[tokio::test]
async fn a_redis_that_hangs_is_an_error_for_every_caller_and_holds_nobody_up_afterwards() {
    let world = World::start().await;
    world.primary.freeze();
    let mut first = pin!(publish(&world.store, "under way"));
    assert!(first.as_mut().now_or_never().is_none());
    let names: Vec<_> = (0..100).map(|n| format!("e{n}")).collect();
    // More than one group: some of them wait for a place.
    let mut others = pin!(join_all(names.iter().map(|name| publish(&world.store, name))));
    assert!(others.as_mut().now_or_never().is_none());
    assert!(first.await.is_err());
    let answers = others.await;
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    world.primary.thaw();
    eventually_true(SOON, "it answers again", async || publish(&world.store, "after").await.is_ok()).await;
}

#[tokio::test]
async fn on_a_cluster_the_node_that_wrote_is_asked() {
    let cluster = TestCluster::start().await;
    let store = store_at(&cluster.url(), 1);
    let owner = cluster.owner_of(STREAM).await;
    let replica = cluster.replica_of(owner).await;
    assert_eq!(publish(&store, "a").await.expect("it is confirmed"), Published::New);
    replica.freeze();
    let answer = publish(&store, "b").await;
    assert!(unconfirmed(&answer), "{answer:?}");
    replica.thaw();

    let to = (owner + 1) % 3;
    let replica = cluster.replica_of(to).await;
    let migration = cluster.migrate(STREAM, to).await;
    migration.finish().await;
    let names: Vec<_> = (0..20).map(|n| format!("e{n}")).collect();
    let answers = join_all(names.iter().map(|name| publish(&store, name))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(Published::New))), "{answers:?}");
    replica.freeze();
    let answer = publish(&store, "e0").await;
    assert!(unconfirmed(&answer), "{answer:?}");
}
