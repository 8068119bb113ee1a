//! What a server counts, as a collector sees it.

use test_support::{Process, eventually};

use crate::fixture::{PATIENCE, http};

/// A counter of this process, 0 before it has counted anything.
pub(crate) async fn counted(process: &Process, name: &str, labels: &[(&str, &str)]) -> u64 {
    const SAID: &str = "metrics and readiness details addr=";
    let address = eventually(PATIENCE, "it says where its metrics are", async || {
        let log = process.stderr();
        let (_, rest) = log.split_once(SAID)?;
        Some(rest.lines().next()?.trim().to_owned())
    })
    .await;
    let answer = http().get(format!("http://{address}/metrics")).send().await.expect("an answer");
    let metrics = answer.text().await.expect("text");
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
    let line = metrics.lines().find(|line| {
        line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label.as_str()))
    });
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.map_or(0, |value| value.parse().unwrap_or_else(|_| panic!("no count: {value}")))
}

/// How many webhooks of `websms` these processes stored with this outcome.
pub(super) async fn stored(ingests: &[Process], outcome: &str) -> u64 {
    let mut sum = 0;
    for ingest in ingests {
        let labels = [("endpoint", "websms"), ("outcome", outcome)];
        sum += counted(ingest, "textproof_ingest_stored_total", &labels).await;
    }
    sum
}
