//! What is checked once, when a gateway is built, so that a wrong setting shows at start and not at a send.

use std::time::Duration;

use reqwest::{Url, header::HeaderValue};

/// How long a connection may take to be made, TLS included.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole request may take, from connecting to the last byte of the answer.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A token request must end while its renewal lease of 20 s is held, whatever the timeouts are set to.
const BOTH_AT_MOST: Duration = Duration::from_secs(19);

/// A gateway's settings are wrong. Never contains a URL, an id or a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewaySetupError {
    /// The base URL cannot be used.
    #[error("{gateway}: the base URL {problem}")]
    BaseUrl {
        /// Which gateway.
        gateway: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A credential is missing or cannot be sent.
    #[error("{gateway}: the {name} is empty or has characters that cannot be sent")]
    Credential {
        /// Which gateway.
        gateway: &'static str,
        /// Which credential.
        name: &'static str,
    },
    /// A timeout is zero, or the two are longer than a renewal lease.
    #[error("{gateway}: connect and request timeout must be above zero and together at most {} s", BOTH_AT_MOST.as_secs())]
    Timeouts {
        /// Which gateway.
        gateway: &'static str,
    },
    /// The HTTP client could not be built: usually no root certificates are installed.
    #[error("{gateway}: the HTTP client cannot be built; are root certificates installed?")]
    Client {
        /// Which gateway.
        gateway: &'static str,
        /// The client's error.
        #[source]
        source: reqwest::Error,
    },
}

/// Reads a base URL; slashes at its end make no difference.
pub(super) fn base_url(gateway: &'static str, text: &str) -> Result<Url, GatewaySetupError> {
    let wrong = |problem| GatewaySetupError::BaseUrl { gateway, problem };
    let mut url = Url::parse(text).map_err(|_| wrong("is not an absolute URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("must start with https:// (or http://)"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not contain credentials; they have settings of their own"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must not have a query or a fragment"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// Holds the timeouts against their bounds.
pub(super) fn check_timeouts(
    gateway: &'static str,
    connect: Duration,
    request: Duration,
) -> Result<(), GatewaySetupError> {
    if connect.is_zero() || request.is_zero() || connect.saturating_add(request) > BOTH_AT_MOST {
        return Err(GatewaySetupError::Timeouts { gateway });
    }
    Ok(())
}

/// Holds a credential against what can be sent at all.
pub(super) fn check_credential(
    gateway: &'static str,
    name: &'static str,
    value: &str,
) -> Result<(), GatewaySetupError> {
    if is_sendable(value) { Ok(()) } else { Err(GatewaySetupError::Credential { gateway, name }) }
}

/// Whether a value is visible ASCII, so that it can stand in an `Authorization` header (RFC 6750, section 2.1).
pub(super) fn is_sendable(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic()) && HeaderValue::from_str(value).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_the_same_with_and_without_a_slash() {
        for text in ["https://sms.example/api", "https://sms.example/api/", "https://sms.example/api//"] {
            assert_eq!(base_url("g", text).unwrap().as_str(), "https://sms.example/api");
        }
        assert_eq!(base_url("g", "http://127.0.0.1:8080").unwrap().path(), "/");
    }

    #[test]
    fn a_wrong_base_url_is_refused_and_not_repeated() {
        for text in [
            "",
            "sms.example/api",
            "ftp://canary.example",
            "https://user:canary@sms.example",
            "https://sms.example?secret=canary",
            "https://sms.example#canary",
            "https://",
        ] {
            let error = base_url("g", text).unwrap_err();
            assert!(matches!(error, GatewaySetupError::BaseUrl { .. }));
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }

    #[test]
    fn timeouts_fit_into_a_renewal_lease() {
        assert!(check_timeouts("g", CONNECT_TIMEOUT, REQUEST_TIMEOUT).is_ok());
        assert!(check_timeouts("g", Duration::ZERO, REQUEST_TIMEOUT).is_err());
        assert!(check_timeouts("g", CONNECT_TIMEOUT, Duration::ZERO).is_err());
        assert!(check_timeouts("g", CONNECT_TIMEOUT, Duration::from_secs(15)).is_err());
        assert!(check_timeouts("g", CONNECT_TIMEOUT, Duration::MAX).is_err());
    }

    #[test]
    fn credentials_are_visible_ascii() {
        assert!(check_credential("g", "key", "sk_live_abc").is_ok());
        for value in ["", " ", "sk live", "sk\r\nlive", "schlüssel"] {
            assert!(check_credential("g", "key", value).is_err(), "{value:?}");
        }
    }
}
