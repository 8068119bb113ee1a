//! Webhooks whose effect can be read back: delivery reports, STOP and START.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use test_support::Process;
use textproof::{
    consent::ConsentLedger,
    event::DeliveryStatus,
    store::{Consent, DeliveryRecord, DeliveryStore, MessageKey, RedisStore},
};

use crate::{
    fixture::{self, World, delivered, post, reply, websms},
    name::Name,
};

/// Seconds since the epoch of the first statement of a person; the next one comes a second later.
const FIRST_WORD: u64 = 1_700_000_000;

/// What an event does.
#[derive(Debug, Clone)]
enum Effect {
    Delivered(MessageKey),
    /// In the end the register of this phone says so.
    Consent(String, Consent),
}

/// Everything published so far through the real ingest, with its effect.
pub(super) struct Facts<'a> {
    world: &'a World,
    ingest: Process,
    http: reqwest::Client,
    store: RedisStore,
    ledger: ConsentLedger,
    began: Date,
    /// By event id.
    effects: BTreeMap<String, Effect>,
}

impl<'a> Facts<'a> {
    pub(super) async fn new(world: &'a World) -> Self {
        Self {
            world,
            ingest: world.binary("webhook-ingest").listen().await,
            http: fixture::http(),
            store: world.store(),
            ledger: world.ledger(),
            began: today(),
            effects: BTreeMap::new(),
        }
    }

    /// Publishes the events of a round, each delivered twice, and gives the last one's id.
    pub(super) async fn publish(&mut self, round: usize) -> String {
        let phone = format!("+642110{round:05}");
        match round % 4 {
            2 => self.statement(round, &phone, "Stop!", Consent::Out).await,
            3 => {
                self.statement(round, &phone, "Stop!", Consent::In).await;
                self.statement(round, &phone, "START", Consent::In).await
            }
            _ => self.report(&format!("kill-{round}")).await,
        }
    }

    /// Publishes a word; `end`: what the register says when all words of this phone have been acted on.
    async fn statement(&mut self, round: usize, phone: &str, word: &str, end: Consent) -> String {
        let message_id = format!("{word}-{round}");
        let at = FIRST_WORD + u64::from(word == "START");
        let name =
            Name { kind: "reply", message_id: &message_id, status_code: None, timestamp: at.to_string() };
        let body = reply(&message_id, phone, word, at);
        self.post(name, &body, Effect::Consent(phone.to_owned(), end)).await
    }

    /// Publishes the report of a message that was sent before.
    pub(super) async fn report(&mut self, message_id: &str) -> String {
        let key = MessageKey { gateway: "connexus".into(), message_id: message_id.into() };
        let sent = self.store.record_sent(&key, "64", today()).await;
        assert!(!sent.expect("the test's Redis").joined);
        let name = Name {
            kind: "delivery",
            message_id,
            status_code: Some("1".into()),
            timestamp: "1234567890".into(),
        };
        self.post(name, &delivered(message_id), Effect::Delivered(key)).await
    }

    async fn post(&mut self, name: Name<'_>, body: &str, effect: Effect) -> String {
        for copy in 1..=2 {
            let (status, _) = post(&self.http, &websms(&self.ingest), body.to_owned()).await;
            assert_eq!(status, 200, "copy {copy} of {body}: {}", self.ingest);
        }
        let id = name.event_id();
        let known = self.effects.insert(id.clone(), effect);
        assert!(known.is_none(), "{body} has the name of another event");
        id
    }

    /// Whether the store is as it must be once this event, and those before it, took effect.
    pub(super) async fn took_effect(&self, id: &str) -> bool {
        match &self.effects[id] {
            Effect::Delivered(key) => {
                let joined = DeliveryRecord { status: Some(DeliveryStatus::Delivered), sent: true };
                self.store.delivery(key).await.expect("the test's Redis") == Some(joined)
            }
            Effect::Consent(phone, consent) => self.consent(phone).await == Some(*consent),
        }
    }

    /// Whether one of these events took effect. Of a STOP and a START one is enough for both.
    pub(super) async fn any_took_effect(&self, ids: &HashSet<String>) -> bool {
        for id in ids {
            let took_effect = match &self.effects[id] {
                Effect::Delivered(_) => self.took_effect(id).await,
                Effect::Consent(phone, _) => self.consent(phone).await.is_some(),
            };
            if took_effect {
                return true;
            }
        }
        false
    }

    async fn consent(&self, phone: &str) -> Option<Consent> {
        let known = self.ledger.read("default", phone, "552").await;
        known.expect("the test's Redis").map(|known| known.consent)
    }

    /// What was published is what took effect, and the counters say that it did so once. `at_least`: how
    /// many events there must have been.
    pub(super) async fn assert_each_took_effect_once(&self, at_least: usize) {
        assert!(self.effects.len() >= at_least, "{} events", self.effects.len());
        for (id, effect) in &self.effects {
            assert!(self.took_effect(id).await, "{id}: {effect:?}");
        }
        let done: HashMap<_, _> = self.effects.keys().map(|id| (id.clone(), 'D')).collect();
        assert_eq!(self.world.marks().await, done);

        let reports = self.effects.values().filter(|effect| matches!(effect, Effect::Delivered(_)));
        let reports = reports.count() as u64;
        let (mut sent, mut delivered) = (0, 0);
        // Two days when the test ran over midnight.
        for day in [self.began, today()].into_iter().collect::<HashSet<_>>() {
            let counts = self.store.delivery_counts(day).await.expect("the test's Redis");
            sent += counts.sent;
            delivered += counts.delivered;
        }
        assert_eq!((sent, delivered), (reports, reports));
    }
}

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}
