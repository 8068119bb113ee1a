//! The secrets of all schemes that sign nothing: what they have in common is how they are compared.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    endpoint::Held,
    verify::{Match, first_match},
};

/// 128 bits, six to a character.
pub(super) const MIN_CHARS: usize = 22;

/// The digest of a secret: what is compared has one length whatever was given, and the comparison takes the
/// same time wherever the two differ.
pub(super) struct SharedSecret([u8; 32]);

impl SharedSecret {
    /// The secret whose text is these pieces one after the other.
    pub(super) fn of(pieces: &[&[u8]]) -> Self {
        let digest = pieces.iter().fold(Sha256::new(), Digest::chain_update);
        Self(digest.finalize().into())
    }

    fn is(&self, given: &Self) -> bool {
        self.0.ct_eq(&given.0).into()
    }
}

/// Which of the secrets was given.
pub(super) fn find<'k>(
    secrets: &'k [Held<SharedSecret>],
    given: &[u8],
    now: Timestamp,
) -> Match<'k, SharedSecret> {
    let given = SharedSecret::of(&[given]);
    first_match(secrets, now, |secret| secret.is(&given))
}

/// Whether a secret in a header is long enough, and survives there: visible ASCII.
pub(super) fn is_strong_in_a_header(text: &str) -> bool {
    text.len() >= MIN_CHARS && text.bytes().all(|b| b.is_ascii_graphic())
}
