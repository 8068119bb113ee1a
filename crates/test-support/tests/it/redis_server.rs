use std::time::Duration;

use redis::AsyncCommands;
use test_support::{Fsync, TestRedis, eventually_true};

#[tokio::test]
async fn servers_are_apart_and_do_not_evict() {
    let (first, second) = tokio::join!(TestRedis::start(), TestRedis::start());
    let mut connection = first.connection().await;
    let _: () = connection.set("key", "value").await.unwrap();
    let elsewhere: Option<String> = second.connection().await.get("key").await.unwrap();
    assert_eq!(elsewhere, None);
    let policy: (String, String) =
        redis::cmd("CONFIG").arg("GET").arg("maxmemory-policy").query_async(&mut connection).await.unwrap();
    assert_eq!(policy.1, "noeviction");
}

#[tokio::test]
async fn data_outlive_a_kill_with_an_append_only_file_and_not_without() {
    for (persistent, builder) in
        [(true, TestRedis::builder().aof(Fsync::Always)), (false, TestRedis::builder())]
    {
        let redis = builder.start().await;
        let (port, pid) = (redis.port(), redis.pid());
        let _: () = redis.connection().await.set("key", "value").await.unwrap();
        redis.kill();
        redis.restart().await;
        assert_eq!(redis.port(), port);
        assert_ne!(redis.pid(), pid);
        let exists: bool = redis.connection().await.exists("key").await.unwrap();
        assert_eq!(exists, persistent);
    }
}

#[tokio::test]
async fn a_password_is_asked_for() {
    let redis = TestRedis::builder().password("s3cret").start().await;
    let mut monitor = redis.monitor().await;
    let _: () = redis.connection().await.set("key", "value").await.unwrap();
    assert!(monitor.lines().await.iter().any(|line| line.contains(r#""SET" "key" "value""#)));
    let without = redis::Client::open(format!("redis://127.0.0.1:{}", redis.port())).unwrap();
    let mut connection = without.get_multiplexed_async_connection().await.unwrap();
    let refused: redis::RedisResult<()> = connection.set("key", "other").await;
    assert!(refused.unwrap_err().to_string().contains("Authentication required"));
}

#[tokio::test]
async fn a_frozen_server_answers_when_it_is_thawed() {
    let redis = TestRedis::start().await;
    let mut connection = redis.connection().await;
    redis.freeze();
    let answer = tokio::spawn(async move { connection.set::<_, _, ()>("key", "value").await });
    let stopped = format!("/proc/{}/stat", redis.pid());
    eventually_true(Duration::from_secs(5), "the process is stopped", async || {
        std::fs::read_to_string(&stopped).is_ok_and(|stat| stat.contains(") T "))
    })
    .await;
    assert!(!answer.is_finished());
    redis.thaw();
    answer.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stopped_server_is_gone_and_comes_back() {
    let redis = TestRedis::start().await;
    redis.stop().await;
    assert!(std::net::TcpStream::connect(redis.addr()).is_err());
    redis.restart().await;
    let _: () = redis.connection().await.set("key", "value").await.unwrap();
}

#[tokio::test]
async fn a_monitor_shows_what_scripts_do_and_nothing_of_its_own() {
    let redis = TestRedis::start().await;
    let mut connection = redis.connection().await;
    let monitor = redis.monitor().await;
    let _: () = redis::Script::new("return redis.call('SET', KEYS[1], 'canary')")
        .key("key")
        .invoke_async(&mut connection)
        .await
        .unwrap();
    let lines = monitor.stop().await;
    assert!(
        lines.iter().any(|line| line.contains("lua") && line.contains(r#""key" "canary""#)),
        "{lines:#?}"
    );
    assert!(!lines.iter().any(|line| line.contains("fence")));
}

#[tokio::test]
async fn a_dump_holds_every_kind_of_key_in_the_open() {
    let redis = TestRedis::start().await;
    let mut connection = redis.connection().await;
    // Long and repetitive, so that the server compresses it and DUMP alone would hide the canary.
    let long = "canary-".repeat(100);
    let _: () = redis::pipe()
        .set_ex("string", &long, 100)
        .hset("hash", "field", &long)
        .rpush("list", &long)
        .sadd("set", &long)
        .zadd("zset", &long, 1)
        .xadd("stream", "*", &[("field", &long)])
        .xgroup_create("stream", "group", "0")
        .set("other", "harmless")
        .query_async(&mut connection)
        .await
        .unwrap();
    let dump = redis.dump_all().await;
    assert_eq!(dump.find("canary-canary"), ["hash", "list", "set", "stream", "string", "zset"]);
    assert_eq!(dump.find("group"), ["stream"]);
    assert_eq!(dump.find("oth"), ["other"]);
    assert_eq!(redis.keys_without_ttl().await, ["hash", "list", "other", "set", "stream", "zset"]);
    let string = dump.keys.iter().find(|entry| entry.key == b"string").unwrap();
    assert_eq!((string.kind.as_str(), string.contents.as_slice()), ("string", &[long.into_bytes()][..]));
    assert!(string.ttl.is_some_and(|ttl| ttl <= Duration::from_secs(100)));
}
