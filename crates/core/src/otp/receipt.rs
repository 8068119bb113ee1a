//! The receipt of a right code: what the next step of an application checks, once.
//!
//! `base64url(pepper tag 2 | id 12 | MAC 16)`. The MAC binds it to tenant, purpose, phone and session; the id is
//! the check's own, and the store knows until when and whether it has been redeemed.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq;

use super::{OtpSettings, derivation::Context};
use crate::{
    secret::{Pepper, PepperTag, first_16},
    store::RequestId,
};

const BYTES: usize = 2 + 12 + 16;

/// Proof of one verified check: 40 characters of base64url, good for one [`Otp::redeem`](super::Otp::redeem).
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt(String);

impl Receipt {
    /// The 40 characters. Whoever has them can redeem them for the same phone, purpose and session.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn new(settings: &OtpSettings, context: &Context<'_>, id: RequestId) -> Self {
        let pepper = settings.peppers.current();
        let mut bytes = pepper.tag().0.to_vec();
        bytes.extend_from_slice(&id.0);
        bytes.extend_from_slice(&mac(context, pepper, id));
        Self(BASE64URL_NOPAD.encode(&bytes))
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt(hidden)")
    }
}

/// The id in a receipt that one of our peppers made for this context.
pub(super) fn id_of(settings: &OtpSettings, context: &Context<'_>, receipt: &str) -> Option<RequestId> {
    if receipt.len() != BASE64URL_NOPAD.encode_len(BYTES) {
        return None;
    }
    let bytes: [u8; BYTES] = BASE64URL_NOPAD.decode(receipt.as_bytes()).ok()?.try_into().ok()?;
    let tag = PepperTag([bytes[0], bytes[1]]);
    let id = RequestId(std::array::from_fn(|i| bytes[2 + i]));
    let expected = mac(context, settings.peppers.by_tag(tag)?, id);
    bool::from(expected.ct_eq(&bytes[14..])).then_some(id)
}

fn mac(context: &Context<'_>, pepper: &Pepper, id: RequestId) -> [u8; 16] {
    first_16(&context.keyed(&pepper.receipt_mac, b"receipt", &id.0))
}
