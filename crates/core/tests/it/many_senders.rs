//! A phone with statements towards as many senders as are kept: a STOP holds all the same, and rather too widely.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestRunner},
};
use textproof::{
    consent::{ConsentLedger, Heard, Imported, Whose},
    event::{EventId, Identity},
    store::{CONSENT_SENDERS_AT_MOST, Consent, LEDGER_OF_PHONE_AT_MOST, Store, every_sender},
};

use crate::{
    consents::{PHONE, RECEIVED, hear, ledger, reply},
    host::Host,
};

crate::on_every_store!(
    a_stop_that_has_no_place_holds_towards_every_sender,
    a_start_after_it_counts_towards_its_sender_and_no_earlier_one_does,
    an_opt_in_that_has_no_place_is_not_kept,
    a_flood_of_senders_is_bounded,
    an_opt_out_of_every_sender_outlives_an_erasure_and_an_import,
);

const FULL: usize = CONSENT_SENDERS_AT_MOST;

async fn say_to(ledger: &ConsentLedger, text: &str, sender: usize, at: u64) -> Heard {
    say_from(PHONE, ledger, text, sender, at).await
}

async fn say_from(phone: &str, ledger: &ConsentLedger, text: &str, sender: usize, at: u64) -> Heard {
    let (mut event, mut said) = reply(text, Some(RECEIVED + at));
    (said.from, said.to) = (phone.to_owned(), number(sender));
    event.id = EventId::of(&Identity::of_body("websms", format!("{text} {sender} {at}").as_bytes()));
    event.received_at_ms = RECEIVED + at;
    hear(ledger, &event, &said).await
}

fn number(sender: usize) -> String {
    format!("{}", 10_000 + sender)
}

async fn fill(ledger: &ConsentLedger, text: &str) {
    for sender in 0..FULL {
        assert!(matches!(say_to(ledger, text, sender, 0).await, Heard::Changed(_)));
    }
}

async fn is_out(ledger: &ConsentLedger, sender: usize) -> bool {
    ledger.opted_out("default", PHONE, Some(&number(sender))).await.expect("the store answers")
}

const OUT: Heard = Heard::Changed(Consent::Out);
const IN: Heard = Heard::Changed(Consent::In);

async fn a_stop_that_has_no_place_holds_towards_every_sender(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    fill(&ledger, "STOP").await;
    assert!(!is_out(&ledger, FULL).await);
    assert_eq!(say_to(&ledger, "STOP", FULL, 1).await, Heard::OutOfAll);
    assert_eq!(say_to(&ledger, "STOP", FULL, 1).await, Heard::Stands(Consent::Out), "a redelivery");
    for sender in [0, FULL, FULL + 1] {
        assert!(is_out(&ledger, sender).await, "{sender}");
    }
    assert!(ledger.opted_out("default", PHONE, None).await.expect("the store answers"));
    assert!(!ledger.opted_out("default", "+64211234568", None).await.expect("the store answers"));
    let read = ledger.read("default", PHONE, "99").await.expect("the store answers").expect("a statement");
    assert_eq!((read.consent, read.at_ms, read.evidence), (Consent::Out, RECEIVED + 1, None));
    let history = ledger.history("default", PHONE).await.expect("the store answers");
    assert_eq!(history.len(), FULL + 1, "what shows each of them is kept");
}

async fn a_start_after_it_counts_towards_its_sender_and_no_earlier_one_does(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    fill(&ledger, "START").await;
    assert_eq!(say_to(&ledger, "STOP", FULL, 10).await, Heard::OutOfAll);
    assert!(is_out(&ledger, 0).await, "an earlier opt-in: a STOP holds rather too widely");
    assert_eq!(ledger.in_force("default", PHONE).await.expect("the store answers").len(), 1);
    for sender in [0, FULL, FULL + 1] {
        assert_eq!(say_to(&ledger, "START", sender, 9).await, Heard::Stands(Consent::In));
        assert_eq!(
            say_to(&ledger, "START", sender, 10).await,
            Heard::Stands(Consent::In),
            "at the same time"
        );
        assert!(is_out(&ledger, sender).await);
        assert_eq!(say_to(&ledger, "START", sender, 11).await, IN, "there is room for what is later");
        assert!(!is_out(&ledger, sender).await);
    }
    assert!(is_out(&ledger, 1).await);
    assert_eq!(say_to(&ledger, "STOP", FULL, 12).await, OUT);
    assert!(is_out(&ledger, FULL).await && !is_out(&ledger, FULL + 1).await);
    let in_force = ledger.in_force("default", PHONE).await.expect("the store answers");
    assert_eq!(in_force.len(), 4, "what the opt-out of every sender covers is not in force: {in_force:?}");
}

async fn an_opt_in_that_has_no_place_is_not_kept(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    fill(&ledger, "STOP").await;
    assert_eq!(say_to(&ledger, "START", FULL, 1).await, Heard::Full);
    assert!(!is_out(&ledger, FULL).await);
    assert_eq!(say_to(&ledger, "START", 0, 1).await, IN, "those that are there go on");
}

