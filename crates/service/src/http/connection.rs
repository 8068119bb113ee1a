//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::Limits;
use super::meters::Meters;
use super::visit::{Overdue, Visit};
use super::wire::{Answer, Heard};
use crate::peer::PeerAddress;
use crate::seats::Seat;
use crate::tls::Tls;

/// For the head of a request, and for each piece of a body: what a connection holds in memory.
const BUFFER_BYTES: usize = 16 * 1024;

/// What all connections of a server share.
pub(super) struct House {
    pub(super) router: Router,
    pub(super) limits: Limits,
    pub(super) tls: Option<Tls>,
    pub(super) meters: Meters,
    pub(super) stopping: CancellationToken,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// By one of the two sides, or by an error of the client's: a reset, something that is not HTTP.
    Closed,
    /// Another one has its seat.
    GaveWay,
    /// Nothing, or too little, came in time.
    Overdue(Overdue),
    /// No TLS session came about.
    Handshake,
}

impl House {
    /// Serves a connection until it ends.
    pub(super) async fn welcome(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, seat: Seat) {
        let _open = self.meters.open();
        // Answers are small and must not wait for more; an error shows in the first read.
        let _ = stream.set_nodelay(true);
        let visit = Visit::new(seat);
        let end = match &self.tls {
            None => self.converse(stream, peer, visit).await,
            Some(tls) => {
                let handshake = timeout_at(Instant::now() + self.limits.header_timeout, tls.accept(stream));
                let shaken = tokio::select! {
                    shaken = handshake => Some(shaken),
                    () = visit.given_away() => None,
                };
                match shaken {
                    Some(Ok(Ok(stream))) => self.converse(stream, peer, visit).await,
                    Some(_) => End::Handshake,
                    None => End::GaveWay,
                }
            }
        };
        self.meters.ended(end);
    }

    async fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: SocketAddr,
        visit: Visit,
    ) -> End {
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(|mut request: Request<Incoming>| {
            let answering = visit.begin();
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(PeerAddress(peer.ip().to_canonical()));
            let answer = answering.map(|answering| (router.call(request), answering));
            async {
                let Some((answer, answering)) = answer else { return Err(SeatGivenAway) };
                let mut answer: Response<_> = answer.await.unwrap_or_else(|never: Infallible| match never {});
                if self.stopping.is_cancelled() {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok(answer.map(|body| Answer::new(body, answering)))
            }
        });
        // The deadlines are the visit's: hyper's one for heads holds between requests, too.
        let mut http = http1::Builder::new();
        http.header_read_timeout(None).max_buf_size(BUFFER_BYTES);
        let stream = TokioIo::new(Heard::new(stream, visit.clone()));
        self.watch(http.serve_connection(stream, service), &visit).await
    }

    /// Runs the connection until it ends, its seat is given away, or something does not come in time.
    async fn watch(&self, connection: impl Future<Output = hyper::Result<()>>, visit: &Visit) -> End {
        let mut connection = pin!(connection);
        let mut given_away = pin!(visit.given_away());
        let mut stopping = pin!(self.stopping.cancelled());
        let mut stopped = false;
        let mut alarm = pin!(sleep_until(Instant::now() + self.limits.header_timeout));
        poll_fn(|context| {
            // First, so that what has come already counts as come in time.
            if let Poll::Ready(closed) = connection.as_mut().poll(context) {
                if let Err(error) = closed {
                    debug!(%error, "connection broken");
                }
                return Poll::Ready(End::Closed);
            }
            if given_away.as_mut().poll(context).is_ready() {
                return Poll::Ready(End::GaveWay);
            }
            if !stopped && stopping.as_mut().poll(context).is_ready() {
                stopped = true;
                visit.call_last(&self.limits);
            }
            while let Some((deadline, overdue)) = visit.deadline(&self.limits) {
                // An alarm that is too early is set again when it goes off: most deadlines are only moved back.
                if alarm.is_elapsed() || deadline < alarm.deadline() {
                    alarm.as_mut().reset(deadline);
                }
                if alarm.as_mut().poll(context).is_pending() {
                    break;
                }
                if deadline <= alarm.deadline() {
                    return Poll::Ready(End::Overdue(overdue));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// The request came in the instant in which its connection was given up: nothing was begun.
#[derive(Debug, thiserror::Error)]
#[error("the seat was given to another connection")]
struct SeatGivenAway;
