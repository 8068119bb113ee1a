//! The gateways against a scripted server that answers, breaks off, hangs or is not there.

mod connexus;
mod connexus_failures;
mod connexus_token;
mod fake;
mod hidden;
mod messages;
mod metrics;
mod mobile_api_connect;
mod token_store;
