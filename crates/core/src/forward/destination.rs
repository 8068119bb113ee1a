//! One place that events are forwarded to.

use std::{fmt, net::IpAddr};

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::is_public;
use crate::webhook::{SigningSecretError, WebhookSigner};

const MAX_NAME_BYTES: usize = 32;
const MAX_URL_BYTES: usize = 2048;

/// What a destination is built from.
#[derive(Debug)]
pub struct DestinationSettings {
    /// 1 to 32 letters, digits, `-` and `_`: it stands in metrics and logs, and rules name it.
    pub name: String,
    /// `https://…`. Its path may be all that a receiver asks for, so nothing prints it.
    pub url: SecretString,
    /// `whsec_…`
    pub secret: SecretString,
    /// Whether it may be on a private address, and be spoken to without TLS.
    pub allow_private: bool,
    /// Whether it gets every event, whatever rules say.
    pub every_event: bool,
}

/// A place that events are forwarded to.
pub struct Destination {
    name: String,
    url: Url,
    signer: WebhookSigner,
    allow_private: bool,
    every_event: bool,
}

impl Destination {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`DestinationError`] names what is wrong; it never contains the URL or the secret.
    pub fn new(settings: DestinationSettings) -> Result<Self, DestinationError> {
        let DestinationSettings { name, url, secret, allow_private, every_event } = settings;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !(1..=MAX_NAME_BYTES).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(DestinationError::Name);
        }
        let url = parse(url.expose_secret(), allow_private)?;
        let destination =
            Self { name, url, signer: WebhookSigner::new(&secret)?, allow_private, every_event };
        match destination.literal_address() {
            Some(address) if !destination.may_lead_to(address) => Err(DestinationError::PrivateAddress),
            _ => Ok(destination),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is. Not to be printed.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Signs what is sent there.
    #[must_use]
    pub fn signer(&self) -> &WebhookSigner {
        &self.signer
    }

    /// Whether it may be on a private address.
    #[must_use]
    pub fn allows_private(&self) -> bool {
        self.allow_private
    }

    /// Whether it gets every event, whatever rules say.
    #[must_use]
    pub fn gets_every_event(&self) -> bool {
        self.every_event
    }

    /// Whether it may be at this address.
    #[must_use]
    pub fn may_lead_to(&self, address: IpAddr) -> bool {
        self.allow_private || is_public(address)
    }

    /// The address, where the URL has one instead of a name: no resolver is asked then. However it is written
    /// (`0x7f.1`, `2130706433`), parsing the URL has made it plain.
    #[must_use]
    pub fn literal_address(&self) -> Option<IpAddr> {
        let host = self.url.host_str()?;
        host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// What an operator should change, if anything.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        let short = !self.signer.has_advised_length();
        short.then_some("the secret has a short key; 24 bytes or more are advised")
    }
}

fn parse(text: &str, allow_private: bool) -> Result<Url, DestinationError> {
    let wrong = |problem| Err(DestinationError::Url(problem));
    if text.len() > MAX_URL_BYTES {
        return wrong("is longer than 2048 bytes");
    }
    let Ok(url) = Url::parse(text) else { return wrong("is not an absolute URL, https://HOST/PATH") };
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        "http" => {
            return wrong("must start with https://; http:// is for private networks, with allow_private");
        }
        _ => return wrong("must start with https://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must not contain credentials: the signature proves who sends");
    }
    if url.fragment().is_some() {
        return wrong("must not have a fragment");
    }
    Ok(url)
}

/// Why a destination cannot be built. Never contains its URL or its secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// Its name.
    #[error("a forward's name is 1 to 32 letters, digits, - and _")]
    Name,
    /// Its URL.
    #[error("{0}")]
    Url(&'static str),
    /// Its URL has an address of somebody's own network.
    #[error("leads to a private or otherwise special address; allow_private = true says that this is meant")]
    PrivateAddress,
    /// Its secret.
    #[error(transparent)]
    Secret(#[from] SigningSecretError),
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("name", &self.name)
            .field("allow_private", &self.allow_private)
            .field("every_event", &self.every_event)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(url: &str, allow_private: bool) -> Result<Destination, DestinationError> {
        Destination::new(DestinationSettings {
            name: "crm".into(),
            url: url.into(),
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
            allow_private,
            every_event: false,
        })
    }

    #[test]
    fn an_address_of_ones_own_network_is_refused_however_it_is_written() {
        for host in [
            "127.0.0.1",
            "127.0.0.1.",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "0",
            "169.254.169.254",
            "0xa9fea9fe",
            "10.1.2.3",
            "１２７.0.0.1",
            "127。0。0。1",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::7f00:1]",
            "[fd00::1]",
            "[fe80::1]",
        ] {
            let url = format!("https://{host}:8443/canary");
            assert_eq!(build(&url, false).err(), Some(DestinationError::PrivateAddress), "{host}");
            assert!(build(&url, true).is_ok_and(|built| built.literal_address().is_some()), "{host}");
        }
        for host in ["1.1.1.1", "[2606:4700:4700::1111]"] {
            assert!(build(&format!("https://{host}/x"), false).is_ok(), "{host}");
        }
        // Which addresses a name has is known when it is called.
        let named = build("https://crm.example.com/x?key=1", false).unwrap();
        assert_eq!((named.literal_address(), named.url().query()), (None, Some("key=1")));
    }

    #[test]
    fn a_url_that_cannot_be_meant_is_refused_and_not_repeated() {
        for url in [
            "",
            "canary",
            "/canary",
            "ftp://crm.example.com/canary",
            "file:///canary",
            "http://crm.example.com/canary",
            "https://canary@crm.example.com/",
            "https://:canary@crm.example.com/",
            "https://crm.example.com/#canary",
            "https://",
            "https://[fe80::1%25eth0]/canary",
            &format!("https://crm.example.com/{}", "x".repeat(2048)),
        ] {
            let error = build(url, false).unwrap_err();
            assert!(matches!(error, DestinationError::Url(_)), "{url}: {error:?}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        assert!(build("http://crm.internal/x", true).is_ok());
    }

    #[test]
    fn neither_url_nor_secret_is_printed() {
        let shown = format!("{:?}", build("https://crm.example.com/canary", false).unwrap());
        assert!(!shown.contains("canary") && !shown.contains("MfKQ"), "{shown}");
    }

    #[test]
    fn a_name_fits_a_metric_and_a_variable() {
        for name in ["", "a b", "a.b", "a/b", "ü", &"x".repeat(33)] {
            let settings = DestinationSettings {
                name: name.into(),
                url: "https://crm.example.com/".into(),
                secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
                allow_private: false,
                every_event: false,
            };
            assert_eq!(Destination::new(settings).err(), Some(DestinationError::Name), "{name:?}");
        }
    }
}
