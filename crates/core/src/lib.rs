//! Proof that a person holds a phone number, and events from what they text back.
//!
//! This crate is everything that is true without a web server: one-time codes and the gateway's bearer
//! token shared through a store, webhooks verified on raw bytes, events published and consumed once.
//! Modules in reading order; `ARCHITECTURE.md` tells the whole story.

// What goes in: phones, codes, purposes and the two secrets.
pub mod code;
pub mod phone;
pub mod purpose;
pub mod secret;

// Sending and verifying codes.
pub mod breaker;
pub mod gateway;
pub mod otp;
pub mod policy;
pub mod sms_text;
pub mod texts;
pub mod token;

// From a webhook to an event, and from an event to its effect.
pub mod consent;
pub mod delivery;
pub mod event;
pub mod forward;
pub mod reply;
pub mod rule;
pub mod stream;
pub mod webhook;

// What all of it rests on.
mod error;
mod folded;
mod in_turn;
pub mod store;

pub use code::Code;
pub use error::Error;
pub use otp::{
    Challenge, ClientAddress, CodeSource, Otp, OtpSettings, Receipt, RedeemOptions, Redemption, SendOptions,
    SendOutcome, Verdict, VerifyOptions,
};
pub use phone::{Countries, PhoneNumber};
pub use policy::Policy;
pub use purpose::Purpose;
pub use texts::{TextOptions, TextOutcome, Texts};

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
