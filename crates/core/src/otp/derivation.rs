//! From a nonce and the pepper to a code, a MAC and a handle.
//!
//! The code itself is never stored. A record holds a random nonce, from which the code can be derived again
//! for a resend, and the code's MAC, which does not depend on the nonce: a host that verifies has not read
//! the record. Every field is length-prefixed, and tenant, purpose and phone are part of every message, so
//! a MAC copied to another record matches nothing there.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use rand::{TryRng, rngs::SysRng};
use sha2::{Digest, Sha256};

use super::OtpSettings;
use crate::{
    code::Code,
    error::Error,
    phone::PhoneNumber,
    purpose::Purpose,
    secret::{Fingerprint, Keyed, Pepper, PepperTag, first_16},
    store::{CodeKey, CodeMacs},
};

/// Binds a check to its challenge: 128 bits in base64url, 22 characters. Nothing secret can be derived from
/// it, but whoever has it can spend guesses, so it belongs in the user's session.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Handle(String);

impl Handle {
    /// The 22 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(hidden)")
    }
}

/// What the store keeps of a handle: too little to find the handle, enough to refuse a stranger's.
pub(super) fn handle_digest(handle: &str) -> [u8; 6] {
    let digest = Sha256::digest(handle.as_bytes());
    std::array::from_fn(|i| digest[i])
}

/// Random bytes in place of a MAC: no code has it.
pub(super) fn no_mac() -> Result<[u8; 16], Error> {
    random()
}

/// A fresh nonce from the operating system; without one, nothing is sent.
pub(super) fn nonce() -> Result<[u8; 6], Error> {
    random()
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    random_from(&mut SysRng)
}

fn random_from<const N: usize>(source: &mut impl TryRng) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    source.try_fill_bytes(&mut bytes).map_err(|_| Error::Randomness)?;
    Ok(bytes)
}

/// One phone, purpose and session of one tenant.
pub(super) struct Context<'a> {
    settings: &'a OtpSettings,
    phone: &'a PhoneNumber,
    purpose: &'a Purpose,
    session: Option<Fingerprint>,
}

/// Longer session ids are a mistake.
const MAX_SESSION_BYTES: usize = 512;

impl<'a> Context<'a> {
    /// # Errors
    /// [`Error::Session`] for an empty or endless session id.
    pub(super) fn new(
        settings: &'a OtpSettings,
        phone: &'a PhoneNumber,
        purpose: &'a Purpose,
        session: Option<&str>,
    ) -> Result<Self, Error> {
        if let Some(bytes) = session.map(str::len)
            && !(1..=MAX_SESSION_BYTES).contains(&bytes)
        {
            return Err(Error::Session { bytes });
        }
        let name = |session| settings.fingerprint_key.name("session", &[&settings.tenant, session]);
        Ok(Self { settings, phone, purpose, session: session.map(name) })
    }

    pub(super) fn key(&self) -> CodeKey {
        CodeKey { phone: self.phone(), purpose: self.purpose.clone(), session: self.session.clone() }
    }

    /// What stands in keys instead of the number.
    pub(super) fn phone(&self) -> Fingerprint {
        self.settings.fingerprint(self.phone)
    }

    /// The keyed name of something of this tenant.
    pub(super) fn name(&self, label: &str, value: &str) -> Fingerprint {
        self.settings.fingerprint_key.name(label, &[&self.settings.tenant, value])
    }

    /// A keyed digest of this context and more, to tell two requests apart.
    pub(super) fn digest(&self, label: &str, more: &[&[u8]]) -> [u8; 16] {
        let session = self.session.as_ref().map_or("", Fingerprint::as_str);
        let context =
            [&self.settings.tenant, self.purpose.as_str(), self.phone.e164(), session].map(str::as_bytes);
        self.settings.fingerprint_key.digest(label, &[&context, more].concat())
    }

    pub(super) fn mac(&self, pepper: &Pepper, code: &Code) -> [u8; 16] {
        first_16(&self.keyed(&pepper.code_mac, b"code", code.expose().as_bytes()))
    }

    pub(super) fn macs(&self, code: &Code) -> CodeMacs {
        CodeMacs(self.settings.peppers.iter().map(|pepper| (pepper.tag(), self.mac(pepper, code))).collect())
    }

    pub(super) fn derive(&self, pepper: &Pepper, nonce: &[u8; 6]) -> Code {
        let length = self.settings.policy.code_length;
        let codes = 10u64.pow(u32::try_from(length).unwrap_or(8));
        // Values above the last full multiple would make some codes more likely: they are rejected.
        let fair = u64::MAX - u64::MAX % codes;
        let blocks = (0u8..=u8::MAX).map(|block| {
            let mut input = nonce.to_vec();
            input.push(block);
            self.keyed(&pepper.derivation, b"derive", &input)
        });
        let number = blocks.flat_map(words).find(|word| *word < fair).unwrap_or_default();
        Code::from_number(number % codes, length)
    }

