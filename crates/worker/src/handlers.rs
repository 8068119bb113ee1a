//! The handlers that every worker has.

mod consent;
mod delivery;

pub use consent::KeepConsent;
pub use delivery::MergeDeliveryReports;
