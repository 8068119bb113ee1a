//! Random identifiers in the gateways' spellings.

use data_encoding::HEXLOWER;
use rand::RngExt;

/// `MSG…`, `MO…` or nothing before twelve digits: random, so that two runs of the sandbox
/// do not repeat an id while somebody still remembers the first.
pub(crate) fn numbered(prefix: &str) -> String {
    format!("{prefix}{}", rand::rng().random_range(100_000_000_000_u64..1_000_000_000_000))
}

/// `wst_…`, `msg_…`: 192 random bits.
pub(crate) fn opaque(prefix: &str) -> String {
    format!("{prefix}{}", HEXLOWER.encode(&rand::random::<[u8; 24]>()))
}

/// A gateway-made one-time code: six digits, each of the million equally likely.
pub(crate) fn code() -> String {
    format!("{:06}", rand::rng().random_range(0..1_000_000))
}
