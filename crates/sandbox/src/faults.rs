//! Scripted misbehaviour: what `POST /sandbox/faults` takes, one object or an array of them.
//!
//! ```json
//! {"kind": "rate_limited", "on": "otp", "times": 2, "retry_after_seconds": 3}
//! ```
//!
//! - `gateway`: `connexus` or `mobile-api-connect`; absent: both.
//! - `on`: `token`, `otp`, `out`, `messages` or `webhook`; absent: wherever the kind makes sense.
//! - `times`: how many requests (or webhook events) it strikes; absent or `null`: for ever. The two delivery
//!   reports of one text count as one event.
//! - Faults are kept in the order they were posted; of those that fit, the first strikes. `slow` adds itself to
//!   whatever else strikes, and webhook kinds combine.
//!
//! | kind | where | what happens |
//! |---|---|---|
//! | `expire_tokens` | – | at once: every token issued so far is unknown |
//! | `token_lifetime` | token | the token says, and lives, `expires_in_seconds` (default 1) |
//! | `unauthorized` | API | 401, whatever the credentials |
//! | `forbidden` | otp, out, messages | 403: insufficient funds, or `tenant_inactive` |
//! | `rate_limited` | API | 429 with `Retry-After: retry_after_seconds` (default 1) |
//! | `server_error` | API | `status` 500 to 599 (default 500) |
//! | `not_json` | API | an HTML page with `status` (default 200) |
//! | `slow` | API | the answer comes `delay_ms` later (default 5000) |
//! | `refused_200` | otp, out | HTTP 200 with `success: false` |
//! | `accept_then_drop` | API | the text is sent, the connection is closed without an answer |
//! | `no_message_id` | otp, out, messages | accepted, but the answer has no id, and no report follows |
//! | `as_seen` | otp, out, webhook | the variants met in practice: `message_id` a number, `type` `SMS`, `from` without `+`, more fields |
//! | `duplicate` | webhook | delivered twice |
//! | `reorder` | webhook | reports last first; a reply waits for the next event, at most `delay_ms` (default 2000) |
//! | `forge` | webhook | instead of the genuine request one with a bad signature or a wrong path secret; not retried |
//! | `late` | webhook | the first attempt comes `delay_ms` later (default 5000) |
//! | `undelivered` | webhook | the final report carries `status_code` (default 2, UNDELIV) instead of 1 |
//!
//! "API" is every send and token path. The kinds up to `slow` strike before credentials and parameters are looked at,
//! the others only at a request that would have been accepted.

mod refusal;
mod script;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use refusal::{Door, broken_answer};
pub(crate) use script::{Script, WebhookPlan};

use crate::phone::Gateway;

const MAX_DELAY_MS: u64 = 600_000;

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Connexus `POST /auth/token`.
    Token,
    /// Connexus `POST /sms/otp`.
    Otp,
    /// Connexus `POST /sms/out`.
    Out,
    /// Mobile API Connect `POST /messages`.
    Messages,
    /// Webhooks of either gateway.
    Webhook,
}

/// What goes wrong; the table of this module says how.
#[expect(missing_docs, reason = "the module's table describes each kind by its name on the wire")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    ExpireTokens,
    TokenLifetime,
    Unauthorized,
    Forbidden,
    RateLimited,
    ServerError,
    NotJson,
    Slow,
    #[serde(rename = "refused_200")]
    Refused200,
    AcceptThenDrop,
    NoMessageId,
    AsSeen,
    Duplicate,
    Reorder,
    Forge,
    Late,
    Undelivered,
}

impl Kind {
    fn strikes(self, target: Target) -> bool {
        use Target::{Messages, Otp, Out, Token, Webhook};
        match self {
            Self::ExpireTokens => false,
            Self::TokenLifetime => target == Token,
            Self::Unauthorized
            | Self::RateLimited
            | Self::ServerError
            | Self::NotJson
            | Self::Slow
            | Self::AcceptThenDrop => target != Webhook,
            Self::Forbidden | Self::NoMessageId => matches!(target, Otp | Out | Messages),
            Self::Refused200 => matches!(target, Otp | Out),
            Self::AsSeen => matches!(target, Otp | Out | Webhook),
            Self::Duplicate | Self::Reorder | Self::Forge | Self::Late | Self::Undelivered => {
                target == Webhook
            }
        }
    }
}

/// One line of the script.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub kind: Kind,
    /// Only this gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Gateway>,
    /// Only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Target>,
    /// How often it still strikes; `None` is for ever.
    #[serde(default)]
    pub times: Option<u32>,
    /// Seconds, for `rate_limited`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// Milliseconds, for `slow`, `late` and `reorder`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// HTTP status, for `server_error` and `not_json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Seconds, for `token_lifetime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_seconds: Option<u64>,
    /// The report's `statusCode`, for `undelivered`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<i32>,
}

impl Fault {
    /// A fault of this kind that strikes wherever it makes sense, for ever.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            gateway: None,
            on: None,
            times: None,
            retry_after_seconds: None,
            delay_ms: None,
            status: None,
            expires_in_seconds: None,
            status_code: None,
        }
    }

    /// A fault that could never strike, or not as written, is refused when it is posted.
    fn check(&self) -> Result<(), String> {
        let statuses = if self.kind == Kind::ServerError { 500..=599 } else { 200..=599 };
        if self.times == Some(0) {
            Err("times must be at least 1, or null for ever".into())
        } else if self.delay_ms.is_some_and(|ms| ms > MAX_DELAY_MS) {
            Err(format!("delay_ms is at most {MAX_DELAY_MS}"))
        } else if self.status.is_some_and(|status| !statuses.contains(&status)) {
            Err(format!("status must be from {} to {}", statuses.start(), statuses.end()))
        } else if self.expires_in_seconds == Some(0) {
            Err("expires_in_seconds must be at least 1".into())
        } else if !self.can_strike() {
            Err("this kind never strikes there: see the table of kinds".into())
        } else {
            Ok(())
        }
    }

    fn can_strike(&self) -> bool {
        use Target::{Messages, Otp, Out, Token, Webhook};
        if self.kind == Kind::ExpireTokens {
            return self.gateway != Some(Gateway::MobileApiConnect);
        }
        let on = |gateway, targets: &[Target]| targets.iter().any(|target| self.fits(gateway, *target));
        on(Gateway::Connexus, &[Token, Otp, Out, Webhook])
            || on(Gateway::MobileApiConnect, &[Messages, Webhook])
    }

    fn fits(&self, gateway: Gateway, target: Target) -> bool {
        self.kind.strikes(target)
            && self.on.is_none_or(|on| on == target)
            && self.gateway.is_none_or(|only| only == gateway)
    }

    fn delay(&self, default_ms: u64) -> Duration {
        Duration::from_millis(self.delay_ms.unwrap_or(default_ms))
    }
}
