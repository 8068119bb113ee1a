//! Texts that somebody has to read: kept, bounded, resolved once, and never ignored.

use std::{sync::Arc, time::Duration};

use test_support::{FaultProxy, TestRedis};
use textproof::{
    consent::{ConsentLedger, Heard, Resolution, Resolved, Waiting},
    store::{Consent, LedgerKind, REVIEWS_AT_MOST, REVIEWS_OF_ONE_AT_MOST, Store},
};

use crate::{
    consents::{PHONE, RECEIVED, hear, ledger, reply, say, state},
    fixture::{redis, redis_at},
    host::Host,
};

crate::on_every_store!(
    an_unclear_text_waits_to_be_read_once,
    a_resolution_counts_from_when_the_text_was_sent,
    what_was_resolved_does_not_come_back,
    no_text_takes_the_place_of_another_and_a_flood_of_one_person_is_bounded,
    when_nobody_reads_whoever_asks_is_opted_out,
    what_is_resolved_after_an_erasure_leaves_no_evidence,
);

const PATIENCE: Duration = Duration::from_secs(5);
const ASKED: &str = "please stop texting me";

async fn waiting(ledger: &ConsentLedger) -> Vec<Waiting> {
    ledger.reviews("default").await.expect("the store answers")
}

async fn resolve(ledger: &ConsentLedger, text: &Waiting, resolution: Resolution) -> Resolved {
    ledger.resolve("default", text, resolution, RECEIVED + 86_400_000).await.expect("the store answers")
}

async fn kinds(ledger: &ConsentLedger) -> Vec<LedgerKind> {
    let history = ledger.history("default", PHONE).await.expect("the store answers");
    history.iter().map(|(entry, _)| entry.kind).collect()
}

async fn an_unclear_text_waits_to_be_read_once(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    let (event, text) = reply(ASKED, Some(RECEIVED));
    assert_eq!(hear(&ledger, &event, &text).await, Heard::ForReview { new: true });
    assert_eq!(hear(&ledger, &event, &text).await, Heard::ForReview { new: false }, "a redelivery");
    let list = waiting(&ledger).await;
    assert_eq!(list.len(), 1);
    assert_eq!((list[0].event(), list[0].at_ms()), (&event.id, RECEIVED));
    let said = list[0].said.as_ref().expect("it opens");
    assert_eq!((said.phone.as_str(), said.sender.as_str(), said.word.as_str()), (PHONE, "552", "stop"));
    assert_eq!(said.text.as_deref(), Some(ASKED));
    assert_eq!(state(&ledger).await, None, "nothing is decided");
    assert_eq!(kinds(&ledger).await, [LedgerKind::Asked]);
    assert!(ledger.reviews("other").await.expect("the store answers").is_empty(), "a list for each tenant");
}

async fn a_resolution_counts_from_when_the_text_was_sent(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    say(&ledger, ASKED, RECEIVED - 100).await;
    let list = waiting(&ledger).await;
    assert_eq!(resolve(&ledger, &list[0], Resolution::Out).await, Resolved::Changed);
    assert_eq!(state(&ledger).await, Some(Consent::Out));
    assert!(waiting(&ledger).await.is_empty());
    assert_eq!(kinds(&ledger).await, [LedgerKind::Out], "the ledger says what was decided");
    assert_eq!(resolve(&ledger, &list[0], Resolution::Out).await, Resolved::Stands, "again is nothing new");

    // The person has said something since: that stands.
    say(&ledger, "stop sending me ads", RECEIVED - 90).await;
    say(&ledger, "START", RECEIVED - 80).await;
    assert_eq!(resolve(&ledger, &waiting(&ledger).await[0], Resolution::Out).await, Resolved::Stands);
    assert_eq!(state(&ledger).await, Some(Consent::In));

    say(&ledger, "don't stop", RECEIVED - 70).await;
    assert_eq!(resolve(&ledger, &waiting(&ledger).await[0], Resolution::In).await, Resolved::Changed);
}

async fn what_was_resolved_does_not_come_back(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    for (n, resolution) in [(1, Resolution::Ignore), (2, Resolution::Out), (3, Resolution::In)] {
        let (event, text) = reply(ASKED, Some(RECEIVED + n));
        hear(&ledger, &event, &text).await;
        resolve(&ledger, &waiting(&ledger).await[0], resolution).await;
        assert_eq!(hear(&ledger, &event, &text).await, Heard::ForReview { new: false });
        assert!(waiting(&ledger).await.is_empty(), "{resolution:?}");
    }
    assert_eq!(kinds(&ledger).await, [LedgerKind::Ignored, LedgerKind::Out, LedgerKind::In]);
}

