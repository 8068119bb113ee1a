//! `rediss://` end to end: a Redis that speaks TLS, with an authority that only this test knows.

use std::path::PathBuf;

use test_support::{ProcessBuilder, TestAuthority, TestCertificate, TestRedis, eventually_true, free_port};

use crate::fixture::{EVENTS, PATIENCE, World, delivered, http, post, websms};

/// A world whose Redis listens for TLS, too, with this certificate; and where.
async fn world(files: &TestCertificate, authority: &TestAuthority) -> (World, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file in a temporary folder");
        path.display().to_string()
    };
    let port = free_port();
    let redis = TestRedis::builder()
        .arg("tls-port", &port.to_string())
        .arg("tls-cert-file", &write("cert.pem", &files.certificate))
        .arg("tls-key-file", &write("key.pem", &files.key))
        .arg("tls-ca-cert-file", &write("ca.pem", authority.certificate()))
        .arg("tls-auth-clients", "no");
    // Redis has read them once it answers.
    let world = World::on(redis.start().await, "");
    (world, format!("rediss://127.0.0.1:{port}"))
}

fn with_tls(binary: ProcessBuilder, url: &str, authority: Option<PathBuf>) -> ProcessBuilder {
    let binary = binary.env("TEXTPROOF_REDIS_URL", url);
    match authority {
        Some(file) => binary.env("TEXTPROOF_REDIS_CA_FILE", file),
        None => binary,
    }
}

#[tokio::test]
async fn events_are_stored_and_acted_on_over_tls() {
    let authority = TestAuthority::new();
    let (world, url) = world(&authority.server(), &authority).await;
    let file = world.write("redis-ca.pem", authority.certificate());
    let ingest = with_tls(world.binary("webhook-ingest"), &url, Some(file.clone())).listen().await;
    let client = http();
    for message in ["first", "second"] {
        assert_eq!(post(&client, &websms(&ingest), delivered(message)).await.0, 200, "{ingest}");
    }
    assert_eq!(post(&client, &websms(&ingest), delivered("second")).await.0, 200);
    assert_eq!(world.depth(EVENTS).await, 2);
    assert_eq!(client.get(format!("{}/readyz", ingest.url())).send().await.expect("an answer").status(), 200);
    // The worker's blocking reads have connections of their own.
    let worker = with_tls(world.binary("worker"), &url, Some(file)).listen().await;
    eventually_true(PATIENCE, "both are acted on", async || world.depth(EVENTS).await == 0).await;
    drop(worker);
}

#[tokio::test]
async fn a_redis_with_a_certificate_that_nobody_vouches_for_is_not_spoken_to() {
    let authority = TestAuthority::new();
    let (world, url) = world(&authority.server(), &authority).await;
    let stranger = world.write("stranger.pem", TestAuthority::new().certificate());
    for trusted in [Some(stranger), None] {
        let ingest = with_tls(world.binary("webhook-ingest"), &url, trusted).listen().await;
        assert_eq!(post(&http(), &websms(&ingest), delivered("lost")).await.0, 503, "{ingest}");
        assert_eq!(
            http().get(format!("{}/readyz", ingest.url())).send().await.expect("an answer").status(),
            503
        );
    }
    world.assert_untouched().await;
}

#[tokio::test]
async fn a_redis_whose_certificate_is_for_another_name_is_not_spoken_to() {
    let authority = TestAuthority::new();
    let (world, url) = world(&authority.issue("redis.example.com"), &authority).await;
    let file = world.write("redis-ca.pem", authority.certificate());
    let ingest = with_tls(world.binary("webhook-ingest"), &url, Some(file)).listen().await;
    assert_eq!(post(&http(), &websms(&ingest), delivered("lost")).await.0, 503, "{ingest}");
    world.assert_untouched().await;
}

#[tokio::test]
async fn an_authority_that_cannot_be_used_is_one_line_and_status_64() {
    let world = World::start().await;
    let good = world.write("good.pem", TestAuthority::new().certificate());
    let empty = world.write("empty.pem", "no certificate");
    for (url, file, problem) in [
        (
            "rediss://127.0.0.1",
            empty,
            "redis.ca_file (the configuration): the authorities of the Redis server must be",
        ),
        ("rediss://127.0.0.1", "/nowhere/ca.pem".into(), "redis.ca_file: /nowhere/ca.pem cannot be read: "),
        ("redis://127.0.0.1", good, "redis.ca_file (TEXTPROOF_REDIS_CA_FILE): is for rediss:// alone"),
    ] {
        let mut ingest = with_tls(world.binary("webhook-ingest"), url, Some(file)).spawn();
        assert_eq!(ingest.wait(PATIENCE).await.code(), Some(64), "{ingest}");
        let log = ingest.stderr();
        assert!(log.lines().count() == 1 && log.contains(problem), "{problem}: {log}");
    }
}
