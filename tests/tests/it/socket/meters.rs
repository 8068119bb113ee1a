//! Metrics as a collector sees them.

use test_support::{Process, ProcessBuilder, free_port};

use crate::fixture::{World, http};

/// A webhook-ingest whose metrics can be asked for.
pub(super) struct Metered {
    pub(super) ingest: Process,
    url: String,
}

impl Metered {
    pub(super) async fn start(world: &World, with: impl FnOnce(ProcessBuilder) -> ProcessBuilder) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let binary = world.binary("webhook-ingest").env("TEXTPROOF_METRICS_BIND", &address);
        Self { ingest: with(binary).listen().await, url: format!("http://{address}/metrics") }
    }

    /// The sum of a metric over all series that carry these words, with those of the metrics' own listener left out.
    pub(super) async fn sum(&self, name: &str, words: &str) -> f64 {
        let text = http().get(&self.url).send().await.expect("metrics").text().await.expect("metrics");
        let public = format!("listener=\"{}\"", self.ingest.address());
        let counted = text.lines().filter(|line| {
            line.starts_with(&format!("{name}{{")) && line.contains(&public) && line.contains(words)
        });
        counted.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }
}
