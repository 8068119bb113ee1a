//! `docs/metrics.md` is what the sources count and what the real binaries export, no more and no less.

use std::{collections::BTreeMap, path::Path};

use test_support::{Process, eventually_true};

use crate::{
    alerts::sources,
    fixture::{EVENTS, PATIENCE, World, delivered, http, post, reply, websms},
};

const TABLE: &str = include_str!("../../../docs/metrics.md");

/// A row of the table.
#[derive(Debug)]
struct Row {
    kind: String,
    labels: String,
    from: String,
}

fn table() -> BTreeMap<String, Row> {
    let rows = TABLE.lines().filter(|line| line.starts_with("| `textproof_"));
    let row = |line: &str| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, name, kind, labels, from, what, _] = cells[..] else { panic!("{line}") };
        assert!(!what.is_empty(), "{line}");
        let row = Row { kind: kind.into(), labels: labels.replace('`', ""), from: from.into() };
        (name.trim_matches('`').to_owned(), row)
    };
    let listed: Vec<_> = rows.map(row).collect();
    let count = listed.len();
    let table: BTreeMap<_, _> = listed.into_iter().collect();
    assert_eq!(table.len(), count, "a metric has one row");
    table
}

/// Names and kinds of the calls that count, set or record.
fn counted() -> BTreeMap<String, String> {
    let text = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates"));
    let mut all = BTreeMap::new();
    for kind in ["counter", "gauge", "histogram"] {
        for (at, call) in text.match_indices(&format!("{kind}!(")) {
            let argument = text[at + call.len()..].trim_start();
            let name = argument.strip_prefix('"').and_then(|rest| rest.split('"').next());
            // A test of the recorder has names of its own.
            if let Some(name) = name.filter(|name| name.starts_with("textproof_")) {
                all.insert(name.to_owned(), kind.to_owned());
            }
        }
    }
    all
}

#[test]
fn the_table_has_every_metric_of_the_sources_and_no_other() {
    let table: BTreeMap<_, _> = table().into_iter().map(|(name, row)| (name, row.kind)).collect();
    let counted = counted();
    assert!(counted.len() > 30, "{counted:?}");
    for (name, kind) in &counted {
        assert_eq!(table.get(name), Some(kind), "{name} is counted, and docs/metrics.md says otherwise");
    }
    for name in table.keys() {
        assert!(counted.contains_key(name), "{name} is in docs/metrics.md, and nothing counts it");
    }
}

/// What a process has on its metrics bind.
async fn scrape(process: &Process) -> String {
    const SAID: &str = "metrics and readiness details addr=";
    let log = process.stderr();
    let address = log.split(SAID).nth(1).and_then(|rest| rest.split_whitespace().next()).expect("an address");
    let answer = http().get(format!("http://{address}/metrics")).send().await.expect("an answer");
    answer.text().await.expect("UTF-8")
}

/// Everything that is exported has a row for this process, with its labels; every gauge with a row is exported.
fn assert_as_in_the_table(exported: &str, process: &str) {
    let table = table();
    let mut kinds = BTreeMap::new();
    for line in exported.lines() {
        let words: Vec<_> = line.split(' ').collect();
        if let ["#", "TYPE", name, kind] = words[..] {
            kinds.insert(name, kind);
            let row = table.get(name).unwrap_or_else(|| panic!("{process} has {name}, docs/metrics.md not"));
            assert_eq!(row.kind, kind, "{name}");
            assert!(row.from.split(", ").any(|from| from == process), "{name} is not from {}", row.from);
        } else if let Some((name, rest)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
            let name = name.strip_suffix("_bucket").unwrap_or(name);
            let labels = rest.split("\",").filter_map(|label| label.split('=').next());
            for label in labels.filter(|label| *label != "le" && !label.starts_with('}')) {
                assert!(table[name].labels.split(", ").any(|known| known == label), "{label} of {line}");
            }
        }
    }
    for (name, row) in table {
        if row.kind == "gauge" && row.from.split(", ").any(|from| from == process) {
            assert!(kinds.contains_key(name.as_str()), "{process} has no {name}: {exported}");
        }
    }
}

#[tokio::test]
async fn what_real_binaries_export_is_in_the_table() {
    let world = World::start().await;
    let spool = world.folder("spool");
    let ingest = world.binary("webhook-ingest").env("TEXTPROOF_SPOOL_DIR", spool).listen().await;
    for body in [delivered("m1"), delivered("m1"), reply("m2", "+64211234567", "STOP", 1_700_000_000)] {
        assert_eq!(post(&http(), &websms(&ingest), body).await.0, 200);
    }
    assert_eq!(post(&http(), &format!("{}x", websms(&ingest)), delivered("m3")).await.0, 404);
    let worker = world.binary("worker").listen().await;
    eventually_true(PATIENCE, "they are settled", async || world.depth(EVENTS).await == 0).await;
    for (process, name, last) in
        [(&ingest, "ingest", "textproof_spool_unreadable"), (&worker, "worker", "textproof_quarantined")]
    {
        eventually_true(PATIENCE, "its gauges are there", async || scrape(process).await.contains(last))
            .await;
        let exported = scrape(process).await;
        assert!(exported.contains(&format!("textproof_{name}_")), "{exported}");
        assert_as_in_the_table(&exported, name);
    }
}
