//! Copies of one webhook, all at once, at more than one process.

use tokio::task::JoinSet;

use crate::fixture::{EVENTS, World, delivered, http, post, websms};

const COPIES: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_copies_at_two_processes_are_one_event() {
    let world = World::start().await;
    let ingests =
        [world.binary("webhook-ingest").listen().await, world.binary("webhook-ingest").listen().await];
    let client = http();
    let mut posting = JoinSet::new();
    for copy in 0..COPIES {
        let (client, url) = (client.clone(), websms(&ingests[copy % ingests.len()]));
        posting.spawn(async move { post(&client, &url, delivered("copied")).await.0 });
    }
    let statuses = posting.join_all().await;
    assert_eq!(statuses, [200; COPIES]);
    assert_eq!(world.depth(EVENTS).await, 1);
    assert_eq!(world.marks().await.len(), 1);

    // Another content under the same identity is another event, once.
    let other = delivered("copied").replace("DELIVRD", "UNDELIV");
    for ingest in &ingests {
        assert_eq!(post(&client, &websms(ingest), other.clone()).await.0, 200);
    }
    assert_eq!(world.depth(EVENTS).await, 2);
}
