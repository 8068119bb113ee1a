//! A vector's headers as they would be if it were sent now.

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::Value;
use sha2::Sha256;

use super::{body, text};

/// A test does not stand still between signing and verifying: what is just inside the border, or just beyond it in
/// the future, is signed this many seconds later.
const SLACK: i64 = 30;

/// Moves the timestamp to the present, as far from it as the vector's is from its own time, and exchanges every
/// signature that one of the file's bodies makes under the old timestamp for the one under the new.
pub(super) fn headers(vector: &Value, file: &[&Value], mut headers: HeaderMap) -> HeaderMap {
    // One vector is refused for having no timestamp: its signature is that of the others.
    let old = timestamp(&headers).or_else(|| file.iter().find_map(|other| timestamp(&super::headers(other))));
    let old = old.expect("a timestamp in the scheme's vectors");
    let age = vector["now"].as_i64().expect("a time") - old.parse::<i64>().expect("seconds");
    let age = if age == 0 || age > 300 { age } else { age - SLACK };
    let new = (Timestamp::now().as_second() - age).to_string();
    let id = headers.get("webhook-id").map(|id| id.to_str().expect("text").to_owned());
    let mut exchanges = Vec::new();
    for body in file.iter().map(|other| body(other)) {
        let of = |timestamp: &str| signature(vector, id.as_deref(), timestamp, &body);
        let (from, to) = (of(&old), of(&new));
        // A signature cut short stays one of a right signature.
        exchanges.push((format!("{}\n", &from[..5]), format!("{}\n", &to[..5])));
        exchanges.push((from, to));
    }
    exchanges.push((old, new));
    for value in headers.values_mut() {
        let mut text = format!("{}\n", value.to_str().expect("text"));
        for (from, to) in &exchanges {
            text = text.replace(from, to);
        }
        *value = HeaderValue::from_str(text.trim_end()).expect("a header value");
    }
    headers
}

fn timestamp(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().expect("text"));
    let alone = text("webhook-timestamp").or_else(|| text("x-slack-request-timestamp"));
    let in_list = || text("stripe-signature")?.split(',').find_map(|entry| entry.strip_prefix("t="));
    alone.or_else(in_list).map(str::to_owned)
}

/// The encoded MAC, without what stands before it.
fn signature(vector: &Value, id: Option<&str>, timestamp: &str, body: &[u8]) -> String {
    let secret = text(vector, "secret");
    let mac = |key: &[u8], before: String| {
        let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("a key of any length");
        keyed.chain_update(before).chain_update(body).finalize().into_bytes()
    };
    match text(vector, "scheme") {
        "standard-webhooks" => {
            let base64 = secret.strip_prefix("whsec_").unwrap_or(secret);
            let key = BASE64.decode(base64.as_bytes()).expect("base64");
            BASE64.encode(&mac(&key, format!("{}.{timestamp}.", id.expect("an id"))))
        }
        "stripe" => HEXLOWER.encode(&mac(secret.as_bytes(), format!("{timestamp}."))),
        "slack" => HEXLOWER.encode(&mac(secret.as_bytes(), format!("v0:{timestamp}:"))),
        other => panic!("{other} signs no time"),
    }
}
