//! Connections as metrics, by listener.

use std::net::SocketAddr;

use metrics::{Counter, Gauge, counter, gauge};
use tracing::warn;

use super::connection::End;
use super::sparing::Sparing;
use super::visit::Overdue;

/// The counters of one listener, looked up once.
pub(super) struct Meters {
    open: Gauge,
    accepted: Counter,
    gave_way: Counter,
    late_heads: Counter,
    idle: Counter,
    failed_handshakes: Counter,
    failed_accepts: Counter,
    full: Sparing,
}

impl Meters {
    pub(super) fn of(addr: SocketAddr) -> Self {
        let listener = addr.to_string();
        let ended = |reason: &'static str| counter!("textproof_connections_ended_total", "listener" => listener.clone(), "reason" => reason);
        Self {
            open: gauge!("textproof_connections_open", "listener" => listener.clone()),
            accepted: counter!("textproof_connections_total", "listener" => listener.clone()),
            gave_way: ended("gave_way"),
            late_heads: ended("late_head"),
            idle: ended("idle"),
            failed_handshakes: ended("tls_handshake"),
            failed_accepts: counter!("textproof_accepts_failed_total", "listener" => listener.clone()),
            full: Sparing::default(),
        }
    }

    pub(super) fn accept_failed(&self) {
        self.failed_accepts.increment(1);
    }

    /// One more connection, until this is dropped.
    pub(super) fn open(&self) -> Open<'_> {
        self.accepted.increment(1);
        self.open.increment(1);
        Open(&self.open)
    }

    pub(super) fn ended(&self, end: End) {
        match end {
            End::Closed => {}
            End::GaveWay => {
                self.gave_way.increment(1);
                if self.full.may_speak() {
                    warn!("as many connections as are allowed: those that waited longest are closed");
                }
            }
            End::Overdue(Overdue::Head) => self.late_heads.increment(1),
            End::Overdue(Overdue::Idle) => self.idle.increment(1),
            End::Handshake => self.failed_handshakes.increment(1),
        }
    }
}

pub(super) struct Open<'a>(&'a Gauge);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
