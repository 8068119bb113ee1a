//! Reading headers that carry signatures: one value, exactly one timestamp, MACs of exactly one length.

use data_encoding::HEXLOWER_PERMISSIVE;
use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

use super::{
    refused::Refused,
    signing_key::{MAC_BYTES, OfferedMac},
};

/// The most digits a timestamp may have: any more is beyond 64 bits.
const MAX_TIMESTAMP_DIGITS: usize = 18;

/// The one value of a header. A repeated header counts once if all its values are the same; otherwise
/// nobody could say which value another machine on the way looked at.
pub(super) fn sole<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Result<&'r [u8], Refused> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Refused::MissingHeader)?;
    if values.any(|other| other != value) {
        return Err(Refused::ConflictingHeaders);
    }
    Ok(value.as_bytes())
}

/// The value of a header that must come once, not even twice the same.
pub(super) fn once<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Result<&'r [u8], Refused> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Refused::MissingHeader)?;
    match values.next() {
        None => Ok(value.as_bytes()),
        Some(_) => Err(Refused::ConflictingHeaders),
    }
}

/// Seconds since the Unix epoch: ASCII digits and nothing else, so no sign, no blank and no fraction.
pub(super) fn seconds(text: &[u8]) -> Option<i64> {
    let fits = (1..=MAX_TIMESTAMP_DIGITS).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    fits.then(|| text.iter().fold(0, |seconds, digit| seconds * 10 + i64::from(digit - b'0')))
}

/// A MAC in hex. The exact length comes first: a decoder that took fewer digits would compare fewer bytes.
pub(super) fn hex_mac(text: &[u8]) -> Option<OfferedMac> {
    let mut mac = [0; MAC_BYTES];
    let fits = text.len() == 2 * MAC_BYTES && HEXLOWER_PERMISSIVE.decode_mut(text, &mut mac).is_ok();
    fits.then_some(mac)
}

pub(super) fn write_name<S: Serializer>(header: &HeaderName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(header.as_str())
}

pub(super) fn read_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderName, D::Error> {
    let text = String::deserialize(deserializer)?;
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| D::Error::custom("not a header name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_digits_and_nothing_else() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1614265330", Some(1_614_265_330)),
            ("0001614265330", Some(1_614_265_330)),
            ("999999999999999999", Some(999_999_999_999_999_999)),
            ("9999999999999999999", None),
            ("", None),
            ("+1614265330", None),
            ("-1614265330", None),
            ("-9223372036854775808", None),
            (" 1614265330", None),
            ("1614265330 ", None),
            ("1614265330.0", None),
            ("1e9", None),
            ("0x60", None),
            ("1_614_265_330", None),
            ("１６１４２６５３３０", None),
        ] {
            assert_eq!(seconds(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_hex_mac_has_exactly_64_digits() {
        let right = "0a".repeat(32);
        assert_eq!(hex_mac(right.as_bytes()), Some([10; 32]));
        assert_eq!(hex_mac(right.to_uppercase().as_bytes()), Some([10; 32]));
        for wrong in ["", "0a", &right[1..], &right[2..], &format!("{right}0"), &format!("{right}00")] {
            assert_eq!(hex_mac(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(hex_mac("0x".repeat(32).as_bytes()), None);
    }
}
