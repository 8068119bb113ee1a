//! What happened so far, as `GET /sandbox/stats` tells it.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    phone::{Gateway, millis},
    webhooks::EventKind,
};

const MAX_DELIVERIES: usize = 1_000;

/// Counters since start or reset, and the newest webhook deliveries.
#[derive(Default, Serialize)]
pub(crate) struct Stats {
    /// Every request for a token, refused ones included.
    pub(crate) token_requests: u64,
    pub(crate) token_requests_ok: u64,
    /// Requests that arrived, whatever became of them.
    pub(crate) requests: Counts,
    /// Texts that were accepted: a bulk request counts once per text.
    pub(crate) sends: Counts,
    pub(crate) replies: u64,
    pub(crate) webhooks: WebhookCounts,
    pub(crate) deliveries: VecDeque<Delivery>,
}

#[derive(Default, Serialize)]
pub(crate) struct Counts {
    pub(crate) connexus: ConnexusCounts,
    pub(crate) mobile_api_connect: MobileApiConnectCounts,
}

#[derive(Default, Serialize)]
pub(crate) struct ConnexusCounts {
    pub(crate) otp: u64,
    pub(crate) out: u64,
}

#[derive(Default, Serialize)]
pub(crate) struct MobileApiConnectCounts {
    pub(crate) messages: u64,
}

/// Fates of webhook events; `fired = delivered + failed + forged + pending`, duplicates count as events.
#[derive(Default, Serialize)]
pub(crate) struct WebhookCounts {
    pub(crate) fired: u64,
    pub(crate) attempts: u64,
    pub(crate) delivered: u64,
    /// Every attempt failed: the event is gone.
    pub(crate) failed: u64,
    pub(crate) forged: u64,
    pub(crate) pending: u64,
    /// Never tried, because too many were pending.
    pub(crate) dropped: u64,
}

/// One attempt. The URL is told by its place in the list only, because it holds a secret.
#[derive(Serialize)]
pub(crate) struct Delivery {
    pub(crate) gateway: Gateway,
    pub(crate) kind: EventKind,
    pub(crate) message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status_code: Option<i32>,
    pub(crate) url_index: usize,
    /// From 1.
    pub(crate) attempt: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) forged: bool,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
    #[serde(serialize_with = "millis")]
    pub(crate) at: Timestamp,
}

/// What an attempt met: an HTTP status, or `timeout`, `connect`, `broken`.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Status(u16),
    Error(&'static str),
}

impl Stats {
    pub(crate) fn record(&mut self, delivery: Delivery) {
        self.webhooks.attempts += 1;
        if self.deliveries.len() >= MAX_DELIVERIES {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(delivery);
    }
}
