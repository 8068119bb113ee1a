//! Alert rules look at metrics that are there: a renamed one would never raise an alarm.

use std::{fs, path::Path};

const RULES: &str = include_str!("../../../deploy/alerts.yml");

/// Every source file of the crates, as one text.
pub(crate) fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("UTF-8"));
        }
    }
    text
}

#[test]
fn every_metric_of_an_alert_rule_is_one_that_a_binary_has() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates"));
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let names: Vec<_> = RULES
        .match_indices("textproof_")
        .map(|(at, _)| RULES[at..].split(|c| !is_name(c)).next().unwrap_or_default())
        .collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(
            sources.contains(&format!("\"{name}\"")),
            "{name} is in deploy/alerts.yml, and no binary has it"
        );
    }
}
