//! Receipts: redeemable once, for what they were given for, for a while.

use std::sync::Arc;

use textproof::{
    Policy, Purpose, RedeemOptions, Redemption, SendOptions, Verdict, VerifyOptions,
    store::{RequestId, Store},
};

use crate::{
    fixture::{loose, millis},
    host::{Host, challenge},
};

crate::on_every_store!(
    a_receipt_is_redeemed_once_and_only_once,
    a_receipt_is_good_for_its_phone_purpose_and_session_only,
    a_changed_receipt_is_refused,
    a_hundred_redemptions_at_once_are_one,
    a_repeated_redemption_gets_the_same_answer,
    a_repeated_check_gives_the_same_receipt,
    a_receipt_ends,
    a_receipt_outlives_the_rotation_of_its_pepper,
);

async fn receipt(host: &Host) -> String {
    host.send().await;
    let Verdict::Verified { receipt, .. } = host.verify(&host.last_code()).await else { panic!("verified") };
    receipt.as_str().to_owned()
}

async fn redeem(host: &Host, receipt: &str) -> Redemption {
    host.otp.redeem(&host.phone, &host.login, receipt, RedeemOptions::default()).await.expect("an answer")
}

async fn a_receipt_is_redeemed_once_and_only_once(store: Arc<dyn Store>) {
    let (host, other) = (Host::new(&store), Host::new(&store));
    let receipt = receipt(&host).await;
    assert_eq!(redeem(&other, &receipt).await, Redemption::Redeemed);
    assert_eq!(redeem(&host, &receipt).await, Redemption::Refused);
}

async fn a_receipt_is_good_for_its_phone_purpose_and_session_only(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    let receipt = receipt(&host).await;
    let pay = Purpose::new("pay").expect("a purpose");
    let (plain, in_session) = (RedeemOptions::default(), RedeemOptions { session: Some("s"), request: None });
    for (phone, purpose, options) in [
        (&host.phone(7_654_321), &host.login, plain),
        (&host.phone, &pay, plain),
        (&host.phone, &host.login, in_session),
    ] {
        let answer = host.otp.redeem(phone, purpose, &receipt, options).await.expect("an answer");
        assert_eq!(answer, Redemption::Refused);
    }
    assert_eq!(redeem(&host, &receipt).await, Redemption::Redeemed, "trying elsewhere does not spend it");

    let session = Some("s1");
    challenge(host.send_with(SendOptions { session, ..Host::options() }).await);
    let verdict = host.verify_with(&host.last_code(), VerifyOptions { session, ..Host::check() }).await;
    let Verdict::Verified { receipt, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(redeem(&host, receipt.as_str()).await, Redemption::Refused, "without its session");
    let own = RedeemOptions { session, request: None };
    let answer = host.otp.redeem(&host.phone, &host.login, receipt.as_str(), own).await;
    assert_eq!(answer.expect("an answer"), Redemption::Redeemed);
}

async fn a_changed_receipt_is_refused(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    let receipt = receipt(&host).await;
    for at in 0..receipt.len() {
        let mut changed = receipt.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).expect("base64url is ASCII");
        assert_eq!(redeem(&host, &changed).await, Redemption::Refused, "character {at}");
    }
    for other in ["", "A", &receipt[..39], &format!("{receipt}A"), &"A".repeat(1000), "é"] {
        assert_eq!(redeem(&host, other).await, Redemption::Refused, "{other:?}");
    }
    assert_eq!(redeem(&host, &receipt).await, Redemption::Redeemed);
}

async fn a_hundred_redemptions_at_once_are_one(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    let receipt = receipt(&host).await;
    let answers = futures_util::future::join_all((0..100).map(|_| redeem(&host, &receipt))).await;
    assert_eq!(answers.iter().filter(|answer| **answer == Redemption::Redeemed).count(), 1);
}

async fn a_repeated_redemption_gets_the_same_answer(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    let receipt = receipt(&host).await;
    let options = RedeemOptions { session: None, request: Some(RequestId::random()) };
    for _ in 0..3 {
        let answer = host.otp.redeem(&host.phone, &host.login, &receipt, options).await.expect("an answer");
        assert_eq!(answer, Redemption::Redeemed);
    }
    assert_eq!(redeem(&host, &receipt).await, Redemption::Refused);
}

async fn a_repeated_check_gives_the_same_receipt(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    host.send().await;
    let repeat = VerifyOptions { request: Some(RequestId::random()), ..Host::check() };
    let first = host.verify_with(&host.last_code(), repeat).await;
    assert!(first.is_verified());
    assert_eq!(host.verify_with(&host.last_code(), repeat).await, first);
}

/// Redis knows a receipt by its id; what can be redeemed stands nowhere.
#[tokio::test]
async fn a_receipt_is_not_in_redis() {
    let server = test_support::TestRedis::start().await;
    let host = Host::new(&crate::fixture::redis(&server));
    let receipt = receipt(&host).await;
    let dump = server.dump_all().await;
    assert!(!dump.keys.is_empty() && dump.find(&receipt).is_empty());
    let mac = &receipt[receipt.len() - 20..];
    assert!(dump.find(mac).is_empty());
}

async fn a_receipt_ends(store: Arc<dyn Store>) {
    let policy =
        Policy::default().with_send_limits(loose()).with_receipt_lifetime(millis(1)).expect("a lifetime");
    let host = Host::with(&store, policy, &[("a", 2)]);
    let receipt = receipt(&host).await;
    test_support::eventually_true(std::time::Duration::from_secs(5), "the receipt ends", async || {
        // Only a receipt that has ended is still refused to the one who redeemed it.
        let options = RedeemOptions { session: None, request: Some(RequestId([7; 12])) };
        let answer = host.otp.redeem(&host.phone, &host.login, &receipt, options).await;
        answer.expect("an answer") == Redemption::Refused
    })
    .await;
}

async fn a_receipt_outlives_the_rotation_of_its_pepper(store: Arc<dyn Store>) {
    let policy = || Policy::default().with_send_limits(loose());
    let old = Host::with(&store, policy(), &[("2026-05", 2)]);
    let receipt = receipt(&old).await;
    let done = Host::with(&store, policy(), &[("2026-11", 3)]);
    assert_eq!(redeem(&done, &receipt).await, Redemption::Refused, "the old pepper is gone");
    let rotated = Host::with(&store, policy(), &[("2026-11", 3), ("2026-05", 2)]);
    assert_eq!(redeem(&rotated, &receipt).await, Redemption::Redeemed);
}
