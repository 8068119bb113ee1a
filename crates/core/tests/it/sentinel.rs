//! Which server is used where sentinels name the primary.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use test_support::{FaultProxy, RedisSentinel, TestRedis, eventually, eventually_true};
use textproof::store::{
    Checked, GroupMember, Queue, RedisSettings, RedisStore, RequestId, Store, StoreError,
};

use crate::fixture::{self, Phone, message};

const SOON: Duration = Duration::from_secs(20);

async fn publish(store: &Arc<dyn Store>, name: &str) -> Result<(), StoreError> {
    fixture::publish(store.as_ref(), Queue::Events, name).await.map(drop)
}

#[tokio::test]
async fn sentinels_have_a_password_of_their_own_and_calls_follow_the_primary() {
    let servers = RedisSentinel::start_with_passwords("wordofservers", "wordofsentinels").await;
    let mut settings = RedisSettings::new(servers.url());
    settings.response_timeout = Duration::from_millis(500);
    for wrong in [None, Some("wordofservers")] {
        settings.sentinel_password = wrong.map(SecretString::from);
        let store: Arc<dyn Store> = Arc::new(RedisStore::new(&settings).expect("the URL is usable"));
        let refused = store.ping().await.expect_err("the sentinels refuse");
        let said = format!("{refused} {refused:?}");
        assert!(!said.contains("wordof"), "no password is shown: {said}");
    }
    settings.sentinel_password = Some(SecretString::from("wordofsentinels"));
    settings.response_timeout = Duration::from_secs(2);
    settings.min_replicas = 1;
    let store: Arc<dyn Store> = Arc::new(RedisStore::new(&settings).expect("the URL is usable"));
    let phone = Phone::new(&store);
    phone.send(482_174).await;
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 4 });
    let health = store.health().await.expect("the store answers").server;
    assert!(health.ends_with("the primary that 3 of 3 sentinels name"), "{health}");

    servers.fail_over().await;
    let request = RequestId::random();
    let checked = eventually(SOON, "the new primary is used", async || {
        phone.try_check(request, 482_174, None).await.ok()
    })
    .await;
    assert_eq!(checked, Checked::Right, "the old primary's data are the new one's");
    assert_eq!(phone.check(482_174).await, Checked::AlreadyUsed);
}

#[tokio::test]
async fn a_server_that_is_no_primary_is_not_even_read_from() {
    let primary = TestRedis::start().await;
    let replica = primary.replica().await;
    let sentinel = RedisSentinel::naming(&replica).await;
    let mut settings = RedisSettings::new(sentinel.url());
    settings.response_timeout = Duration::from_millis(500);
    let store = RedisStore::new(&settings).expect("the URL is usable");
    let store: Arc<dyn Store> = Arc::new(store);
    let looked_up = message("MSG1");
    // A call that only reads: a replica would answer it.
    let read = async || store.delivery(&looked_up).await;
    let refused = read().await.expect_err("a replica's answers may be old");
    assert!(refused.to_string().contains("this server is no primary"), "{refused}");
    assert!(store.ping().await.is_err());
    replica.lead().await;
    eventually_true(SOON, "it is a primary now", async || read().await.is_ok()).await;
    store.ping().await.expect("it is ready");
}

#[tokio::test]
async fn a_primary_that_became_a_replica_is_not_ready() {
    let (one, other) = (TestRedis::start().await, TestRedis::start().await);
    let sentinel = RedisSentinel::naming(&one).await;
    let store = fixture::redis_at(&sentinel.url());
    store.ping().await.expect("it is ready");
    one.follow(&other).await;
    store.ping().await.expect_err("it answers PING, and takes nothing");
    sentinel.name_instead(&other).await;
    eventually_true(SOON, "its successor is found", async || store.ping().await.is_ok()).await;
}

#[tokio::test]
async fn a_call_that_a_former_primary_refuses_is_answered_by_the_new_one() {
    for (replicas, opened) in [(0, true), (1, true), (1, false)] {
        let (one, other) = (TestRedis::start().await, TestRedis::start().await);
        let _confirming = other.replica().await;
        let first = one.replica().await;
        let sentinel = RedisSentinel::naming(&one).await;
        let mut settings = RedisSettings::new(sentinel.url());
        settings.min_replicas = replicas;
        let store: Arc<dyn Store> = Arc::new(RedisStore::new(&settings).expect("the URL is usable"));
        let phone = Phone::new(&store);
        // Opens the shared connection, and agrees on the shards.
        assert_eq!(store.depth(Queue::Events).await.expect("the store answers"), 0);
        if opened {
            // And the dedicated one.
            publish(&store, "before").await.expect("it is taken");
        }
        drop(first);
        // Its connections stay open, as those of a primary that the sentinels cannot reach.
        one.follow(&other).await;
        sentinel.name_instead(&other).await;
        publish(&store, "after").await.expect("READONLY says that it has not run: it is sent again");
        let errors: String = redis::cmd("INFO")
            .arg("errorstats")
            .query_async(&mut one.connection().await)
            .await
            .expect("it answers");
        assert!(
            !errors.contains("READONLY:count=") || errors.contains("READONLY:count=1\r"),
            "once: {errors}"
        );
        let reserved = phone.try_reserve(RequestId::random(), Phone::fresh(2)).await;
        assert!(reserved.is_ok(), "{reserved:?}");
        assert_eq!(store.depth(Queue::Events).await.expect("the store answers"), 1);
    }
}

