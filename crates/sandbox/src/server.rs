//! Starting and stopping.

use std::{future::IntoFuture, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::DefaultBodyLimit};
use tokio::{net::TcpListener, sync::broadcast, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    connexus, control,
    faults::Fault,
    mobile_api_connect,
    phone::Text,
    settings::{Settings, SettingsError, Webhooks},
    world::{World, WorldError},
};

const BODY_LIMIT_BYTES: usize = 65_536;
/// Requests under way may take this long after the shutdown signal; then they are cut off.
const DRAIN: Duration = Duration::from_secs(5);

/// Starts a sandbox in the background; it runs until `shutdown` is cancelled.
///
/// # Errors
/// `InvalidInput` when a setting cannot be used (nothing is bound then), else why the address cannot be bound
/// or the webhook client cannot be built.
pub async fn start(settings: Settings, shutdown: CancellationToken) -> io::Result<Sandbox> {
    settings.check().map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    // The webhook client needs a provider; that somebody installed one before is just as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bind = settings.bind;
    let world = World::new(settings, shutdown.clone()).map_err(|error| match error {
        WorldError::Settings(error) => io::Error::new(io::ErrorKind::InvalidInput, error),
        WorldError::Client(error) => io::Error::other(error.without_url()),
    })?;
    let listener = TcpListener::bind(bind).await?;
    let addr = listener.local_addr()?;
    let serving = tokio::spawn(serve(listener, Arc::clone(&world)));
    Ok(Sandbox { addr, world, serving })
}

/// A running sandbox. Dropping it does not stop it: its shutdown token does.
pub struct Sandbox {
    addr: SocketAddr,
    world: Arc<World>,
    serving: JoinHandle<()>,
}

impl Sandbox {
    /// The address it listens on, with the port that was picked.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Base URL for a Connexus client.
    pub fn connexus_base_url(&self) -> String {
        format!("http://{}/api/connexus", self.addr)
    }

    /// Base URL for a Mobile API Connect client.
    pub fn mobile_api_connect_base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// Every text from now on, as it arrives in the phone's inbox. A listener more than 1,024 texts behind
    /// misses the oldest.
    pub fn texts(&self) -> broadcast::Receiver<Text> {
        self.world.texts.subscribe()
    }

    /// Changes the webhook addresses, for attempts still to come too.
    ///
    /// # Errors
    /// An address is not http or https, or there are too many; then nothing changes.
    pub fn set_webhooks(&self, webhooks: &Webhooks) -> Result<(), SettingsError> {
        self.world.courier.set_urls(webhooks)
    }

    /// Adds a fault to the script, as `POST /sandbox/faults` does.
    ///
    /// # Errors
    /// Says why the fault could never strike, or that the script is full.
    pub fn add_fault(&self, fault: Fault) -> Result<(), String> {
        self.world.script(vec![fault])
    }

    /// Resolves when everything has ended after the shutdown token was cancelled: at most 5 seconds after it.
    pub async fn stopped(self) {
        if let Err(error) = self.serving.await {
            tracing::error!(%error, "sandbox.server.failed");
        }
    }
}

async fn serve(listener: TcpListener, world: Arc<World>) {
    let shutdown = world.shutdown.clone();
    let app = router(Arc::clone(&world));
    let serving =
        axum::serve(listener, app).with_graceful_shutdown(shutdown.clone().cancelled_owned()).into_future();
    let ended = async {
        if let Err(error) = serving.await {
            tracing::error!(%error, "sandbox.server.failed");
        }
        world.courier.idle().await;
    };
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        () = ended => {}
        () = overdue => tracing::warn!(drain_seconds = DRAIN.as_secs(), "sandbox.server.cut_off"),
    }
}

fn router(world: Arc<World>) -> Router {
    Router::new()
        .nest("/api/connexus", connexus::router())
        .nest("/v1", mobile_api_connect::router())
        .merge(control::router())
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .with_state(world)
}
