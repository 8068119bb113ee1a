//! `textproof status`: what the fleet has to do, and who is doing it.

mod fleet;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::Context;
use serde_json::json;
use textproof::store::{Detail, GroupState, GroupStore, StoreError};
use textproof_service::{assemble, config::Config, shutdown::shutdown_signal};
use tokio::time::sleep;

use self::fleet::Fleet;
use crate::{arguments::status::StatusOptions, output};

/// A group may have very many consumers, and a dead letter may be as large as a webhook.
const DETAIL: Detail = Detail { consumers: 20, dead_letters: 200 };
/// A rate needs two looks. Without `--watch` this is between them.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// What clears a terminal and goes to its first line.
const CLEAR: &str = "\x1b[2J\x1b[H";
const UNREADABLE: &str = "the state of the fleet could not be read";

pub(crate) async fn run(config: &Config, options: StatusOptions, json: bool) -> anyhow::Result<ExitCode> {
    let group = config.require_worker()?.group;
    let look = Look { store: assemble::shared_store(config)?, group, json };
    match options.watch {
        None => look.once().await,
        Some(seconds) => look.watch(Duration::from_secs(seconds)).await,
    }?;
    Ok(ExitCode::SUCCESS)
}

struct Look {
    store: Arc<dyn GroupStore>,
    group: String,
    json: bool,
}

impl Look {
    async fn states(&self) -> Result<Vec<GroupState>, StoreError> {
        self.store.group_states(&self.group, DETAIL).await
    }

    async fn once(&self) -> anyhow::Result<()> {
        let before = self.states().await.context(UNREADABLE)?;
        sleep(BETWEEN_LOOKS).await;
        let now = self.states().await.context(UNREADABLE)?;
        Ok(self.print(&Fleet::of(&now, Some(&before)))?)
    }

    /// Ends when it is interrupted. A store that is away for a while is waited for, once it was there.
    async fn watch(&self, every: Duration) -> anyhow::Result<()> {
        let shutdown = shutdown_signal();
        let redrawn = !self.json && io::stdout().is_terminal();
        let mut before: Option<Vec<GroupState>> = None;
        while let Some(states) = shutdown.run_until_cancelled(self.states()).await {
            match (states, &before) {
                (Ok(now), _) => {
                    if redrawn {
                        output::line(CLEAR)?;
                    }
                    self.print(&Fleet::of(&now, before.as_deref()))?;
                    before = Some(now);
                }
                (Err(error), None) => return Err(error).context(UNREADABLE),
                (Err(error), Some(_)) => tracing::error!(%error, "{UNREADABLE}; trying again"),
            }
            shutdown.run_until_cancelled(sleep(every)).await;
        }
        Ok(())
    }

    fn print(&self, fleet: &Fleet) -> io::Result<()> {
        if self.json {
            return output::line(&fleet.object(&self.group).to_string());
        }
        let seconds = |age: Duration| json!(format!("{:.1} s", age.as_secs_f64()));
        let reasons = fleet.reasons.iter().map(|(reason, count)| format!("{reason} {count}"));
        output::facts(
            false,
            &[
                ("events_waiting", json!(fleet.backlog.events)),
                ("oldest", fleet.oldest.map_or(json!("-"), seconds)),
                ("in_hands", json!(fleet.pending)),
                ("delayed", json!(fleet.backlog.delayed)),
                ("dead_letters", json!(fleet.backlog.dead_letters)),
                ("newest_by_reason", json!(reasons.collect::<Vec<_>>())),
                ("quarantined", json!(fleet.backlog.quarantined)),
                ("done_per_second", fleet.rate.map_or(json!("-"), |rate| json!(format!("{rate:.1}")))),
                ("consumers", json!(fleet.consumer_count)),
            ],
        )?;
        let rows = fleet.consumers.iter().map(|known| {
            let held = known.longest_held.as_secs_f64();
            [known.name.clone(), known.pending.to_string(), format!("{held:.1}")]
        });
        output::line("")?;
        output::table(["consumer", "in hands", "longest, s"], rows)?;
        if fleet.shards.len() > 1 {
            output::line("")?;
            output::table(
                ["shard", "events", "oldest, s", "in hands", "delayed", "dead letters"],
                fleet.shard_rows(),
            )?;
        }
        Ok(())
    }
}
