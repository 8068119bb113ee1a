//! One caller at a time: the latency of `Otp::send` and `Otp::verify` in memory and on Redis.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use benches::{BENCH, RIGHT, WRONG, concurrently, empty_store, login, otp, phone, send};
use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use test_support::TestRedis;
use textproof::{Otp, PhoneNumber, SendOptions, SendOutcome, VerifyOptions};
use tokio::runtime::Runtime;

fn sending_and_verifying(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let server = runtime.block_on(TestRedis::start());
    let mut group = criterion.benchmark_group("otp");
    // A sample prepares as many codes as it uses, so samples are few and short.
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    for (name, server) in [("memory", None), ("redis", Some(&server))] {
        group.bench_function(BenchmarkId::new("send", name), |bencher| {
            bencher.to_async(&runtime).iter_custom(|sends| sending(server, sends));
        });
        for (guess, code) in [("right", RIGHT), ("wrong", WRONG)] {
            group.bench_function(BenchmarkId::new(format!("verify_{guess}"), name), |bencher| {
                bencher.to_async(&runtime).iter_custom(|checks| verifying(server, checks, code));
            });
        }
    }
    group.finish();
}

/// Every send is the first to its phone.
async fn sending(server: Option<&TestRedis>, sends: u64) -> Duration {
    let otp = otp(empty_store(server).await);
    let (phones, login) = (phones(&otp, sends), login());
    let start = Instant::now();
    for phone in phones.iter() {
        let outcome =
            otp.send(phone, &login, "MyApp", SendOptions { address: BENCH, ..SendOptions::default() }).await;
        assert!(matches!(outcome, Ok(SendOutcome::Sent(_))), "{outcome:?}");
    }
    start.elapsed()
}

/// Every check is the first of its code.
async fn verifying(server: Option<&TestRedis>, checks: u64, code: &str) -> Duration {
    let otp = otp(empty_store(server).await);
    let (phones, login) = (phones(&otp, checks), login());
    let (sender, receivers) = (otp.clone(), Arc::clone(&phones));
    let count = u32::try_from(checks).expect("few checks");
    concurrently(count, move |n| {
        let (otp, phones) = (sender.clone(), Arc::clone(&receivers));
        async move { send(&otp, &phones[n as usize]).await }
    })
    .await;
    let start = Instant::now();
    for phone in phones.iter() {
        let verdict = otp
            .verify(phone, &login, code, VerifyOptions { address: BENCH, ..VerifyOptions::default() })
            .await;
        assert!(verdict.is_ok_and(|verdict| verdict.is_verified() == (code == RIGHT)));
    }
    start.elapsed()
}

fn phones(otp: &Otp, count: u64) -> Arc<[PhoneNumber]> {
    let count = u32::try_from(count).expect("few phones");
    (0..count).map(|n| phone(otp, n)).collect()
}

criterion_group!(group, sending_and_verifying);
criterion_main!(group);
