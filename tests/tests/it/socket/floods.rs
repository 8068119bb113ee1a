//! Ten thousand slow clients beside a genuine one.

use test_support::eventually_true;
use textproof_service::descriptors;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    fixture::{EVENTS, PATIENCE, World, delivered, http, post, websms},
    socket::meters::Metered,
    webhooks::raw,
};

const FLOOD: usize = 10_000;
/// A genuine webhook comes after so many slow clients.
const EVERY: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_slow_heads_do_not_stop_a_genuine_request() {
    let world = World::start().await;
    let server = Metered::start(&world, |ingest| ingest).await;
    flood(&server, &world, "POST /hooks/mac HTTP/1.1\r\nHost: a\r\nContent-Le").await;
    // There was a full house from the 4,096th on, and whoever came later took the place of somebody.
    let gave_way = server.sum("textproof_connections_ended_total", "gave_way").await;
    assert!(gave_way >= (FLOOD - 4096) as f64 / 2.0, "{gave_way}");
    assert!(server.sum("textproof_connections_total", "").await >= FLOOD as f64);
    // Said once or twice, not six thousand times.
    let log = server.ingest.stderr();
    let lines = log.lines().filter(|line| line.contains("as many connections as are allowed")).count();
    assert!((1..10).contains(&lines), "{lines} lines");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_slow_bodies_do_not_stop_a_genuine_request() {
    let world = World::start().await;
    let server = Metered::start(&world, |ingest| ingest).await;
    flood(&server, &world, "POST /hooks/mac HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{").await;
}

/// Opens connections that send this much and no more, with genuine webhooks in between and at the end.
async fn flood(server: &Metered, world: &World, part: &str) {
    assert_eq!(descriptors::connections(FLOOD), FLOOD, "this test needs `ulimit -Hn` of 10,512 or more");
    let (client, url) = (http(), websms(&server.ingest));
    let mut slow = Vec::with_capacity(FLOOD);
    for number in 1..=FLOOD {
        let mut stream = TcpStream::connect(server.ingest.address()).await.expect("it listens");
        stream.write_all(part.as_bytes()).await.expect("it reads");
        slow.push(stream);
        if number % EVERY == 0 {
            // One on a connection that is kept, and one that has to get in.
            assert_eq!(post(&client, &url, delivered(&format!("kept-{number}"))).await.0, 200);
            let path = url.replace(&server.ingest.url(), "");
            let request = raw::request("POST", &path, &delivered(&format!("new-{number}")));
            let answer = raw::exchange(server.ingest.address(), request).await;
            assert_eq!(raw::status(&answer), 200, "{number}: {answer}");
        }
    }
    assert_eq!(world.depth(EVENTS).await, 2 * FLOOD / EVERY);
    drop(slow);
    eventually_true(PATIENCE, "the flood is gone", async || {
        server.sum("textproof_connections_open", "").await < 10.0
    })
    .await;
}
