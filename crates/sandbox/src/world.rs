//! Everything the sandbox remembers, shared by its handlers.

mod tokens;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

pub(crate) use tokens::Tokens;

use crate::{
    faults::{Door, Fault, Kind, Script, Target},
    phone::{Gateway, Phone, Text},
    settings::{Settings, SettingsError},
    stats::Stats,
    webhooks::Courier,
};

/// Texts that a slow listener of [`World::texts`] may fall behind before it misses some.
const TEXT_BACKLOG: usize = 1_024;

/// The state behind the routers. Each lock is held for a few instructions, never across an await.
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) courier: Courier,
    pub(crate) shutdown: CancellationToken,
    pub(crate) texts: broadcast::Sender<Text>,
    phone: Mutex<Phone>,
    tokens: Mutex<Tokens>,
    faults: Mutex<Script>,
    stats: Mutex<Stats>,
}

impl World {
    pub(crate) fn new(settings: Settings, shutdown: CancellationToken) -> Result<Arc<Self>, WorldError> {
        let courier = Courier::new(&settings, &shutdown)?;
        Ok(Arc::new(Self {
            settings,
            courier,
            shutdown,
            texts: broadcast::channel(TEXT_BACKLOG).0,
            phone: Mutex::default(),
            tokens: Mutex::default(),
            faults: Mutex::default(),
            stats: Mutex::default(),
        }))
    }

    pub(crate) fn phone(&self) -> MutexGuard<'_, Phone> {
        lock(&self.phone)
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        lock(&self.tokens)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Script> {
        lock(&self.faults)
    }

    pub(crate) fn stats(&self) -> MutexGuard<'_, Stats> {
        lock(&self.stats)
    }

    pub(crate) fn door(&self, gateway: Gateway, target: Target) -> Door {
        self.faults().at_the_door(gateway, target)
    }

    pub(crate) fn acceptance_fault(&self, gateway: Gateway, target: Target) -> Option<Fault> {
        self.faults().on_acceptance(gateway, target)
    }

    /// Adds faults to the script, and does at once what needs no request to strike.
    pub(crate) fn script(&self, faults: Vec<Fault>) -> Result<(), String> {
        let expire = faults.iter().any(|fault| fault.kind == Kind::ExpireTokens);
        self.faults().add(faults)?;
        if expire {
            self.tokens().clear();
        }
        Ok(())
    }

    /// Puts an accepted text into the phone's inbox.
    pub(crate) fn deliver(&self, text: Text) {
        tracing::info!(
            gateway = ?text.gateway, message_id = text.message_id, parts = text.parts, "sandbox.text.accepted"
        );
        let text = Arc::new(text);
        self.phone().receive(&text);
        // Nobody listening is the usual case, not an error.
        let _ = self.texts.send(Text::clone(&text));
    }

    /// Back to how it started; the webhook addresses stay.
    pub(crate) fn reset(&self) {
        self.courier.forget_pending(&self.shutdown);
        *self.phone() = Phone::default();
        *self.tokens() = Tokens::default();
        *self.faults() = Script::default();
        *self.stats() = Stats::default();
    }
}

/// Why a world cannot be made.
pub(crate) enum WorldError {
    Settings(SettingsError),
    Client(reqwest::Error),
}

impl From<SettingsError> for WorldError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<reqwest::Error> for WorldError {
    fn from(error: reqwest::Error) -> Self {
        Self::Client(error)
    }
}

/// The wall clock: the sandbox is an edge, its times are the gateways' own.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Plain counters and maps are usable even if a holder panicked half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
