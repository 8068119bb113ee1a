//! The two listeners of every server: one for its work, one for metrics and readiness details.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio_util::sync::CancellationToken;

use crate::descriptors;
use crate::http::{self, Limits, Listener};
use crate::telemetry::Metrics;
use crate::tls::Tls;

/// Connections to metrics and readiness details, and to a server that answers for its health alone.
const INTERNAL_CONNECTIONS: usize = 128;
/// They are asked until the public side has drained, and hold up the end of the process no longer than this.
const INTERNAL_DRAIN: Duration = Duration::from_secs(2);

/// How a server faces the world.
#[derive(Debug)]
pub struct Front {
    /// Where it listens.
    pub bind: SocketAddr,
    /// How it proves who it is; without, it speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Connections at the same time, as far as the operating system has descriptors for them.
    pub max_connections: usize,
}

impl From<SocketAddr> for Front {
    /// For a server that answers for its health alone.
    fn from(bind: SocketAddr) -> Self {
        Self { bind, tls: None, max_connections: INTERNAL_CONNECTIONS }
    }
}

/// Both listeners, bound and announced.
#[derive(Debug)]
pub struct Servers {
    public: Listener,
    tls: Option<Tls>,
    limits: Limits,
    internal: Listener,
}

impl Servers {
    /// Binds both, then prints the public address as the first line on stdout.
    ///
    /// # Errors
    /// An address that cannot be bound, named in the message.
    pub async fn bind(public: impl Into<Front>, internal: SocketAddr) -> io::Result<Self> {
        let Front { bind, tls, max_connections } = public.into();
        let allowed = descriptors::connections(max_connections);
        if allowed < max_connections {
            tracing::warn!(
                wanted = max_connections,
                allowed,
                "fewer connections than configured: raise the limit on open files (ulimit -Hn)"
            );
        }
        let servers = Self {
            public: http::bind(bind).await?.with_tls(tls.clone()),
            tls,
            limits: Limits { max_connections: allowed, ..Limits::default() },
            internal: http::bind(internal).await?,
        };
        http::announce(&servers.public)?;
        tracing::info!(addr = %servers.internal.local_addr()?, "metrics and readiness details");
        Ok(servers)
    }

    /// Serves both until `shutdown`, keeps the metrics' buffers short meanwhile and the certificate fresh. The
    /// metrics can be asked for until the last request has been answered.
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
        let drained = CancellationToken::new();
        let internal_limits = Limits {
            max_connections: INTERNAL_CONNECTIONS,
            drain_deadline: INTERNAL_DRAIN,
            ..Limits::default()
        };
        let (served, internal_served, (), ()) = tokio::join!(
            async {
                let _last = drained.clone().drop_guard();
                http::serve(self.public, public, self.limits, shutdown.clone()).await
            },
            http::serve(self.internal, internal, internal_limits, drained.clone()),
            metrics.upkeep(shutdown.clone()),
            async {
                if let Some(tls) = self.tls {
                    tls.follow(shutdown.clone()).await;
                }
            },
        );
        served.and(internal_served)
    }
}
