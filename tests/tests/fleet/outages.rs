//! What Redis may forget at any moment.

use serde_json::json;

use crate::fleet::{Fleet, HOSTS, Tally};

const MILLIS: u64 = 3_000;

#[tokio::test]
async fn script_flush_in_a_loop_during_a_load_is_not_seen() {
    let mut fleet = Fleet::start().await;
    let load: [_; HOSTS] = std::array::from_fn(
        |host| json!({ "do": "load", "first": 100_000 * (host + 1), "tasks": 8, "millis": MILLIS }),
    );
    let mut connection = fleet.redis.connection().await;
    fleet.prepare(&load).await;
    fleet.go().await;
    let mut flushes = 0_u64;
    let answers = {
        let answers = fleet.answers();
        tokio::pin!(answers);
        loop {
            let mut flush = redis::cmd("SCRIPT");
            flush.arg("FLUSH");
            tokio::select! {
                biased;
                answers = &mut answers => break answers,
                flushed = flush.query_async::<()>(&mut connection) => {
                    flushed.expect("SCRIPT FLUSH");
                    flushes += 1;
                }
            }
        }
    };
    let words = Tally(answers);
    let codes = words.of("sent");
    assert!(codes >= 50, "a load: {words:?}");
    for word in ["incorrect", "verified", "already_used"] {
        assert_eq!(words.of(word), codes, "{word}: {words:?}");
    }
    assert_eq!(words.all(), 4 * codes, "and no fault among them: {words:?}");

    // The flushes met the load: scripts were forgotten, and sent again.
    let errors: String =
        redis::cmd("INFO").arg("errorstats").query_async(&mut connection).await.expect("INFO");
    let line = errors.lines().find_map(|line| line.strip_prefix("errorstat_NOSCRIPT:count="));
    let forgotten: u64 = line.and_then(|count| count.trim().parse().ok()).expect("a script was forgotten");
    println!("{codes} codes, {flushes} flushes, {forgotten} forgotten scripts");
    assert!(flushes >= 100 && forgotten >= 100);
}
