//! Webhooks on their way out: order, retries, limits.

mod attempt;
mod chain;
mod event;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Url, redirect};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use chain::Chain;
pub(crate) use event::{Event, EventKind};

use crate::{
    faults::WebhookPlan,
    phone::Gateway,
    settings::{Settings, SettingsError, Webhooks, parse_urls},
    world::{World, WorldError},
};

/// Chains of events that wait, fly or pause between attempts; more are dropped and counted.
const MAX_PENDING: usize = 10_000;
/// Requests on the wire at a time.
const MAX_IN_FLIGHT: usize = 256;

/// Carries events to the webhook addresses.
pub(crate) struct Courier {
    client: reqwest::Client,
    mac_secret: String,
    urls: Mutex<Urls>,
    retry_delays: Vec<Duration>,
    pending: Arc<Semaphore>,
    in_flight: Semaphore,
    /// Cancelled by a reset: what was fired before it is forgotten.
    generation: Mutex<CancellationToken>,
    /// Told each time a chain has made its first attempts; a reordered reply waits for it.
    overtaken: Notify,
}

#[derive(Default)]
struct Urls {
    connexus: Vec<Url>,
    mobile_api_connect: Vec<Url>,
}

impl Courier {
    pub(crate) fn new(settings: &Settings, shutdown: &CancellationToken) -> Result<Self, WorldError> {
        let client = reqwest::Client::builder()
            .timeout(settings.webhook_timeout)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .build()?;
        let courier = Self {
            client,
            mac_secret: settings.mac_secret.clone(),
            urls: Mutex::default(),
            retry_delays: settings.retry_delays.clone(),
            pending: Arc::new(Semaphore::new(MAX_PENDING)),
            in_flight: Semaphore::new(MAX_IN_FLIGHT),
            generation: Mutex::new(shutdown.child_token()),
            overtaken: Notify::new(),
        };
        courier.set_urls(&Webhooks {
            connexus: Some(settings.connexus_webhooks.clone()),
            mobile_api_connect: Some(settings.mac_webhooks.clone()),
        })?;
        Ok(courier)
    }

    /// Later attempts of events already under way use the new addresses too.
    pub(crate) fn set_urls(&self, webhooks: &Webhooks) -> Result<(), SettingsError> {
        let parse =
            |side, list: &Option<Vec<String>>| list.as_ref().map(|urls| parse_urls(side, urls)).transpose();
        let connexus = parse("connexus", &webhooks.connexus)?;
        let mobile_api_connect = parse("mobile api connect", &webhooks.mobile_api_connect)?;
        let mut urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        urls.connexus = connexus.unwrap_or_else(|| std::mem::take(&mut urls.connexus));
        urls.mobile_api_connect =
            mobile_api_connect.unwrap_or_else(|| std::mem::take(&mut urls.mobile_api_connect));
        Ok(())
    }

    /// The address of an attempt (from 1) and its place in the list: in turn, one per attempt.
    fn url(&self, gateway: Gateway, attempt: usize) -> Option<(usize, Url)> {
        let urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
        let list = match gateway {
            Gateway::Connexus => &urls.connexus,
            Gateway::MobileApiConnect => &urls.mobile_api_connect,
        };
        let index = (attempt - 1).checked_rem(list.len())?;
        Some((index, list[index].clone()))
    }

    pub(crate) fn forget_pending(&self, shutdown: &CancellationToken) {
        let mut generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        generation.cancel();
        *generation = shutdown.child_token();
    }

    /// Resolves when no event is under way any more.
    pub(crate) async fn idle(&self) {
        // The semaphore is never closed: an error cannot happen, and would mean idle anyway.
        let _ = self.pending.acquire_many(u32::try_from(MAX_PENDING).unwrap_or(u32::MAX)).await;
    }

    fn generation(&self) -> CancellationToken {
        self.generation.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Fires a chain of events that belong together, in order: the first attempt of each before that of the next.
/// Retries do not hold back the rest of the chain. Without a webhook address nothing happens.
pub(crate) fn fire(world: &Arc<World>, mut events: Vec<Event>, plan: WebhookPlan) {
    let Some(gateway) = events.first().map(|event| event.gateway) else {
        return;
    };
    if world.courier.url(gateway, 1).is_none() {
        return;
    }
    // A chain of several is reordered within itself; one event alone lets the next chain pass.
    let hold = plan.reorder.filter(|_| events.len() == 1);
    if plan.reorder.is_some() {
        events.reverse();
    }
    if plan.duplicate {
        events = events.into_iter().flat_map(|event| [event.clone(), event]).collect();
    }
    let generation = world.courier.generation();
    let chain = Chain { world: Arc::clone(world), generation, late: plan.late, hold, forge: plan.forge };
    match Arc::clone(&world.courier.pending).try_acquire_owned() {
        Ok(permit) => {
            let count = events.len() as u64;
            chain.count(|webhooks| {
                webhooks.fired += count;
                webhooks.pending += count;
            });
            tokio::spawn(chain.run(events, permit));
        }
        Err(_) => {
            tracing::warn!(events = events.len(), "sandbox.webhook.dropped");
            chain.count(|webhooks| webhooks.dropped += events.len() as u64);
        }
    }
}