    /// The code of a record, if this host has the pepper that it was made with.
    pub(super) fn derive_again(&self, pepper: PepperTag, nonce: &[u8; 6]) -> Option<Code> {
        Some(self.derive(self.settings.peppers.by_tag(pepper)?, nonce))
    }

    pub(super) fn handle(&self, pepper: &Pepper, nonce: &[u8; 6]) -> Handle {
        let digest = self.keyed(&pepper.derivation, b"handle", nonce);
        Handle(BASE64URL_NOPAD.encode(&first_16(&digest)))
    }

    pub(super) fn handle_of(&self, pepper: PepperTag, nonce: &[u8; 6]) -> Option<Handle> {
        Some(self.handle(self.settings.peppers.by_tag(pepper)?, nonce))
    }

    pub(super) fn keyed(&self, key: &Keyed, label: &[u8], input: &[u8]) -> [u8; 32] {
        key.mac(&[
            label,
            self.settings.tenant.as_bytes(),
            self.purpose.as_str().as_bytes(),
            self.phone.e164().as_bytes(),
            self.session.as_ref().map_or("", Fingerprint::as_str).as_bytes(),
            input,
        ])
    }
}

fn words(block: [u8; 32]) -> [u64; 4] {
    std::array::from_fn(|word| u64::from_be_bytes(std::array::from_fn(|byte| block[word * 8 + byte])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        phone::Countries,
        policy::Policy,
        secret::{FingerprintKey, Peppers},
    };

    fn settings(tenant: &str, policy: Policy) -> OtpSettings {
        let countries = Countries::new(["NZ"], Some("NZ")).unwrap();
        let peppers = Peppers::new(vec![Pepper::new("a", &[2; 32]).unwrap()]).unwrap();
        let settings = OtpSettings::new(tenant, countries, FingerprintKey::new(&[1; 32]).unwrap(), peppers);
        OtpSettings { policy, ..settings }
    }

    /// A source that fails, as an operating system's can early at boot.
    struct Broken;

    impl TryRng for Broken {
        type Error = std::io::Error;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Err(std::io::ErrorKind::Other.into())
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Err(std::io::ErrorKind::Other.into())
        }

        fn try_fill_bytes(&mut self, _: &mut [u8]) -> Result<(), Self::Error> {
            Err(std::io::ErrorKind::Other.into())
        }
    }

    #[test]
    fn without_randomness_there_is_no_code() {
        assert!(matches!(random_from::<6>(&mut Broken), Err(Error::Randomness)));
    }

    #[test]
    fn codes_are_uniform_and_reach_both_ends() {
        let settings = settings("t", Policy::default().legacy_short_codes(4).unwrap());
        let phone = PhoneNumber::parse("0211234567", &settings.countries).unwrap();
        let purpose = Purpose::new("login").unwrap();
        let context = Context::new(&settings, &phone, &purpose, None).unwrap();
        let draws = 200_000u32;
        let mut seen = vec![0u32; 10_000];
        for n in 0..draws {
            let mut nonce = [0; 6];
            nonce[..4].copy_from_slice(&n.to_be_bytes());
            let code = context.derive(settings.peppers.current(), &nonce);
            seen[code.expose().parse::<usize>().unwrap()] += 1;
        }
        assert!(seen[0] > 0 && seen[9_999] > 0, "the first and the last code must be possible");
        // Chi-squared with 9,999 degrees of freedom: mean 9,999, standard deviation 141; six of them.
        let expected = f64::from(draws) / 10_000.0;
        let chi: f64 = seen.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
        assert!((9_150.0..10_850.0).contains(&chi), "chi-squared {chi}");
    }

    #[test]
    fn a_mac_belongs_to_one_tenant_purpose_phone_and_session() {
        let (one, other) = (settings("one", Policy::default()), settings("other", Policy::default()));
        let phone = |n: &str| PhoneNumber::parse(n, &one.countries).unwrap();
        let (login, pay) = (Purpose::new("login").unwrap(), Purpose::new("pay").unwrap());
        let (a, b) = (phone("0211234567"), phone("0211234568"));
        let code = Code::parse("482174").unwrap();
        let macs: std::collections::HashSet<_> = [
            (&one, &a, &login, None),
            (&one, &a, &pay, None),
            (&one, &b, &login, None),
            (&one, &a, &login, Some("s1")),
            (&one, &a, &login, Some("s2")),
            (&other, &a, &login, None),
        ]
        .iter()
        .map(|(settings, phone, purpose, session)| {
            let context = Context::new(settings, phone, purpose, *session).unwrap();
            context.mac(one.peppers.current(), &code)
        })
        .collect();
        assert_eq!(macs.len(), 6);
    }
}
