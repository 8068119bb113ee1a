//! What the headers of a signed request claim, and how a claim is proved.

use jiff::Timestamp;

use super::{
    endpoint::Held,
    refused::Refused,
    signing_key::{OfferedMac, SigningKey},
    verify::{Match, first_match},
};

/// How far a signed timestamp may be from the receiver's clock, in seconds, in either direction.
pub(super) const TOLERANCE_SECONDS: i64 = 300;

/// The most signatures that a list may offer; senders that rotate keys offer two.
pub(super) const MAX_SIGNATURES: usize = 16;

/// What the headers say was signed, when, and with which MACs. None of it is believed before a key has made
/// one of the MACs over all of it.
pub(super) struct Claim<'r> {
    /// What is signed before the body, in order.
    pub(super) before_body: [&'r [u8]; 4],
    /// The MACs on offer, each of exactly the right length; may be none.
    pub(super) offered: Vec<OfferedMac>,
    /// The signed time in seconds since the Unix epoch, where the scheme has one.
    pub(super) signed_at: Option<i64>,
    /// The signed message id, where the scheme has one.
    pub(super) message_id: Option<&'r str>,
}

impl<'r> Claim<'r> {
    /// The claim that the body alone was signed, with this MAC.
    pub(super) fn of_body(mac: OfferedMac) -> Self {
        Self { before_body: [&[]; 4], offered: vec![mac], signed_at: None, message_id: None }
    }

    /// The secret that made one of the MACs. The time is looked at last, so that a refusal for it tells the
    /// operator that everything else is right.
    pub(super) fn prove<'k>(
        &self,
        keys: &'k [Held<SigningKey>],
        body: &[u8],
        now: Timestamp,
    ) -> Result<&'k Held<SigningKey>, Refused> {
        let made = |key: &SigningKey| key.made_one_of(&self.offered, &self.before_body, body);
        let held = match first_match(keys, now, made) {
            Match::Live(held) => held,
            Match::Expired => return Err(Refused::ExpiredSecret),
            Match::None => return Err(Refused::SignatureMismatch),
        };
        match self.signed_at.map(|signed_at| now.as_second() - signed_at) {
            Some(age) if age > TOLERANCE_SECONDS => Err(Refused::TimestampTooOld),
            Some(age) if age < -TOLERANCE_SECONDS => Err(Refused::TimestampInFuture),
            _ => Ok(held),
        }
    }
}

/// The MACs of a list, in order; entries that hold none are skipped.
pub(super) fn offered(macs: impl Iterator<Item = Option<OfferedMac>>) -> Result<Vec<OfferedMac>, Refused> {
    let mut offered = Vec::new();
    for mac in macs.flatten() {
        if offered.len() == MAX_SIGNATURES {
            return Err(Refused::MalformedHeader);
        }
        offered.push(mac);
    }
    Ok(offered)
}
