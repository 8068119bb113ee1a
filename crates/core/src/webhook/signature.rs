//! The schemes that sign, side by side: each reads the headers into a claim, all claims are proved alike.

use http::{HeaderMap, HeaderName};

use super::{
    claim::Claim, github, hmac_body::HmacBody, refused::Refused, signing_key::KeyEncoding, slack,
    standard_webhooks, stripe,
};

/// What is signed and where the signature stands.
pub(super) enum Signature {
    HmacBody(HmacBody),
    StandardWebhooks,
    Github,
    Stripe,
    Slack,
}

impl Signature {
    /// The scheme's name in configuration.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::HmacBody(_) => "hmac-body",
            Self::StandardWebhooks => "standard-webhooks",
            Self::Github => "github",
            Self::Stripe => "stripe",
            Self::Slack => "slack",
        }
    }

    /// How a secret becomes the key. Only `hmac-body` has a choice.
    pub(super) fn key_encoding(&self) -> KeyEncoding {
        match self {
            Self::HmacBody(settings) => settings.key_encoding,
            Self::StandardWebhooks => KeyEncoding::Base64,
            Self::Github | Self::Stripe | Self::Slack => KeyEncoding::Utf8,
        }
    }

    /// What the request claims.
    pub(super) fn claim<'r>(&self, headers: &'r HeaderMap) -> Result<Claim<'r>, Refused> {
        match self {
            Self::HmacBody(settings) => settings.claim(headers),
            Self::StandardWebhooks => standard_webhooks::claim(headers),
            Self::Github => github::claim(headers),
            Self::Stripe => stripe::claim(headers),
            Self::Slack => slack::claim(headers),
        }
    }

    /// The headers that it reads.
    pub(super) fn headers(&self) -> Vec<HeaderName> {
        match self {
            Self::HmacBody(settings) => vec![settings.header.clone()],
            Self::StandardWebhooks => Vec::from(standard_webhooks::HEADERS),
            Self::Github => vec![github::SIGNATURE],
            Self::Stripe => vec![stripe::SIGNATURE],
            Self::Slack => Vec::from(slack::HEADERS),
        }
    }

    /// What stands in them, for people.
    pub(super) fn form(&self) -> String {
        match self {
            Self::HmacBody(HmacBody { prefix, .. }) if prefix.is_empty() => "64 hex digits".to_owned(),
            Self::HmacBody(HmacBody { prefix, .. }) => format!("{prefix} and 64 hex digits"),
            Self::StandardWebhooks => {
                "an id without a full stop, a timestamp in digits, and v1, with base64 of 32 bytes".to_owned()
            }
            Self::Github => "sha256= and 64 hex digits".to_owned(),
            Self::Stripe => "one t= with digits, and v1= with 64 hex digits, separated by commas".to_owned(),
            Self::Slack => "v0= and 64 hex digits, and a timestamp in digits".to_owned(),
        }
    }
}
