//! `textproof quarantine list`.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use textproof::{
    store::Order,
    stream::{Quarantine, Quarantined},
};

use super::{Pages, received_at};
use crate::{arguments::quarantine::ListOptions, output};

pub(super) async fn run(
    quarantine: Quarantine,
    options: ListOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let order = if options.oldest { Order::OldestFirst } else { Order::NewestFirst };
    let mut pages = Pages { quarantine, order, filter: options.filter, after: options.after };
    let (mut rows, mut next) = (Vec::new(), None);
    'pages: while let Some(page) = pages.next().await.context("the quarantine could not be read")? {
        for entry in &page {
            if rows.len() == options.limit as usize {
                next = rows.last().map(|[id, ..]: &[String; 5]| id.clone());
                break 'pages;
            }
            rows.push(row(entry));
        }
    }
    if json {
        let entry = |[id, received_at, endpoint, reason, bytes]: &[String; 5]| {
            let bytes: u64 = bytes.parse().unwrap_or_default();
            json!({ "id": id, "received_at": received_at, "endpoint": endpoint, "reason": reason, "bytes": bytes })
        };
        let entries: Vec<_> = rows.iter().map(entry).collect();
        output::line(&json!({ "entries": entries, "next": next }).to_string())?;
    } else {
        output::table(["id", "received at", "endpoint", "reason", "bytes"], rows)?;
        if let Some(next) = next {
            output::line(&format!("there are more: --after {next}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(entry: &Quarantined) -> [String; 5] {
    [
        entry.position().to_owned(),
        received_at(entry),
        entry.endpoint.clone(),
        entry.reason.clone(),
        entry.raw().len().to_string(),
    ]
}
