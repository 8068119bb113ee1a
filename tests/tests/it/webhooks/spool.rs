//! Redis is away, hangs or is full: what was answered 200 is on the stream in the end, exactly once.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    time::Duration,
};

use redis::cmd;
use test_support::{Fsync, Process, ProcessBuilder, TestRedis, eventually_true, free_port};

use super::senders::{Senders, Told};
use crate::fixture::{EVENTS, PATH_SECRET, PATIENCE, World, delivered, http, post};

/// Webhooks a second.
pub(super) const RATE: u32 = 200;

/// A world whose ingest has a spool, and ports that a restart keeps.
pub(crate) struct Spooling {
    pub(crate) world: World,
    pub(crate) folder: PathBuf,
    port: u16,
    metrics_port: u16,
}

impl Spooling {
    pub(crate) async fn start() -> Self {
        let world = World::on(TestRedis::builder().aof(Fsync::Always).start().await, "");
        let folder = world.folder("spool");
        Self { world, folder, port: free_port(), metrics_port: free_port() }
    }

    pub(crate) fn ingest(&self) -> ProcessBuilder {
        self.environment(self.world.binary("webhook-ingest"))
    }

    pub(crate) fn environment(&self, process: ProcessBuilder) -> ProcessBuilder {
        process
            .env("TEXTPROOF_SPOOL_DIR", &self.folder)
            .env("TEXTPROOF_INGEST_BIND", format!("127.0.0.1:{}", self.port))
            .env("TEXTPROOF_METRICS_BIND", format!("127.0.0.1:{}", self.metrics_port))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hooks/websms/{PATH_SECRET}", self.port)
    }

    /// Events that the spool of the running ingest holds.
    pub(crate) async fn spooled(&self) -> u64 {
        let url = format!("http://127.0.0.1:{}/spool", self.metrics_port);
        let answer = http().get(url).send().await.expect("the ingest runs").text().await.expect("a report");
        let report: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        report["events"].as_u64().expect("a number")
    }

    async fn ready(&self) -> u16 {
        let url = format!("http://127.0.0.1:{}/readyz", self.port);
        http().get(url).send().await.expect("the ingest runs").status().as_u16()
    }

    pub(crate) async fn drained(&self) {
        // One after the other: it takes its time after a long outage.
        let patience = PATIENCE + outage() * 2;
        eventually_true(patience, "the spool is drained", async || self.spooled().await == 0).await;
    }

    /// How often each message is on the stream.
    async fn stored(&self) -> HashMap<String, usize> {
        let entries: Vec<(String, HashMap<String, Vec<u8>>)> =
            self.world.ask(cmd("XRANGE").arg(EVENTS).arg("-").arg("+")).await;
        let mut stored = HashMap::new();
        for (_, fields) in entries {
            let body: serde_json::Value = serde_json::from_slice(&fields["r"]).expect("our own JSON");
            let message = body["messageId"].as_str().expect("our own id").to_owned();
            *stored.entry(message).or_default() += 1;
        }
        stored
    }

    /// Everything that was acknowledged is there, nothing is there twice, and nothing that nobody sent.
    pub(super) async fn assert_exactly_once(&self, told: &Told) {
        let stored = self.stored().await;
        let lost: Vec<_> =
            told.acknowledged.iter().filter(|message| !stored.contains_key(*message)).collect();
        assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), told.acknowledged.len());
        let twice: Vec<_> = stored.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "stored more than once: {twice:?}");
        let known: HashSet<_> =
            [&told.acknowledged, &told.refused, &told.unanswered, &told.late].into_iter().flatten().collect();
        assert!(stored.keys().all(|message| known.contains(message)));
    }
}

