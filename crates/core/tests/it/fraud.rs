//! The fraud guard against three traces: a swept range, a sweep that rotates addresses, and an honest day.
//!
//! Traces are made here with a fixed seed and run through the engine on a clock that they set. The figures in
//! the assertions are what the documentation promises.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use textproof::{
    ClientAddress, SendOptions, SendOutcome, VerifyOptions,
    policy::{AddressLimits, FraudGuard, GuardMode, Policy, RateLimit},
    store::{MemoryStore, Store},
};

use crate::host::Host;

/// One request of a trace.
struct Request {
    at_ms: u64,
    number: u32,
    address: IpAddr,
    /// When its code is typed in, if ever.
    verified_after_ms: Option<u64>,
}

fn address(n: u32) -> IpAddr {
    Ipv4Addr::from(0x0a00_0000 + n).into()
}

/// One range after the other, number by number, from one address after the other: ten a second, never verified.
fn range_sweep() -> Vec<Request> {
    (0..2000)
        .map(|n| Request {
            at_ms: u64::from(n) * 100,
            number: 1_000_000 + n,
            address: address(n / 15),
            verified_after_ms: None,
        })
        .collect()
}

/// A new address for every request, numbers at random over the ranges of a country, never verified.
fn address_rotation() -> Vec<Request> {
    let mut rng = StdRng::seed_from_u64(2);
    (0..5000)
        .map(|n| Request {
            at_ms: u64::from(n) * 100,
            number: rng.random_range(1_000_000..9_999_999),
            address: address(1000 + n),
            verified_after_ms: None,
        })
        .collect()
}

/// A day of 20,000 people, most of them in the evening; 15 of 100 never type their code in, the others after 5 s to
/// 2 minutes. Four of five have an address of their own, the others share 300 addresses of offices and mobile
/// networks.
fn honest_day() -> Vec<Request> {
    let mut rng = StdRng::seed_from_u64(3);
    let mut requests: Vec<Request> = (0..20_000)
        .map(|n| {
            let hour = if rng.random_bool(0.6) { rng.random_range(17..23) } else { rng.random_range(0..24) };
            let shared = rng.random_bool(0.2);
            Request {
                at_ms: hour * 3_600_000 + rng.random_range(0..3_600_000),
                number: 1_000_000 + n * 400 + rng.random_range(0..400),
                address: address(if shared { rng.random_range(0..300) } else { 10_000 + n }),
                verified_after_ms: rng.random_bool(0.85).then(|| rng.random_range(5_000..120_000)),
            }
        })
        .collect();
    requests.sort_by_key(|request| request.at_ms);
    requests
}

struct Outcome {
    sent: usize,
    refused: usize,
}

async fn run(trace: &[Request], mode: GuardMode) -> Outcome {
    let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
    let start = clock.load(Ordering::SeqCst);
    let reading = Arc::clone(&clock);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::with_clock(move || reading.load(Ordering::SeqCst)));
    // What is looked at is the guard alone: addresses may send as much as they like.
    let rate = RateLimit::new(1_000_000, Duration::from_secs(3600)).expect("a rate");
    let addresses = AddressLimits { sends: rate, failed_checks: rate, ..AddressLimits::default() };
    let policy = Policy::default()
        .with_address_limits(addresses)
        .with_fraud_guard(Some(FraudGuard::default().with_mode(mode)));
    let host = Host::with(&store, policy, &[("a", 2)]);

    let mut typed: Vec<(u64, u32, String, IpAddr)> = Vec::new();
    let mut outcome = Outcome { sent: 0, refused: 0 };
    for request in trace {
        typed.sort_by_key(|(at, ..)| *at);
        while let Some((at, ..)) = typed.first().filter(|(at, ..)| *at <= request.at_ms) {
            clock.store(start + at, Ordering::SeqCst);
            let (_, number, code, address) = typed.remove(0);
            let options = VerifyOptions { address: ClientAddress::Ip(address), ..VerifyOptions::default() };
            host.otp.verify(&host.phone(number), &host.login, &code, options).await.expect("an answer");
            // Verified codes are counted behind the answer.
            tokio::task::yield_now().await;
        }
        clock.store(start + request.at_ms, Ordering::SeqCst);
        let options = SendOptions { address: ClientAddress::Ip(request.address), ..SendOptions::default() };
        let Ok(phone) = host.otp.phone(&format!("021{:07}", request.number)) else { continue };
        match host.otp.send(&phone, &host.login, "MyApp", options).await.expect("an outcome") {
            SendOutcome::Sent(_) => {
                outcome.sent += 1;
                if let Some(after) = request.verified_after_ms {
                    typed.push((request.at_ms + after, request.number, host.last_code(), request.address));
                }
            }
            SendOutcome::Refused { .. } => outcome.refused += 1,
        }
    }
    outcome
}

#[tokio::test]
async fn a_swept_range_is_stopped_within_fifty_sends() {
    let outcome = run(&range_sweep(), GuardMode::Deny).await;
    assert_eq!(outcome.sent, 50, "the credit of a prefix");
    assert_eq!(outcome.refused, 1950);
}

#[tokio::test]
async fn a_sweep_that_rotates_addresses_is_stopped_within_fifty_sends_a_prefix() {
    let outcome = run(&address_rotation(), GuardMode::Deny).await;
    assert_eq!(outcome.sent, 50, "all its numbers are of one prefix, +6421");
}

#[tokio::test]
async fn an_honest_day_loses_at_most_one_send_in_a_thousand() {
    let outcome = run(&honest_day(), GuardMode::Deny).await;
    let sends = outcome.sent + outcome.refused;
    assert!(sends > 19_000, "{sends} sends");
    assert!(outcome.refused * 1000 <= sends, "{} of {sends} refused", outcome.refused);
}

#[tokio::test]
async fn a_guard_that_observes_refuses_nothing() {
    let outcome = run(&range_sweep(), GuardMode::Observe).await;
    assert_eq!((outcome.sent, outcome.refused), (2000, 0));
}
