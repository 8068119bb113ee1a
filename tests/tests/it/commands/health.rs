//! `textproof doctor`.

use serde_json::{Value, json};
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

#[tokio::test]
async fn doctor_and_token_look_at_every_gateway_in_the_configured_order() {
    let desk = Desk::start().await;
    let both = |arguments: &[&str], url: &str| {
        let command = desk.textproof(arguments).env("TEXTPROOF_OTP_GATEWAYS", "mobile-api-connect,connexus");
        command.env("MOBILE_API_CONNECT_KEY", "sk_live_sandbox").env("MOBILE_API_CONNECT_BASE_URL", url)
    };
    let there = format!("{}/v1", desk.sandbox.url());
    let token = Ended::of(both(&["--json", "token"], &there)).await;
    assert_eq!(
        (token.status, &token.json()["gateway"]),
        (0, &json!("mobile-api-connect, connexus")),
        "{}",
        token.output()
    );
    // Nobody listens where the first one should be; the second is looked at all the same.
    let nowhere = "http://127.0.0.1:1/v1";
    for (url, status, expected) in [(there.as_str(), 0, ["ok", "ok"]), (nowhere, 2, ["problem", "ok"])] {
        let ended = Ended::of(both(&["--json", "doctor"], url)).await;
        assert_eq!(ended.status, status, "{}", ended.output());
        let report = ended.json();
        let findings = report["findings"].as_array().expect("a list of findings");
        let gateways: Vec<_> = findings.iter().filter(|found| found["what"] == "gateway").collect();
        assert_eq!(gateways.len(), 2, "{report}");
        for ((found, level), name) in gateways.iter().zip(expected).zip(["mobile-api-connect", "connexus"]) {
            assert_eq!(found["level"], level, "{report}");
            assert!(found["detail"].as_str().is_some_and(|detail| detail.contains(name)), "{report}");
        }
    }
    assert_eq!(Ended::of(both(&["token"], nowhere)).await.status, 2);
}

/// The first of the configured gateways takes the text; where it cannot, the next one does.
#[tokio::test]
async fn a_code_goes_through_the_first_gateway_that_can_be_reached() {
    let desk = Desk::start().await;
    let (there, nowhere) = (format!("{}/v1", desk.sandbox.url()), "http://127.0.0.1:1/v1");
    for (phone, url, gateway) in
        [("021 123 4567", there.as_str(), "mobile-api-connect"), ("021 123 4568", nowhere, "connexus")]
    {
        let with = |arguments: &[&str]| {
            let command =
                desk.textproof(arguments).env("TEXTPROOF_OTP_GATEWAYS", "mobile-api-connect,connexus");
            command.env("MOBILE_API_CONNECT_KEY", "sk_live_sandbox").env("MOBILE_API_CONNECT_BASE_URL", url)
        };
        let sent = Ended::of(with(&["--json", "send", phone, "--company", "MyApp"])).await;
        assert_eq!(sent.status, 0, "{}", sent.output());
        let state = Ended::of(with(&["--json", "phone", phone])).await.json();
        assert_eq!(state["last_gateway"], gateway, "{state}");
        let e164 = format!("+64{}", phone.replace(' ', "").trim_start_matches('0'));
        assert_eq!(desk.texts(&e164).await.len(), 1, "one text to {phone}");
    }
}

fn levels(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().expect("a list of findings");
    let level = |found: &Value| {
        let text = |key: &str| found[key].as_str().expect("text").to_owned();
        (text("what"), text("level"))
    };
    findings.iter().map(level).collect()
}
