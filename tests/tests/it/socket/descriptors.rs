//! A server that runs out of file descriptors.

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use test_support::Process;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    fixture::{World, delivered, websms},
    socket::meters::Metered,
    webhooks::raw,
};

#[tokio::test]
async fn out_of_descriptors_the_longest_waiting_gives_way_and_a_genuine_request_is_answered() {
    let world = World::start().await;
    let server = Metered::start(&world, |ingest| ingest).await;
    let path = websms(&server.ingest).replace(&server.ingest.url(), "");
    let genuine = async |message: &str| {
        let request = raw::request("POST", &path, &delivered(message));
        raw::status(&raw::exchange(server.ingest.address(), request).await)
    };
    assert_eq!(genuine("before").await, 200);
    limit(&server.ingest, open(&server.ingest) + 8);
    let mut slow = Vec::new();
    for number in 0..40 {
        let mut stream = TcpStream::connect(server.ingest.address()).await.expect("the system accepts it");
        stream.write_all(b"POST /hooks").await.expect("the system takes it");
        slow.push(stream);
        if number % 10 == 9 {
            assert_eq!(genuine(&format!("beside-{number}")).await, 200, "{}", server.ingest);
        }
    }
    assert!(server.sum("textproof_accepts_failed_total", "").await >= 1.0, "{}", server.ingest);
    assert!(server.sum("textproof_connections_ended_total", "gave_way").await >= 1.0, "{}", server.ingest);
    let log = server.ingest.stderr();
    let lines = log.lines().filter(|line| line.contains("accept failed")).count();
    assert!((1..=5).contains(&lines), "{lines} lines");
}

#[tokio::test]
async fn fewer_descriptors_than_connections_are_said_at_start() {
    let world = World::start().await;
    let many =
        |ingest: test_support::ProcessBuilder| ingest.env("TEXTPROOF_INGEST_MAX_CONNECTIONS", "1000000");
    let server = Metered::start(&world, many).await;
    let unlimited = rustix::process::getrlimit(Resource::Nofile).maximum.is_none_or(|most| most > 1_000_512);
    assert_eq!(server.ingest.wrote("raise the limit on open files"), !unlimited, "{}", server.ingest);
}

/// How many a process has open.
fn open(process: &Process) -> u64 {
    let folder = std::fs::read_dir(format!("/proc/{}/fd", process.pid())).expect("a process of ours");
    folder.count() as u64
}

fn limit(process: &Process, most: u64) {
    let pid = Pid::from_raw(process.pid().cast_signed());
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    prlimit(pid, Resource::Nofile, limit).expect("a process of ours");
}
