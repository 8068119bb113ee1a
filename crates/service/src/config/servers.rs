//! `[ingest]`, `[worker]` and `[stream]`: the two servers and what runs between them.

use std::net::SocketAddr;
use std::time::Duration;

use textproof::webhook::Endpoint;

use super::secrets::is_id;
use super::{Config, ConfigError};

/// What webhook-ingest needs beside Redis.
#[derive(Debug)]
pub struct IngestSettings {
    /// Where webhooks arrive.
    pub bind: SocketAddr,
    /// Where metrics and readiness details are shown.
    pub metrics_bind: SocketAddr,
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// Names differ.
    pub endpoints: Vec<Endpoint>,
    /// What an operator should change, a line each.
    pub warnings: Vec<String>,
}

/// What the worker needs beside Redis.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Where health is asked for.
    pub bind: SocketAddr,
    /// Where metrics and readiness details are shown.
    pub metrics_bind: SocketAddr,
    /// The consumer group.
    pub group: String,
    /// Events at the same time.
    pub concurrency: usize,
    /// How long an event stays with a worker that says nothing.
    pub lease: Duration,
    /// How long running events may take to finish at a stop.
    pub drain: Duration,
}

impl Config {
    /// The settings of webhook-ingest.
    ///
    /// # Errors
    /// [`ConfigError`] for a value that cannot be used, and as [`Config::endpoints`].
    pub fn require_ingest(&self) -> Result<IngestSettings, ConfigError> {
        let ingest = &self.raw.ingest;
        self.one_shard()?;
        if ingest.spool_dir.is_some() {
            let problem =
                "this version keeps no spool: leave it out, and senders get 503 while Redis is away";
            return Err(self.unsupported("ingest", "spool_dir", problem));
        }
        let body_limit =
            self.number("ingest", "body_limit_bytes", ingest.body_limit_bytes, 1..=16 * 1024 * 1024)?;
        // Looked at even where no endpoint has an allow-list that would use it.
        self.number("ingest", "trusted_hops", ingest.trusted_hops, 0..=16)?;
        let endpoints = self.endpoints()?;
        Ok(IngestSettings {
            bind: self.address("ingest", "bind", &ingest.bind)?,
            metrics_bind: self.address("ingest", "metrics_bind", &ingest.metrics_bind)?,
            body_limit: body_limit as usize,
            warnings: warnings(&endpoints),
            endpoints,
        })
    }

    /// The settings of the worker.
    ///
    /// # Errors
    /// [`ConfigError`] for a value that cannot be used.
    pub fn require_worker(&self) -> Result<WorkerSettings, ConfigError> {
        let worker = &self.raw.worker;
        self.one_shard()?;
        if !is_id(&worker.group) {
            return Err(self.invalid("worker", "group", "must be 1 to 32 letters, digits, -, _ or ."));
        }
        let number = |key, value, bounds| self.number("worker", key, value, bounds);
        Ok(WorkerSettings {
            bind: self.address("worker", "bind", &worker.bind)?,
            metrics_bind: self.address("worker", "metrics_bind", &worker.metrics_bind)?,
            group: worker.group.clone(),
            concurrency: number("concurrency", worker.concurrency, 1..=4096)? as usize,
            lease: Duration::from_secs(number("lease_seconds", worker.lease_seconds, 1..=3600)?),
            drain: Duration::from_secs(number("drain_seconds", worker.drain_seconds, 1..=600)?),
        })
    }

    fn one_shard(&self) -> Result<(), ConfigError> {
        match self.raw.stream.shards {
            1 => Ok(()),
            _ => Err(self.unsupported("stream", "shards", "this version has one shard: only 1")),
        }
    }

    fn address(&self, section: &str, key: &str, text: &str) -> Result<SocketAddr, ConfigError> {
        text.parse().map_err(|_| {
            self.invalid(
                section,
                key,
                format!("{text:?} must be an address and a port such as \"127.0.0.1:3000\""),
            )
        })
    }
}

fn warnings(endpoints: &[Endpoint]) -> Vec<String> {
    if endpoints.is_empty() {
        return vec!["no [[endpoint]] is configured: every webhook is answered with 404".to_owned()];
    }
    let named = |endpoint: &Endpoint| {
        let name = endpoint.name().to_owned();
        let line = move |warning| format!("endpoint {name}: {warning}");
        endpoint.warnings().iter().map(line).collect::<Vec<_>>()
    };
    endpoints.iter().flat_map(named).collect()
}
