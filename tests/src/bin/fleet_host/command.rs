//! What a host can be told to do.

use serde::Deserialize;

/// One line of control. Those marked *together* start with `go`, for all hosts at once.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Command {
    /// Sends a code; ours, or the one given. Answers `{"outcome": …}`, and with the same idempotency key the same.
    Send {
        phone: String,
        #[serde(default)]
        code: Option<String>,
        #[serde(default)]
        session: Option<String>,
        #[serde(default)]
        idempotency_key: Option<String>,
    },
    /// Answers `{"now_ms": …}`: the time on this host's clock.
    Now,
    /// Checks all codes at once, each in a task of its own, *together*. Answers how many checks came to
    /// each verdict.
    Verify {
        phone: String,
        codes: Vec<String>,
        #[serde(default)]
        session: Option<String>,
    },
    /// Checks one code and keeps what a right one earns. Answers `{"receipt": …}`, null unless it is verified.
    Receipt {
        phone: String,
        code: String,
        #[serde(default)]
        session: Option<String>,
    },
    /// Redeems a receipt. Answers `{"redeemed": …}`.
    Redeem {
        phone: String,
        receipt: String,
        #[serde(default)]
        session: Option<String>,
    },
    /// Makes gateways, each with a connection and a shared token of its own.
    OpenGateways { count: usize },
    /// Checks every open gateway from `tasks` tasks at once, *together*. Answers how many got a token.
    CheckGateways { tasks: usize },
    /// Sends to and verifies ever new phones for a while, *together*. Answers what it came to.
    Load {
        /// The first phone of a range that no other host uses.
        first: u32,
        tasks: u32,
        millis: u64,
    },
}
