//! One webhook request: signed, sent, recorded.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{StatusCode, Url, header::CONTENT_TYPE};
use sha2::Sha256;

use super::{Event, chain::Chain};
use crate::{
    ids,
    phone::Gateway,
    stats::{Delivery, Outcome},
    world,
};

/// Answers above this are not read; the connection is given up instead of kept.
const MAX_ANSWER_BYTES: u64 = 65_536;

/// Sends an event as the gateway would; true when the answer ends its retries.
pub(super) async fn genuine(chain: &Chain, event: &Event, attempt: usize) -> bool {
    let Some((url_index, url)) = chain.world.courier.url(event.gateway, attempt) else {
        // The addresses were taken away: nobody is left to be told.
        return false;
    };
    let outcome = post(chain, event, url, &chain.world.courier.mac_secret).await;
    record(chain, event, Attempt { url_index, number: attempt, forged: false }, outcome);
    match (event.gateway, outcome) {
        // "Must answer 200" here, "answer 2xx" there.
        (Gateway::Connexus, Outcome::Status(status)) => status == 200,
        (Gateway::MobileApiConnect, Outcome::Status(status)) => (200..300).contains(&status),
        (_, Outcome::Error(_)) => false,
    }
}

/// Sends an event as somebody would who does not know the secret.
pub(super) async fn forged(chain: &Chain, event: &Event) {
    let Some((url_index, url)) = chain.world.courier.url(event.gateway, 1) else {
        return;
    };
    let url = match event.gateway {
        Gateway::Connexus => without_secret(url),
        Gateway::MobileApiConnect => url,
    };
    let outcome = post(chain, event, url, &ids::opaque("whsec_")).await;
    record(chain, event, Attempt { url_index, number: 1, forged: true }, outcome);
}

async fn post(chain: &Chain, event: &Event, url: Url, secret: &str) -> Outcome {
    let courier = &chain.world.courier;
    let Ok(_permit) = courier.in_flight.acquire().await else {
        return Outcome::Error("closed");
    };
    let mut request = courier.client.post(url).header(CONTENT_TYPE, "application/json");
    if event.gateway == Gateway::MobileApiConnect {
        request = request.header("X-MAC-Signature", signature(secret, &event.body));
    }
    match request.body(event.body.clone()).send().await {
        Ok(response) => {
            let status = response.status();
            if response.content_length().is_some_and(|length| length <= MAX_ANSWER_BYTES) {
                // Read only so that the connection can be used again.
                let _ = response.bytes().await;
            }
            Outcome::Status(StatusCode::as_u16(&status))
        }
        Err(error) if error.is_timeout() => Outcome::Error("timeout"),
        Err(error) if error.is_connect() => Outcome::Error("connect"),
        Err(_) => Outcome::Error("broken"),
    }
}

/// HMAC-SHA256 over the raw body, keyed with the secret's bytes as written.
fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes())
        .unwrap_or_else(|_| unreachable!("HMAC takes a key of any length"));
    mac.update(body);
    format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

/// The same address with another secret wherever this one may hold its own: query values, else password,
/// else the last path segment.
fn without_secret(mut url: Url) -> Url {
    let wrong = ids::opaque("");
    if url.query().is_some_and(|query| !query.is_empty()) {
        let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        url.query_pairs_mut().clear().extend_pairs(names.iter().map(|name| (name, &wrong)));
    } else if url.password().is_some() {
        // Only a URL without a host refuses a password, and those are not webhook addresses.
        let _ = url.set_password(Some(&wrong));
    } else if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().pop().push(&wrong);
    }
    url
}

#[derive(Clone, Copy)]
struct Attempt {
    url_index: usize,
    number: usize,
    forged: bool,
}

fn record(chain: &Chain, event: &Event, attempt: Attempt, outcome: Outcome) {
    let Attempt { url_index, number, forged } = attempt;
    match outcome {
        Outcome::Status(status) => {
            tracing::info!(
                kind = ?event.kind, message_id = event.message_id, attempt = number, forged, status,
                "sandbox.webhook.answered"
            );
        }
        Outcome::Error(error) => {
            tracing::warn!(
                kind = ?event.kind, message_id = event.message_id, attempt = number, forged, error,
                "sandbox.webhook.unanswered"
            );
        }
    }
    chain.record(|stats| {
        stats.record(Delivery {
            gateway: event.gateway,
            kind: event.kind,
            message_id: event.message_id.clone(),
            status_code: event.status_code,
            url_index,
            attempt: number,
            forged,
            outcome,
            at: world::now(),
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_address_keeps_its_shape_and_loses_its_secret() {
        for address in [
            "http://h:1/hooks/websms/s3cret",
            "http://h:1/hooks/websms/s3cret/",
            "http://h:1/hooks?secret=s3cret",
            "http://user:s3cret@h:1/hooks/websms",
            "http://h:1/",
        ] {
            let forged = without_secret(Url::parse(address).unwrap());
            assert!(!forged.as_str().contains("s3cret"), "{forged}");
            assert_eq!(forged.host_str(), Some("h"));
            assert_ne!(forged.as_str(), address);
        }
    }

    #[test]
    fn signatures_match_a_known_answer() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
