//! A small table, one line with the ratio, or JSON.

use std::fmt;

use serde_json::json;

use crate::{
    args::Args,
    run::{Leg, Side},
};

/// What was measured. The first side is the yardstick, the second one is held against it.
pub(crate) struct Report {
    name: &'static str,
    target: f64,
    args: Args,
    sides: Vec<(&'static str, Side)>,
    also: Vec<Comparison>,
    load_at_start: Option<f64>,
}

/// One side held against another than the yardstick.
struct Comparison {
    name: &'static str,
    side: usize,
    against: usize,
    target: f64,
}

impl Report {
    /// An empty report; `target` is the ratio that is aimed at.
    pub(crate) fn new(name: &'static str, target: f64, args: &Args, sides: &[&'static str]) -> Self {
        Self {
            name,
            target,
            args: args.clone(),
            sides: sides.iter().map(|side| (*side, Side::default())).collect(),
            also: Vec::new(),
            load_at_start: load_average(),
        }
    }

    /// Holds a side against another one, too.
    pub(crate) fn compare(&mut self, name: &'static str, side: usize, against: usize, target: f64) {
        self.also.push(Comparison { name, side, against, target });
    }

    /// Adds a leg to a side.
    pub(crate) fn add(&mut self, side: usize, leg: Leg) {
        let (name, legs) = &mut self.sides[side];
        eprintln!("{name}: {:.0}/s", leg.per_second);
        legs.legs.push(leg);
    }

    /// The whole report for programs.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let sides: Vec<_> = self
            .sides
            .iter()
            .map(|(name, side)| {
                json!({"name": name, "median": side.median(), "ratio": self.ratio(side), "legs": side.legs})
            })
            .collect();
        serde_json::to_string_pretty(&json!({
            "measured": self.name,
            "tasks": self.args.tasks,
            "leg_seconds": self.args.leg().as_secs(),
            "ratio": self.ratio(&self.sides[1].1),
            "target": self.target,
            "also": self.also.iter().map(|also| {
                json!({"name": also.name, "ratio": self.between(also), "target": also.target})
            }).collect::<Vec<_>>(),
            "load_average_at_start": self.load_at_start,
            "sides": sides,
        }))
    }

    fn ratio(&self, side: &Side) -> f64 {
        side.median().per_second / self.sides[0].1.median().per_second
    }

    fn between(&self, comparison: &Comparison) -> f64 {
        self.ratio(&self.sides[comparison.side].1) / self.ratio(&self.sides[comparison.against].1)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.sides.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        writeln!(f, "{:width$}  {:>9}  {:>8}  {:>8}  {:>5}  legs", "", "per s", "p50 ms", "p99 ms", "ratio")?;
        for (name, side) in &self.sides {
            let Leg { per_second, p50_ms, p99_ms } = side.median();
            let ratio = self.ratio(side);
            write!(f, "{name:width$}  {per_second:>9.0}  {p50_ms:>8.3}  {p99_ms:>8.3}  {ratio:>5.2}")?;
            for leg in &side.legs {
                write!(f, "  {:.0}", leg.per_second)?;
            }
            writeln!(f)?;
        }
        if let Some(load) = self.load_at_start {
            writeln!(f, "load average of the machine before the run: {load:.2}")?;
        }
        let ratio = self.ratio(&self.sides[1].1);
        writeln!(f, "ratio {} {ratio:.2} (target {:.2})", self.name, self.target)?;
        for also in &self.also {
            writeln!(f, "ratio {} {:.2} (target {:.2})", also.name, self.between(also), also.target)?;
        }
        Ok(())
    }
}

/// Of the last minute; only where the system tells.
fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}
