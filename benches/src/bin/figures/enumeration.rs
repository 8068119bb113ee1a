//! Does the time of an answer tell whether a phone has an account? Distributions of known and unknown phones,
//! compared with the two-sample Kolmogorov-Smirnov test.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use async_trait::async_trait;
use benches::{BENCH, WRONG, concurrently, login, otp_with, phone, redis_store};
use rand::seq::SliceRandom as _;
use test_support::TestRedis;
use textproof::{
    Otp, SendOptions, SendOutcome, Verdict, VerifyOptions,
    gateway::{Accepted, CodeAccepted, CodeMessage, Gateway, GatewayError, TextMessage},
};
use tokio::task::spawn_blocking;

const CHECKS: u32 = 10_000;
const SENDS: u32 = 2_000;

pub(crate) async fn run() -> anyhow::Result<()> {
    let server = TestRedis::start().await;
    let otp = otp_with(redis_store(&server) as _, Arc::new(SlowGateway));
    sends(&otp).await?;
    checks(&otp).await
}

/// Known and unknown phones in random order: real sends, and suppressed ones.
async fn sends(otp: &Otp) -> anyhow::Result<()> {
    // The first sends teach how long one takes.
    for n in 0..100 {
        timed_send(otp, 9_000_000 + n, false).await?;
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for n in shuffled(2 * SENDS) {
        let suppress = n % 2 == 1;
        let took = timed_send(otp, n, suppress).await?;
        if suppress { unknown.push(took) } else { known.push(took) }
    }
    report("sends", known, unknown);
    Ok(())
}

async fn timed_send(otp: &Otp, n: u32, suppress: bool) -> anyhow::Result<Duration> {
    let phone = phone(otp, n);
    let options = SendOptions { address: BENCH, suppress, ..SendOptions::default() };
    let before = Instant::now();
    let outcome = otp.send(&phone, &login(), "MyApp", options).await?;
    let took = before.elapsed();
    ensure!(matches!(outcome, SendOutcome::Sent(_)), "{outcome:?}");
    Ok(took)
}

/// One wrong guess at each phone, known and unknown in random order.
async fn checks(otp: &Otp) -> anyhow::Result<()> {
    let sender = otp.clone();
    concurrently(2 * CHECKS, move |n| {
        let otp = sender.clone();
        async move {
            let phone = phone(&otp, 1_000_000 + n);
            let options = SendOptions { address: BENCH, suppress: n % 2 == 1, ..SendOptions::default() };
            let outcome = otp.send(&phone, &login(), "MyApp", options).await;
            assert!(matches!(outcome, Ok(SendOutcome::Sent(_))), "{outcome:?}");
        }
    })
    .await;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for n in shuffled(2 * CHECKS) {
        let phone = phone(otp, 1_000_000 + n);
        let options = VerifyOptions { address: BENCH, ..VerifyOptions::default() };
        let before = Instant::now();
        let verdict = otp.verify(&phone, &login(), WRONG, options).await?;
        let took = before.elapsed();
        // A real code is the guess once in a million.
        ensure!(matches!(verdict, Verdict::Incorrect { .. } | Verdict::Verified { .. }), "{verdict:?}");
        if n % 2 == 0 { known.push(took) } else { unknown.push(took) }
    }
    report("checks", known, unknown);
    Ok(())
}

/// The numbers below `count`: what comes in turn would see whatever else comes in turn.
fn shuffled(count: u32) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..count).collect();
    numbers.shuffle(&mut rand::rng());
    numbers
}

fn report(what: &str, mut known: Vec<Duration>, mut unknown: Vec<Duration>) {
    known.sort_unstable();
    unknown.sort_unstable();
    let statistic = kolmogorov_smirnov(&known, &unknown);
    // Both samples are of one distribution, at a level of 0.01, below this (two-sample, equal sizes).
    let critical = 1.628 * (2.0 / known.len() as f64).sqrt();
    let middle = |sorted: &[Duration]| sorted[sorted.len() / 2].as_secs_f64() * 1e3;
    println!(
        "{what}: median {:.3} ms known, {:.3} ms unknown, {} each",
        middle(&known),
        middle(&unknown),
        known.len()
    );
    println!("{what}: Kolmogorov-Smirnov D {statistic:.4}, critical at 0.01 {critical:.4}");
}

/// The greatest distance between the two distribution functions.
fn kolmogorov_smirnov(one: &[Duration], other: &[Duration]) -> f64 {
    let (mut i, mut j, mut greatest) = (0, 0, 0f64);
    while i < one.len() && j < other.len() {
        let at = one[i].min(other[j]);
        while i < one.len() && one[i] <= at {
            i += 1;
        }
        while j < other.len() && other[j] <= at {
            j += 1;
        }
        greatest = greatest.max((i as f64 / one.len() as f64 - j as f64 / other.len() as f64).abs());
    }
    greatest
}

/// Takes a few milliseconds, as a gateway takes its tenths of a second.
#[derive(Debug)]
struct SlowGateway;

#[async_trait]
impl Gateway for SlowGateway {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn makes_codes(&self) -> bool {
        false
    }

    async fn send_code(&self, message: &CodeMessage<'_>) -> Result<CodeAccepted, GatewayError> {
        // A thread's sleep and not the runtime's: a gateway does not answer on the ticks of our timer.
        let takes = Duration::from_micros(rand::random_range(3_000..9_000));
        #[expect(clippy::disallowed_methods, reason = "a finer clock than the runtime's")]
        let slept = spawn_blocking(move || thread::sleep(takes)).await;
        drop(slept);
        let accepted = Accepted { message_id: format!("MSG{}", message.reference), parts: Some(1) };
        Ok(CodeAccepted { accepted, code: None })
    }

    async fn send_text(&self, _: &TextMessage<'_>) -> Result<Accepted, GatewayError> {
        Err(GatewayError::InvalidNumber { gateway: self.name() })
    }

    async fn check(&self) -> Result<(), GatewayError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_samples_have_no_distance_and_disjoint_ones_all_of_it() {
        let ms = |from: u64| (from..from + 100).map(Duration::from_millis).collect::<Vec<_>>();
        assert!(kolmogorov_smirnov(&ms(0), &ms(0)) < 1e-9);
        assert!((kolmogorov_smirnov(&ms(0), &ms(100)) - 1.0).abs() < 1e-9);
        assert!((kolmogorov_smirnov(&ms(0), &ms(50)) - 0.5).abs() < 1e-9);
    }
}
