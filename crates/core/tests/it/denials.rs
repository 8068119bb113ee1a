//! A denied send changes no counter, whichever limit denies it; and every key that any of this writes is in the schema.

use std::{collections::BTreeMap, time::Duration};

use test_support::{TestRedis, eventually_true};
use textproof::{
    ClientAddress, Policy, RedeemOptions, SendOptions, SendOutcome, Verdict, VerifyOptions,
    otp::RefusalReason,
    policy::{
        AddressLimits, FailureLimits, FraudGuard, GuardMode, RateLimit, SendLimits, SpendCap, TenantLimits,
    },
};

use crate::{
    fixture::{limits, loose, redis},
    host::{Host, Mood, challenge, wrong},
};

const ADDRESS: [u8; 4] = [192, 0, 2, 7];

fn options<'a>() -> SendOptions<'a> {
    SendOptions { address: ClientAddress::Ip(ADDRESS.into()), ..SendOptions::default() }
}

fn rate(count: u32) -> RateLimit {
    RateLimit::new(count, Duration::from_secs(86_400)).expect("a rate")
}

/// Everything that Redis holds, but for how long.
async fn contents(server: &TestRedis) -> BTreeMap<String, Vec<u8>> {
    let mut connection = server.connection().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("KEYS answers");
    let mut contents = BTreeMap::new();
    for key in keys {
        let dump: Option<Vec<u8>> =
            redis::cmd("DUMP").arg(&key).query_async(&mut connection).await.expect("DUMP answers");
        contents.extend(dump.map(|dump| (key, dump)));
    }
    contents
}

/// A policy under which every limit has room, and then one of them has not.
fn policy(tight: &str) -> Policy {
    let roomy = |name: &str, tight_count, count| if tight == name { tight_count } else { count };
    let addresses = AddressLimits {
        sends: rate(roomy("address", 1, 1_000)),
        failed_checks: rate(1_000),
        unknown_sends: rate(1_000),
        unknown_failed_checks: rate(1_000),
    };
    let tenant = TenantLimits {
        sends: Some(rate(roomy("tenant", 1, 1_000))),
        parts_a_day: Some(SpendCap::new(roomy("parts", 1, 1_000)).expect("a cap")),
    };
    let credit = |name| roomy(name, 1, 1_000);
    let guard = FraudGuard::default()
        .with_mode(GuardMode::Deny)
        .with_credit(credit("country"), credit("prefix"), credit("guarded address"), 3)
        .expect("credits");
    let sends: SendLimits = match tight {
        "cool-down" => limits(&[30_000], 60_000, &[(100, 60_000)]),
        "window" => limits(&[0], 60_000, &[(1, 60_000)]),
        _ => loose(),
    };
    let second = Duration::from_secs(1);
    let ceiling = if tight == "locked" { 1 } else { 100 };
    let failures = FailureLimits::new(ceiling, ceiling, second, second, second * 60).expect("limits");
    Policy::default()
        .with_send_limits(sends)
        .with_failure_limits(failures)
        .with_address_limits(addresses)
        .with_tenant_limits(tenant)
        .with_fraud_guard(Some(guard))
}

