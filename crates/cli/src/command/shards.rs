//! `textproof shards`: in how many shards events are.
//!
//! Where an event and its mark are follows from the number. So it is changed only when nothing is left that would be
//! looked for elsewhere: events, those that are put off, what is kept in shards that fall away, and the marks that
//! answer copies.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use serde_json::json;
use textproof::store::{MARK_KEPT, ShardState, ShardStore};
use textproof_service::{assemble, config::Config, exit};

use crate::{
    arguments::shards::{SetOptions, ShardsCommand},
    output,
};

const UNREADABLE: &str = "the shards could not be read";

pub(crate) async fn run(config: &Config, command: ShardsCommand, json: bool) -> anyhow::Result<ExitCode> {
    let store = assemble::shared_store(config)?;
    // An operator's look decides nothing for the fleet.
    let holds = store.written_shards().await.context(UNREADABLE)?;
    let configured = config.shards()?;
    let states = store.shard_states(holds.unwrap_or(configured)).await.context(UNREADABLE)?;
    match command {
        ShardsCommand::Show => show(&states, holds, configured, json),
        ShardsCommand::Set(options) => set(store.as_ref(), &states, holds, &options, json).await,
    }
}

fn show(states: &[ShardState], holds: Option<u16>, configured: u16, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        let shards: Vec<_> = states.iter().map(object).collect();
        let whole = json!({ "shards": holds, "configured": configured, "in_each": shards });
        output::line(&whole.to_string())?;
    } else {
        let headings = ["shard", "events", "delayed", "dead letters", "quarantined", "quiet for, s"];
        output::table(headings, states.iter().enumerate().map(row))?;
        match holds {
            None => output::line("no process has started yet: the first one decides with its stream.shards")?,
            Some(holds) if holds != configured => {
                output::line(&format!(
                    "stream.shards is configured as {configured}: nothing starts with that"
                ))?;
            }
            Some(_) => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn set(
    store: &dyn ShardStore,
    states: &[ShardState],
    holds: Option<u16>,
    options: &SetOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let in_the_way = in_the_way(states, options.shards, options.duplicates_possible);
    let outcome = match (in_the_way.is_empty(), options.yes) {
        (false, _) => "refused",
        (true, false) => "dry_run",
        (true, true) => {
            let written = store.rewrite_shards(holds, options.shards).await;
            if written.context("the number may or may not be written; look with `textproof shards show`")? {
                "set"
            } else {
                "changed_meanwhile"
            }
        }
    };
    let mut facts =
        vec![("outcome", json!(outcome)), ("before", json!(holds)), ("shards", json!(options.shards))];
    if !in_the_way.is_empty() {
        facts.push(("in_the_way", json!(in_the_way.join("; "))));
    }
    if outcome == "dry_run" {
        facts.push(("next", json!("stop webhook-ingest and worker everywhere, then add --yes")));
    }
    output::facts(json, &facts)?;
    Ok(if matches!(outcome, "set" | "dry_run") { ExitCode::SUCCESS } else { ExitCode::from(exit::REFUSED) })
}

/// What another number would hide.
fn in_the_way(states: &[ShardState], to: u16, duplicates_possible: bool) -> Vec<String> {
    let mut all = Vec::new();
    for (shard, state) in states.iter().enumerate() {
        let backlog = state.backlog;
        let waiting = backlog.events + backlog.delayed;
        if waiting > 0 {
            all.push(format!("shard {shard} has {waiting} events that workers have to act on first"));
        }
        let kept = backlog.dead_letters + backlog.quarantined;
        if shard >= usize::from(to) && kept > 0 {
            let (dead, quarantined) = (backlog.dead_letters, backlog.quarantined);
            all.push(format!(
                "shard {shard} falls away with {dead} dead letters and {quarantined} in quarantine"
            ));
        }
    }
    let quiet_for = states.iter().filter_map(|state| state.quiet_for).min();
    let left = quiet_for.and_then(|quiet_for| MARK_KEPT.checked_sub(quiet_for));
    if let Some(left) = left.filter(|left| *left > Duration::ZERO && !duplicates_possible) {
        let hours = left.as_secs().div_ceil(3600);
        all.push(format!(
            "copies of what came last are known for {hours} hours more: wait, or take --duplicates-possible"
        ));
    }
    all
}

fn object(state: &ShardState) -> serde_json::Value {
    let backlog = state.backlog;
    json!({
        "events": backlog.events,
        "delayed": backlog.delayed,
        "dead_letters": backlog.dead_letters,
        "quarantined": backlog.quarantined,
        "quiet_for_seconds": state.quiet_for.map(|quiet_for| quiet_for.as_secs()),
    })
}

fn row((shard, state): (usize, &ShardState)) -> [String; 6] {
    let backlog = state.backlog;
    [
        shard.to_string(),
        backlog.events.to_string(),
        backlog.delayed.to_string(),
        backlog.dead_letters.to_string(),
        backlog.quarantined.to_string(),
        state.quiet_for.map_or_else(|| "-".to_owned(), |quiet_for| quiet_for.as_secs().to_string()),
    ]
}
