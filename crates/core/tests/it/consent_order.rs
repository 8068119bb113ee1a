//! All permutations and duplications of a set of STOP and START end the same, on every store, as a small model says.

use std::{collections::BTreeSet, sync::Arc};

use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use textproof::{
    consent::ConsentLedger,
    event::{Event, EventId, Identity, Reply},
    store::{Consent, Store},
};

use crate::consents::{RECEIVED, hear, ledger, reply};

crate::on_every_store!(all_permutations_and_duplications_end_the_same);

/// One text, by the times that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Text {
    out: bool,
    received: u64,
    /// The gateway's time, before (negative) or after the receive time, in milliseconds.
    ahead: Option<i64>,
}

impl Text {
    fn event(self, phone: &str) -> (Event, Reply) {
        let sent_at = self.ahead.map(|ahead| (RECEIVED + self.received).saturating_add_signed(ahead));
        let (mut event, mut said) = reply(if self.out { "STOP" } else { "START" }, sent_at);
        event.id = self.id();
        event.received_at_ms = RECEIVED + self.received;
        said.from = phone.to_owned();
        (event, said)
    }

    fn id(self) -> EventId {
        EventId::of(&Identity::of_body("websms", format!("{self:?}").as_bytes()))
    }

    /// What a statement comes to: when, whether out, and by which event. The greatest stands.
    fn rank(self) -> (u64, bool, EventId) {
        let ahead = self.ahead.filter(|ahead| *ahead <= 60_000).unwrap_or_default();
        ((RECEIVED + self.received).saturating_add_signed(ahead), self.out, self.id())
    }
}

/// The model: the greatest of all, in whatever order and number.
fn expected(texts: &[Text]) -> Option<(Consent, u64, EventId)> {
    let (at_ms, out, event) = texts.iter().map(|text| text.rank()).max()?;
    Some((if out { Consent::Out } else { Consent::In }, at_ms, event))
}

async fn ended(ledger: &ConsentLedger, phone: &str, texts: &[Text]) -> Option<(Consent, u64, EventId)> {
    for text in texts {
        let (event, said) = text.event(phone);
        hear(ledger, &event, &said).await;
    }
    let change = ledger.read("default", phone, "552").await.expect("the store answers")?;
    Some((change.consent, change.at_ms, change.evidence.expect("nobody was erased").event))
}

fn permutations(texts: &[Text]) -> Vec<Vec<Text>> {
    let Some(first) = texts.first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for rest in permutations(&texts[1..]) {
        for place in 0..=rest.len() {
            let mut one = rest.clone();
            one.insert(place, *first);
            all.push(one);
        }
    }
    all
}

async fn all_permutations_and_duplications_end_the_same(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    let text = |out, received, ahead| Text { out, received, ahead };
    let sets = [
        // A tie of STOP and START, and one of two STOPs.
        vec![text(false, 10, Some(-5)), text(true, 5, None), text(true, 7, Some(-2)), text(false, 1, None)],
        // A STOP from the far future, one at the edge of what is believed, and STARTs around them.
        vec![
            text(true, 0, Some(315_360_000_000)),
            text(true, 0, Some(60_000)),
            text(false, 60_000, None),
            text(false, 60_001, None),
        ],
        // The same, just too late for the START.
        vec![
            text(true, 0, Some(60_001)),
            text(false, 0, Some(0)),
            text(false, 0, Some(60_001)),
            text(true, 0, None),
        ],
    ];
    let mut phone = 1_000_000;
    for set in sets {
        let expected = expected(&set);
        for order in permutations(&set) {
            // Once, each one twice in a row, and all of it again.
            let twice: Vec<Text> = order.iter().flat_map(|text| [*text, *text]).collect();
            let again: Vec<Text> = order.iter().chain(&order).copied().collect();
            for texts in [order, twice, again] {
                phone += 1;
                assert_eq!(ended(&ledger, &format!("+6421{phone}"), &texts).await, expected, "{texts:?}");
            }
        }
    }
}

/// Sets of any size, in random orders with random repeats, on the store in memory and on Redis side by side.
#[test]
fn any_set_in_any_order_ends_as_the_model_says_on_both_stores() {
    let times = || select(vec![0u64, 1, 2, 59_999, 60_000, 60_001, 120_000]);
    let ahead = || {
        proptest::option::of(select(vec![
            -60_000i64,
            -2,
            -1,
            0,
            1,
            2,
            59_999,
            60_000,
            60_001,
            315_360_000_000,
        ]))
    };
    let text =
        (any::<bool>(), times(), ahead()).prop_map(|(out, received, ahead)| Text { out, received, ahead });
    let orders = vec(text, 1..12).prop_flat_map(|texts| {
        let places = texts.len();
        (Just(texts), vec(0..places, 0..8)).prop_flat_map(|(texts, repeats)| {
            let mut all = texts.clone();
            all.extend(repeats.into_iter().map(|place| texts[place]));
            Just(all).prop_shuffle()
        })
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(test_support::TestRedis::start());
    let (memory, redis) = runtime
        .block_on(async { (ledger(&crate::fixture::memory()), ledger(&crate::fixture::redis(&server))) });
    let mut runner = TestRunner::new(Config { cases: 300, ..Config::default() });
    let phones = std::sync::atomic::AtomicU32::new(1_000_000);
    let ran = runner.run(&orders, |texts| {
        let phone = phones.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let phone = format!("+6422{phone}");
        let set: BTreeSet<Text> = texts.iter().copied().collect();
        let set: Vec<Text> = set.into_iter().collect();
        for ledger in [&memory, &redis] {
            prop_assert_eq!(runtime.block_on(ended(ledger, &phone, &texts)), expected(&set));
        }
        Ok(())
    });
    if let Err(error) = ran {
        panic!("{error}");
    }
}
