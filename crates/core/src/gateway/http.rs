//! HTTP as both gateways need it: bounded, never repeated, and every failure sorted by whether the request
//! may have been acted on.

use std::time::Duration;

use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{HeaderMap, RETRY_AFTER},
    redirect, retry,
};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::{
    Certainty, GatewayError, reason,
    setup::{GatewaySetupError, base_url, check_timeouts},
};

/// The longest answer that is read, in bytes; documented answers are below one thousand.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Idle connections are closed before gateways tend to close them, so that few sends meet a dead one.
const IDLE_FOR: Duration = Duration::from_secs(20);
/// A 429 without a usable `Retry-After`.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(5);
const RETRY_AFTER_AT_MOST: Duration = Duration::from_secs(3600);

/// The HTTP side of one gateway.
#[derive(Clone)]
pub(super) struct Http {
    gateway: &'static str,
    client: Client,
    base: Url,
}

impl Http {
    pub(super) fn new(
        gateway: &'static str,
        base: &str,
        connect_timeout: Duration,
        request_timeout: Duration,
    ) -> Result<Self, GatewaySetupError> {
        let base = base_url(gateway, base)?;
        check_timeouts(gateway, connect_timeout, request_timeout)?;
        // An error means that the application has chosen a provider already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder()
            .user_agent(concat!("textproof/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(connect_timeout)
            .timeout(request_timeout)
            .pool_idle_timeout(IDLE_FOR)
            // A redirect would carry the code and the token elsewhere.
            .redirect(redirect::Policy::none())
            // What remains is that a request of which no byte was written, because its idle connection had
            // been closed, goes out on another connection.
            .retry(retry::never())
            .build()
            .map_err(|source| GatewaySetupError::Client { gateway, source: source.without_url() })?;
        Ok(Self { gateway, client, base })
    }

    /// The base URL in the one spelling that all equal ones share.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.url(path))
    }

    /// A request for the base URL itself.
    pub(super) fn get_base(&self) -> RequestBuilder {
        self.client.get(self.base.clone())
    }

    /// Sends the request, once, and reads the answer whatever its status is.
    pub(super) async fn exchange(&self, request: RequestBuilder) -> Result<Answer, NoAnswer> {
        let response = request.send().await.map_err(NoAnswer::sort)?;
        let (status, retry_after) = (response.status(), retry_after(response.headers()));
        Ok(Answer { gateway: self.gateway, status, retry_after, body: read(response).await })
    }

    /// Counts one request by how it ended.
    pub(super) fn count(&self, call: &'static str, outcome: &'static str) {
        metrics::counter!(
            "textproof_gateway_requests_total",
            "gateway" => self.gateway, "call" => call, "outcome" => outcome
        )
        .increment(1);
    }

    /// Counts one send by how it ended, and hands the result on.
    pub(super) fn counted<T>(
        &self,
        call: &'static str,
        result: Result<T, GatewayError>,
    ) -> Result<T, GatewayError> {
        self.count(call, result.as_ref().map_or_else(outcome, |_| "accepted"));
        result
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }
}

/// No answer at all.
pub(super) enum NoAnswer {
    /// The connection could not be made (or the request not be built): nothing was sent.
    NotConnected(reqwest::Error),
    /// The request may have been read.
    Lost {
        /// What happened.
        what: &'static str,
        /// The transport's error, without the URL.
        source: reqwest::Error,
    },
}

impl NoAnswer {
    /// Only what failed while connecting is certain not to have been read: hyper does not say how much of a
    /// request was written.
    fn sort(error: reqwest::Error) -> Self {
        let source = error.without_url();
        if source.is_connect() || source.is_builder() {
            Self::NotConnected(source)
        } else if source.is_timeout() {
            Self::Lost { what: "no answer in time", source }
        } else {
            Self::Lost { what: "the connection broke before the answer", source }
        }
    }

