//! The HTTP clients: their connections are shared by all events of the process.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, redirect, retry};
use textproof::forward::Destination;

use super::guard::PublicOnly;

/// How long a connection may take to be made, name and TLS included.
const CONNECT_AT_MOST: Duration = Duration::from_secs(5);
/// Idle connections are closed before receivers tend to close them.
const IDLE_FOR: Duration = Duration::from_secs(20);

/// One client for all destinations that must be public, one for those that may be private: a connection to a private
/// address is then never found in the pool of the others, though both may have the same name.
pub(super) struct Clients {
    public: Client,
    any: Client,
}

/// No HTTP client could be built.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client of the forwards cannot be built; are root certificates installed?")]
pub struct ClientError {
    #[source]
    source: reqwest::Error,
}

impl Clients {
    pub(super) fn new() -> Result<Self, ClientError> {
        // An error means that the process has chosen a provider already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let build = |client: reqwest::ClientBuilder| {
            client.build().map_err(|source| ClientError { source: source.without_url() })
        };
        Ok(Self { public: build(base().dns_resolver(Arc::new(PublicOnly)))?, any: build(base())? })
    }

    pub(super) fn for_destination(&self, destination: &Destination) -> &Client {
        if destination.allows_private() { &self.any } else { &self.public }
    }
}

fn base() -> reqwest::ClientBuilder {
    Client::builder()
        .user_agent(concat!("textproof/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_AT_MOST)
        .pool_idle_timeout(IDLE_FOR)
        // A proxy would resolve the name itself, and a redirect lead to a place that nobody configured.
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
}
