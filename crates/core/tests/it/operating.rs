//! What an operator sees, unlocks and erases.

use std::{sync::Arc, time::Duration};

use test_support::TestRedis;
use textproof::{
    Purpose, RedeemOptions, Redemption, SendOptions, Verdict,
    policy::{FailureLimits, Policy},
    store::{MessageKey, Store},
};

use crate::{
    consents,
    fixture::{limits, loose},
    host::{Host, challenge, wrong},
};

crate::on_every_store!(
    a_phone_shows_its_budgets_and_no_secret,
    an_unlocked_phone_can_be_sent_to_and_checked_again,
    an_erased_phone_is_as_new,
    erasing_one_phone_leaves_others_alone,
);

async fn a_phone_shows_its_budgets_and_no_secret(store: Arc<dyn Store>) {
    let policy = Policy::default().with_send_limits(limits(&[30_000], 60_000, &[(5, 60_000)]));
    let host = Host::with(&store, policy, &[("a", 2)]);
    host.send().await;
    host.verify(wrong(&host.last_code())).await;
    let state = host.otp.phone_state(&host.phone).await.expect("an answer");
    assert_eq!((state.sends, state.sends_left), (1, 4));
    assert!(state.next_send_in > Duration::from_secs(25) && state.next_send_in <= Duration::from_secs(30));
    let [code] = state.codes.as_slice() else { panic!("{state:?}") };
    assert_eq!(
        (code.purpose.as_str(), code.guesses_left, code.used, code.in_session),
        ("login", 4, false, false)
    );
    let [failures] = state.failures.as_slice() else { panic!("{state:?}") };
    assert_eq!((failures.purpose.as_str(), failures.in_a_row, failures.locked), ("login", 1, false));
    let message = MessageKey { gateway: "connexus".into(), message_id: "MSG1".into() };
    assert_eq!(state.last_message, Some(message));
    assert_eq!(state.erased_at_ms, None);
    assert!(!format!("{state:?}").contains(&host.last_code()));
    host.verify(&host.last_code()).await;
    let state = host.otp.phone_state(&host.phone).await.expect("an answer");
    assert!(state.codes[0].used && state.failures.is_empty(), "{state:?}");
}

async fn an_unlocked_phone_can_be_sent_to_and_checked_again(store: Arc<dyn Store>) {
    let s = Duration::from_secs;
    let failures = FailureLimits::new(3, 3, s(30), s(60), s(3600)).expect("limits");
    let policy = Policy::default().with_send_limits(loose()).with_failure_limits(failures);
    let host = Host::with(&store, policy, &[("a", 2)]);
    host.send().await;
    for _ in 0..3 {
        host.verify(wrong(&host.last_code())).await;
    }
    assert_eq!(host.verify(&host.last_code()).await, Verdict::Throttled { retry_after: None });
    let state = host.otp.phone_state(&host.phone).await.expect("an answer");
    assert!(state.failures[0].locked);
    let pay = Purpose::new("pay").expect("a purpose");
    assert!(!host.otp.unlock(&host.phone, Some(&pay)).await.expect("an answer"), "not that one");
    assert!(host.otp.unlock(&host.phone, Some(&host.login)).await.expect("an answer"));
    assert!(!host.otp.unlock(&host.phone, None).await.expect("an answer"));
    assert!(host.verify(&host.last_code()).await.is_verified());
}

