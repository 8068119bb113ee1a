//! `textproof quarantine`: what was authentic and not understood.

mod list;
mod replay;
mod show;

use std::process::ExitCode;

use textproof::{
    store::{Order, StoreError},
    stream::{Quarantine, Quarantined},
};
use textproof_service::{assemble, config::Config};

use crate::arguments::quarantine::{FilterOptions, QuarantineCommand};

/// Entries that are read at a time; each may hold as many bytes as a webhook may have.
const PAGE: usize = 32;

pub(crate) async fn run(config: &Config, command: QuarantineCommand, json: bool) -> anyhow::Result<ExitCode> {
    let quarantine = Quarantine::new(assemble::shared_store(config)?);
    match command {
        QuarantineCommand::List(options) => list::run(quarantine, options, json).await,
        QuarantineCommand::Show(options) => show::run(&quarantine, &options, json).await,
        QuarantineCommand::Replay(options) => replay::run(config, quarantine, options, json).await,
    }
}

/// Reads the quarantine from one end, a page at a time.
struct Pages {
    quarantine: Quarantine,
    order: Order,
    filter: FilterOptions,
    after: Option<String>,
}

impl Pages {
    /// What the filter lets through of the next page; nothing at the end.
    async fn next(&mut self) -> Result<Option<Vec<Quarantined>>, StoreError> {
        let page = self.quarantine.page(self.order, self.after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = Some(last.position().to_owned());
        Ok(Some(page.into_iter().filter(|entry| self.filter.takes(entry)).collect()))
    }
}

impl FilterOptions {
    fn takes(&self, entry: &Quarantined) -> bool {
        let is = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted == value);
        is(&self.endpoint, &entry.endpoint) && is(&self.reason, &entry.reason)
    }
}

/// When it was received, for people and machines.
fn received_at(entry: &Quarantined) -> String {
    entry.received_at().map(|at| at.to_string()).unwrap_or_default()
}
