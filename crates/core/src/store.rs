//! The ports: what the rest of the library asks of a store, one small object-safe trait per concern.
//!
//! Two implementations stand behind them: [`RedisStore`] for fleets and [`MemoryStore`] for one
//! process. Both pass one conformance suite. Every request is typed, every answer is an enum; a refusal
//! is a value and [`StoreError`] means that the store did not answer.

mod breakers;
mod codes;
mod consents;
mod dead_letters;
mod deliveries;
mod erasures;
mod events;
mod forwarded;
mod group_state;
mod health;
mod idempotency;
mod limits;
mod memory;
mod phones;
mod quarantine;
pub mod redis;
mod replies;
mod send_times;
mod shards;
mod tokens;

pub use breakers::{
    Admission, BreakerStore, CallOutcome, FAILURES_TO_OPEN, OPEN_AT_MOST, OPEN_FOR, PROBE_LEASE,
    RETRY_AFTER_AT_MOST, RETRY_BUDGET,
};
pub use codes::{
    Check, Checked, CodeKey, CodeMacs, CodeOrigin, CodeStore, Denial, Granted, LIVE_SESSIONS, NewCode,
    Redeem, RequestId, Reserve, Reserved, SendState, Settle, Settlement,
};
pub use consents::{
    CONSENT_SENDERS_AT_MOST, CONSENT_SHARDS, Consent, ConsentChange, ConsentRecorded, ConsentRegister,
    ConsentStore, Evidence, LEDGER_AT_MOST, LEDGER_OF_PHONE_AT_MOST, LedgerEntry, LedgerKind,
    REVIEWS_AT_MOST, REVIEWS_OF_ONE_AT_MOST, Review, ReviewAdded, every_sender,
};
pub use dead_letters::{Backlog, DeadLetter, DeadLetterStore};
pub use deliveries::{DeliveryCounts, DeliveryRecord, DeliveryStore, MessageKey, Recorded};
pub use erasures::{ErasureStore, Place, Stored, StoredPage};
pub use events::{
    Claim, Completed, Due, Entry, EventReader, EventStore, Failures, GroupMember, MARK_KEPT, Publish,
    Published, Queue, SETTLED_AT_ONCE, SUSPICIOUS_STARTS, Suspects, Swept,
};
pub use forwarded::ForwardedStore;
pub use group_state::{ConsumerState, Detail, GroupState, GroupStore};
pub use health::{Health, HealthStore};
pub use idempotency::{ClaimKey, Claimed, IDEMPOTENCY_KEPT, IdempotencyStore};
pub use limits::{Charge, Charged, Limit, LimitStore};
pub use memory::MemoryStore;
pub use phones::{CodeState, ERASURE_KEPT, Erased, FailureState, PhoneState, PhoneStore};
pub use quarantine::{Kept, Order, QuarantineStore};
pub use redis::{RedisSettings, RedisStore};
pub use replies::{
    REPLIES_A_DAY, REPLIES_IN_TEN_MINUTES, REPLY_KEPT, ReplyClaim, ReplyEnd, ReplyKey, ReplyStore,
};
pub use shards::{SHARDS_AT_MOST, ShardState, ShardStore};
pub use tokens::{Acquired, SealedToken, TokenKey, TokenProblem, TokenStore};

/// Everything a store does, for those who build one of each.
pub trait Store:
    CodeStore
    + PhoneStore
    + LimitStore
    + IdempotencyStore
    + BreakerStore
    + TokenStore
    + EventStore
    + ErasureStore
    + ShardStore
    + GroupStore
    + DeadLetterStore
    + QuarantineStore
    + DeliveryStore
    + ConsentStore
    + ReplyStore
    + ForwardedStore
    + HealthStore
{
}

impl<T> Store for T where
    T: CodeStore
        + PhoneStore
        + LimitStore
        + IdempotencyStore
        + BreakerStore
        + TokenStore
        + EventStore
        + ErasureStore
        + ShardStore
        + GroupStore
        + DeadLetterStore
        + QuarantineStore
        + DeliveryStore
        + ConsentStore
        + ReplyStore
        + ForwardedStore
        + HealthStore
{
}

/// The store did not answer, or not with what it should. Never a verdict.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Redis refused, failed or could not be reached.
    #[error("the store did not answer ({action}): {source}")]
    Unavailable {
        /// The script or command.
        action: &'static str,
        /// The client's error.
        #[source]
        source: ::redis::RedisError,
    },
    /// One master of a cluster did not answer: calls for its keys fail.
    #[error("the master {master} of the store's cluster did not answer ({action}): {source}")]
    MasterUnavailable {
        /// The command.
        action: &'static str,
        /// Its host and port.
        master: String,
        /// The client's error.
        #[source]
        source: ::redis::RedisError,
    },
    /// No connection was free in time.
    #[error("no dedicated connection to the store was free ({action})")]
    NoConnection {
        /// What it was wanted for.
        action: &'static str,
    },
    /// The primary has it, but too few replicas said in time that they have it, too: it may be lost with the
    /// primary. The outcome is unknown to the caller, as after a lost reply.
    #[error("only {confirmed} of {wanted} replicas confirmed what the store wrote ({action})")]
    Unconfirmed {
        /// The script.
        action: &'static str,
        /// Replicas that confirmed.
        confirmed: u32,
        /// Replicas that had to, `min_replicas`.
        wanted: u32,
    },
    /// The fleet has another number of shards: an event written or read under this one would be lost to the others.
    #[error(
        "the events are in {holds} shards, and this process is configured with {configured}: set stream.shards to {holds}, or see `textproof shards`"
    )]
    OtherShards {
        /// The number of this process.
        configured: u16,
        /// The number that holds.
        holds: u16,
    },
    /// The record changed again and again while it was worked on.
    #[error("the record kept changing ({action}); try again")]
    Contended {
        /// The script or command.
        action: &'static str,
    },
    /// A record or reply that this version cannot read.
    #[error(
        "the store answered something that this version cannot read ({action}); is another version writing?"
    )]
    Unreadable {
        /// The script or command.
        action: &'static str,
    },
}
