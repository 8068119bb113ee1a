//! Every key in a Redis is held against the table of lifetimes.

use test_support::TestRedis;
use textproof::store::redis::LIFETIMES;

/// Every key is of a known kind, and lives no longer than its kind may.
pub(crate) async fn assert_every_key_ends(server: &TestRedis) {
    let mut connection = server.connection().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("KEYS answers");
    for key in keys {
        let (_, kind) = key.split_once('}').unwrap_or_else(|| panic!("{key} has no hash tag"));
        let lifetime = LIFETIMES
            .iter()
            .find(|lifetime| match lifetime.kind.strip_suffix(':') {
                Some(_) => kind.starts_with(lifetime.kind),
                None => kind == lifetime.kind,
            })
            .unwrap_or_else(|| panic!("{key} is of no kind that the schema knows"));
        let left: i64 =
            redis::cmd("PTTL").arg(&key).query_async(&mut connection).await.expect("PTTL answers");
        match lifetime.at_most {
            None => assert!(!lifetime.reason.is_empty() && left == -1, "{key} lives {left} ms"),
            // -2: it ended between the two commands. 0: it is in its last millisecond, since Redis lets a key go
            // when its end has passed. A key without an end has -1.
            Some(most) => {
                let most = i64::try_from(most.as_millis()).expect("days fit");
                assert!((0..=most).contains(&left) || left == -2, "{key} lives {left} ms, at most {most}");
            }
        }
    }
}
