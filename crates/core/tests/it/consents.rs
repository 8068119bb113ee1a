//! Consent: the later statement wins, and opting out wins a tie.

use std::sync::Arc;

use textproof::{
    consent::ConsentLedger,
    event::{Content, Event, EventId, Identity, Reply},
    secret::FingerprintKey,
    store::{Consent, ConsentStore, Store},
};

crate::on_every_store!(
    the_later_statement_wins_in_any_order,
    opting_out_wins_a_tie,
    a_future_timestamp_cannot_freeze_the_register,
    consent_is_per_tenant_phone_and_sender,
);

const RECEIVED: u64 = 1_700_000_000_000;

fn reply(text: &str, at: Option<u64>) -> (Event, Reply) {
    let reply = Reply {
        message_id: Some("MO1".into()),
        from: "+64211234567".into(),
        to: "552".into(),
        text: text.into(),
        reference: None,
        sent_at_ms: at,
        extra: serde_json::Map::new(),
    };
    let event = Event {
        id: EventId::of(&Identity::of_body("websms", format!("{text}{at:?}").as_bytes())),
        endpoint: "websms".into(),
        tenant: "default".into(),
        received_at_ms: RECEIVED,
        conflict: false,
        content: Content::Reply(reply.clone()),
    };
    (event, reply)
}

pub(crate) fn ledger(store: &Arc<dyn Store>) -> ConsentLedger {
    let key = FingerprintKey::new(&[1; 32]).expect("32 bytes");
    ConsentLedger::new(Arc::clone(store) as Arc<dyn ConsentStore>, key)
}

pub(crate) async fn say(ledger: &ConsentLedger, text: &str, at: u64) -> Option<(Consent, bool)> {
    let (event, reply) = reply(text, Some(at));
    ledger.merge(&event, &reply).await.expect("the store answers")
}

async fn state(ledger: &ConsentLedger) -> Option<Consent> {
    let change = ledger.read("default", "+64211234567", "552").await.expect("the store answers");
    change.map(|change| change.consent)
}

async fn the_later_statement_wins_in_any_order(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    assert_eq!(state(&ledger).await, None);
    assert_eq!(say(&ledger, "hello", RECEIVED).await, None);
    assert_eq!(say(&ledger, "START", RECEIVED - 50).await, Some((Consent::In, true)));
    assert_eq!(say(&ledger, "STOP", RECEIVED - 90).await, Some((Consent::Out, false)));
    assert_eq!(state(&ledger).await, Some(Consent::In));
    assert_eq!(say(&ledger, "STOP", RECEIVED - 10).await, Some((Consent::Out, true)));
    assert_eq!(say(&ledger, "START", RECEIVED - 50).await, Some((Consent::In, false)), "a redelivery");
    assert_eq!(state(&ledger).await, Some(Consent::Out));
}

async fn opting_out_wins_a_tie(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    say(&ledger, "START", RECEIVED).await;
    assert_eq!(say(&ledger, "STOP", RECEIVED).await, Some((Consent::Out, true)));
    assert_eq!(say(&ledger, "START", RECEIVED).await, Some((Consent::In, false)));
    assert_eq!(state(&ledger).await, Some(Consent::Out));
}

async fn a_future_timestamp_cannot_freeze_the_register(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    say(&ledger, "STOP", RECEIVED + 10 * 365 * 86_400_000).await;
    let (mut event, reply) = reply("START", None);
    event.received_at_ms = RECEIVED + 120_000;
    let answer = ledger.merge(&event, &reply).await.expect("the store answers");
    assert_eq!(answer, Some((Consent::In, true)));
}

async fn consent_is_per_tenant_phone_and_sender(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    say(&ledger, "STOP", RECEIVED).await;
    for (tenant, phone, sender) in [
        ("other", "+64211234567", "552"),
        ("default", "+64211234568", "552"),
        ("default", "+64211234567", "553"),
    ] {
        let change = ledger.read(tenant, phone, sender).await.expect("the store answers");
        assert_eq!(change, None, "{tenant} {phone} {sender}");
    }
}