    pub(super) fn into_error(self, gateway: &'static str) -> GatewayError {
        match self {
            Self::NotConnected(source) => GatewayError::Connect { gateway, source },
            Self::Lost { what, .. } => GatewayError::Lost { gateway, status: None, what },
        }
    }
}

/// An answer with any status. It has no `Debug`: the body may hold a code or a token.
pub(super) struct Answer {
    gateway: &'static str,
    pub(super) status: StatusCode,
    /// From the header, when it is in seconds (RFC 9110, section 10.2.3); at most an hour.
    pub(super) retry_after: Option<Duration>,
    body: Result<Zeroizing<Vec<u8>>, &'static str>,
}

impl Answer {
    /// The body as JSON, or what is wrong with it.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, &'static str> {
        let body = self.body.as_ref().map_err(|what| *what)?;
        serde_json::from_slice(body).map_err(|_| "the body is not the documented JSON")
    }

    /// The error for an answer that cannot be understood.
    pub(super) fn lost(&self, what: &'static str) -> GatewayError {
        GatewayError::Lost { gateway: self.gateway, status: Some(self.status.as_u16()), what }
    }

    /// The error for a refusal in the gateway's own words, if it has any.
    pub(super) fn rejected(&self, words: Option<&str>, hidden: &[&str]) -> GatewayError {
        let reason = words.map_or_else(
            || self.status.canonical_reason().unwrap_or("no reason given").to_owned(),
            |words| reason::quoted(words, hidden),
        );
        GatewayError::Rejected { gateway: self.gateway, status: self.status.as_u16(), reason }
    }

    /// The error for a status that is not a success.
    ///
    /// 4xx says that the request was not acted on. So does 503 (RFC 9110, section 15.6.4: the server is
    /// unable to handle the request); every other 5xx may come after the text went out, and 303 says that the
    /// request *was* acted on (section 15.4.4). The other redirects point to where it should have gone.
    pub(super) fn refused(&self, words: Option<&str>, hidden: &[&str]) -> GatewayError {
        let gateway = self.gateway;
        match self.status.as_u16() {
            401 => GatewayError::Unauthorized { gateway },
            429 => {
                let retry_after = self.retry_after.unwrap_or(RETRY_AFTER_DEFAULT);
                GatewayError::RateLimited { gateway, retry_after }
            }
            503 | 400..=499 => self.rejected(words, hidden),
            300..=302 | 304..=399 => self.rejected(Some("redirected; check the base URL"), &[]),
            _ => self.lost("the gateway failed"),
        }
    }
}

fn outcome(error: &GatewayError) -> &'static str {
    match error {
        GatewayError::Unauthorized { .. } => "unauthorized",
        GatewayError::RateLimited { .. } => "rate_limited",
        error if error.is_refusal() => "refused",
        error if error.certainty() == Certainty::Unknown => "lost",
        _ => "not_connected",
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_AT_MOST))
}

async fn read(mut response: Response) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    while let Some(chunk) = response.chunk().await.map_err(|_| "the answer broke off")? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err("the answer is too long");
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn answer(status: u16) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { gateway: "g", status, retry_after: None, body: Ok(Zeroizing::new(Vec::new())) }
    }

    #[test]
    fn the_status_decides_whether_a_text_may_have_gone_out() {
        let unknown = [100, 199, 303, 500, 501, 502, 504, 520, 599, 600];
        let not_sent = [300, 301, 302, 307, 308, 400, 401, 402, 403, 404, 408, 429, 499, 503];
        for status in unknown {
            assert_eq!(answer(status).refused(None, &[]).certainty(), Certainty::Unknown, "{status}");
        }
        for status in not_sent {
            assert_eq!(answer(status).refused(None, &[]).certainty(), Certainty::NotSent, "{status}");
        }
    }

    #[test]
    fn a_wait_is_read_in_seconds_and_bounded() {
        let read = |value: &'static str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]))
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read("18446744073709551615"), Some(RETRY_AFTER_AT_MOST));
        for value in ["", "-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "18446744073709551616"] {
            assert_eq!(read(value), None, "{value:?}");
        }
    }

    #[test]
    fn paths_are_appended_to_the_base() {
        for (base, url) in [
            ("http://g.example/api/", "http://g.example/api/sms/otp"),
            ("http://g.example", "http://g.example/sms/otp"),
        ] {
            let http = Http::new("g", base, Duration::from_secs(1), Duration::from_secs(1)).unwrap();
            assert_eq!(http.url("sms/otp").as_str(), url);
        }
    }
}
