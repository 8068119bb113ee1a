//! Every key is as the schema says: of a known kind, with an end or with a reason for having none.

use redis::{aio::MultiplexedConnection, cmd};
use test_support::TestRedis;
use textproof::store::redis::LIFETIMES;

pub(super) async fn assert_every_key_is_as_the_schema_says(redis: &TestRedis) {
    let mut connection = redis.connection().await;
    let mut cursor = 0_u64;
    loop {
        let (next, keys): (u64, Vec<String>) = cmd("SCAN")
            .arg(cursor)
            .arg("COUNT")
            .arg(1000)
            .query_async(&mut connection)
            .await
            .expect("SCAN answers");
        assert_as_the_schema_says(&mut connection, &keys).await;
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
}

async fn assert_as_the_schema_says(connection: &mut MultiplexedConnection, keys: &[String]) {
    if keys.is_empty() {
        return;
    }
    let mut pipeline = redis::pipe();
    for key in keys {
        pipeline.cmd("PTTL").arg(key);
    }
    let lives: Vec<i64> = pipeline.query_async(connection).await.expect("PTTL answers");
    for (key, left) in keys.iter().zip(lives) {
        let (_, kind) = key.split_once('}').unwrap_or_else(|| panic!("{key} has no hash tag"));
        let known = LIFETIMES.iter().find(|lifetime| {
            kind == lifetime.kind || lifetime.kind.ends_with(':') && kind.starts_with(lifetime.kind)
        });
        let lifetime = known.unwrap_or_else(|| panic!("{key} is of no kind that the schema knows"));
        match lifetime.at_most {
            None => assert!(!lifetime.reason.is_empty() && left == -1, "{key} lives {left} ms"),
            // -2: it ended after the SCAN.
            Some(most) => {
                let most = i64::try_from(most.as_millis()).expect("days fit");
                assert!((0..=most).contains(&left) || left == -2, "{key} lives {left} ms, at most {most}");
            }
        }
    }
}
