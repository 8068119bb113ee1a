//! Forwards: where events are handed on to, and what is said there. Pure; the worker does the calling.

mod addresses;
mod body;
mod destination;

pub use addresses::is_public;
pub use body::body;
pub use destination::{Destination, DestinationError, DestinationSettings};
