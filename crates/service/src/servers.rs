//! The two listeners of every server: one for its work, one for metrics and readiness details.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http::{self, Limits};
use crate::telemetry::Metrics;

/// Both listeners, bound and announced.
#[derive(Debug)]
pub struct Servers {
    public: TcpListener,
    internal: TcpListener,
}

impl Servers {
    /// Binds both, then prints the public address as the first line on stdout.
    ///
    /// # Errors
    /// An address that cannot be bound, named in the message.
    pub async fn bind(public: SocketAddr, internal: SocketAddr) -> io::Result<Self> {
        let servers = Self { public: http::bind(public).await?, internal: http::bind(internal).await? };
        http::announce(&servers.public)?;
        tracing::info!(addr = %servers.internal.local_addr()?, "metrics and readiness details");
        Ok(servers)
    }

    /// Serves both until `shutdown` and keeps the metrics' buffers short meanwhile.
    ///
    /// # Errors
    /// As [`http::serve`].
    pub async fn serve(
        self,
        public: Router,
        internal: Router,
        metrics: Metrics,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        let (served, internal_served, ()) = tokio::join!(
            http::serve(self.public, public, Limits::default(), shutdown.clone()),
            http::serve(self.internal, internal, Limits::default(), shutdown.clone()),
            metrics.upkeep(shutdown),
        );
        served.and(internal_served)
    }
}
