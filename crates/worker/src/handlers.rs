//! The handlers that every worker has.

mod consent;
mod delivery;
mod rules;

pub use consent::KeepConsent;
pub use delivery::MergeDeliveryReports;
pub use rules::{AnswerRoutes, Answers, ApplyRules, Forward, RulesError};
