//! A full house: whoever has kept us waiting longest gives way to whoever comes.
//!
//! A limit alone turns slow senders into an outage: they fill it, and everybody else waits for their deadlines.
//! Here a seat whose holder is still to say what they want can be given to the next one. A seat whose
//! holder is being served cannot.
//!
//! Nobody is told apart by address: behind a proxy all senders share one, and a flood has many.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A fixed number of seats.
#[derive(Debug)]
pub struct Seats {
    limit: usize,
    room: Mutex<Room>,
    /// A seat came free, or one more can be given away.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Room {
    taken: usize,
    /// Those who can be asked to leave, the longest waiting first.
    waiting: BTreeMap<u64, Arc<Notify>>,
    next: u64,
}

impl Seats {
    /// So many seats, at least one.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit: limit.max(1), room: Mutex::default(), changed: Notify::new() })
    }

    /// A seat, whose holder is waiting: a free one, or else that of whoever has been waiting longest. While
    /// everybody is being served, this waits until somebody has been.
    pub async fn take(self: &Arc<Self>) -> Seat {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(seat) = self.try_take() {
                return seat;
            }
            changed.await;
        }
    }

    /// Asks whoever has been waiting longest to leave. False when nobody is waiting.
    pub fn clear_one(&self) -> bool {
        let mut room = self.room();
        let found = room.give_away();
        room.taken -= usize::from(found);
        found
    }

    fn try_take(self: &Arc<Self>) -> Option<Seat> {
        let mut room = self.room();
        if room.taken < self.limit {
            room.taken += 1;
        } else if !room.give_away() {
            return None;
        }
        let leave = Arc::new(Notify::new());
        let ticket = Some(room.wait(&leave));
        Some(Seat { seats: Arc::clone(self), leave, ticket })
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn wait(&mut self, leave: &Arc<Notify>) -> u64 {
        self.next += 1;
        self.waiting.insert(self.next, Arc::clone(leave));
        self.next
    }

    fn give_away(&mut self) -> bool {
        let Some((_, leave)) = self.waiting.pop_first() else { return false };
        leave.notify_one();
        true
    }
}

/// A seat in the house. Dropping it frees it, unless it has been given away.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    leave: Arc<Notify>,
    /// The place among the waiting; none while being served.
    ticket: Option<u64>,
}

impl Seat {
    /// The holder has said what they want: from here on they cannot be asked to leave. False when the seat
    /// has been given away before.
    #[must_use]
    pub fn serve(&mut self) -> bool {
        if let Some(ticket) = self.ticket {
            if self.seats.room().waiting.remove(&ticket).is_none() {
                return false;
            }
            self.ticket = None;
        }
        true
    }

    /// The holder has been served and may want more. Whoever else is waiting has been for longer.
    pub fn wait(&mut self) {
        if self.ticket.is_none() {
            self.ticket = Some(self.seats.room().wait(&self.leave));
            self.seats.changed.notify_one();
        }
    }

    /// Ends when the seat has been given away.
    pub fn given_away(&self) -> impl Future<Output = ()> + use<> {
        let leave = Arc::clone(&self.leave);
        async move { leave.notified().await }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut room = self.seats.room();
        let given_away = self.ticket.is_some_and(|ticket| room.waiting.remove(&ticket).is_none());
        if !given_away {
            room.taken -= 1;
            self.seats.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn take(seats: &Arc<Seats>) -> Option<Seat> {
        seats.take().now_or_never()
    }

    fn must_leave(seat: &Seat) -> bool {
        seat.given_away().now_or_never().is_some()
    }

    #[test]
    fn in_a_full_house_the_longest_waiting_gives_way() {
        let seats = Seats::new(2);
        let (mut first, second) = (take(&seats).unwrap(), take(&seats).unwrap());
        assert!(!must_leave(&first) && !must_leave(&second));
        // Served and back: the other one has been waiting for longer now.
        assert!(first.serve());
        first.wait();
        let third = take(&seats).unwrap();
        assert!(!must_leave(&first) && must_leave(&second) && !must_leave(&third));
        let fourth = take(&seats).unwrap();
        assert!(must_leave(&first) && !must_leave(&third) && !must_leave(&fourth));
    }

    #[test]
    fn who_is_being_served_is_not_asked_to_leave() {
        let seats = Seats::new(1);
        let mut served = take(&seats).unwrap();
        assert!(served.serve());
        assert!(take(&seats).is_none());
        assert!(!must_leave(&served) && !seats.clear_one());
        served.wait();
        assert!(take(&seats).is_some());
    }

    #[test]
    fn a_seat_that_was_given_away_serves_nobody_and_is_freed_once() {
        let seats = Seats::new(1);
        let mut gone = take(&seats).unwrap();
        let mut here = take(&seats).unwrap();
        assert!(!gone.serve());
        assert!(here.serve());
        drop(gone);
        assert!(take(&seats).is_none(), "the seat is still taken");
        drop(here);
        assert!(take(&seats).is_some());
        assert!(seats.room().waiting.is_empty() && seats.room().taken == 0);
    }

    #[test]
    fn a_cleared_seat_is_free() {
        let seats = Seats::new(1);
        let gone = take(&seats).unwrap();
        assert!(seats.clear_one() && must_leave(&gone));
        let next = take(&seats).unwrap();
        drop(gone);
        assert!(!must_leave(&next));
        assert_eq!(seats.room().taken, 1);
    }

    #[tokio::test]
    async fn who_finds_everybody_served_is_let_in_when_one_leaves() {
        let seats = Seats::new(1);
        let mut served = take(&seats).unwrap();
        assert!(served.serve());
        let waiting = tokio::spawn({
            let seats = Arc::clone(&seats);
            async move { seats.take().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(served);
        waiting.await.unwrap();
    }
}
