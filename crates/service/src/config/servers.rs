//! `[ingest]`, `[worker]` and `[stream]`: the two servers and what runs between them.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use textproof::secret::FingerprintKey;
use textproof::store::SHARDS_AT_MOST;
use textproof::webhook::Endpoint;

use super::raw::RawEndpoint;
use super::schema::{ENDPOINTS, entry_path};
use super::secrets::is_id;
use super::{Config, ConfigError};
use crate::tls::{Tls, TlsError, TlsFiles};

/// A day less than an event's identity is remembered: an older event could be stored a second time.
const MAX_AGE: u64 = 6 * 86_400;

/// What webhook-ingest needs beside Redis.
#[derive(Debug)]
pub struct IngestSettings {
    /// Where webhooks arrive.
    pub bind: SocketAddr,
    /// Where metrics and readiness details are shown.
    pub metrics_bind: SocketAddr,
    /// How it proves who it is; without, it speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Connections at the same time.
    pub max_connections: usize,
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// Names differ.
    pub endpoints: Vec<Endpoint>,
    /// Genuine webhooks a second, of the endpoints that have a limit, by name.
    pub rates: Vec<(String, NonZeroU32)>,
    /// Events on the stream beyond which nothing more is put there; 0 is no limit.
    pub max_stream_depth: u64,
    /// Where events wait while Redis cannot take them.
    pub spool: Option<SpoolSettings>,
    /// What an operator should change, a line each.
    pub warnings: Vec<String>,
}

/// What the spool needs.
#[derive(Debug)]
pub struct SpoolSettings {
    /// Its folder.
    pub folder: PathBuf,
    /// Bytes of events that it holds at most.
    pub max_bytes: u64,
    /// Age of its oldest event beyond which it takes no more.
    pub max_age: Duration,
    /// Names the erasure marks of phones; without it, they are not looked at.
    pub fingerprint_key: Option<FingerprintKey>,
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
    /// Starts without an answer beyond which an event is a dead letter.
    pub max_deliveries: u64,
    /// Failures of its handlers that make an event a dead letter.
    pub max_attempts: u32,
}

impl Config {
    /// The settings of webhook-ingest.
    ///
    /// # Errors
    /// [`ConfigError`] for a value that cannot be used, and as [`Config::endpoints`].
    pub fn require_ingest(&self) -> Result<IngestSettings, ConfigError> {
        let ingest = &self.raw.ingest;
        let max_connections =
            self.number("ingest", "max_connections", ingest.max_connections, 16..=1_000_000)?;
        let body_limit =
            self.number("ingest", "body_limit_bytes", ingest.body_limit_bytes, 1..=16 * 1024 * 1024)?;
        // Looked at even where no endpoint has an allow-list that would use it.
        self.number("ingest", "trusted_hops", ingest.trusted_hops, 0..=16)?;
        let (endpoints, spool) = (self.endpoints()?, self.spool()?);
        Ok(IngestSettings {
            bind: self.address("ingest", "bind", &ingest.bind)?,
            metrics_bind: self.address("ingest", "metrics_bind", &ingest.metrics_bind)?,
            tls: self.ingest_tls()?,
            max_connections: max_connections as usize,
            body_limit: body_limit as usize,
            max_stream_depth: ingest.max_stream_depth,
            rates: self.rates()?,
            warnings: warnings(&endpoints, self.tenant(), spool.as_ref()),
            spool,
            endpoints,
        })
    }

    /// Where a running webhook-ingest shows its metrics.
    ///
    /// # Errors
    /// [`ConfigError`] for a value that cannot be used.
    pub fn ingest_metrics_bind(&self) -> Result<SocketAddr, ConfigError> {
        self.address("ingest", "metrics_bind", &self.raw.ingest.metrics_bind)
    }

    /// The settings of the spool, if there is one.
    ///
    /// # Errors
    /// [`ConfigError`] for a value that cannot be used.
    pub fn spool(&self) -> Result<Option<SpoolSettings>, ConfigError> {
        let ingest = &self.raw.ingest;
        // Set and empty, as in the example of all variables, is not set.
        let Some(folder) = ingest.spool_dir.as_deref().filter(|folder| !folder.is_empty()) else {
            return Ok(None);
        };
        let number = |key, value, bounds| self.number("ingest", key, value, bounds);
        let otp = &self.raw.otp;
        let has_key = otp.fingerprint_key.is_some() || otp.fingerprint_key_file.is_some();
        Ok(Some(SpoolSettings {
            folder: folder.into(),
            max_bytes: number("spool_max_bytes", ingest.spool_max_bytes, 1 << 20..=1 << 40)?,
            max_age: Duration::from_secs(number(
                "spool_max_age_seconds",
                ingest.spool_max_age_seconds,
                60..=MAX_AGE,
            )?),
            fingerprint_key: has_key.then(|| self.fingerprint_key()).transpose()?,
        }))
    }

