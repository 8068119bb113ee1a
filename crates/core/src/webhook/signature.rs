//! The schemes that sign, side by side: each reads the headers into a claim, all claims are proved alike.

use http::HeaderMap;

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
}
