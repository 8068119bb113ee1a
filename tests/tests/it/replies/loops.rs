//! Two machines that answer each other.

use std::collections::HashSet;

use test_support::eventually_true;
use textproof::store::REPLIES_IN_TEN_MINUTES;

use super::{Deployment, counted};
use crate::fixture::PATIENCE;

const OURS: &str = "+64211111111";
const THEIRS: &str = "+64212222222";
const ANSWER_ALL: &str = r#"
[[rule]]
name = "answer"
match = { any = true }
reply = "We have got your message {{text}}"
"#;

/// Carries what one side's gateway took to the other side's number, and gives how many texts that was.
async fn carry(from: &Deployment, sender: &str, to: &Deployment, phone: &str, carried: &mut HashSet<String>) {
    for text in from.inbox(phone).await {
        let id = text["message_id"].as_str().expect("an id").to_owned();
        if carried.insert(id) {
            to.texts(sender, phone, text["text"].as_str().expect("a text")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_machines_that_answer_each_other_stop_after_five_replies_each() {
    let (we, they) = tokio::join!(Deployment::start(ANSWER_ALL), Deployment::start(ANSWER_ALL));
    let workers =
        [we.worker(we.sandbox.address()).listen().await, they.worker(they.sandbox.address()).listen().await];
    let limit = REPLIES_IN_TEN_MINUTES;

    // Somebody at their number texts ours; from then on the network carries each text to the other side.
    we.texts(THEIRS, OURS, "hello").await;
    let (mut to_them, mut to_us) = (HashSet::new(), HashSet::new());
    eventually_true(PATIENCE, "a reply too many was refused", async || {
        carry(&we, OURS, &they, THEIRS, &mut to_them).await;
        carry(&they, THEIRS, &we, OURS, &mut to_us).await;
        counted(&workers[0], "too_many").await + counted(&workers[1], "too_many").await > 0
    })
    .await;

    // Nothing is on its way any more: all that was published is settled, and all that was sent was carried.
    we.all_settled(1 + to_us.len()).await;
    they.all_settled(to_them.len()).await;
    assert_eq!((we.sent().await, they.sent().await), (limit, limit));
    assert_eq!((to_them.len() as u64, to_us.len() as u64), (limit, limit));
    // Another person is answered all the same.
    we.texts("+64213333333", OURS, "hello").await;
    eventually_true(PATIENCE, "another person is answered", async || {
        we.inbox("+64213333333").await.iter().any(|text| text["text"] == "We have got your message hello")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_numbers_and_people_who_opted_out_are_not_answered() {
    let we = Deployment::start(ANSWER_ALL).await;
    let worker = we
        .worker(we.sandbox.address())
        .env("TEXTPROOF_WORKER_OWN_NUMBERS", format!("{OURS},552"))
        .listen()
        .await;
    we.texts(OURS, "552", "from our other number").await;
    we.texts(THEIRS, THEIRS, "from the number itself").await;
    we.all_settled(2).await;
    assert_eq!(counted(&worker, "own_number").await, 2);

    // STOP is consent's, and still an event for the rules: they may not answer it.
    we.texts(THEIRS, OURS, "Stop!").await;
    we.all_settled(3).await;
    we.texts(THEIRS, OURS, "are you there?").await;
    we.all_settled(4).await;
    assert_eq!((counted(&worker, "opted_out").await, we.sent().await), (2, 0));
    we.texts(THEIRS, "553", "another number of ours").await;
    we.all_settled(5).await;
    assert_eq!((counted(&worker, "sent").await, we.sent().await), (1, 1));
    let log = worker.stderr();
    assert!(!log.contains("1111111") && !log.contains("2222222") && !log.contains("another number"), "{log}");
}
