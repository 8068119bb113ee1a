//! Consent: the later statement wins, opting out wins a tie, and what was said is kept.

use std::sync::Arc;

use textproof::{
    consent::{ConsentLedger, Heard, Imported, Statement, Whose},
    event::{Content, Event, EventId, Identity, Reply},
    secret::FingerprintKey,
    store::{CONSENT_SHARDS, Consent, ConsentRecorded, LEDGER_AT_MOST, LedgerKind, Store},
};

use crate::host::Host;

crate::on_every_store!(
    the_later_statement_wins_in_any_order,
    opting_out_wins_a_tie,
    a_future_timestamp_cannot_freeze_the_register,
    consent_is_per_tenant_phone_and_sender,
    what_was_said_is_kept_with_its_evidence,
    the_ledger_keeps_the_newest_of_each_sender,
    an_endpoint_that_anyone_may_post_to_can_stop_texts_and_not_start_them,
    an_erased_person_stays_opted_out_and_nothing_else_is_left,
    what_was_received_before_an_erasure_leaves_no_evidence,
    what_is_exported_and_imported_elsewhere_is_the_same,
);

pub(crate) const RECEIVED: u64 = 1_700_000_000_000;
pub(crate) const PHONE: &str = "+64211234567";

/// What a person texts to 552, and when the gateway says that was.
pub(crate) fn reply(text: &str, at: Option<u64>) -> (Event, Reply) {
    let reply = Reply {
        message_id: Some("MO1".into()),
        from: PHONE.into(),
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

fn key() -> FingerprintKey {
    FingerprintKey::new(&[1; 32]).expect("32 bytes")
}

pub(crate) fn ledger(store: &Arc<dyn Store>) -> ConsentLedger {
    ConsentLedger::new(Arc::clone(store), key())
}

pub(crate) async fn say(ledger: &ConsentLedger, text: &str, at: u64) -> Heard {
    let (event, reply) = reply(text, Some(at));
    hear(ledger, &event, &reply).await
}

pub(crate) async fn hear(ledger: &ConsentLedger, event: &Event, reply: &Reply) -> Heard {
    ledger.merge(event, reply).await.expect("the store answers")
}

pub(crate) async fn state(ledger: &ConsentLedger) -> Option<Consent> {
    let change = ledger.read("default", PHONE, "552").await.expect("the store answers");
    change.map(|change| change.consent)
}

const IN: Heard = Heard::Changed(Consent::In);
const OUT: Heard = Heard::Changed(Consent::Out);

async fn the_later_statement_wins_in_any_order(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    assert_eq!(state(&ledger).await, None);
    assert_eq!(say(&ledger, "hello", RECEIVED).await, Heard::Nothing);
    assert_eq!(say(&ledger, "HELP", RECEIVED).await, Heard::Help);
    assert_eq!(say(&ledger, "START", RECEIVED - 50).await, IN);
    assert_eq!(say(&ledger, "STOP", RECEIVED - 90).await, Heard::Stands(Consent::Out));
    assert_eq!(state(&ledger).await, Some(Consent::In));
    assert_eq!(say(&ledger, "STOP", RECEIVED - 10).await, OUT);
    assert_eq!(say(&ledger, "START", RECEIVED - 50).await, Heard::Stands(Consent::In), "a redelivery");
    assert_eq!(state(&ledger).await, Some(Consent::Out));
}

async fn opting_out_wins_a_tie(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    say(&ledger, "START", RECEIVED).await;
    assert_eq!(say(&ledger, "STOP", RECEIVED).await, OUT);
    assert_eq!(say(&ledger, "START", RECEIVED).await, Heard::Stands(Consent::In));
    assert_eq!(state(&ledger).await, Some(Consent::Out));
}

/// W14: a STOP from ten years ahead, and a START a second after it.
async fn a_future_timestamp_cannot_freeze_the_register(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    let ten_years = 10 * 365 * 86_400_000;
    assert_eq!(say(&ledger, "STOP", RECEIVED + ten_years).await, OUT);
    let (mut event, reply_in) = reply("START", None);
    event.received_at_ms = RECEIVED + 1_000;
    assert_eq!(hear(&ledger, &event, &reply_in).await, IN, "it counts from when it was received");

    // Within what a clock may be off it is believed, and over after a minute.
    let (mut event, mut ahead) = reply("STOP", None);
    event.received_at_ms = RECEIVED + 2_000;
    ahead.sent_at_ms = Some(RECEIVED + 62_000);
    assert_eq!(hear(&ledger, &event, &ahead).await, OUT);
    let (mut event, later) = reply("start", None);
    event.received_at_ms = RECEIVED + 62_001;
    assert_eq!(hear(&ledger, &event, &later).await, IN);
}

async fn consent_is_per_tenant_phone_and_sender(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    say(&ledger, "STOP", RECEIVED).await;
    for (tenant, phone, sender) in
        [("other", PHONE, "552"), ("default", "+64211234568", "552"), ("default", PHONE, "553")]
    {
        let change = ledger.read(tenant, phone, sender).await.expect("the store answers");
        assert_eq!(change, None, "{tenant} {phone} {sender}");
    }
    let opted_out =
        async |phone, sender| ledger.opted_out("default", phone, sender).await.expect("the store answers");
    assert!(opted_out(PHONE, Some("552")).await && opted_out(PHONE, None).await);
    assert!(!opted_out(PHONE, Some("553")).await && !opted_out("+64211234568", None).await);
}

async fn what_was_said_is_kept_with_its_evidence(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    let (event, stop) = reply(" Stop! ", Some(RECEIVED - 5));
    for _ in 0..3 {
        hear(&ledger, &event, &stop).await;
    }
    say(&ledger, "START", RECEIVED - 90).await;
    let history = ledger.history("default", PHONE).await.expect("the store answers");
    let kinds: Vec<_> = history.iter().map(|(entry, _)| (entry.kind, entry.at_ms)).collect();
    assert_eq!(kinds, [(LedgerKind::In, RECEIVED - 90), (LedgerKind::Out, RECEIVED - 5)], "each once");
    let (entry, said) = &history[1];
    assert_eq!(entry.evidence.event, event.id);
    let expected = Statement {
        tenant: "default".into(),
        phone: PHONE.into(),
        sender: "552".into(),
        endpoint: "websms".into(),
        word: "stop".into(),
        text: Some(" Stop! ".into()),
    };
    assert_eq!(said.as_ref(), Some(&expected));
    let in_force = ledger.in_force("default", PHONE).await.expect("the store answers");
    assert_eq!((in_force.len(), in_force[0].said.as_ref()), (1, Some(&expected)));
    // Another key cannot read it, and does not even find it.
    let other = FingerprintKey::new(&[2; 32]).expect("32 bytes");
    let other = ConsentLedger::new(Arc::clone(&store), other);
    assert_eq!(other.history("default", PHONE).await.expect("the store answers"), []);
}

async fn the_ledger_keeps_the_newest_of_each_sender(store: Arc<dyn Store>) {
    let ledger = ledger(&store);
    let (event, mut elsewhere) = reply("STOP", Some(RECEIVED - 1_000));
    elsewhere.to = "553".into();
    hear(&ledger, &event, &elsewhere).await;
    // The newest first: an old one that comes late does not push it out.
    for n in 0..LEDGER_AT_MOST as u64 + 4 {
        let text = if n % 2 == 0 { "STOP" } else { "START" };
        say(&ledger, text, RECEIVED - n).await;
    }
    let history = ledger.history("default", PHONE).await.expect("the store answers");
    let times: Vec<u64> = history.iter().map(|(entry, _)| RECEIVED - entry.at_ms).collect();
    let newest = (0..LEDGER_AT_MOST as u64).rev();
    assert_eq!(times, [1_000].into_iter().chain(newest).collect::<Vec<_>>());
}

async fn an_endpoint_that_anyone_may_post_to_can_stop_texts_and_not_start_them(store: Arc<dyn Store>) {
    let ledger = ledger(&store).with_open_endpoints(["websms".to_owned()]);
    assert_eq!(say(&ledger, "STOP", RECEIVED - 10).await, OUT);
    assert_eq!(say(&ledger, "START", RECEIVED).await, Heard::ForReview { new: true });
    assert_eq!(state(&ledger).await, Some(Consent::Out), "nobody vouches for the START");
    let history = ledger.history("default", PHONE).await.expect("the store answers");
    let endpoints: Vec<_> = history.iter().flat_map(|(_, said)| said).map(|said| &said.endpoint).collect();
    assert_eq!(endpoints, ["websms", "websms"], "the evidence says where it came in");
    let (mut event, start) = reply("START", Some(RECEIVED));
    event.endpoint = "mac".into();
    assert_eq!(hear(&ledger, &event, &start).await, IN, "one that is authenticated counts");
}

async fn an_erased_person_stays_opted_out_and_nothing_else_is_left(store: Arc<dyn Store>) {
    let (ledger, host) = (ledger(&store), Host::new(&store));
    assert_eq!(host.phone.e164(), PHONE);
    say(&ledger, "STOP", RECEIVED - 10).await;
    // Towards another number: in, and towards a third: for somebody to read.
    for (text, to) in [("START", "553"), ("please stop texting me", "554")] {
        let (event, mut said) = reply(text, Some(RECEIVED));
        said.to = to.into();
        hear(&ledger, &event, &said).await;
    }
    // And a START that nobody vouches for: it is no request to stop.
    let (mut event, mut start) = reply("START", Some(RECEIVED));
    (event.endpoint, start.to) = ("open".into(), "555".into());
    hear(&ledger.clone().with_open_endpoints(["open".to_owned()]), &event, &start).await;
    let erased = host.otp.erase(&host.phone).await.expect("an answer");
    // Four in the ledger, two on the review list, an opt-in, and the evidence of an opt-out.
    assert_eq!(erased.statements, 8);
    assert_eq!(ledger.history("default", PHONE).await.expect("the store answers"), []);
    assert!(ledger.reviews("default").await.expect("the store answers").is_empty());
    let left = ledger.in_force("default", PHONE).await.expect("the store answers");
    let mut times: Vec<_> = left.iter().map(|left| (left.consent, left.at_ms)).collect();
    times.sort_by_key(|(_, at_ms)| *at_ms);
    assert_eq!(
        times,
        [(Consent::Out, RECEIVED - 10), (Consent::Out, RECEIVED)],
        "what waited to be read counts as an opt-out, since nobody will read it"
    );
    assert!(left.iter().all(|left| left.event.is_none() && left.said.is_none()), "{left:?}");
    let again = host.otp.erase(&host.phone).await.expect("an answer");
    assert_eq!(again.statements, 0);
    assert!(ledger.opted_out("default", PHONE, Some("552")).await.expect("the store answers"));

    // Whoever never opted out leaves nothing at all.
    let ledger = ConsentLedger::new(store, key());
    let (event, mut said) = reply("START", Some(RECEIVED));
    let other = host.phone(7_654_321);
    said.from = other.e164().to_owned();
    hear(&ledger, &event, &said).await;
    host.otp.erase(&other).await.expect("an answer");
    let mut exported = Vec::new();
    for shard in 0..CONSENT_SHARDS {
        exported.extend(ledger.export(shard).await.expect("the store answers"));
    }
    assert_eq!(exported.len(), 2, "the two bare opt-outs of the first one: {exported:?}");
}

async fn what_was_received_before_an_erasure_leaves_no_evidence(store: Arc<dyn Store>) {
    let (ledger, host) = (ledger(&store), Host::new(&store));
    host.otp.erase(&host.phone).await.expect("an answer");
    // Still on its way when the person was erased.
    assert_eq!(say(&ledger, "STOP", RECEIVED).await, OUT);
    let (event, mut unclear) = reply("please stop texting me", Some(RECEIVED));
    unclear.to = "553".into();
    assert_eq!(hear(&ledger, &event, &unclear).await, Heard::OptedOutUnread);
    assert_eq!(ledger.history("default", PHONE).await.expect("the store answers"), []);
    assert!(ledger.reviews("default").await.expect("the store answers").is_empty());
    let left = ledger.in_force("default", PHONE).await.expect("the store answers");
    assert!(left.len() == 2 && left.iter().all(|left| left.event.is_none()), "{left:?}");
    // What is said afterwards is said again.
    let (mut event, start) = reply("START", None);
    event.received_at_ms = u64::MAX / 2;
    assert_eq!(hear(&ledger, &event, &start).await, IN);
    assert_eq!(ledger.history("default", PHONE).await.expect("the store answers").len(), 1);
}

async fn what_is_exported_and_imported_elsewhere_is_the_same(store: Arc<dyn Store>) {
    let (here, host) = (ledger(&store), Host::new(&store));
    say(&here, "STOP", RECEIVED - 10).await;
    for (n, text) in [(1u64, "START"), (2, "STOP"), (3, "STOP")] {
        let (event, mut said) = reply(text, Some(RECEIVED - n));
        said.from = host.phone(7_654_320 + u32::try_from(n).expect("small")).e164().to_owned();
        hear(&here, &event, &said).await;
    }
    host.otp.erase(&host.phone(7_654_323)).await.expect("an answer");
    let all = async |ledger: &ConsentLedger| {
        let mut all = Vec::new();
        for shard in 0..CONSENT_SHARDS {
            all.extend(ledger.export(shard).await.expect("the store answers"));
        }
        all
    };
    let exported = all(&here).await;
    assert_eq!(exported.len(), 4);
    let there = ledger(&crate::fixture::memory());
    for recorded in [ConsentRecorded::Changed, ConsentRecorded::Stands] {
        for statement in exported.iter().rev() {
            let whose = match &statement.said {
                Some(said) => Whose::Known(said.clone()),
                None => Whose::Erased(statement.register.clone()),
            };
            let (consent, at_ms) = (statement.consent, statement.at_ms);
            let imported = Imported { whose, consent, at_ms, event: statement.event.clone() };
            let would = there.would_change(imported.clone()).await.expect("the store answers");
            assert_eq!(would, recorded == ConsentRecorded::Changed);
            let came = there.import(imported, RECEIVED).await.expect("the store answers");
            assert_eq!(came, recorded, "twice is once");
        }
    }
    assert_eq!(all(&there).await, exported);
}
