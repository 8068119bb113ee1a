//! One line a figure: what was measured, its yardstick, their ratio, and whether the target is met.

use std::fmt;

use serde::Serialize;

/// All figures of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    load_average_at_start: String,
    figures: Vec<Figure>,
}

/// One measurement beside its yardstick.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    name: &'static str,
    measured: f64,
    yardstick: f64,
    ratio: f64,
    target: Option<f64>,
    met: Option<bool>,
}

impl Figures {
    pub(crate) fn start() -> Self {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self { load_average_at_start: load.trim().to_owned(), figures: Vec::new() }
    }

    /// Adds a figure, and shows it at once: a run takes minutes.
    pub(crate) fn add(&mut self, figure: Figure) {
        eprintln!("{figure}");
        self.figures.push(figure);
    }
}

impl Figure {
    /// A ratio that should be no lower than this.
    pub(crate) fn at_least(name: &'static str, measured: f64, yardstick: f64, target: f64) -> Self {
        let ratio = measured / yardstick;
        Self { name, measured, yardstick, ratio, target: Some(target), met: Some(ratio >= target) }
    }

    /// A ratio that should be no higher than this; without a target, for information.
    pub(crate) fn at_most(name: &'static str, measured: f64, yardstick: f64, target: Option<f64>) -> Self {
        let ratio = measured / yardstick;
        Self { name, measured, yardstick, ratio, target, met: target.map(|target| ratio <= target) }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, measured, yardstick, ratio, .. } = self;
        write!(f, "{name}: {measured:.2} / {yardstick:.2} = {ratio:.2}")?;
        match (self.target, self.met) {
            (Some(target), Some(true)) => write!(f, " (target {target}, met)"),
            (Some(target), _) => write!(f, " (target {target}, MISSED)"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "load average of the machine before the run: {}", self.load_average_at_start)?;
        self.figures.iter().try_for_each(|figure| writeln!(f, "{figure}"))
    }
}
