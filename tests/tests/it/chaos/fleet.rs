//! Six workers, of which any may be gone at any moment. Whoever died is started again.

use std::time::Duration;

use test_support::Process;
use tokio::time::Instant;

use super::target::Target;
use crate::{
    acting::acting_worker,
    fixture::{PATIENCE, World},
};

pub(super) const WORKERS: usize = 6;
pub(super) const LEASE: Duration = Duration::from_secs(2);

struct Place {
    worker: Process,
    /// Until when it is frozen.
    frozen: Option<Instant>,
}

pub(super) struct Fleet<'a> {
    world: &'a World,
    target: String,
    places: Vec<Place>,
    /// Were asked to stop and are doing so.
    leaving: Vec<Process>,
    ended: usize,
}

impl<'a> Fleet<'a> {
    pub(super) fn start(world: &'a World, target: &Target) -> Self {
        let mut fleet =
            Self { world, target: target.url(), places: Vec::new(), leaving: Vec::new(), ended: 0 };
        fleet.places = (0..WORKERS).map(|_| fleet.new_place()).collect();
        fleet
    }

    fn new_place(&self) -> Place {
        let worker = acting_worker(self.world)
            .env("ACTING_TARGET", &self.target)
            .env("TEXTPROOF_WORKER_LEASE_SECONDS", LEASE.as_secs().to_string())
            .env("TEXTPROOF_WORKER_DRAIN_SECONDS", "2")
            .env("TEXTPROOF_WORKER_CONCURRENCY", "16")
            .env("RUST_LOG", "error")
            .spawn();
        Place { worker, frozen: None }
    }

    pub(super) async fn kill(&mut self, at: usize) {
        self.places[at].worker.kill9().await;
        self.tend();
    }

    pub(super) fn deploy(&mut self, at: usize) {
        self.thaw(at);
        let next = self.new_place();
        let mut place = std::mem::replace(&mut self.places[at], next);
        // A bad event may have ended it a moment ago.
        if place.worker.has_ended() {
            self.ended += 1;
        } else {
            place.worker.signal("TERM");
            self.leaving.push(place.worker);
        }
    }

    pub(super) fn freeze(&mut self, at: usize, time: Duration) {
        let place = &mut self.places[at];
        if !place.worker.has_ended() {
            place.worker.signal("STOP");
            place.frozen = Some(Instant::now() + time);
        }
    }

    /// Lets those go on whose time has come, and starts those again that have ended.
    pub(super) fn tend(&mut self) {
        let before = self.leaving.len();
        self.leaving.retain_mut(|worker| !worker.has_ended());
        self.ended += before - self.leaving.len();
        for at in 0..WORKERS {
            if self.places[at].frozen.is_some_and(|until| until <= Instant::now()) {
                self.thaw(at);
            }
            if self.places[at].worker.has_ended() {
                self.places[at] = self.new_place();
                self.ended += 1;
            }
        }
    }

    pub(super) fn thaw_all(&mut self) {
        (0..WORKERS).for_each(|at| self.thaw(at));
    }

    fn thaw(&mut self, at: usize) {
        let place = &mut self.places[at];
        if place.frozen.take().is_some() && !place.worker.has_ended() {
            place.worker.signal("CONT");
        }
    }

    /// Asks all to stop, and waits until they have.
    pub(super) async fn stop(&mut self) {
        for place in &mut self.places {
            assert_eq!(place.worker.terminate(PATIENCE).await.code(), Some(0), "{}", place.worker);
        }
        for worker in &mut self.leaving {
            worker.wait(PATIENCE).await;
        }
    }

    /// How many have ended before they were all stopped.
    pub(super) fn ended(&self) -> usize {
        self.ended
    }
}