#[tokio::test]
async fn a_denied_send_changes_no_counter() {
    use RefusalReason as Reason;
    let server = TestRedis::start().await;
    for (tight, reason) in [
        ("cool-down", Reason::CoolDown),
        ("window", Reason::TooManySends),
        ("locked", Reason::Locked),
        ("sessions", Reason::TooManySessions),
        ("address", Reason::AddressLimit),
        ("tenant", Reason::TenantLimit),
        ("parts", Reason::SpendCap),
        ("country", Reason::FraudGuard),
        ("prefix", Reason::FraudGuard),
        ("guarded address", Reason::FraudGuard),
    ] {
        let mut connection = server.connection().await;
        let () = redis::cmd("FLUSHALL").query_async(&mut connection).await.expect("FLUSHALL answers");
        let store = redis(&server);
        let (host, other) = (
            Host::with(&store, policy(tight), &[("a", 2)]),
            Host::with(&redis(&server), policy(tight), &[("a", 2)]),
        );
        challenge(host.send_with(options()).await);
        if tight == "locked" {
            host.verify(wrong(&host.last_code())).await;
        }
        if tight == "sessions" {
            for session in ["s1", "s2"] {
                challenge(host.send_with(SendOptions { session: Some(session), ..options() }).await);
            }
        }
        let before = contents(&server).await;
        assert!(before.len() >= 5, "{tight}: {:?}", before.keys());
        let denied = SendOptions { session: (tight == "sessions").then_some("s3"), ..options() };
        // From two hosts, side by side.
        for _ in 0..5 {
            let both = tokio::join!(host.send_with(denied), other.send_with(denied));
            for outcome in [both.0, both.1] {
                let outcome = outcome.expect("an outcome");
                let SendOutcome::Refused { reason: by, .. } = outcome else { panic!("{tight}: {outcome:?}") };
                // Whichever is asked first while the other's charge is on its way: one of the limits, and given back.
                assert_eq!(by, reason, "{tight}");
            }
        }
        let after = contents(&server).await;
        let changed: Vec<_> = before.iter().filter(|(key, value)| after.get(*key) != Some(value)).collect();
        assert!(changed.is_empty() && before.len() == after.len(), "{tight}: {changed:?}");
        assert_eq!(host.gateway.calls() + other.gateway.calls(), if tight == "sessions" { 3 } else { 1 });
    }
}

/// A bit of everything, and then every key against the table.
#[tokio::test]
async fn every_key_in_redis_is_in_the_schema() {
    let server = TestRedis::start().await;
    let store = redis(&server);
    let host = Host::with(&store, policy("none"), &[("a", 2)]);
    let check = VerifyOptions { address: ClientAddress::Ip(ADDRESS.into()), ..VerifyOptions::default() };
    for (number, session) in [(1_000_000, None), (1_000_001, Some("a session"))] {
        let phone = host.phone(number);
        let key = format!("key {number}");
        let send = SendOptions { session, idempotency_key: Some(&key), ..options() };
        challenge(host.otp.send(&phone, &host.login, "MyApp", send).await);
        let (code, check) = (host.last_code(), VerifyOptions { session, ..check });
        for guess in [wrong(&code), &code, &code] {
            host.otp.verify(&phone, &host.login, guess, check).await.expect("an answer");
        }
    }
    host.send().await;
    let Verdict::Verified { receipt, .. } = host.verify(&host.last_code()).await else { panic!("verified") };
    let redeemed =
        host.otp.redeem(&host.phone, &host.login, receipt.as_str(), RedeemOptions::default()).await;
    redeemed.expect("an answer");
    host.both(Mood::Unavailable);
    assert!(host.send_with(options()).await.is_ok());
    host.otp.erase(&host.phone(1_000_000)).await.expect("an answer");
    let kinds = [":c:", ":w", ":f", ":r", ":m", ":x", ":ls", ":lv", ":lp", ":lu", ":k", ":b", ":d:", ":n:"];
    host.otp.verify(&host.phone(1_000_002), &host.login, "000000", check).await.expect("an answer");
    host.both(Mood::Accept);
    eventually_true(Duration::from_secs(10), "every kind of key is there", async || {
        let other = host.phone(1_000_003);
        let sent = host.otp.send(&other, &host.login, "MyApp", options()).await.expect("an outcome");
        if matches!(sent, SendOutcome::Sent(_)) {
            host.otp.verify(&other, &host.login, wrong(&host.last_code()), check).await.expect("an answer");
        }
        let contents = contents(&server).await;
        kinds.iter().all(|kind| contents.keys().any(|key| key.contains(&format!("}}{kind}"))))
    })
    .await;
    crate::schema::assert_every_key_ends(&server).await;
}
