//! Where a connection is: what it is waiting for, since when, and until when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Limits;
use crate::seats::Seat;

/// What a connection is doing.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// The connection has begun, and nothing has come.
    Silent { since: Instant },
    /// A head has begun. The first one began with its connection.
    Head { since: Instant },
    /// Nothing of a further request has come.
    Idle { since: Instant },
    /// A request is being answered. Whoever answers has deadlines of their own.
    Answering,
}

/// Which wait was too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    Head,
    Idle,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Until when a connection without a request is kept while the server stops.
    last_call: Option<Instant>,
    seat: Seat,
}

/// One connection's place in time and in the house. Clones are the same visit.
#[derive(Debug, Clone)]
pub(super) struct Visit(Arc<Mutex<State>>);

impl Visit {
    pub(super) fn new(seat: Seat) -> Self {
        let phase = Phase::Silent { since: Instant::now() };
        Self(Arc::new(Mutex::new(State { phase, last_call: None, seat })))
    }

    /// Ends when the seat has been given to another connection.
    pub(super) fn given_away(&self) -> impl Future<Output = ()> + use<> {
        self.state().seat.given_away()
    }

    /// Bytes have come.
    pub(super) fn heard(&self) {
        let mut state = self.state();
        match state.phase {
            Phase::Silent { since } => state.phase = Phase::Head { since },
            Phase::Idle { .. } => state.phase = Phase::Head { since: Instant::now() },
            Phase::Head { .. } | Phase::Answering => {}
        }
    }

    /// A head is complete. None when the seat has been given away meanwhile: then nothing is begun.
    pub(super) fn begin(&self) -> Option<Answering> {
        let mut state = self.state();
        if !state.seat.serve() {
            return None;
        }
        state.phase = Phase::Answering;
        Some(Answering(self.clone()))
    }

    /// The server stops.
    pub(super) fn call_last(&self, limits: &Limits) {
        self.state().last_call = Some(Instant::now() + limits.last_call);
    }

    /// Until when to wait, and for what; none while a request is being answered.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<(Instant, Overdue)> {
        let state = self.state();
        let or_last_call = |end: Instant| state.last_call.map_or(end, |last| end.min(last));
        match state.phase {
            Phase::Silent { since } => Some((or_last_call(since + limits.header_timeout), Overdue::Head)),
            Phase::Head { since } => Some((since + limits.header_timeout, Overdue::Head)),
            Phase::Idle { since } => Some((or_last_call(since + limits.idle_timeout), Overdue::Idle)),
            Phase::Answering => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request is being answered, until this is dropped.
#[derive(Debug)]
pub(super) struct Answering(Visit);

impl Drop for Answering {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.phase = Phase::Idle { since: Instant::now() };
        state.seat.wait();
    }
}