/// How long Redis is away: in a run of all tests a few seconds.
pub(super) fn outage() -> Duration {
    let seconds = std::env::var("TEXTPROOF_OUTAGE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(3))
}

/// Until so many more were acknowledged as arrive in this time.
pub(super) async fn go_on_for(senders: &Senders, time: Duration) {
    let wanted = senders.acknowledged() + (f64::from(RATE) * time.as_secs_f64() * 0.9) as usize;
    let patience = PATIENCE + time * 3;
    eventually_true(patience, "more are acknowledged", async || senders.acknowledged() >= wanted).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_and_a_killed_ingest_in_the_middle_of_it_lose_nothing_and_double_nothing() {
    let spooling = Spooling::start().await;
    let mut ingest = spooling.ingest().listen().await;
    let senders = Senders::start(&spooling.url(), RATE);
    go_on_for(&senders, Duration::from_secs(1)).await;
    spooling.world.redis.kill();
    go_on_for(&senders, outage() / 2).await;
    assert!(spooling.spooled().await > 0);

    ingest.kill9().await;
    let ingest = spooling.ingest().listen().await;
    go_on_for(&senders, outage() / 2).await;
    let refused = senders.so_far().refused.len();
    assert_eq!(refused, 0, "with a spool nobody is turned away: {ingest}");

    spooling.world.redis.restart().await;
    go_on_for(&senders, Duration::from_secs(1)).await;
    let told = senders.stop().await;
    spooling.drained().await;
    spooling.assert_exactly_once(&told).await;
    assert!(told.late.is_empty(), "answers that took 2 s or more: {:?}", told.late);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_comes_in_two_seconds_though_redis_hangs_and_nothing_is_lost() {
    let spooling = Spooling::start().await;
    let ingest = spooling.ingest().listen().await;
    let senders = Senders::start(&spooling.url(), RATE);
    go_on_for(&senders, Duration::from_secs(1)).await;
    spooling.world.redis.freeze();
    go_on_for(&senders, outage()).await;
    assert!(spooling.spooled().await > 0);
    spooling.world.redis.thaw();
    go_on_for(&senders, Duration::from_secs(1)).await;
    let told = senders.stop().await;
    spooling.drained().await;
    spooling.assert_exactly_once(&told).await;
    assert!(told.late.is_empty(), "answers that took 2 s or more: {:?} {ingest}", told.late);
    assert!(told.refused.is_empty() && told.unanswered.is_empty(), "{told:?}");
}

/// The disk is full: a process whose files may not grow beyond a few megabytes.
#[tokio::test]
async fn on_a_full_disk_the_sender_keeps_the_event_and_nothing_acknowledged_is_lost() {
    let spooling = Spooling::start().await;
    let limited = spooling.world.limited_binary("webhook-ingest", 4 << 20);
    let ingest = spooling.environment(limited).listen().await;
    spooling.world.redis.kill();
    let (mut told, http) = (Told::default(), http());
    for number in 0.. {
        let message = format!("m{number}");
        let body = delivered(&message).replace('}', &format!(r#","pad":"{}"}}"#, "x".repeat(30_000)));
        match post(&http, &spooling.url(), body).await.0 {
            200 => told.acknowledged.insert(message),
            503 => told.refused.insert(message),
            other => panic!("answered with {other}: {ingest}"),
        };
        assert!(number < 1_000, "the limit was never reached");
        if told.refused.len() == 20 {
            break;
        }
    }
    assert!(told.acknowledged.len() > 10, "{told:?}");
    // Room again: it goes on without a restart.
    let room = format!("--pid={}", ingest.pid());
    let mut given = Process::new("prlimit").arg(room).arg("--fsize=unlimited:").spawn();
    assert_eq!(given.wait(PATIENCE).await.code(), Some(0), "{given}");
    eventually_true(PATIENCE, "an event is taken again", async || {
        let message = format!("r{}", told.refused.len());
        let (status, _) = post(&http, &spooling.url(), delivered(&message)).await;
        let told_of_it = if status == 200 { &mut told.acknowledged } else { &mut told.refused };
        told_of_it.insert(message);
        status == 200
    })
    .await;
    drop(ingest);
    spooling.world.redis.restart().await;
    let _ingest = spooling.ingest().listen().await;
    spooling.drained().await;
    spooling.assert_exactly_once(&told).await;
}

#[tokio::test]
async fn a_redis_without_memory_fills_the_spool_and_then_the_sender_keeps_the_event() {
    let spooling = Spooling::start().await;
    let ingest = spooling.ingest().env("TEXTPROOF_INGEST_SPOOL_MAX_BYTES", "1048576").listen().await;
    let maxmemory = async |bytes: u64| {
        let () = spooling.world.ask(cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes)).await;
    };
    maxmemory(1).await;
    let (mut told, http) = (Told::default(), http());
    for number in 0..100 {
        let message = format!("m{number}");
        let body = delivered(&message).replace('}', &format!(r#","pad":"{}"}}"#, "x".repeat(20_000)));
        match post(&http, &spooling.url(), body).await.0 {
            200 => told.acknowledged.insert(message),
            503 => told.refused.insert(message),
            other => panic!("answered with {other}: {ingest}"),
        };
    }
    assert!(told.acknowledged.len() > 10 && told.refused.len() > 10, "{told:?}");
    assert_eq!(spooling.world.depth(EVENTS).await, 0);
    assert_eq!(spooling.ready().await, 503, "it answers, and nothing can be kept");
    maxmemory(0).await;
    spooling.drained().await;
    assert_eq!(spooling.ready().await, 200);
    spooling.assert_exactly_once(&told).await;
    assert_eq!(post(&http, &spooling.url(), delivered("after")).await.0, 200);
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_not_filled_without_end() {
    let spooling = Spooling::start().await;
    let ingest = spooling.ingest().env("TEXTPROOF_INGEST_MAX_STREAM_DEPTH", "5").listen().await;
    let http = http();
    let mut sent = 0;
    eventually_true(PATIENCE, "events go to the spool", async || {
        sent += 1;
        let (status, _) = post(&http, &spooling.url(), delivered(&format!("m{sent}"))).await;
        assert_eq!(status, 200, "{ingest}");
        spooling.spooled().await > 0
    })
    .await;
    let before = spooling.world.depth(EVENTS).await;
    for number in 0..20 {
        assert_eq!(post(&http, &spooling.url(), delivered(&format!("n{number}"))).await.0, 200);
    }
    assert_eq!(spooling.world.depth(EVENTS).await, before, "the stream stays as it is");
    let () = spooling.world.ask(cmd("XTRIM").arg(EVENTS).arg("MAXLEN").arg(0)).await;
    spooling.drained().await;
}

#[tokio::test]
async fn with_a_spool_the_ingest_is_ready_while_redis_is_away() {
    let spooling = Spooling::start().await;
    let _ingest = spooling.ingest().listen().await;
    let without = spooling.world.binary("webhook-ingest").listen().await;
    spooling.world.redis.kill();
    assert_eq!(spooling.ready().await, 200);
    let answer = http().get(format!("{}/readyz", without.url())).send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
}

#[tokio::test]
async fn a_second_ingest_does_not_take_the_spool_of_a_running_one() {
    let spooling = Spooling::start().await;
    let first = spooling.ingest().listen().await;
    let second = spooling.ingest().env("TEXTPROOF_INGEST_BIND", "127.0.0.1:0").spawn();
    eventually_true(PATIENCE, "the second says that it waits", async || {
        second.wrote("the spool belongs to another process; waiting for it to end")
    })
    .await;
    assert!(!second.wrote("listening on"), "{second}");
    drop(first);
    eventually_true(PATIENCE, "the second listens", async || second.wrote("listening on")).await;
}

#[tokio::test]
async fn a_rate_is_for_genuine_webhooks_and_what_is_beyond_it_stays_with_the_sender() {
    let rate = "
[[endpoint]]
name = \"slow\"
dialect = \"connexus\"
rate_per_second = 3
auth = { scheme = \"hmac-body\" }
secrets = [{ id = \"a\", value = \"SECRET\" }]
"
    .replace("SECRET", crate::fixture::SIGNING_SECRET);
    let world = World::on(TestRedis::start().await, &rate);
    let ingest = world.binary("webhook-ingest").listen().await;
    let (http, url) = (http(), format!("{}/hooks/slow", ingest.url()));
    let send = async |number: u32, signature: Option<String>| {
        let body = delivered(&format!("m{number}"));
        let signature = signature.unwrap_or_else(|| crate::fixture::signature(&body));
        http.post(&url).header("x-mac-signature", signature).body(body).send().await.expect("an answer")
    };
    for number in 0..50 {
        let forged = send(number, Some(format!("sha256={}", "0".repeat(64)))).await;
        assert_eq!(forged.status(), 401, "it uses up nobody's rate");
    }
    let mut refused = 0;
    for number in 0..50 {
        let answer = send(number, None).await;
        match answer.status().as_u16() {
            200 => {}
            503 => {
                assert!(answer.headers().contains_key("retry-after"));
                refused += 1;
            }
            other => panic!("answered with {other}"),
        }
    }
    assert!((1..=47).contains(&refused), "{refused} of 50");
    assert_eq!(world.depth(EVENTS).await, 50 - refused);
}
