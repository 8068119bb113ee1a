//! What the benchmarks share: everything around the code under measurement, made as cheap as it can be.

mod codes;
mod concurrently;
mod events;
mod reserving;
mod stores;

pub use codes::{BENCH, InstantGateway, RIGHT, WRONG, failure_limits, login, otp, otp_with, phone, send};
pub use concurrently::concurrently;
pub use events::{BODY, Numbered};
pub use reserving::Reserver;
pub use stores::{empty_store, redis_store};
