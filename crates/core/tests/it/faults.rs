//! Redis gone, replies lost, scripts forgotten: a fault is an error or nothing at all, never a verdict.

use std::{sync::Arc, time::Duration};

use test_support::{FaultProxy, TestRedis, eventually_true};
use textproof::store::{Checked, RequestId, Reserved, Settlement, StoreError, redis::scripts};

use crate::{
    consents,
    fixture::{Phone, redis, redis_at},
};

fn digest(name: &str) -> String {
    scripts().into_iter().find(|script| script.name == name).expect("a script").digest
}

/// A phone whose store is reached through a proxy.
async fn behind_proxy(server: &TestRedis) -> (FaultProxy, Phone) {
    let proxy = FaultProxy::start(server.addr()).await;
    let store = redis_at(&format!("redis://{}", proxy.addr()));
    let phone = Phone::new(&store);
    // Every script is known to the server before a reply is lost, so that the digest names the call.
    phone.send(1).await;
    phone.check(1).await;
    (proxy, phone)
}

#[tokio::test]
async fn a_check_whose_reply_is_lost_costs_one_guess() {
    let server = TestRedis::start().await;
    let (proxy, phone) = behind_proxy(&server).await;
    phone.send(482_174).await;
    proxy.cut_reply_after(digest("check"), 1);
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 4 });
    proxy.cut(1, Duration::from_secs(5)).await;
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 3 });
    proxy.cut_reply_after(digest("check"), 1);
    assert_eq!(phone.check(482_174).await, Checked::Right, "the repeat is told that its code was right");
    assert_eq!(phone.check(482_174).await, Checked::AlreadyUsed);
}

#[tokio::test]
async fn a_reservation_whose_reply_is_lost_is_one_send() {
    let server = TestRedis::start().await;
    let (proxy, phone) = behind_proxy(&server).await;
    proxy.cut_reply_after(digest("reserve"), 1);
    let send = RequestId::random();
    let answer = phone.reserve_as(send, Phone::fresh(482_174)).await;
    assert!(matches!(&answer, Reserved::Granted(granted) if granted.sends_left == 98), "{answer:?}");
    proxy.cut_reply_after(digest("settle_send"), 1);
    assert!(phone.settle(send, Settlement::Unknown).await, "the repeat is told that it is settled");
    assert!(!phone.settle(send, Settlement::NotSent).await, "settled once and not again");
    assert_eq!(phone.check(482_174).await, Checked::Right);
}

/// A repeat finds what the first call wrote; scripts that Redis has forgotten are sent again in full.
#[tokio::test]
async fn what_a_person_said_is_kept_once_though_replies_are_lost_and_scripts_forgotten() {
    let server = TestRedis::start().await;
    let (proxy, phone) = behind_proxy(&server).await;
    let ledger = consents::ledger(&phone.store);
    let at = consents::RECEIVED;
    for (cuts, (text, script)) in (1..).zip([("START", "consent"), ("please stop", "add_review")]) {
        consents::say(&ledger, text, at).await;
        proxy.cut_reply_after(digest(script), 1);
        consents::say(&ledger, text, at + 1).await;
        proxy.cut(cuts, Duration::from_secs(5)).await;
        let mut connection = server.connection().await;
        let () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut connection).await.expect("FLUSH answers");
        consents::say(&ledger, text, at + 2).await;
    }
    let said = ledger.history("default", consents::PHONE).await.expect("the store answers");
    let times: Vec<_> = said.iter().map(|(entry, _)| entry.at_ms - at).collect();
    assert_eq!(times, [0, 0, 1, 1, 2, 2]);
    assert_eq!(ledger.reviews("default").await.expect("the store answers").len(), 3);
    let in_force = ledger.in_force("default", consents::PHONE).await.expect("the store answers");
    assert_eq!((in_force.len(), in_force[0].at_ms), (1, at + 2));
}

#[tokio::test]
async fn a_redis_that_is_gone_is_an_error_and_its_return_is_noticed() {
    let server = TestRedis::start().await;
    let phone = Phone::new(&redis(&server));
    phone.send(482_174).await;
    server.kill();
    let check = textproof::store::Check {
        key: &phone.key,
        request: RequestId::random(),
        handle: None,
        macs: textproof::store::CodeMacs(vec![]),
        limits: &phone.limits,
        failures: &phone.failures,
        remember_used: Duration::from_secs(60),
        receipt_lifetime: Duration::from_secs(60),
    };
    let answer = phone.store.check(&check).await;
    assert!(matches!(answer, Err(StoreError::Unavailable { action: "check", .. })), "{answer:?}");
    server.restart().await;
    eventually_true(Duration::from_secs(10), "the store answers again", async || {
        phone.store.check(&check).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_hangs_is_an_error_within_the_response_timeout() {
    let server = TestRedis::start().await;
    let phone = Phone::new(&redis(&server));
    phone.send(482_174).await;
    server.freeze();
    let answer = tokio::time::timeout(Duration::from_secs(5), phone.store.ping()).await;
    server.thaw();
    assert!(matches!(answer, Ok(Err(StoreError::Unavailable { .. }))), "{answer:?}");
}

#[tokio::test]
async fn a_script_flush_at_any_moment_is_not_seen() {
    let server = TestRedis::start().await;
    let store = redis(&server);
    let mut flusher = server.connection().await;
    let stop = Arc::new(tokio::sync::Notify::new());
    let stopped = Arc::clone(&stop);
    let flushing = tokio::spawn(async move {
        let mut flush_scripts = redis::cmd("SCRIPT");
        flush_scripts.arg("FLUSH");
        let mut flushes = 0u32;
        loop {
            tokio::select! {
                () = stopped.notified() => return flushes,
                flush = flush_scripts.query_async::<()>(&mut flusher) => {
                    flush.expect("SCRIPT FLUSH answers");
                    flushes += 1;
                }
            }
        }
    });
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..32u8 {
        let phone = Phone { key: crate::fixture::key(i, "login"), ..Phone::new(&store) };
        tasks.spawn(async move {
            for code in 0..20 {
                phone.send(code).await;
                assert_eq!(phone.check(999_999).await, Checked::Wrong { left: 4 });
                assert_eq!(phone.check(code).await, Checked::Right);
            }
        });
    }
    tasks.join_all().await;
    stop.notify_one();
    let flushes = flushing.await.expect("no panic");
    assert!(flushes > 100, "{flushes} flushes");
}
