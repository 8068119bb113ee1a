//! The handlers that every worker has.

mod consent;
mod delivery;
mod forwards;
mod help;
mod rules;

pub use consent::KeepConsent;
pub use delivery::MergeDeliveryReports;
pub use forwards::{ClientError, Forwards};
pub use help::HelpAnswer;
pub use rules::{AnswerRoutes, Answers, ApplyRules, Forward, Forwarding, RulesError};