async fn no_text_takes_the_place_of_another_and_a_flood_of_one_person_is_bounded(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    for n in 0..REVIEWS_OF_ONE_AT_MOST as u64 {
        let text = if n == 0 { ASKED } else { "see you at the end" };
        assert_eq!(say(&ledger, text, RECEIVED + n).await, Heard::ForReview { new: true });
    }
    let list = waiting(&ledger).await;
    assert_eq!(list[0].said.as_ref().and_then(|said| said.text.as_deref()), Some(ASKED));
    assert_eq!(list.len(), REVIEWS_OF_ONE_AT_MOST);
    assert_eq!(state(&ledger).await, None);
    assert_eq!(say(&ledger, "to the end", RECEIVED + 100).await, Heard::OptedOutUnread);
    assert_eq!(state(&ledger).await, Some(Consent::Out));
    assert_eq!(waiting(&ledger).await.len(), REVIEWS_OF_ONE_AT_MOST);
}

async fn when_nobody_reads_whoever_asks_is_opted_out(store: Arc<dyn Store>) {
    let ledger = ledger(&store).with_open_endpoints(["open".to_owned()]);
    let mut texts = (0..=REVIEWS_AT_MOST).map(|n| {
        let (event, mut text) = reply(ASKED, Some(RECEIVED + n as u64));
        text.from = format!("+6421{:07}", 1_000_000 + n);
        (event, text)
    });
    for (event, text) in texts.by_ref().take(REVIEWS_AT_MOST) {
        assert_eq!(hear(&ledger, &event, &text).await, Heard::ForReview { new: true });
    }
    let (event, text) = texts.next().expect("one more");
    assert_eq!(hear(&ledger, &event, &text).await, Heard::OptedOutUnread);
    assert!(ledger.opted_out("default", &text.from, Some("552")).await.expect("the store answers"));
    // Nobody vouches for this one, and nobody will read it: it is nothing.
    let (mut event, start) = reply("START", Some(RECEIVED));
    event.endpoint = "open".into();
    assert_eq!(hear(&ledger, &event, &start).await, Heard::ForReview { new: false });
    assert_eq!(state(&ledger).await, None);
}

async fn what_is_resolved_after_an_erasure_leaves_no_evidence(store: Arc<dyn Store>) {
    let (ledger, host) = (ledger(&store), Host::new(&store));
    say(&ledger, ASKED, RECEIVED).await;
    // Somebody has it on the screen.
    let text = waiting(&ledger).await.remove(0);
    host.otp.erase(&host.phone).await.expect("an answer");
    for resolution in [Resolution::Ignore, Resolution::Out] {
        // Long after the erasure.
        let resolved = ledger.resolve("default", &text, resolution, u64::MAX / 2).await;
        resolved.expect("the store answers");
        assert_eq!(kinds(&ledger).await, []);
        assert_eq!(state(&ledger).await, Some(Consent::Out));
        let left = ledger.in_force("default", PHONE).await.expect("the store answers");
        assert!(left.iter().all(|left| left.event.is_none()), "{left:?}");
    }
}

#[tokio::test]
async fn a_text_whose_person_is_erased_while_it_comes_is_not_on_the_list() {
    let server = TestRedis::start().await;
    let proxy = FaultProxy::start(server.addr()).await;
    let (store, other) = (redis_at(&format!("redis://{}", proxy.addr())), redis(&server));
    let host = Host::new(&other);
    let add_review =
        textproof::store::redis::scripts().into_iter().find(|script| script.name == "add_review");
    proxy.hold_on(add_review.expect("a script").digest);
    let late = tokio::spawn(async move { say(&ledger(&store), ASKED, RECEIVED).await });
    proxy.held(1, PATIENCE).await;
    host.otp.erase(&host.phone).await.expect("an answer");
    proxy.clear();
    assert_eq!(late.await.expect("no panic"), Heard::OptedOutUnread);
    let ledger = ledger(&other);
    assert_eq!((waiting(&ledger).await.len(), kinds(&ledger).await), (0, Vec::new()));
    assert_eq!(state(&ledger).await, Some(Consent::Out));
}
