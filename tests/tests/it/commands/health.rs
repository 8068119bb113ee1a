//! `textproof doctor`.

use serde_json::Value;
use test_support::{Fsync, TestRedis};

use super::{Desk, Ended};

#[tokio::test]
async fn doctor_finds_nothing_where_nothing_is_wrong_and_says_what_is() {
    let desk = Desk::start().await;
    let healthy = TestRedis::builder().aof(Fsync::EverySecond).start().await;
    let doctor = async |redis: &str| {
        let command = desk.textproof(&["doctor", "--json"]).env("TEXTPROOF_REDIS_URL", redis);
        let ended = Ended::of(command).await;
        (ended.status, levels(&ended.json()))
    };
    let (status, found) = doctor(&healthy.url()).await;
    assert_eq!(status, 0, "{found:?}");
    assert!(found.iter().all(|(_, level)| level == "ok"), "{found:?}");
    for what in ["secrets", "redis", "eviction", "persistence", "clock", "gateway"] {
        assert!(found.iter().any(|(found, _)| found == what), "{what}: {found:?}");
    }

    let (status, found) = doctor(&desk.world.redis.url()).await;
    assert_eq!(status, 0, "{found:?}");
    assert!(found.contains(&("persistence".into(), "warning".into())), "{found:?}");

    let evicting = TestRedis::builder().arg("maxmemory-policy", "allkeys-lru").start().await;
    let (status, found) = doctor(&evicting.url()).await;
    assert_eq!(status, 2, "{found:?}");
    assert!(found.contains(&("eviction".into(), "problem".into())), "{found:?}");

    healthy.kill();
    let (status, found) = doctor(&healthy.url()).await;
    assert_eq!(status, 2, "{found:?}");
    assert!(found.contains(&("redis".into(), "problem".into())), "{found:?}");

    let table = Ended::of(desk.textproof(&["doctor"]).env("RUST_LOG", "error")).await;
    assert_eq!((table.status, table.stderr.as_str()), (0, ""));
    assert!(table.stdout.trim_start().starts_with("WHAT"), "{}", table.stdout);
}

fn levels(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().expect("a list of findings");
    let level = |found: &Value| {
        let text = |key: &str| found[key].as_str().expect("text").to_owned();
        (text("what"), text("level"))
    };
    findings.iter().map(level).collect()
}
