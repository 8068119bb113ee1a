//! Logs on stderr and metrics in memory.

use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::config::ConfigError;

/// The variable that chooses between text and JSON.
const FORMAT_VARIABLE: &str = "TEXTPROOF_LOG_FORMAT";
/// The variable that chooses what is logged.
const FILTER_VARIABLE: &str = EnvFilter::DEFAULT_ENV;

/// In seconds, from a local round trip to the longest deadline. Without buckets the recorder would keep
/// summaries, which cannot be added up over a fleet.
const BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Reads `TEXTPROOF_LOG_FORMAT`; text when it is unset or empty.
    ///
    /// # Errors
    /// [`ConfigError`] when it is neither `text` nor `json`.
    pub fn from_env() -> Result<Self, ConfigError> {
        std::env::var(FORMAT_VARIABLE).unwrap_or_default().parse()
    }
}

impl FromStr for LogFormat {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "" | "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(ConfigError::invalid("the log format", FORMAT_VARIABLE, "must be text or json")),
        }
    }
}

/// Starts logging to stderr, filtered by `RUST_LOG`, or by `default_filter` where that is not set. In a
/// process that logs already, nothing changes.
///
/// # Errors
/// [`ConfigError`] when `RUST_LOG` cannot be understood.
pub fn init(format: LogFormat, default_filter: &str) -> Result<(), ConfigError> {
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_default();
    let filter = if filter.is_empty() { default_filter } else { &filter };
    let filter = EnvFilter::try_new(filter).map_err(|_| {
        ConfigError::invalid(
            "the log filter",
            FILTER_VARIABLE,
            "must be directives such as `info,hyper=warn`",
        )
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error says that a subscriber is installed: several servers may share one process.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

/// The process's metrics.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// Installs the recorder on the first call, and gives the same one on every other.
///
/// Histograms are in seconds. [`Metrics::upkeep`] must run beside it.
pub fn metrics() -> Metrics {
    static INSTALLED: OnceLock<Metrics> = OnceLock::new();
    INSTALLED.get_or_init(install).clone()
}

#[expect(clippy::expect_used, reason = "the buckets are constant and not empty")]
fn install() -> Metrics {
    let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS).expect("buckets").build_recorder();
    let metrics = Metrics(recorder.handle());
    // An error says that somebody else's recorder is installed: then ours stays empty.
    let _ = metrics::set_global_recorder(recorder);
    metrics
}

impl Metrics {
    /// All metrics in Prometheus' text format.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Empties the buffers of the histograms every few seconds, until the token is cancelled: without it,
    /// they grow until someone asks for `/metrics`.
    pub async fn upkeep(self, shutdown: CancellationToken) {
        let mut ticks = interval(UPKEEP_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            self.0.run_upkeep();
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_text_or_json() {
        assert_eq!("".parse::<LogFormat>().unwrap(), LogFormat::Text);
        assert_eq!("text".parse::<LogFormat>().unwrap(), LogFormat::Text);
        assert_eq!("json".parse::<LogFormat>().unwrap(), LogFormat::Json);
        let error = "xml".parse::<LogFormat>().unwrap_err().to_string();
        assert_eq!(error, "the log format (TEXTPROOF_LOG_FORMAT): must be text or json");
    }

    #[test]
    fn durations_are_histograms_in_one_recorder() {
        let first = metrics();
        metrics::histogram!("wait_seconds").record(0.3);
        metrics::counter!("texts_total").increment(2);
        let text = metrics().render();
        assert!(text.contains("texts_total 2") && text.contains("wait_seconds_bucket{le=\"1\"} 1"), "{text}");
        assert_eq!(first.render(), metrics().render());
    }

    #[tokio::test]
    async fn upkeep_ends_with_its_token() {
        let token = CancellationToken::new();
        let upkeep = tokio::spawn(metrics().upkeep(token.clone()));
        token.cancel();
        tokio::time::timeout(Duration::from_secs(5), upkeep).await.expect("upkeep ends").unwrap();
    }
}
