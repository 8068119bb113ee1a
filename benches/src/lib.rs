//! What the benchmarks share: everything around the code under measurement, made as cheap as it can be.

mod codes;
mod concurrently;
mod events;
mod median;
mod pacing;
mod reserving;
mod stores;
mod webhooks;

pub use codes::{BENCH, InstantGateway, RIGHT, WRONG, failure_limits, login, otp, otp_with, phone, send};
pub use concurrently::concurrently;
pub use events::{BODY, Numbered};
pub use median::median;
pub use pacing::pacer;
pub use reserving::Reserver;
pub use stores::{empty_store, redis_store};
pub use webhooks::{Receiver, Sender, Signed, cpu_time, resident_kb};
