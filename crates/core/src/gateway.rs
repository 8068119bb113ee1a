//! Gateways: what sends a text to a phone.
//!
//! A send has three outcomes, and the difference decides whether it may be tried again: *accepted*,
//! *certainly not sent*, and *unknown* (the request may have been read before the answer was lost).

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::{code::Code, phone::PhoneNumber};

mod connexus;
mod http;
mod mobile_api_connect;
mod reason;
mod setup;
pub(crate) mod text;

pub use connexus::{Connexus, ConnexusSettings};
pub use mobile_api_connect::{MobileApiConnect, MobileApiConnectSettings};
pub use setup::GatewaySetupError;

/// Something that can send texts.
#[async_trait]
pub trait Gateway: Send + Sync + fmt::Debug {
    /// The name that delivery reports and metrics carry, for example `connexus`.
    fn name(&self) -> &'static str;

    /// Whether the gateway can make a code itself ([`CodeMessage::code`] absent).
    fn makes_codes(&self) -> bool;

    /// Sends a one-time code. Never retried after the request was written, except once on a 401.
    ///
    /// # Errors
    /// [`GatewayError`]; [`GatewayError::certainty`] says whether a text may have gone out.
    async fn send_code(&self, message: &CodeMessage<'_>) -> Result<CodeAccepted, GatewayError>;

    /// Sends any text.
    ///
    /// # Errors
    /// As for [`Gateway::send_code`].
    async fn send_text(&self, message: &TextMessage<'_>) -> Result<Accepted, GatewayError>;

    /// Obtains what a send would wait for, as an access token; at no cost where nothing is missing. A send that is cut
    /// off afterwards has waited for the gateway, and for nothing else.
    ///
    /// # Errors
    /// [`GatewayError`] when it cannot be had; nothing was sent.
    async fn prepare(&self) -> Result<(), GatewayError> {
        Ok(())
    }

    /// Obtains or checks the credentials without sending anything.
    ///
    /// # Errors
    /// [`GatewayError`] when the gateway cannot be reached or refuses the credentials.
    async fn check(&self) -> Result<(), GatewayError>;
}

/// A one-time code to send. Company and comment have been checked by the caller (see `otp::text`).
#[derive(Clone, Copy, Debug)]
pub struct CodeMessage<'a> {
    /// Who gets it.
    pub to: &'a PhoneNumber,
    /// The code; absent when the gateway shall make one.
    pub code: Option<&'a Code>,
    /// Brand in the text.
    pub company: &'a str,
    /// A trailing sentence, for example `Valid for 5 minutes.`
    pub comment: Option<&'a str>,
    /// Bare host of the origin-bound last line (WICG origin-bound one-time codes).
    pub web_otp_domain: Option<&'a str>,
    /// Our reference for this send, at most 36 characters, for gateways that echo one.
    pub reference: &'a str,
}

/// A text to send.
#[derive(Clone, Copy)]
pub struct TextMessage<'a> {
    /// Who gets it.
    pub to: &'a PhoneNumber,
    /// The text.
    pub body: &'a str,
    /// Our reference, at most 36 characters; comes back on the delivery report where the gateway can.
    pub reference: Option<&'a str>,
    /// What it is for.
    pub class: MessageClass,
}

impl fmt::Debug for TextMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextMessage")
            .field("to", &self.to)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// What a text is for; marketing is refused for opted-out numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageClass {
    /// Belongs to something the person did.
    Transactional,
    /// Advertises.
    Marketing,
}

/// The gateway took the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The gateway's message id: delivery reports carry it.
    pub message_id: String,
    /// Billed parts, where the gateway says so.
    pub parts: Option<u32>,
}

/// The gateway took the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeAccepted {
    /// Message id and parts.
    pub accepted: Accepted,
    /// The code that the gateway made, when it was asked to make one; never handed to the caller.
    pub code: Option<Code>,
}

/// Whether a text may have gone out although the send failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Refused, or never reached the gateway: it may be tried again.
    NotSent,
    /// The request may have been acted on: it must not be repeated blindly.
    Unknown,
}

/// Why a gateway call failed. Never contains a number, a code, a token or a body.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The account has no money.
    #[error("{gateway}: insufficient funds; top up the account")]
    InsufficientFunds {
        /// Which gateway.
        gateway: &'static str,
    },
    /// The gateway says that the number cannot be texted.
    #[error("{gateway}: the gateway refused the number")]
    InvalidNumber {
        /// Which gateway.
        gateway: &'static str,
    },
    /// The gateway refused for another reason.
    #[error("{gateway}: refused with HTTP {status}: {reason}")]
    Rejected {
        /// Which gateway.
        gateway: &'static str,
        /// HTTP status.
        status: u16,
        /// The gateway's word for it: cut to 64 characters, digits masked.
        reason: String,
    },
    /// This gateway cannot do what was asked; it was not called.
    #[error("{gateway}: {what}")]
    Unsupported {
        /// Which gateway.
        gateway: &'static str,
        /// What it cannot do, and what to do instead.
        what: &'static str,
    },
    /// Too many requests.
    #[error("{gateway}: too many requests; try again in {} s", retry_after.as_secs())]
    RateLimited {
        /// Which gateway.
        gateway: &'static str,
        /// From the `Retry-After` header, else a default.
        retry_after: Duration,
    },
    /// The gateway refused a token that it had just issued, or the API key.
    #[error("{gateway}: the credentials were refused; check the client id, secret or key")]
    Unauthorized {
        /// Which gateway.
        gateway: &'static str,
    },
    /// No token could be obtained.
    #[error("{gateway}: no access token: {source}")]
    Token {
        /// Which gateway.
        gateway: &'static str,
        /// Why.
        #[source]
        source: crate::token::TokenError,
    },
    /// The connection could not be made, so nothing was sent.
    #[error("{gateway}: cannot connect; check the base URL and the network")]
    Connect {
        /// Which gateway.
        gateway: &'static str,
        /// The transport's error, without the URL.
        #[source]
        source: reqwest::Error,
    },
    /// The answer was lost, or is not one that the gateway documents.
    #[error("{gateway}: no usable answer (HTTP {status:?}): {what}; the text may have been sent")]
    Lost {
        /// Which gateway.
        gateway: &'static str,
        /// HTTP status, when there was one.
        status: Option<u16>,
        /// What was wrong with the answer.
        what: &'static str,
    },
    /// The gateway accepted the text without a message id, so no delivery report can be joined to it.
    #[error("{gateway}: accepted without a message id; the text may have been sent")]
    NoMessageId {
        /// Which gateway.
        gateway: &'static str,
    },
}

impl GatewayError {
    /// Whether a text may have gone out.
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::Lost { .. } | Self::NoMessageId { .. } => Certainty::Unknown,
            _ => Certainty::NotSent,
        }
    }

    /// Whether the gateway understood the request and said no, as opposed to failing.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::InsufficientFunds { .. }
                | Self::InvalidNumber { .. }
                | Self::Rejected { .. }
                | Self::RateLimited { .. }
        )
    }
}
