//! SIGTERM under load: whoever has connected is answered.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use test_support::eventually_true;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::{
    fixture::{EVENTS, PATIENCE, World, delivered, websms},
    webhooks::raw,
};

/// Half of them open a connection for each webhook, half keep theirs.
const CLIENTS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_that_was_accepted_is_answered_though_the_process_is_asked_to_stop() {
    let world = World::start().await;
    for round in 0..5 {
        let mut ingest = world.binary("webhook-ingest").listen().await;
        let before = world.depth(EVENTS).await;
        let told = Arc::new(Told::default());
        let path = websms(&ingest).replace(&ingest.url(), "");
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (told, address, path) = (Arc::clone(&told), ingest.address(), path.clone());
            let name = move |number| delivered(&format!("{round}-{client}-{number}"));
            match client % 2 {
                0 => clients.spawn(one_each(address, path, name, told)),
                _ => clients.spawn(one_kept(address, path, name, told)),
            };
        }
        eventually_true(PATIENCE, "webhooks are answered", async || told.answered() >= 200).await;
        ingest.signal("TERM");
        // Each of them goes on until nobody listens.
        timeout(PATIENCE, clients.join_all()).await.expect("the clients end");
        assert_eq!(ingest.wait(PATIENCE).await.code(), Some(0), "{ingest}");
        let unanswered = told.unanswered.lock().expect("nobody panicked").clone();
        assert!(unanswered.is_empty(), "round {round}: {unanswered:?}");
        assert_eq!(world.depth(EVENTS).await - before, told.answered());
    }
}

#[derive(Default)]
struct Told {
    answered: AtomicUsize,
    unanswered: Mutex<Vec<String>>,
}

impl Told {
    fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Counts an answer with 200; anything else is kept to be looked at.
    fn note(&self, answer: &str) {
        if answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("{\"ok\":true}") {
            self.answered.fetch_add(1, Ordering::Relaxed);
        } else {
            self.unanswered.lock().expect("nobody panicked").push(answer.to_owned());
        }
    }
}

async fn one_each(address: SocketAddr, path: String, body: impl Fn(usize) -> String, told: Arc<Told>) {
    for number in 0.. {
        // Refused: the process has said that it takes no more.
        let Ok(mut stream) = TcpStream::connect(address).await else { return };
        let request = raw::request("POST", &path, &body(number));
        if let Err(error) = stream.write_all(request.as_bytes()).await {
            return told.note(&format!("not sent: {error}"));
        }
        told.note(&raw::read_to_the_end(&mut stream).await);
    }
}

async fn one_kept(address: SocketAddr, path: String, body: impl Fn(usize) -> String, told: Arc<Told>) {
    let mut number = 0;
    while let Ok(mut stream) = TcpStream::connect(address).await {
        loop {
            let request = raw::request("POST", &path, &body(number)).replace("Connection: close\r\n", "");
            number += 1;
            if let Err(error) = stream.write_all(request.as_bytes()).await {
                return told.note(&format!("not sent: {error}"));
            }
            let answer = one_answer(&mut stream).await;
            told.note(&answer);
            if !answer.ends_with("{\"ok\":true}") || answer.contains("connection: close") {
                break;
            }
        }
    }
}

/// Reads until the answer is whole, or the connection ends.
async fn one_answer(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    while !answer.ends_with("{\"ok\":true}") {
        let mut piece = [0; 1024];
        match timeout(PATIENCE, stream.read(&mut piece)).await.expect("an answer or an end") {
            Ok(read @ 1..) => answer.push_str(&String::from_utf8_lossy(&piece[..read])),
            ended => return format!("{answer} and then {ended:?}"),
        }
    }
    answer
}
