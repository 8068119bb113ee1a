//! `textproof dead-letters`: events that no worker could act on.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use data_encoding::BASE64;
use jiff::Timestamp;
use serde_json::json;
use textproof::{
    store::{DeadLetter, DeadLetterStore, Order, StoreError},
    stream::endpoint_of,
};
use textproof_service::{assemble, config::Config, exit};

use super::printable::printable;
use crate::{
    arguments::dead_letters::{ChangeOptions, DeadLettersCommand, FilterOptions, ListOptions, ShowOptions},
    output,
};

/// Dead letters that are read at a time; each may hold as many bytes as a webhook may have.
const PAGE: usize = 32;
/// How much of a body a terminal gets.
const SHOWN_BYTES: usize = 4 * 1024;

pub(crate) async fn run(
    config: &Config,
    command: DeadLettersCommand,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let store = assemble::shared_store(config)? as Arc<dyn DeadLetterStore>;
    match command {
        DeadLettersCommand::List(options) => list(store, options, json).await,
        DeadLettersCommand::Show(options) => show(store.as_ref(), &options, json).await,
        DeadLettersCommand::Redrive(options) => change(store, options, Change::Redrive, json).await,
        DeadLettersCommand::Drop(options) => change(store, options, Change::Drop, json).await,
    }
}

/// Reads dead letters from one end, a page at a time.
struct Pages {
    store: Arc<dyn DeadLetterStore>,
    order: Order,
    filter: FilterOptions,
    after: Option<String>,
}

impl Pages {
    /// What the filter lets through of the next page; nothing at the end.
    async fn next(&mut self) -> Result<Option<Vec<DeadLetter>>, StoreError> {
        let page = self.store.dead_letters(self.order, self.after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.after = Some(last.position.clone());
        Ok(Some(page.into_iter().filter(|letter| self.filter.takes(letter)).collect()))
    }
}

impl FilterOptions {
    fn takes(&self, letter: &DeadLetter) -> bool {
        self.reason.as_ref().is_none_or(|reason| *reason == letter.reason)
            && self.endpoint.as_ref().is_none_or(|endpoint| endpoint_of(letter).as_ref() == Some(endpoint))
    }
}

async fn list(store: Arc<dyn DeadLetterStore>, options: ListOptions, json: bool) -> anyhow::Result<ExitCode> {
    let order = if options.oldest { Order::OldestFirst } else { Order::NewestFirst };
    let mut pages = Pages { store, order, filter: options.filter, after: options.after };
    let (mut letters, mut next) = (Vec::new(), None);
    'pages: while let Some(page) = pages.next().await.context("the dead letters could not be read")? {
        for letter in page {
            if letters.len() == options.limit as usize {
                next = letters.last().map(|letter: &DeadLetter| letter.position.clone());
                break 'pages;
            }
            letters.push(letter);
        }
    }
    if json {
        let object = |letter| {
            let facts = facts(letter).into_iter();
            facts.map(|(name, value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>()
        };
        let entries: Vec<_> = letters.iter().map(object).collect();
        output::line(&json!({ "entries": entries, "next": next }).to_string())?;
    } else {
        let headings = ["id", "buried at", "endpoint", "reason", "starts", "failures", "last error"];
        output::table(headings, letters.iter().map(row))?;
        if let Some(next) = next {
            output::line(&format!("there are more: --after {next}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(store: &dyn DeadLetterStore, options: &ShowOptions, json: bool) -> anyhow::Result<ExitCode> {
    let letter = store.dead_letter_at(&options.id).await.context("the dead letters could not be read")?;
    let Some(letter) = letter else {
        output::facts(json, &[("outcome", json!("not_found")), ("id", json!(options.id))])?;
        return Ok(ExitCode::from(exit::REFUSED));
    };
    let raw = &letter.raw;
    let body = match json {
        true => ("body_base64", json!(BASE64.encode(raw))),
        false => ("body", json!(printable(&raw[..raw.len().min(SHOWN_BYTES)]))),
    };
    let facts: Vec<_> = facts(&letter).into_iter().chain([body]).collect();
    output::facts(json, &facts)?;
    Ok(ExitCode::SUCCESS)
}

#[derive(Clone, Copy)]
enum Change {
    Redrive,
    Drop,
}

async fn change(
    store: Arc<dyn DeadLetterStore>,
    options: ChangeOptions,
    change: Change,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let ChangeOptions { ids, filter, limit, yes } = options;
    let unreadable = "the dead letters could not be read";
    let (mut letters, mut missing) = (Vec::new(), 0u64);
    if ids.is_empty() {
        let mut pages = Pages { store: Arc::clone(&store), order: Order::OldestFirst, filter, after: None };
        while let Some(page) = pages.next().await.context(unreadable)? {
            letters.extend(page);
            if letters.len() >= limit as usize {
                break;
            }
        }
        letters.truncate(limit as usize);
    } else {
        for id in ids {
            match store.dead_letter_at(&id).await.context(unreadable)?.filter(|letter| filter.takes(letter)) {
                Some(letter) => letters.push(letter),
                None => missing += 1,
            }
        }
    }
    let mut changed = 0u64;
    for letter in letters.iter().filter(|_| yes) {
        let done = match change {
            Change::Redrive => store.redrive(letter).await,
            Change::Drop => store.drop_dead_letter(letter).await,
        };
        let done = done.with_context(|| format!("it ended early, with {changed} done; do it again"))?;
        changed += u64::from(done);
    }
    let outcome = match (yes, change) {
        (false, _) => "dry_run",
        (true, Change::Redrive) => "redriven",
        (true, Change::Drop) => "dropped",
    };
    let mut facts = vec![
        ("outcome", json!(outcome)),
        ("found", json!(letters.len())),
        ("not_found", json!(missing)),
        ("done", json!(changed)),
    ];
    if !yes {
        facts.push(("next", json!("add --yes to do it")));
    }
    output::facts(json, &facts)?;
    Ok(if missing == 0 { ExitCode::SUCCESS } else { ExitCode::from(exit::REFUSED) })
}

fn facts(letter: &DeadLetter) -> Vec<(&'static str, serde_json::Value)> {
    vec![
        ("id", json!(letter.position)),
        ("event_id", json!(letter.id)),
        ("buried_at", json!(buried_at(letter))),
        ("endpoint", json!(endpoint_of(letter))),
        ("reason", json!(letter.reason)),
        ("starts", json!(letter.starts)),
        ("failures", json!(letter.failures.count)),
        ("first_error", json!(letter.failures.first)),
        ("last_error", json!(letter.failures.last)),
        ("bytes", json!(letter.raw.len())),
    ]
}

fn row(letter: &DeadLetter) -> [String; 7] {
    [
        letter.position.clone(),
        buried_at(letter).unwrap_or_default(),
        endpoint_of(letter).unwrap_or_default(),
        letter.reason.clone(),
        letter.starts.to_string(),
        letter.failures.count.to_string(),
        letter.failures.last.clone(),
    ]
}

/// A position begins with Redis's time.
fn buried_at(letter: &DeadLetter) -> Option<String> {
    let ms = letter.position.split_once('-')?.0.parse().ok()?;
    Some(Timestamp::from_millisecond(ms).ok()?.to_string())
}
