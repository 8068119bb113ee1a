//! Reading and verifying: everything between a request's head and an event that can be believed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::{
    extract::{ConnectInfo, Request},
    http::request::Parts,
};
use bytes::Bytes;
use jiff::Timestamp;
use textproof::webhook::{Endpoint, Refused, Request as Webhook, Verified};
use textproof_service::{
    peer::PeerAddress,
    seats::{Seat, Seats},
};
use tokio::time::timeout;

use crate::{answer::Answer, body};

/// What a receiver reads, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// The longest body that is read, in bytes.
    pub body_limit: usize,
    /// How long a body may take to arrive.
    pub body_deadline: Duration,
    /// Webhooks at the same time; each holds at most one body in memory. One more takes the place of the one
    /// whose body has been arriving for longest.
    pub concurrency: usize,
    /// How long a webhook waits for its turn while all others have arrived and are being stored.
    pub queue_deadline: Duration,
}

impl Default for ReadLimits {
    /// 64 KiB within 5 s, 512 at the same time, 300 ms for a turn.
    fn default() -> Self {
        Self {
            body_limit: 64 * 1024,
            body_deadline: Duration::from_secs(5),
            concurrency: 512,
            queue_deadline: Duration::from_millis(300),
        }
    }
}

/// Where webhooks come in, any number of endpoints behind one set of limits.
#[derive(Debug)]
pub(crate) struct Door {
    limits: ReadLimits,
    turns: Arc<Seats>,
}

/// A request that was read and is still to be verified. It holds its turn until it is dropped.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
    /// When the last of it had come.
    pub(crate) at: Timestamp,
    pub(crate) turn: Seat,
}

impl Door {
    pub(crate) fn new(limits: ReadLimits) -> Self {
        Self { limits, turns: Seats::new(limits.concurrency) }
    }

    /// Reads a request whose path and address the endpoint admits.
    pub(crate) async fn read(
        &self,
        endpoint: &Endpoint,
        path_secret: Option<&str>,
        request: Request,
    ) -> Result<Received, Answer> {
        let (head, body) = request.into_parts();
        let webhook = Webhook { headers: &head.headers, path_secret, peer: peer(&head), body: &[] };
        let admitted = endpoint.admits(&webhook, Timestamp::now());
        admitted.map_err(|refused| refuse(endpoint.name(), refused))?;
        let turn = timeout(self.limits.queue_deadline, self.turns.take()).await;
        let mut turn = turn.map_err(|_| Answer::NotStored)?;
        let body = tokio::select! {
            biased;
            read = body::read(body, self.limits.body_limit, self.limits.body_deadline) => read?,
            // A full house: whoever sends slowest is asked to come again.
            () = turn.given_away() => return Err(Answer::NotStored),
        };
        match turn.serve() {
            true => Ok(Received { head, body, at: Timestamp::now(), turn }),
            false => Err(Answer::NotStored),
        }
    }
}

impl Received {
    /// Verifies what was read over its bytes.
    pub(crate) fn verify<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        path_secret: Option<&'a str>,
    ) -> Result<Verified<'a>, Answer> {
        let (peer, body) = (peer(&self.head), &self.body[..]);
        let webhook = Webhook { headers: &self.head.headers, path_secret, peer, body };
        let verified =
            endpoint.verify(&webhook, self.at).map_err(|refused| refuse(endpoint.name(), refused))?;
        metrics::counter!(
            "textproof_ingest_verified_total",
            "endpoint" => endpoint.name().to_owned(), "secret" => verified.secret_id().to_owned()
        )
        .increment(1);
        Ok(verified)
    }
}

/// Who has connected, as our own server says, or any other that axum runs on.
fn peer(head: &Parts) -> Option<IpAddr> {
    let known = head.extensions.get::<PeerAddress>().map(|peer| peer.0);
    known.or_else(|| Some(head.extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip()))
}

/// The sender learns nothing; the operator learns why, and only the operator.
fn refuse(endpoint: &str, refused: Refused) -> Answer {
    tracing::warn!(endpoint, reason = refused.as_str(), "webhook refused");
    metrics::counter!(
        "textproof_ingest_refused_total",
        "endpoint" => endpoint.to_owned(), "reason" => refused.as_str()
    )
    .increment(1);
    refused.answer_class().into()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::{FutureExt, stream};
    use textproof::webhook::{Authentication, Dialect, EndpointSettings, SecretEntry};

    use super::*;

    const SECRET: &str = "path-secret-0123456789";

    fn endpoint() -> Endpoint {
        let secret = SecretEntry { id: "a".into(), value: SECRET.into(), not_after: None };
        Endpoint::new(EndpointSettings {
            name: "websms".into(),
            tenant: "default".into(),
            dialect: Dialect::Connexus,
            authentication: Authentication::PathSecret {},
            secrets: vec![secret],
            addresses: None,
        })
        .unwrap()
    }

    fn never() -> Request {
        Request::new(Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()))
    }

    #[tokio::test]
    async fn slow_bodies_give_way_to_whoever_comes() {
        let (endpoint, door) =
            (endpoint(), Door::new(ReadLimits { concurrency: 2, ..ReadLimits::default() }));
        let read = |request| door.read(&endpoint, Some(SECRET), request);
        let mut slow: Vec<_> = (0..2).map(|_| Box::pin(read(never()))).collect();
        for one in &mut slow {
            assert!(one.now_or_never().is_none());
        }
        let genuine = read(Request::new(Body::from("{}"))).await.unwrap();
        assert!(genuine.verify(&endpoint, Some(SECRET)).is_ok());
        // The one that had been arriving for longest was asked to come again, and the other one was not.
        assert_eq!(slow.remove(0).now_or_never().unwrap().unwrap_err(), Answer::NotStored);
        assert!(slow.remove(0).now_or_never().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn while_all_are_being_stored_a_webhook_waits_for_its_turn_and_no_longer() {
        let (endpoint, door) =
            (endpoint(), Door::new(ReadLimits { concurrency: 1, ..ReadLimits::default() }));
        let read = || door.read(&endpoint, Some(SECRET), Request::new(Body::from("{}")));
        let stored = read().await.unwrap();
        assert_eq!(read().await.unwrap_err(), Answer::NotStored);
        drop(stored);
        assert!(read().await.is_ok());
    }
}
