//! What a sender is told: enough to do the right thing, nothing to learn from.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use textproof::webhook::AnswerClass;

/// How soon a sender may try again when the event could not be stored, in seconds.
const RETRY_AFTER_SECONDS: u32 = 2;

/// The answer to one webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// The store holds it.
    Stored,
    /// Not something that a gateway sends.
    BadRequest,
    /// Not authentic.
    Unauthorized,
    /// No such endpoint, or not with this path.
    NotFound,
    /// The body did not come in time.
    TooSlow,
    /// The body is longer than the limit.
    TooLarge,
    /// It could not be stored: the sender must keep it.
    NotStored,
    /// More than the endpoint's rate: the sender must keep it.
    TooMany,
}

impl Answer {
    /// A stable word for metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not_found",
            Self::TooSlow => "too_slow",
            Self::TooLarge => "too_large",
            Self::NotStored => "not_stored",
            Self::TooMany => "too_many",
        }
    }
}

impl From<AnswerClass> for Answer {
    fn from(class: AnswerClass) -> Self {
        match class {
            AnswerClass::NotFound => Self::NotFound,
            AnswerClass::Unauthorized => Self::Unauthorized,
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match self {
            Self::Stored => (StatusCode::OK, [json], r#"{"ok":true}"#).into_response(),
            Self::BadRequest => StatusCode::BAD_REQUEST.into_response(),
            Self::Unauthorized => StatusCode::UNAUTHORIZED.into_response(),
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT.into_response(),
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            Self::NotStored | Self::TooMany => {
                let wait = (header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
                (StatusCode::SERVICE_UNAVAILABLE, [wait]).into_response()
            }
        }
    }
}
