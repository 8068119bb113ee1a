//! Clients that take their time, and a stop while one of them does.

use test_support::{Process, eventually_true};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use crate::{
    fixture::{EVENTS, PATIENCE, World, delivered, websms},
    webhooks::raw,
};

#[tokio::test]
async fn who_never_finishes_a_request_is_not_waited_for() {
    let world = World::start().await;
    let ingest = world.binary("webhook-ingest").listen().await;
    let request = request(&ingest, "slow");
    let end_of_head = request.find("\r\n\r\n").expect("a head") + 4;
    let ends = async |part: &str| {
        let mut stream = TcpStream::connect(ingest.address()).await.expect("it listens");
        stream.write_all(part.as_bytes()).await.expect("it reads");
        raw::read_to_the_end(&mut stream).await
    };
    // The deadlines (5 s for a head, 5 s for a body) run side by side.
    let (silent, half_a_head, half_a_body) =
        tokio::join!(ends(""), ends(&request[..end_of_head - 6]), ends(&request[..end_of_head + 10]));
    assert!(silent.is_empty(), "{silent}");
    assert!(half_a_head.is_empty() || raw::status(&half_a_head) == 408, "{half_a_head}");
    assert_eq!(raw::status(&half_a_body), 408, "{half_a_body}");
    assert!(half_a_body.ends_with("\r\n\r\n"), "{half_a_body}");
    world.assert_untouched().await;
}

#[tokio::test]
async fn a_request_in_flight_at_sigterm_is_answered_and_stored() {
    let world = World::start().await;
    let mut ingest = world.binary("webhook-ingest").listen().await;
    let request = request(&ingest, "in-flight");
    let (first, rest) = request.split_at(request.len() - 20);
    let mut stream = TcpStream::connect(ingest.address()).await.expect("it listens");
    stream.write_all(first.as_bytes()).await.expect("it reads");
    // A whole request behind it has been served: by then the first half of ours has been read.
    let other = raw::exchange(ingest.address(), self::request(&ingest, "other")).await;
    assert_eq!(raw::status(&other), 200);

    ingest.signal("TERM");
    eventually_true(PATIENCE, "no new connection is taken", async || {
        TcpStream::connect(ingest.address()).await.is_err()
    })
    .await;
    stream.write_all(rest.as_bytes()).await.expect("it still reads");
    let answer = raw::read_to_the_end(&mut stream).await;
    assert_eq!(raw::status(&answer), 200, "{answer}");
    let status = ingest.wait(PATIENCE).await;
    assert_eq!(status.code(), Some(0), "{ingest}");
    assert_eq!(world.depth(EVENTS).await, 2);
}

#[tokio::test]
async fn the_first_line_on_stdout_says_where_it_listens() {
    let world = World::start().await;
    for name in ["webhook-ingest", "worker"] {
        // listen() holds the first line against `listening on http://ADDR`.
        let mut server = world.binary(name).listen().await;
        assert_ne!(server.address().port(), 0);
        let connected = timeout(PATIENCE, TcpStream::connect(server.address())).await;
        assert!(matches!(connected, Ok(Ok(_))), "{server}");
        assert_eq!(server.terminate(PATIENCE).await.code(), Some(0), "{server}");
        assert_eq!(server.stdout().lines().count(), 1, "{server}");
    }
}

fn request(ingest: &Process, message: &str) -> String {
    let path = websms(ingest).replace(&ingest.url(), "");
    raw::request("POST", &path, &delivered(message))
}
