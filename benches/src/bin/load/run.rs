//! Legs and their order. Machines are noisy, and a neighbour's noise lasts: each round runs its legs
//! forwards and then backwards, so that what drifts hits both sides alike, and medians are compared.

use benches::median;
use serde::Serialize;

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Leg {
    /// Operations per second.
    pub(crate) per_second: f64,
    /// Median latency in milliseconds.
    pub(crate) p50_ms: f64,
    /// 99th percentile of the latency in milliseconds.
    pub(crate) p99_ms: f64,
}

/// All legs of one side.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Side {
    /// In the order in which they ran.
    pub(crate) legs: Vec<Leg>,
}

impl Side {
    /// The median of each figure.
    pub(crate) fn median(&self) -> Leg {
        let of = |figure: fn(&Leg) -> f64| median(self.legs.iter().map(figure).collect());
        Leg {
            per_second: of(|leg| leg.per_second),
            p50_ms: of(|leg| leg.p50_ms),
            p99_ms: of(|leg| leg.p99_ms),
        }
    }
}

/// The order of `sides` sides: `0 1 1 0`, as often as there are rounds.
pub(crate) fn order(sides: usize, rounds: u8) -> impl Iterator<Item = usize> {
    (0..rounds).flat_map(move |_| (0..sides).chain((0..sides).rev()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_goes_there_and_back() {
        assert_eq!(order(2, 2).collect::<Vec<_>>(), [0, 1, 1, 0, 0, 1, 1, 0]);
        assert_eq!(order(3, 1).collect::<Vec<_>>(), [0, 1, 2, 2, 1, 0]);
    }
}