/// By an endpoint that anyone may post to, say.
async fn a_flood_of_senders_is_bounded(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    let (senders, rounds) = (3 * FULL, 8);
    for round in 0..rounds {
        for sender in 0..senders {
            say_to(&ledger, "STOP", sender, (round * senders + sender) as u64).await;
        }
    }
    let in_force = ledger.in_force("default", PHONE).await.expect("the store answers");
    assert!(in_force.len() <= FULL + 1, "{}", in_force.len());
    let history = ledger.history("default", PHONE).await.expect("the store answers");
    assert_eq!(history.len(), LEDGER_OF_PHONE_AT_MOST);
    for sender in 0..=senders {
        assert!(is_out(&ledger, sender).await, "{sender}");
    }
}

async fn an_opt_out_of_every_sender_outlives_an_erasure_and_an_import(store: Arc<dyn Store>) {
    let (here, host) = (ledger(&store), Host::new(&store));
    fill(&here, "START").await;
    say_to(&here, "STOP", FULL, 1).await;
    host.otp.erase(&host.phone).await.expect("an answer");
    let left = here.in_force("default", PHONE).await.expect("the store answers");
    assert_eq!((left.len(), &left[0].register.sender), (1, &every_sender()), "{left:?}");
    let there = ledger(&crate::fixture::memory());
    let import = async |consent, at_ms| {
        let whose = Whose::Erased(left[0].register.clone());
        let imported = Imported { whose, consent, at_ms, event: None };
        there.import(imported, u64::MAX).await.expect("the store answers")
    };
    import(left[0].consent, left[0].at_ms).await;
    assert!(is_out(&there, 7).await);
    // An operator who knows that it was a forger's undoes it.
    import(Consent::In, left[0].at_ms + 1).await;
    assert!(!is_out(&there, 7).await);

    // An opt-in of every sender covers nothing: a STOP of its own holds, also one that is earlier.
    let whose = Whose::Erased(left[0].register.clone());
    let undone = Imported { whose, consent: Consent::In, at_ms: RECEIVED + 50, event: None };
    here.import(undone, u64::MAX).await.expect("the store answers");
    assert!(!is_out(&here, 7).await);
    for ledger in [&here, &there] {
        assert_eq!(say_to(ledger, "STOP", 7, 0).await, OUT);
        assert!(is_out(ledger, 7).await && !is_out(ledger, 8).await);
    }
}

/// Both stores side by side, and a model that keeps every statement: whoever has said STOP last is not texted.
#[test]
fn no_stop_is_lost_in_any_order_and_the_stores_agree() {
    let statement = (0..FULL + 8, prop_oneof![Just("STOP"), Just("START")], 0u64..40);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(test_support::TestRedis::start());
    let stores = [crate::fixture::memory(), crate::fixture::redis(&server)];
    let ledgers = stores.each_ref().map(ledger);
    let mut runner = TestRunner::new(Config { cases: 24, ..Config::default() });
    let phones = AtomicU32::new(1_000_000);
    let ran = runner.run(&vec(statement, 150..400), |statements| {
        let phone = format!("+6422{}", phones.fetch_add(1, Ordering::Relaxed));
        let mut last: HashMap<usize, (u64, bool)> = HashMap::new();
        for (sender, text, at) in &statements {
            let [in_memory, in_redis] = ledgers
                .each_ref()
                .map(|ledger| runtime.block_on(say_from(&phone, ledger, text, *sender, *at)));
            prop_assert_eq!(in_memory, in_redis);
            let said = (*at, *text == "STOP");
            last.entry(*sender).and_modify(|known| *known = said.max(*known)).or_insert(said);
        }
        let [in_memory, in_redis] = ledgers.each_ref().map(|ledger| runtime.block_on(kept(ledger, &phone)));
        prop_assert_eq!(in_memory, in_redis);
        for (sender, _) in last.iter().filter(|(_, (_, out))| *out) {
            for ledger in &ledgers {
                let sender = number(*sender);
                let out = ledger.opted_out("default", &phone, Some(&sender));
                prop_assert!(runtime.block_on(out).expect("the store answers"), "{sender}");
            }
        }
        Ok(())
    });
    if let Err(error) = ran {
        panic!("{error}");
    }
}

/// What is in force and what stands in the ledger, without what is sealed.
async fn kept(ledger: &ConsentLedger, phone: &str) -> Vec<String> {
    let in_force = ledger.in_force("default", phone).await.expect("the store answers");
    let history = ledger.history("default", phone).await.expect("the store answers");
    let in_force =
        in_force.iter().map(|one| format!("{:?}", (&one.register, one.consent, one.at_ms, &one.event)));
    let history =
        history.iter().map(|(one, _)| format!("{:?}", (&one.sender, one.kind, &one.evidence.event)));
    in_force.chain(history).collect()
}
