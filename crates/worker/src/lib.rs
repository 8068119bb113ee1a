//! Events out: each one taken, acted on and settled, whatever dies on the way.
//!
//! [`Worker::run`] is the engine; a [`Handler`] is one thing that is done with an event. The handlers of
//! this crate keep consent and delivery status; write your own in ten lines (see [`Handler`]) and hand it to [`main`].

mod binary;
mod configured;
mod deadline;
mod engine;
pub mod gauges;
mod handler;
pub mod handlers;
mod intake;
mod places;
mod readiness;
mod work;

pub use binary::main;
pub use deadline::time_left;
pub use engine::{Worker, WorkerOptions};
pub use handler::{Handler, HandlerError};
pub use readiness::Readiness;
