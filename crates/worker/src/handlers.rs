//! The handlers that every worker has.

mod consent;
mod delivery;
mod forwards;
mod rules;

pub use consent::KeepConsent;
pub use delivery::MergeDeliveryReports;
pub use forwards::{ClientError, Forwards};
pub use rules::{AnswerRoutes, Answers, ApplyRules, Forward, Forwarding, RulesError};
