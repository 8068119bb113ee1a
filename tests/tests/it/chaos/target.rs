//! The place that events are forwarded to: remembers what it was told under which id, and goes away now and then.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    task::{AbortHandle, JoinSet},
    time::Instant,
};

/// How often each id was told of each message.
pub(super) type Arrived = BTreeMap<String, BTreeMap<String, usize>>;

pub(super) struct Target {
    address: SocketAddr,
    arrived: Arc<Mutex<Arrived>>,
    /// None while it is away.
    server: Option<AbortHandle>,
    away_until: Option<Instant>,
}

impl Target {
    pub(super) async fn start() -> Self {
        let address = (Ipv4Addr::LOCALHOST, test_support::free_port()).into();
        let mut target = Self { address, arrived: Arc::default(), server: None, away_until: None };
        target.come_back().await;
        target
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// By message, what arrived.
    pub(super) fn arrived(&self) -> Arrived {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nobody listens any more, and what is under way is cut off.
    pub(super) fn go_away(&mut self, time: Duration) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
        self.away_until = Some(Instant::now() + time);
    }

    /// Comes back when its time has come.
    pub(super) async fn tend(&mut self) {
        if self.away_until.is_some_and(|until| until <= Instant::now()) {
            self.come_back().await;
        }
    }

    pub(super) async fn come_back(&mut self) {
        if self.server.is_none() {
            // The old listener goes with its task, which may take a moment to end.
            let listener = test_support::eventually(Duration::from_secs(5), "the port is free", async || {
                TcpListener::bind(self.address).await.ok()
            })
            .await;
            self.server = Some(tokio::spawn(serve(listener, Arc::clone(&self.arrived))).abort_handle());
        }
        self.away_until = None;
    }
}

/// Its connections end with it.
async fn serve(listener: TcpListener, arrived: Arc<Mutex<Arrived>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let arrived = Arc::clone(&arrived);
        let service = service_fn(move |request| receive(request, Arc::clone(&arrived)));
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn receive(
    request: Request<Incoming>,
    arrived: Arc<Mutex<Arrived>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut response = Response::new(Empty::new());
    let id = request.headers().get("webhook-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    if let (Some(id), Ok(body)) = (id, body) {
        let message = String::from_utf8_lossy(&body).into_owned();
        let mut arrived = arrived.lock().unwrap_or_else(PoisonError::into_inner);
        *arrived.entry(message).or_default().entry(id).or_default() += 1;
    } else {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    }
    Ok(response)
}
