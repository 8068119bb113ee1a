//! One attempt to hand an event to a destination.

use std::{error::Error, time::Duration};

use jiff::Timestamp;
use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
};
use textproof::{
    event::Event,
    forward::{Destination, body},
};
use tokio::time::{Instant, timeout};

use super::{guard::NoPublicAddress, said::Said};

/// Of an answer's body so much is read, and thrown away, so that its connection can be used again.
const READ_AT_MOST: usize = 64 * 1024;
/// For no longer than this: the answer is known already.
const READ_FOR: Duration = Duration::from_secs(1);

/// Posts the event, signed now, and gives what came of it within `at_most`.
pub(super) async fn attempt(
    client: &Client,
    destination: &Destination,
    event: &Event,
    at_most: Duration,
) -> Said {
    let start = Instant::now();
    let body = body(event);
    let mut headers = destination.signer().sign(&event.id, Timestamp::now(), &body);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let request = client.post(destination.url().clone()).headers(headers).timeout(at_most).body(body);
    let said = match request.send().await {
        Ok(response) => {
            let said = Said::Answer {
                status: response.status().as_u16(),
                retry_after: retry_after(response.headers()),
            };
            // The client's own timeout goes on counting.
            let _ = timeout(READ_FOR, read(response)).await;
            said
        }
        Err(error) => failure(&error),
    };
    let name = destination.name().to_owned();
    metrics::histogram!("textproof_worker_forward_seconds", "forward" => name)
        .record(start.elapsed().as_secs_f64());
    said
}

async fn read(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > READ_AT_MOST {
            break;
        }
    }
}

fn failure(error: &reqwest::Error) -> Said {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(known) = cause {
        if known.is::<NoPublicAddress>() {
            return Said::PrivateAddress;
        }
        cause = known.source();
    }
    if error.is_timeout() {
        Said::NothingInTime
    } else if error.is_connect() {
        Said::NotReached
    } else {
        Said::BrokenOff
    }
}

/// In seconds (RFC 9110, section 10.2.3); a date is not read, since it would be by the receiver's clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_in_seconds() {
        let read = |value: &'static str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]))
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        for value in ["", "-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "18446744073709551616"] {
            assert_eq!(read(value), None, "{value:?}");
        }
    }
}
