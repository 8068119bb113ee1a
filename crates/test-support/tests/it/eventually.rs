use std::time::Duration;

use test_support::{eventually, eventually_true};

#[tokio::test]
async fn it_asks_until_it_gets_an_answer() {
    let mut asked = 0;
    let answer = eventually(Duration::from_secs(5), "the fifth question", async || {
        asked += 1;
        (asked == 5).then_some("yes")
    })
    .await;
    assert_eq!((answer, asked), ("yes", 5));
}

#[tokio::test]
#[should_panic(expected = "gave up after 30ms: the moon turns green")]
async fn it_gives_up_and_says_on_what() {
    eventually_true(Duration::from_millis(30), "the moon turns green", async || false).await;
}

#[tokio::test]
#[should_panic(expected = "gave up after 30ms: an answer at all")]
async fn a_question_that_hangs_is_cut_at_the_deadline() {
    eventually_true(Duration::from_millis(30), "an answer at all", std::future::pending).await;
}
