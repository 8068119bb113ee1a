//! What is wrong with a configuration is said in one line, before anything happens.

use std::net::TcpListener;

use super::{Desk, Ended};
use crate::fixture::{PATH_SECRET, SIGNING_SECRET, World};

#[tokio::test]
async fn the_effective_configuration_is_shown_without_its_secrets() {
    let desk = Desk::start().await;
    for flag in [None, Some("--json")] {
        let command = desk.textproof(&["config", "check"]).args(flag);
        let command = command.env("TEXTPROOF_REDIS_URL", "redis://someone:canary-password@127.0.0.1:1");
        let ended = Ended::of(command.env("MOBILE_API_CONNECT_KEY", "sk_canary_key")).await;
        assert_eq!(ended.status, 0, "{}", ended.output());
        for canary in [
            PATH_SECRET,
            SIGNING_SECRET,
            "canary-password",
            "sk_canary_key",
            "csk_sandbox",
            &data_encoding::BASE64.encode(b"canary-pepper-canary-pepper-0123"),
        ] {
            assert!(!ended.output().contains(canary), "{canary}");
        }
        for shown in ["***", "ttl_seconds", "websms", "path-secret", "redis://someone:***@127.0.0.1:1"] {
            assert!(ended.stdout.contains(shown), "{shown}: {}", ended.output());
        }
        if flag.is_some() {
            assert_eq!(ended.json()["otp"]["ttl_seconds"], 300);
        }
    }
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_refused_in_one_line() {
    let desk = Desk::start().await;
    let world = &desk.world;
    for (name, text, what) in [
        ("syntax.toml", "[redis\nurl = 1", "line 1"),
        ("key.toml", "[redis]\nurll = \"redis://127.0.0.1\"\n", "urll"),
        ("section.toml", "[reddis]\n", "reddis"),
        ("kind.toml", "[otp]\nttl_seconds = \"300\"\n", "ttl_seconds"),
        ("otp.toml", "[otp]\nttl_seconds = 9999\n", "ttl_seconds"),
        ("country.toml", "[otp]\ncountries = [\"ZQ\"]\n", "ZQ"),
        ("endpoint.toml", "[[endpoint]]\nname = \"open\"\ndialect = \"connexus\"\n", "open"),
    ] {
        let path = world.write(name, text);
        let path = path.to_str().expect("a path in UTF-8");
        for program in ["textproof", "webhook-ingest", "worker"] {
            // Codes are no business of the servers; endpoints are webhook-ingest's, and config check's.
            let codes_only = ["otp.toml", "country.toml"].contains(&name) && program != "textproof";
            if codes_only || program == "worker" && name == "endpoint.toml" {
                continue;
            }
            let arguments: &[&str] = match program {
                "textproof" => &["--config", path, "config", "check"],
                _ => &["--config", path],
            };
            let ended = Ended::of(world.binary(program).args(arguments)).await;
            ended.assert_refused(what);
        }
    }
    let missing = world.binary("textproof").args(["--config", "nowhere.toml", "config", "check"]);
    Ended::of(missing).await.assert_refused("nowhere.toml");
    let variable = world.binary("textproof").args(["config", "check"]).env("TEXTPROOF_OTP_TTL", "1");
    Ended::of(variable).await.assert_refused("TEXTPROOF_OTP_TTL");
}

#[tokio::test]
async fn memory_is_not_for_processes_that_share_their_state() {
    let desk = Desk::start().await;
    for arguments in [
        ["send", "021 123 4567", "--company", "MyApp"].as_slice(),
        &["verify", "021 123 4567", "123456"],
        &["token"],
    ] {
        let command = desk.textproof(arguments).env("TEXTPROOF_REDIS_URL", "memory:");
        Ended::of(command.env("RUST_LOG", "error")).await.assert_refused("memory:");
    }
    assert!(desk.texts("+64211234567").await.is_empty());
}

#[tokio::test]
async fn a_server_refuses_its_configuration_before_it_binds_a_port() {
    let world = World::start().await;
    // A taken port: who binds before looking at the configuration fails with another status.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("a bound listener").to_string();
    for name in ["webhook-ingest", "worker"] {
        let server = |redis: &str| {
            world
                .binary(name)
                .env("TEXTPROOF_REDIS_URL", redis)
                .env("TEXTPROOF_INGEST_BIND", &taken)
                .env("TEXTPROOF_WORKER_BIND", &taken)
        };
        Ended::of(server("memory:")).await.assert_refused("memory:");
        Ended::of(server("http://127.0.0.1")).await.assert_refused("redis.url");
        Ended::of(server("")).await.assert_refused("redis.url");
    }
    let keyless = world.binary("worker").env("TEXTPROOF_FINGERPRINT_KEY", "");
    Ended::of(keyless).await.assert_refused("fingerprint_key");
}

#[tokio::test]
async fn help_is_no_mistake_and_a_wrong_flag_is() {
    let world = World::start().await;
    for name in ["textproof", "webhook-ingest", "worker", "sandbox"] {
        for asked in ["--help", "--version"] {
            let ended = Ended::of(world.binary(name).arg(asked)).await;
            assert_eq!((ended.status, ended.stderr.as_str()), (0, ""), "{name} {asked}");
            assert!(!ended.stdout.is_empty(), "{name} {asked}");
        }
        let ended = Ended::of(world.binary(name).arg("--no-such-flag")).await;
        assert_eq!((ended.status, ended.stdout.as_str()), (64, ""), "{name}: {}", ended.output());
        assert!(ended.stderr.contains("--no-such-flag"), "{name}: {}", ended.output());
    }
}
