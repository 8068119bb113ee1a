//! What is posted: delivery reports, texts and STOPs, some of them twice, and the bad events that are planted.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use redis::cmd;
use test_support::{Process, eventually, eventually_true};
use textproof::{
    event::{EventId, Identity},
    store::{DeliveryStore, MessageKey},
};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    fixture::{EVENTS, PATIENCE, World, delivered, http, post, reply, websms},
    name::Name,
};

const RECEIVED: u64 = 1_700_000_000;
/// Webhooks, and calls of Redis, at the same time.
const AT_ONCE: usize = 32;
/// Every so many webhooks one is posted twice.
const TWICE_EVERY: usize = 8;
/// A run takes 12 seconds or more, and at most a thousand webhooks come in a second.
const SECONDS: usize = 12;
const PER_SECOND: usize = 1000;

/// What an event does beside what all do.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Report(MessageKey),
    Text,
    /// A STOP of this phone.
    Stop(String),
}

pub(super) struct Webhook {
    pub(super) id: String,
    pub(super) message: String,
    pub(super) kind: Kind,
    body: String,
}

pub(super) struct Webhooks {
    http: reqwest::Client,
    url: String,
    all: Vec<Webhook>,
    /// The day on which the sends were counted.
    pub(super) began: Date,
}

impl Webhooks {
    /// Prepares so many, and records the sends that reports will be about.
    pub(super) async fn new(world: &World, ingest: &Process, count: usize) -> Self {
        let all: Vec<_> = (0..count).map(webhook).collect();
        let (store, began) = (world.store(), today());
        let sends = all.iter().filter_map(|webhook| match &webhook.kind {
            Kind::Report(key) => Some(store.record_sent(key, "64", began)),
            _ => None,
        });
        let recorded: Vec<_> = stream::iter(sends).buffer_unordered(AT_ONCE).collect().await;
        assert!(recorded.iter().all(Result::is_ok), "{recorded:?}");
        Self { http: http(), url: websms(ingest), all, began }
    }

    pub(super) fn all(&self) -> &[Webhook] {
        &self.all
    }

    /// Posts them all, a share with each tick, until each has been accepted.
    pub(super) async fn post_all(&self, tick: Duration) {
        let per_second = (self.all.len() / SECONDS).min(PER_SECOND);
        let share = (per_second * tick.as_millis() as usize / 1000).max(1);
        let mut ticks = interval(tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for (number, webhooks) in self.all.chunks(share).enumerate() {
            ticks.tick().await;
            let copies = webhooks.iter().enumerate().flat_map(|(place, webhook)| {
                let twice = (number * share + place).is_multiple_of(TWICE_EVERY);
                std::iter::repeat_n(webhook.body.as_str(), 1 + usize::from(twice))
            });
            let posting = copies.map(|body| self.post_until_accepted(body));
            stream::iter(posting).buffer_unordered(AT_ONCE).collect::<()>().await;
        }
    }

    async fn post_until_accepted(&self, body: &str) {
        eventually_true(PATIENCE * 2, "the webhook is accepted", async || {
            post(&self.http, &self.url, body.to_owned()).await.0 == 200
        })
        .await;
    }
}

fn webhook(number: usize) -> Webhook {
    let message = format!("chaos-{number}");
    if number.is_multiple_of(2) {
        let key = MessageKey { gateway: "connexus".into(), message_id: message.clone() };
        let (code, timestamp) = (Some("1".to_owned()), "1234567890".to_owned());
        let name = Name { kind: "delivery", message_id: &message, status_code: code, timestamp };
        return Webhook { id: name.event_id(), body: delivered(&message), kind: Kind::Report(key), message };
    }
    let phone = format!("+6421{number:07}");
    let (text, kind) = match number % 10 {
        1 => ("STOP", Kind::Stop(phone.clone())),
        _ => ("good", Kind::Text),
    };
    Webhook { id: reply_id(&message), body: reply(&message, &phone, text, RECEIVED), kind, message }
}

fn reply_id(message: &str) -> String {
    let timestamp = RECEIVED.to_string();
    Name { kind: "reply", message_id: message, status_code: None, timestamp }.event_id()
}

/// Bad events by id, with the reason for which each must be a dead letter.
pub(super) struct Poison(BTreeMap<String, &'static str>);

impl Poison {
    /// One that ends every process, one that no handler can act on, and one that is no event.
    pub(super) async fn plant(world: &World, webhooks: &Webhooks) -> Self {
        let mut planted = BTreeMap::new();
        for (script, reason) in [("abort", "starts"), ("fatal", "fatal")] {
            let body = reply(script, "+64211234567", script, RECEIVED);
            webhooks.post_until_accepted(&body).await;
            planted.insert(reply_id(script), reason);
        }
        let id = EventId::of(&Identity::of_body("websms", b"unreadable")).to_string();
        let entry = [("i", id.as_str()), ("c", "0"), ("e", "{"), ("r", "unreadable")];
        let _: String = world.ask(cmd("XADD").arg(EVENTS).arg("*").arg(&entry)).await;
        planted.insert(id, "unreadable");
        Self(planted)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn reasons(&self) -> &BTreeMap<String, &'static str> {
        &self.0
    }
}

/// Events that wait on the ingest's disk.
pub(super) async fn spooled(ingest: &Process) -> u64 {
    const SAID: &str = "metrics and readiness details addr=";
    let address = eventually(PATIENCE, "it says where its metrics are", async || {
        let log = ingest.stderr();
        let (_, rest) = log.split_once(SAID)?;
        Some(rest.lines().next()?.trim().to_owned())
    })
    .await;
    let answer = http().get(format!("http://{address}/spool")).send().await.expect("the ingest runs");
    let report: serde_json::Value =
        serde_json::from_str(&answer.text().await.expect("a report")).expect("JSON");
    report["events"].as_u64().expect("a number")
}

pub(super) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}
