//! Checks a second with many live codes against a thousand: two servers, legs in turn.

use std::time::Duration;

use crate::verifying::Side;

/// Short, so that a thousand codes have guesses enough.
const LEG: Duration = Duration::from_millis(500);
const ROUNDS: usize = 10;

pub(crate) async fn run(codes: u32) -> anyhow::Result<()> {
    let (mut few, mut many) = (Side::start(1_000).await?, Side::start(codes).await?);
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        few.renew().await?;
        if round % 5 == 0 {
            many.renew().await?;
        }
        // There and back, so that what drifts hits both alike.
        if round % 2 == 0 {
            small.push(few.checks_a_second(LEG).await?);
            large.push(many.checks_a_second(LEG).await?);
        } else {
            large.push(many.checks_a_second(LEG).await?);
            small.push(few.checks_a_second(LEG).await?);
        }
    }
    let (small, large) = (median(small), median(large));
    println!("checks a second: {small:.0} with 1,000 live codes, {large:.0} with {codes}");
    println!("ratio growth {:.2} (target 0.90)", large / small);
    Ok(())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