/// The old primary still answers, and calls itself one: only the sentinels know better.
#[tokio::test]
async fn a_reader_leaves_a_primary_that_was_cut_off() {
    let (one, other) = (TestRedis::start().await, TestRedis::start().await);
    let sentinel = RedisSentinel::naming(&one).await;
    let store = fixture::redis_at(&sentinel.url());
    let member = GroupMember { group: "g".into(), consumer: "c".into(), shard: 0 };
    let mut reader = store.reader(&member).await.expect("the store answers");
    assert!(reader.read(1, Duration::from_millis(1)).await.expect("it answers").is_empty());
    sentinel.name_instead(&other).await;
    publish(&fixture::redis(&other), "a").await.expect("it is taken");
    let entry = eventually(SOON, "the reader reads from the new primary", async || {
        reader.read(1, Duration::from_millis(50)).await.expect("without a fault").pop()
    })
    .await;
    assert_eq!(entry.envelope, "a");
}

#[tokio::test]
async fn a_primary_that_comes_back_at_once_is_connected_again() {
    let server = TestRedis::start().await;
    let sentinel = RedisSentinel::naming(&server).await;
    let phone = Phone::new(&fixture::redis_at(&sentinel.url()));
    for code in 0..3 {
        phone.send(code).await;
        server.restart().await;
        eventually_true(SOON, "it is used again", async || {
            phone.try_check(RequestId::random(), code, None).await.is_ok()
        })
        .await;
    }
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows_is_said() {
    let server = TestRedis::start().await;
    let sentinel = RedisSentinel::naming(&server).await;
    let mut settings = RedisSettings::new(format!("{}x", sentinel.url()));
    settings.response_timeout = Duration::from_millis(300);
    let store = RedisStore::new(&settings).expect("the URL is usable");
    let store: Arc<dyn Store> = Arc::new(store);
    let mut refused: &dyn std::error::Error = &store.ping().await.expect_err("there is no such primary");
    let mut said = refused.to_string();
    while let Some(source) = refused.source() {
        said = format!("{said}: {source}");
        refused = source;
    }
    assert!(
        said.contains("the sentinels know no primary of this name") && said.contains("primaryx"),
        "{said}"
    );
}

/// It is cut off from the others together with an old primary, and both answer.
#[tokio::test]
async fn one_sentinel_of_three_takes_nobody_away_from_a_primary() {
    let (one, other) = (TestRedis::start().await, TestRedis::start().await);
    let sentinels = [
        RedisSentinel::naming(&one).await,
        RedisSentinel::naming(&one).await,
        RedisSentinel::naming(&one).await,
    ];
    let address = |sentinel: &RedisSentinel| {
        let url = sentinel.url();
        url.trim_start_matches("redis+sentinel://").split('/').next().expect("an address").to_owned()
    };
    let proxy = FaultProxy::start(address(&sentinels[2]).parse().expect("an address")).await;
    let name = sentinels[0].url().rsplit('/').next().expect("a name").to_owned();
    let [first, second] = [&sentinels[0], &sentinels[1]].map(address);
    let url = format!("redis+sentinel://{first},{second},{}/{name}", proxy.addr());
    let store = fixture::redis_at(&url);
    publish(&store, "before").await.expect("it is taken");
    sentinels[2].name_instead(&other).await;
    // When it is asked the second time, what it said the first time has been heard.
    for _ in 0..2 {
        proxy.hold_on("GET-MASTER-ADDR-BY-NAME");
        proxy.held(1, SOON).await;
        proxy.clear();
        proxy.released(SOON).await;
    }
    publish(&store, "after").await.expect("it is taken");
    let depth =
        async |server: &TestRedis| fixture::redis(server).depth(Queue::Events).await.expect("it answers");
    assert_eq!((depth(&one).await, depth(&other).await), (2, 0));

    sentinels[1].name_instead(&other).await;
    eventually_true(SOON, "two of three are followed", async || {
        publish(&store, "and now").await.is_ok() && depth(&other).await == 1
    })
    .await;
}
