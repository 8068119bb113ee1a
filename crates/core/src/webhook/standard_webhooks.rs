//! Scheme `standard-webhooks` (specification 1.0.0): HMAC-SHA-256 over `id.timestamp.body`, as a list of
//! `v1,BASE64` with blanks between.

use data_encoding::BASE64;
use http::{HeaderMap, HeaderName};

use super::{
    claim::{Claim, offered},
    headers::{once, seconds, sole},
    refused::Refused,
    signing_key::{MAC_BYTES, OfferedMac},
};

pub(super) const ID: HeaderName = HeaderName::from_static("webhook-id");
pub(super) const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// All that it reads.
pub(super) const HEADERS: [HeaderName; 3] = [ID, TIMESTAMP, SIGNATURE];

/// The longest message id, in bytes.
const MAX_ID_BYTES: usize = 256;

pub(super) fn claim(headers: &HeaderMap) -> Result<Claim<'_>, Refused> {
    let signatures = sole(headers, &SIGNATURE)?;
    let message_id = message_id(sole(headers, &ID)?)?;
    let timestamp = once(headers, &TIMESTAMP)?;
    let signed_at = seconds(timestamp).ok_or(Refused::MalformedHeader)?;
    Ok(Claim {
        before_body: [message_id.as_bytes(), b".", timestamp, b"."],
        offered: offered(signatures.split(|b| *b == b' ').map(v1))?,
        signed_at: Some(signed_at),
        message_id: Some(message_id),
    })
}

/// Visible ASCII without a full stop: that ends the id in the signed bytes, and with another one inside
/// nobody could say where the id ends and the timestamp begins.
fn message_id(value: &[u8]) -> Result<&str, Refused> {
    let fits =
        (1..=MAX_ID_BYTES).contains(&value.len()) && value.iter().all(|b| b.is_ascii_graphic() && *b != b'.');
    let id = if fits { std::str::from_utf8(value).ok() } else { None };
    id.ok_or(Refused::MalformedHeader)
}

/// An entry of version 1. Other versions are other schemes, and a right MAC under their name counts for
/// nothing.
fn v1(entry: &[u8]) -> Option<OfferedMac> {
    const CHARS: usize = MAC_BYTES.div_ceil(3) * 4;
    let base64 = entry.strip_prefix(b"v1,").filter(|base64| base64.len() == CHARS)?;
    // The decoder wants room for what the padding stands for, too.
    let mut bytes = [0; CHARS / 4 * 3];
    let decoded = BASE64.decode_mut(base64, &mut bytes).ok()?;
    bytes[..decoded].try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_v1_and_32_bytes_of_base64() {
        let base64 = BASE64.encode(&[7; 32]);
        assert_eq!(v1(format!("v1,{base64}").as_bytes()), Some([7; 32]));
        for wrong in [
            String::new(),
            "v1".into(),
            "v1,".into(),
            base64.clone(),
            format!("v2,{base64}"),
            format!("v1a,{base64}"),
            format!("V1,{base64}"),
            format!("v1={base64}"),
            format!("v1,{}", &base64[..43]),
            format!("v1,{}", BASE64.encode(&[7; 31])),
            format!("v1,{}", BASE64.encode(&[7; 33])),
            format!("v1,{}", "A".repeat(44)),
            format!("v1,{base64}="),
            format!("v1,{}", base64.replace('=', "-")),
        ] {
            assert_eq!(v1(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_message_id_has_one_end() {
        assert_eq!(message_id(b"msg_2a-B"), Ok("msg_2a-B"));
        for wrong in [&b""[..], b"msg.1", b"a b", b"a\tb", b"\xff", "é".as_bytes(), &[b'a'; 257]] {
            assert_eq!(message_id(wrong), Err(Refused::MalformedHeader));
        }
    }
}
