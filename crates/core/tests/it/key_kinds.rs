//! Every kind of key that the engine writes is in the schema, and lives no longer than it says.

use std::{collections::BTreeSet, time::Duration};

use test_support::{TestRedis, eventually_true};
use textproof::{
    ClientAddress, Policy, RedeemOptions, SendOptions, SendOutcome, Verdict, VerifyOptions,
    policy::{RateLimit, SpendCap, TenantLimits},
};

use crate::{
    fixture::{loose, redis},
    host::{Host, Mood, challenge, wrong},
};

fn address() -> ClientAddress<'static> {
    ClientAddress::Ip([192, 0, 2, 7].into())
}

async fn keys(server: &TestRedis) -> BTreeSet<String> {
    let dump = server.dump_all().await;
    dump.keys.iter().map(|entry| String::from_utf8_lossy(&entry.key).into_owned()).collect()
}

/// A bit of everything, and then every key against the table.
#[tokio::test]
async fn every_key_in_redis_is_in_the_schema() {
    let server = TestRedis::start().await;
    let store = redis(&server);
    let sends = RateLimit::new(1_000, Duration::from_secs(86_400)).expect("a rate");
    let tenant = TenantLimits { sends: Some(sends), parts_a_day: Some(SpendCap::new(1_000).expect("a cap")) };
    let policy = Policy::default().with_send_limits(loose()).with_tenant_limits(tenant);
    let host = Host::with(&store, policy, &[("a", 2)]);
    let send = SendOptions { address: address(), ..SendOptions::default() };
    let check = VerifyOptions { address: address(), ..VerifyOptions::default() };
    for (number, session) in [(1_000_000, None), (1_000_001, Some("a session"))] {
        let phone = host.phone(number);
        let key = format!("key {number}");
        let send = SendOptions { session, idempotency_key: Some(&key), ..send };
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
    assert!(host.send_with(send).await.is_ok());
    host.otp.erase(&host.phone(1_000_000)).await.expect("an answer");
    host.otp.verify(&host.phone(1_000_002), &host.login, "000000", check).await.expect("an answer");
    host.both(Mood::Accept);
    let kinds = [":c:", ":w", ":f", ":r", ":m", ":x", ":ls", ":lv", ":lp", ":lu", ":k", ":b", ":d:", ":n:"];
    eventually_true(Duration::from_secs(10), "every kind of key is there", async || {
        let other = host.phone(1_000_003);
        let sent = host.otp.send(&other, &host.login, "MyApp", send).await.expect("an outcome");
        if matches!(sent, SendOutcome::Sent(_)) {
            host.otp.verify(&other, &host.login, wrong(&host.last_code()), check).await.expect("an answer");
        }
        let keys = keys(&server).await;
        kinds.iter().all(|kind| keys.iter().any(|key| key.contains(&format!("}}{kind}"))))
    })
    .await;
    crate::schema::assert_every_key_ends(&server).await;
}
