//! Webhooks over TLS.

use std::net::TcpListener;

use reqwest::{Certificate, Client};
use test_support::{Process, ProcessBuilder, TestAuthority, TestCertificate, eventually_true, free_port};
use tokio::net::TcpStream;

use crate::{
    fixture::{EVENTS, PATIENCE, World, delivered, post, websms},
    socket::meters::Metered,
    webhooks::raw,
};

/// Writes the two files and names them to the ingest.
fn with_files(world: &World, files: &TestCertificate, ingest: ProcessBuilder) -> ProcessBuilder {
    let certificate = world.write("tls.pem", &files.certificate);
    let key = world.write("tls.key", &files.key);
    ingest.env("TEXTPROOF_INGEST_TLS_CERTIFICATE_FILE", certificate).env("TEXTPROOF_INGEST_TLS_KEY_FILE", key)
}

/// A client that trusts this authority and no other, on connections of its own.
fn trusting(authority: &TestAuthority) -> Client {
    let certificate = Certificate::from_pem(authority.certificate().as_bytes()).expect("a certificate");
    let client = Client::builder().timeout(PATIENCE).tls_certs_only([certificate]).no_proxy().build();
    client.expect("a client")
}

#[tokio::test]
async fn webhooks_come_over_tls_and_nothing_comes_without() {
    let (world, authority) = (World::start().await, TestAuthority::new());
    let server = Metered::start(&world, |ingest| with_files(&world, &authority.server(), ingest)).await;
    assert!(server.ingest.stdout().starts_with("listening on https://127.0.0.1:"), "{}", server.ingest);
    let url = websms(&server.ingest);
    let trusting_client = trusting(&authority);
    assert_eq!(post(&trusting_client, &url, delivered("first")).await.0, 200);
    assert_eq!(post(&trusting_client, &url, delivered("second")).await.0, 200);
    let stranger = trusting(&TestAuthority::new()).post(&url).body(delivered("third")).send().await;
    assert!(stranger.is_err_and(|error| error.is_connect()));
    let path = url.replace(&server.ingest.url(), "");
    let plain =
        raw::exchange(server.ingest.address(), raw::request("POST", &path, &delivered("fourth"))).await;
    assert!(!plain.contains("HTTP/"), "{plain}");
    // Whoever opens a connection and says nothing is not waited for.
    let mut silent = TcpStream::connect(server.ingest.address()).await.expect("it listens");
    assert_eq!(raw::read_to_the_end(&mut silent).await, "");
    eventually_true(PATIENCE, "three handshakes have failed", async || {
        server.sum("textproof_connections_ended_total", "tls_handshake").await >= 3.0
    })
    .await;
    assert_eq!(world.depth(EVENTS).await, 2);
    assert!(!server.ingest.wrote("WARN"), "no line for a failed handshake: {}", server.ingest);
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_up_and_a_broken_one_is_not() {
    let (world, old, new) = (World::start().await, TestAuthority::new(), TestAuthority::new());
    let mut ingest = with_files(&world, &old.server(), world.binary("webhook-ingest")).listen().await;
    let url = websms(&ingest);
    assert_eq!(post(&trusting(&old), &url, delivered("old")).await.0, 200);

    let renewed = new.server();
    world.write("tls.pem", &renewed.certificate);
    ingest.signal("HUP");
    eventually_true(PATIENCE, "the mismatch is logged", async || {
        ingest.wrote("the renewed certificate cannot be used")
    })
    .await;
    assert_eq!(post(&trusting(&old), &url, delivered("still old")).await.0, 200);

    world.write("tls.key", &renewed.key);
    ingest.signal("HUP");
    eventually_true(PATIENCE, "the new certificate is shown", async || {
        trusting(&new).post(&url).body(delivered("new")).send().await.is_ok()
    })
    .await;
    let outdated = trusting(&old).post(&url).body(delivered("outdated")).send().await;
    assert!(outdated.is_err_and(|error| error.is_connect()));
    assert_eq!(ingest.terminate(PATIENCE).await.code(), Some(0), "{ingest}");
    for line in renewed.key.lines().filter(|line| !line.starts_with('-')) {
        assert!(!ingest.wrote(line), "a key in the log");
    }
}

#[tokio::test]
async fn a_wrong_certificate_or_key_is_one_line_and_status_64_before_a_port_is_bound() {
    let (world, authority) = (World::start().await, TestAuthority::new());
    let (good, other) = (authority.server(), authority.server());
    let pair =
        |certificate: &str, key: &str| TestCertificate { certificate: certificate.into(), key: key.into() };
    let folded = |pem: &str| format!("-----BEGIN CERTIFICATE-----\nAAAA\n{}", &pem[pem.len() - 26..]);
    // Taken, so that a server that binds before it looks at its certificate says so.
    let taken = TcpListener::bind(("127.0.0.1", free_port())).expect("a free port");
    let bind = taken.local_addr().expect("an address").to_string();
    let refused = async |ingest: ProcessBuilder, problem: &str| {
        let mut ingest: Process = ingest.env("TEXTPROOF_INGEST_BIND", &bind).spawn();
        assert_eq!(ingest.wait(PATIENCE).await.code(), Some(64), "{problem}: {ingest}");
        assert!(ingest.stdout().is_empty(), "{ingest}");
        let log = ingest.stderr();
        assert!(log.lines().count() == 1 && log.contains(problem), "{problem}: {log}");
        assert!(!log.contains(&good.key[40..60]), "a key in the log");
    };
    for (files, problem) in [
        (pair(&good.certificate, &other.key), "tls.key: is not the key of the certificate"),
        (pair(&good.key, &good.key), "tls.pem: holds no certificate in PEM"),
        (pair("", &good.key), "tls.pem: holds no certificate in PEM"),
        (pair(&folded(&good.certificate), &good.key), "tls.pem: holds no certificate that can be read"),
        (pair(&good.certificate, &good.certificate), "tls.key: holds no private key in PEM"),
        (pair(&good.certificate, &good.key[..100]), "tls.key: holds no private key in PEM"),
    ] {
        refused(with_files(&world, &files, world.binary("webhook-ingest")), problem).await;
    }
    let nowhere = with_files(&world, &good, world.binary("webhook-ingest"));
    refused(
        nowhere.env("TEXTPROOF_INGEST_TLS_KEY_FILE", "/nowhere/tls.key"),
        "/nowhere/tls.key: cannot be read: ",
    )
    .await;
    let alone = world.binary("webhook-ingest").env("TEXTPROOF_INGEST_TLS_KEY_FILE", "/nowhere/tls.key");
    refused(alone, "ingest.tls_certificate_file is not set: ").await;
}
