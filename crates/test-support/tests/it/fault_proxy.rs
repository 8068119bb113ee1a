use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, AsyncConnectionConfig, Client, RedisResult};
use test_support::{FaultProxy, TestRedis, eventually_true};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const SOON: Duration = Duration::from_secs(10);

struct Fixture {
    redis: TestRedis,
    proxy: FaultProxy,
}

impl Fixture {
    async fn start() -> Self {
        let redis = TestRedis::start().await;
        let proxy = FaultProxy::start(redis.addr()).await;
        Self { redis, proxy }
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(SOON));
        Client::open(format!("redis://127.0.0.1:{}", self.proxy.port()))?
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    async fn client(&self) -> MultiplexedConnection {
        self.connect().await.unwrap()
    }

    /// What the server holds, asked past the proxy.
    async fn count(&self) -> Option<u64> {
        self.redis.connection().await.get("count").await.unwrap()
    }
}

fn incr(client: &MultiplexedConnection) -> JoinHandle<RedisResult<u64>> {
    let mut client = client.clone();
    tokio::spawn(async move { client.incr("count", 1).await })
}

#[tokio::test]
async fn a_held_command_waits_and_others_do_not() {
    let fixture = Fixture::start().await;
    let (held, other) = (fixture.client().await, fixture.client().await);
    fixture.proxy.hold_on("INCRBY");
    let answer = incr(&held);
    fixture.proxy.held(1, SOON).await;
    let _: () = other.clone().set("key", "value").await.unwrap();
    assert_eq!(fixture.count().await, None);
    fixture.proxy.clear();
    assert_eq!(answer.await.unwrap().unwrap(), 1);
    fixture.proxy.held(0, SOON).await;
}

#[tokio::test]
async fn a_pattern_across_two_chunks_is_held() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = FaultProxy::start(listener.local_addr().unwrap()).await;
    proxy.hold_on("settle");
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    client.write_all(b"before set").await.unwrap();
    let mut first = [0; 10];
    server.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"before set");
    client.write_all(b"tle after").await.unwrap();
    proxy.held(1, SOON).await;
    client.write_all(b", later").await.unwrap();
    proxy.clear();
    let mut rest = [0; 16];
    server.read_exact(&mut rest).await.unwrap();
    assert_eq!(&rest, b"tle after, later");
}

#[tokio::test]
async fn what_was_held_dies_with_its_client() {
    for _ in 0..20 {
        let fixture = Fixture::start().await;
        fixture.proxy.hold_on("INCRBY");
        let mut client = TcpStream::connect(fixture.proxy.addr()).await.unwrap();
        client.write_all(b"INCRBY count 1\r\n").await.unwrap();
        fixture.proxy.held(1, SOON).await;
        drop(client);
        fixture.proxy.clear();
        eventually_true(SOON, "the proxy closes the connection", async || fixture.proxy.connections() == 0)
            .await;
        assert_eq!(fixture.count().await, None);
    }
}

#[tokio::test]
async fn a_command_whose_reply_is_lost_was_run() {
    let fixture = Fixture::start().await;
    fixture.proxy.cut_reply_after("INCRBY", 2);
    for lost in 1..=2 {
        let client = fixture.client().await;
        assert!(incr(&client).await.unwrap().is_err());
        fixture.proxy.cut(lost, SOON).await;
        assert_eq!(fixture.count().await, Some(lost as u64));
    }
    let client = fixture.client().await;
    assert_eq!(incr(&client).await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn in_a_black_hole_nothing_passes_until_it_ends() {
    let fixture = Fixture::start().await;
    let client = fixture.client().await;
    fixture.proxy.black_hole(true);
    let answer = incr(&client);
    assert_eq!(fixture.count().await, None);
    assert!(!answer.is_finished());
    fixture.proxy.black_hole(false);
    assert_eq!(answer.await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn chunks_are_delayed_in_each_direction() {
    let fixture = Fixture::start().await;
    let client = fixture.client().await;
    fixture.proxy.delay(Duration::from_millis(30), Duration::from_millis(40));
    let begun = Instant::now();
    incr(&client).await.unwrap().unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(70), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn refused_connections_end_at_once_and_standing_ones_live() {
    let fixture = Fixture::start().await;
    let standing = fixture.client().await;
    fixture.proxy.refuse(true);
    assert!(fixture.connect().await.is_err());
    assert_eq!(incr(&standing).await.unwrap().unwrap(), 1);
    fixture.proxy.clear();
    assert!(fixture.connect().await.is_ok());
}

#[tokio::test]
async fn dropped_connections_end_and_new_ones_are_taken() {
    let fixture = Fixture::start().await;
    let client = fixture.client().await;
    fixture.proxy.drop_connections();
    assert!(incr(&client).await.unwrap().is_err());
    let client = fixture.client().await;
    assert_eq!(incr(&client).await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_client_that_ends_at_once_has_been_heard() {
    let fixture = Fixture::start().await;
    for sent in 1..=50_u64 {
        let mut client = TcpStream::connect(fixture.proxy.addr()).await.unwrap();
        client.write_all(b"INCRBY count 1\r\n").await.unwrap();
        drop(client);
        eventually_true(SOON, "the server ran the command", async || fixture.count().await == Some(sent))
            .await;
    }
}
