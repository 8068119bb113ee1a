//! `textproof doctor`: what is not as it should be, all of it at once.

use std::{process::ExitCode, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::json;
use textproof::store::Store;
use textproof_service::{assemble, config::Config, exit};
use tokio::time::timeout;

use crate::output;

/// How long each thing may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Clocks further apart than this make times in logs misleading; codes do not mind.
const CLOCK_TOLERANCE_MS: u64 = 2_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Fine,
    Warning,
    Problem,
}

struct Finding {
    what: &'static str,
    level: Level,
    detail: String,
}

pub(crate) async fn run(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let mut findings = Findings(Vec::new());
    findings.note("secrets", config.require_otp().map(|_| "pepper and fingerprint key are set".to_owned()));
    match assemble::shared_store(config) {
        Ok(store) => {
            findings.examine_store(&store).await;
            findings.examine_gateway(config, &store).await;
        }
        Err(error) => findings.add("redis", Level::Problem, error.to_string()),
    }
    findings.print(json)?;
    let problems = findings.0.iter().any(|finding| finding.level == Level::Problem);
    Ok(if problems { ExitCode::from(exit::FAULT) } else { ExitCode::SUCCESS })
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, what: &'static str, level: Level, detail: impl Into<String>) {
        self.0.push(Finding { what, level, detail: detail.into() });
    }

    fn note(&mut self, what: &'static str, outcome: Result<String, impl std::fmt::Display>) {
        match outcome {
            Ok(detail) => self.add(what, Level::Fine, detail),
            Err(error) => self.add(what, Level::Problem, error.to_string()),
        }
    }

    async fn examine_store(&mut self, store: &Arc<dyn Store>) {
        let health = match timeout(PATIENCE, store.health()).await {
            Ok(Ok(health)) => health,
            Ok(Err(error)) => return self.add("redis", Level::Problem, error.to_string()),
            Err(_) => return self.add("redis", Level::Problem, "no answer"),
        };
        if is_too_old(&health.server) {
            self.add(
                "redis",
                Level::Problem,
                format!("{} is too old: 6.2 or later is needed", health.server),
            );
        } else {
            self.add("redis", Level::Fine, health.server);
        }
        match health.eviction.as_deref() {
            Some("noeviction") => self.add("eviction", Level::Fine, "noeviction"),
            Some(policy) => {
                let detail =
                    format!("maxmemory-policy is {policy}, which can lose codes and events: set noeviction");
                self.add("eviction", Level::Problem, detail);
            }
            None => self.add("eviction", Level::Warning, "the server does not tell; it must be noeviction"),
        }
        match health.append_only {
            Some(true) => self.add("persistence", Level::Fine, "append-only file"),
            Some(false) => {
                let detail = "appendonly is off: a restart loses codes and unhandled events";
                self.add("persistence", Level::Warning, detail);
            }
            None => self.add("persistence", Level::Warning, "the server does not tell"),
        }
        let here = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let apart = here.abs_diff(health.now_ms);
        let level = if apart <= CLOCK_TOLERANCE_MS { Level::Fine } else { Level::Warning };
        self.add("clock", level, format!("{apart} ms from the store's (codes follow the store's)"));
    }

    async fn examine_gateway(&mut self, config: &Config, store: &Arc<dyn Store>) {
        let gateways = match assemble::gateways(config, store) {
            Ok(gateways) => gateways,
            Err(error) => return self.add("gateway", Level::Problem, error.to_string()),
        };
        for gateway in gateways {
            let outcome = match timeout(PATIENCE, gateway.check()).await {
                Ok(answer) => answer.map_err(|error| error.to_string()),
                Err(_) => Err(format!("{}: no answer", gateway.name())),
            };
            self.note(
                "gateway",
                // Not every gateway says yes to credentials without a send; each says no to wrong ones where it can.
                outcome.map(|()| format!("{}: reachable, credentials not refused", gateway.name())),
            );
        }
    }

    fn print(&self, json: bool) -> std::io::Result<()> {
        let word = |level| match level {
            Level::Fine => "ok",
            Level::Warning => "warning",
            Level::Problem => "problem",
        };
        if json {
            let findings: Vec<_> = self
                .0
                .iter()
                .map(
                    |found| json!({ "what": found.what, "level": word(found.level), "detail": found.detail }),
                )
                .collect();
            return output::line(&json!({ "findings": findings }).to_string());
        }
        let rows =
            self.0.iter().map(|found| [found.what.into(), word(found.level).into(), found.detail.clone()]);
        output::table(["what", "is", "detail"], rows)
    }
}

/// Redis before 6.2 lacks `XPENDING … IDLE` and `XTRIM MINID`. Every Valkey has both.
fn is_too_old(server: &str) -> bool {
    let version = server.strip_prefix("Redis ").and_then(|version| {
        let mut parts = version.split('.').map(str::parse::<u32>);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    });
    version.is_some_and(|version| version < (6, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_old_redis_is_too_old() {
        for old in ["Redis 5.0.14", "Redis 6.0.16"] {
            assert!(is_too_old(old), "{old}");
        }
        for fine in ["Redis 6.2.0", "Redis 7.0.15", "Redis 10.0.0", "Valkey 8.0.1", "unknown"] {
            assert!(!is_too_old(fine), "{fine}");
        }
    }
}