    fn rates(&self) -> Result<Vec<(String, NonZeroU32)>, ConfigError> {
        let limited = |raw: &RawEndpoint| Some((raw.name.clone()?, raw.rate_per_second?));
        let rate = |(name, rate): (String, u64)| match u32::try_from(rate).ok().and_then(NonZeroU32::new) {
            Some(rate) => Ok((name, rate)),
            None => {
                let key = entry_path(ENDPOINTS, &name, "rate_per_second");
                let place = self.place(&key);
                Err(ConfigError::invalid(key, place, "must be between 1 and 4294967295"))
            }
        };
        self.raw.endpoint.iter().filter_map(limited).map(rate).collect()
    }

    /// The settings of the worker.
    ///
    /// # Errors
    /// [`ConfigError`] for a value that cannot be used.
    pub fn require_worker(&self) -> Result<WorkerSettings, ConfigError> {
        let worker = &self.raw.worker;
        if !is_id(&worker.group) {
            return Err(self.invalid("worker", "group", "must be 1 to 32 letters, digits, -, _ or ."));
        }
        let number = |key, value, bounds| self.number("worker", key, value, bounds);
        // Each shard waits for events with a place of its own.
        let concurrency = number("concurrency", worker.concurrency, u64::from(self.shards()?)..=4096)?;
        Ok(WorkerSettings {
            bind: self.address("worker", "bind", &worker.bind)?,
            metrics_bind: self.address("worker", "metrics_bind", &worker.metrics_bind)?,
            group: worker.group.clone(),
            concurrency: concurrency as usize,
            lease: Duration::from_secs(number("lease_seconds", worker.lease_seconds, 1..=3600)?),
            drain: Duration::from_secs(number("drain_seconds", worker.drain_seconds, 1..=600)?),
            max_deliveries: number("max_deliveries", worker.max_deliveries, 3..=100)?,
            max_attempts: number("max_attempts", worker.max_attempts, 1..=100)? as u32,
        })
    }

    fn ingest_tls(&self) -> Result<Option<Tls>, ConfigError> {
        let ingest = &self.raw.ingest;
        let (certificate, key) = match (&ingest.tls_certificate_file, &ingest.tls_key_file) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate.into(), key.into()),
            (Some(_), None) => return Err(self.missing("ingest", "tls_key_file")),
            (None, Some(_)) => return Err(self.missing("ingest", "tls_certificate_file")),
        };
        Tls::load(TlsFiles { certificate, key }).map(Some).map_err(|error| {
            let key = match error {
                TlsError::Certificate { .. } => "tls_certificate_file",
                TlsError::Key { .. } => "tls_key_file",
            };
            self.invalid("ingest", key, error.to_string())
        })
    }

    /// How many shards the events are in.
    ///
    /// # Errors
    /// [`ConfigError`] for a number out of bounds.
    pub fn shards(&self) -> Result<u16, ConfigError> {
        let shards =
            self.number("stream", "shards", self.raw.stream.shards, 1..=u64::from(SHARDS_AT_MOST))?;
        // At most 64.
        Ok(shards as u16)
    }

    /// The fleet has another number of shards.
    pub(crate) fn other_shards(&self, holds: u16) -> ConfigError {
        let configured = self.raw.stream.shards;
        let problem = format!(
            "is {configured}, and the events in Redis are in {holds}: set it to {holds}; `textproof shards` changes it for all"
        );
        self.invalid("stream", "shards", problem)
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

fn warnings(endpoints: &[Endpoint], tenant: &str, spool: Option<&SpoolSettings>) -> Vec<String> {
    let mut warnings = endpoint_warnings(endpoints);
    // Consent is kept under the tenant of the endpoint, and asked for under that of codes and texts.
    if !endpoints.is_empty() && endpoints.iter().all(|endpoint| endpoint.tenant() != tenant) {
        warnings.push(format!(
            "no endpoint has the tenant of codes and texts (otp.tenant, {tenant:?}): no STOP stops them"
        ));
    }
    if spool.is_some_and(|spool| spool.fingerprint_key.is_none()) {
        warnings.push(
            "otp.fingerprint_key is not set: texts of people who are erased while they are in the spool are stored"
                .to_owned(),
        );
    }
    warnings
}

fn endpoint_warnings(endpoints: &[Endpoint]) -> Vec<String> {
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
