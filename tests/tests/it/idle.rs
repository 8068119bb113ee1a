//! A worker with nothing to do.

use test_support::eventually_true;

use crate::fixture::{PATIENCE, World};

/// Longer than the worker takes to ask again for what its gauges say.
const SECONDS: f64 = 13.0;

/// By Redis's own clock, so that a slow machine only makes it fewer.
#[tokio::test]
async fn an_idle_worker_with_all_its_gauges_asks_less_than_twice_a_second() {
    let world = World::start().await;
    let mut monitor = world.redis.monitor().await;
    let worker = world.binary("worker").listen().await;
    let mut asked = Vec::new();
    eventually_true(PATIENCE, "it has been idle for a while", async || {
        asked = times(&monitor.lines().await);
        asked.len() > 1 && asked[asked.len() - 1] - asked[0] > SECONDS
    })
    .await;
    let rate = (asked.len() - 1) as f64 / (asked[asked.len() - 1] - asked[0]);
    assert!(rate < 2.0, "{rate} a second: {worker}");
    let digest = crate::fixture::digest("group_state");
    let gauges =
        monitor.lines().await.iter().filter(|line| line.contains("EVAL") && line.contains(&digest)).count();
    assert!(gauges > 1, "what its gauges say was asked for {gauges} times");
}

/// When clients asked something, from the second read on: what a start asks once is over by then.
fn times(lines: &[String]) -> Vec<f64> {
    // What a script does inside is marked with `lua`.
    let of_clients = lines.iter().filter(|line| !line.contains(" lua]"));
    let asked = of_clients.filter(|line| line.contains("\"XREADGROUP\"") || line.contains("\"EVAL"));
    let from_second = asked.skip_while({
        let mut reads = 0;
        move |line| {
            reads += usize::from(line.contains("\"BLOCK\""));
            reads < 2
        }
    });
    from_second.filter_map(|line| line.trim_start_matches('+').split(' ').next()?.parse().ok()).collect()
}