async fn an_erased_phone_is_as_new(store: Arc<dyn Store>) {
    let policy = Policy::default().with_send_limits(limits(&[0], 60_000, &[(4, 60_000)]));
    let host = Host::with(&store, policy, &[("a", 2)]);
    let keyed = SendOptions { idempotency_key: Some("k1"), ..Host::options() };
    challenge(host.send_with(keyed).await);
    host.verify(wrong(&host.last_code())).await;
    let Verdict::Verified { receipt, .. } = host.verify(&host.last_code()).await else { panic!("verified") };
    let in_session = SendOptions { session: Some("s"), ..Host::options() };
    challenge(host.send_with(in_session).await);
    host.send().await;
    host.verify(wrong(&host.last_code())).await;

    let erased = host.otp.erase(&host.phone).await.expect("an answer");
    // Sends, messages, failures, receipts, two codes, one idempotency record and three delivery records.
    assert_eq!(erased.keys, 10, "{erased:?}");
    let state = host.otp.phone_state(&host.phone).await.expect("an answer");
    assert!(state.codes.is_empty() && state.failures.is_empty() && state.last_message.is_none(), "{state:?}");
    assert_eq!((state.sends, state.sends_left), (0, 4));
    assert!(state.erased_at_ms.is_some(), "a mark with the time stays");
    assert_eq!(host.verify(&host.last_code()).await, Verdict::Expired);
    let redeemed =
        host.otp.redeem(&host.phone, &host.login, receipt.as_str(), RedeemOptions::default()).await;
    assert_eq!(redeemed.expect("an answer"), Redemption::Refused);
    for n in 1..=3 {
        let message = MessageKey { gateway: "connexus".into(), message_id: format!("MSG{n}") };
        assert_eq!(store.delivery(&message).await.expect("an answer"), None);
    }
    let texts = host.gateway.texts().len();
    challenge(host.send_with(keyed).await);
    assert_eq!(host.gateway.texts().len(), texts + 1, "the idempotency key is forgotten too");
    assert_eq!(host.otp.erase(&host.phone).await.expect("an answer").keys, 5);
}

async fn erasing_one_phone_leaves_others_alone(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    let other = host.phone(7_654_321);
    challenge(host.otp.send(&other, &host.login, "MyApp", Host::options()).await);
    let code = host.last_code();
    host.send().await;
    host.otp.erase(&host.phone).await.expect("an answer");
    let verdict = host.otp.verify(&other, &host.login, &code, Host::check()).await.expect("an answer");
    assert!(verdict.is_verified());
}

/// Nothing of the phone but its mark is left in Redis, under whatever name.
#[tokio::test]
async fn an_erased_phone_leaves_its_mark_and_nothing_else() {
    let server = TestRedis::start().await;
    let store = crate::fixture::redis(&server);
    let policy = Policy::default().with_send_limits(loose()).with_fraud_guard(None);
    let host = Host::with(&store, policy, &[("a", 2)]);
    for session in [None, Some("one"), Some("two")] {
        let key = session.map(|session| format!("key of {session}"));
        let options = SendOptions { session, idempotency_key: key.as_deref(), ..Host::options() };
        challenge(host.send_with(options).await);
    }
    host.verify(wrong("111111")).await;
    let ledger = consents::ledger(&store);
    for (text, at) in [("START", consents::RECEIVED), ("yes", consents::RECEIVED + 1)] {
        consents::say(&ledger, text, at).await;
    }
    host.otp.erase(&host.phone).await.expect("an answer");
    let mut connection = server.connection().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("KEYS answers");
    // Counters of a day hold no personal data.
    let left: Vec<_> = keys.iter().filter(|key| !key.contains(":n:")).collect();
    assert!(left.len() == 1 && left[0].ends_with(":x"), "{left:?}");
}

/// What names the phone's other keys cannot be read: nothing is erased in part and called done.
#[tokio::test]
async fn a_phone_whose_record_cannot_be_read_is_not_half_erased() {
    let server = TestRedis::start().await;
    let store = crate::fixture::redis(&server);
    let policy = Policy::default().with_send_limits(loose()).with_fraud_guard(None);
    let host = Host::with(&store, policy, &[("a", 2)]);
    let options = SendOptions { idempotency_key: Some("k1"), ..Host::options() };
    challenge(host.send_with(options).await);
    let mut connection = server.connection().await;
    let keys: Vec<String> =
        redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("KEYS answers");
    let sends = keys.iter().find(|key| key.ends_with(":w")).expect("the record of the sends");
    let whole: Vec<u8> =
        redis::cmd("GET").arg(sends).query_async(&mut connection).await.expect("GET answers");
    let mut write = async |value: &[u8]| {
        let mut set = redis::cmd("SET");
        set.arg(sends).arg(value).arg("KEEPTTL").exec_async(&mut connection).await.expect("SET answers");
    };
    write(b"another version's").await;
    let refused = host.otp.erase(&host.phone).await.expect_err("it cannot be read");
    assert!(refused.to_string().contains("another version"), "{refused}");
    write(&whole).await;
    assert_eq!(host.otp.erase(&host.phone).await.expect("an answer").keys, 5, "all of it was still there");
}
