//! `textproof quarantine replay`: a dry run until `--yes`.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use textproof::{
    store::{Order, Published},
    stream::{Quarantine, Quarantined, Replayed},
    webhook::{Endpoint, Understood},
};
use textproof_service::{config::Config, exit};

use super::Pages;
use crate::{arguments::quarantine::ReplayOptions, output};

pub(super) async fn run(
    config: &Config,
    quarantine: Quarantine,
    options: ReplayOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let endpoints = config.endpoints()?;
    let mut replay = Replay { endpoints, quarantine, yes: options.yes, rows: Vec::new(), understood: 0 };
    let next =
        if options.ids.is_empty() { replay.all(options).await? } else { replay.these(options).await? };
    replay.print(next, json)?;
    let all = replay.understood == replay.rows.len();
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(exit::REFUSED) })
}

struct Replay {
    endpoints: Vec<Endpoint>,
    quarantine: Quarantine,
    yes: bool,
    /// ID, endpoint, why it was kept, what became of it.
    rows: Vec<[String; 4]>,
    understood: usize,
}

impl Replay {
    /// Everything that the filters let through; where to go on, if there is more.
    async fn all(&mut self, options: ReplayOptions) -> anyhow::Result<Option<String>> {
        let ReplayOptions { filter, after, limit, .. } = options;
        let quarantine = self.quarantine.clone();
        let mut pages = Pages { quarantine, order: Order::OldestFirst, filter, after };
        while let Some(page) = pages.next().await.with_context(|| self.so_far())? {
            for entry in page {
                if self.rows.len() == limit as usize {
                    return Ok(self.rows.last().map(|[id, ..]| id.clone()));
                }
                self.one(entry).await?;
            }
        }
        Ok(None)
    }

    async fn these(&mut self, options: ReplayOptions) -> anyhow::Result<Option<String>> {
        for id in options.ids {
            let entry = self.quarantine.get(&id).await.with_context(|| self.so_far())?;
            match entry.filter(|entry| options.filter.takes(entry)) {
                Some(entry) => self.one(entry).await?,
                None => self.rows.push([id, String::new(), String::new(), "not_found".to_owned()]),
            }
        }
        Ok(None)
    }

    async fn one(&mut self, entry: Quarantined) -> anyhow::Result<()> {
        let endpoint = self.endpoints.iter().find(|endpoint| endpoint.name() == entry.endpoint);
        let (understood, outcome) = match endpoint {
            None => (false, "no_such_endpoint".to_owned()),
            Some(endpoint) if self.yes => {
                let replayed = self.quarantine.replay(&entry, endpoint).await;
                match replayed.with_context(|| self.so_far())? {
                    Replayed::Published(published) => (true, word(published).to_owned()),
                    Replayed::NotUnderstood(reason) => (false, reason.to_string()),
                }
            }
            Some(endpoint) => match entry.understand(endpoint) {
                Understood::Event { .. } => (true, "understood".to_owned()),
                Understood::Quarantine { reason, .. } | Understood::BadRequest(reason) => {
                    (false, reason.to_string())
                }
            },
        };
        self.understood += usize::from(understood);
        let id = entry.position().to_owned();
        self.rows.push([id, entry.endpoint, entry.reason, outcome]);
        Ok(())
    }

    fn so_far(&self) -> String {
        let done = if self.yes { self.understood } else { 0 };
        format!("the replay ended early, with {done} published; replay again")
    }

    fn print(&self, next: Option<String>, json: bool) -> std::io::Result<()> {
        let stay = self.rows.len() - self.understood;
        if json {
            let entry = |[id, endpoint, reason, outcome]: &[String; 4]| json!({ "id": id, "endpoint": endpoint, "reason": reason, "outcome": outcome });
            let entries: Vec<_> = self.rows.iter().map(entry).collect();
            let outcome = if self.yes { "replayed" } else { "dry_run" };
            let object = json!({
                "outcome": outcome, "understood": self.understood, "stay": stay, "entries": entries, "next": next,
            });
            return output::line(&object.to_string());
        }
        output::table(["id", "endpoint", "reason", "outcome"], self.rows.iter().cloned())?;
        if let Some(next) = next {
            output::line(&format!("there are more: --after {next}"))?;
        }
        output::line(&match self.yes {
            true => format!("{} published, {stay} stay", self.understood),
            false => format!("{} would be published, {stay} would stay; add --yes to do it", self.understood),
        })
    }
}

fn word(published: Published) -> &'static str {
    match published {
        Published::New => "new",
        Published::Duplicate => "duplicate",
        Published::Conflict => "conflict",
        Published::Healed => "healed",
    }
}
