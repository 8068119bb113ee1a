//! Webhooks over HTTP: requests that are signed beforehand, a sender that costs little, and the servers that
//! receive them, each in a process of its own.

mod receiver;
mod resources;
mod sender;
mod signed;

pub use receiver::Receiver;
pub use resources::{cpu_time, resident_kb};
pub use sender::Sender;
pub use signed::Signed;

const ENDPOINT: &str = "mac";
const SECRET: &str = "whsec_of-the-benchmark-0123456789";
