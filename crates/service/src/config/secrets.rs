//! Secrets: from a value or a file, and never into a message.

use std::path::Path;

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use textproof::secret::{FingerprintKey, Pepper, Peppers, SecretError};

use super::layers::read_bounded;
use super::{Config, ConfigError};

/// The id of a pepper that was written without one. To rotate it, write
/// `TEXTPROOF_PEPPER=new:<base64>,default:<old base64>`.
pub const BARE_PEPPER_ID: &str = "default";

impl Config {
    /// The peppers, the one for everything new first.
    pub(super) fn peppers(&self) -> Result<Peppers, ConfigError> {
        let otp = &self.raw.otp;
        let text = self
            .secret("otp", "pepper", otp.pepper.as_ref(), otp.pepper_file.as_deref())?
            .ok_or_else(|| self.missing_secret("pepper"))?;
        read_peppers(text.expose_secret()).map_err(|problem| self.invalid_secret("pepper", &problem))
    }

    /// The key that names phones in the store: all that a process without codes needs of `[otp]`.
    ///
    /// # Errors
    /// [`ConfigError`] when it is not set, not base64 or shorter than 32 bytes.
    pub fn fingerprint_key(&self) -> Result<FingerprintKey, ConfigError> {
        let otp = &self.raw.otp;
        let (value, file) = (otp.fingerprint_key.as_ref(), otp.fingerprint_key_file.as_deref());
        let text = self
            .secret("otp", "fingerprint_key", value, file)?
            .ok_or_else(|| self.missing_secret("fingerprint_key"))?;
        decode(text.expose_secret(), FingerprintKey::new)
            .map_err(|problem| self.invalid_secret("fingerprint_key", &problem))
    }

    fn missing_secret(&self, key: &str) -> ConfigError {
        let variable = format!("TEXTPROOF_{}", key.to_uppercase());
        let remedy = format!(
            "set {variable} or {variable}_FILE; `head -c 32 /dev/urandom | base64` makes one, and there is no default"
        );
        ConfigError::Missing { key: format!("otp.{key}"), remedy }
    }

    /// Blames the file when the secret comes from one.
    fn invalid_secret(&self, key: &str, problem: &str) -> ConfigError {
        let otp = &self.raw.otp;
        let file = if key == "pepper" { &otp.pepper_file } else { &otp.fingerprint_key_file };
        match file {
            Some(file) => ConfigError::invalid(format!("otp.{key}"), file.clone(), problem),
            None => self.invalid("otp", key, problem),
        }
    }
}

/// The value, or the contents of the file without the line break at its end; `None` when neither is set.
/// An empty secret is refused.
pub(super) fn resolve(
    value: Option<&SecretString>,
    file: Option<&str>,
    path: &str,
    place: &str,
) -> Result<Option<SecretString>, ConfigError> {
    let (secret, place) = match (value, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let (first, second) = (path.to_owned(), format!("{path}_file"));
            return Err(ConfigError::Conflict { first, second });
        }
        (Some(value), None) => (value.clone(), place),
        (None, Some(file)) => (read(file, path)?, file),
    };
    if secret.expose_secret().is_empty() {
        return Err(ConfigError::invalid(path, place, "is empty"));
    }
    Ok(Some(secret))
}

fn read(file: &str, path: &str) -> Result<SecretString, ConfigError> {
    let text = read_bounded(Path::new(file))
        .map(Zeroizing::new)
        .map_err(|source| ConfigError::Unreadable { what: path.to_owned(), path: file.to_owned(), source })?;
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

/// `BASE64`, or `new:BASE64,old:BASE64` while rotating.
fn read_peppers(text: &str) -> Result<Peppers, String> {
    let mut peppers = Vec::new();
    let parts = text.split(',').map(str::trim).collect::<Vec<_>>();
    for part in &parts {
        let (id, encoded) = match part.split_once(':') {
            Some(split) => split,
            None if parts.len() == 1 => (BARE_PEPPER_ID, *part),
            None => return Err("each of several needs an id, as in new:BASE64,old:BASE64".to_owned()),
        };
        // Ids appear in messages: nothing as long as a key passes for one.
        if !is_id(id) {
            return Err("an id has letters, digits, -, _ and ., at most 32".to_owned());
        }
        peppers.push(decode(encoded, |bytes| Pepper::new(id, bytes))?);
    }
    Peppers::new(peppers).map_err(|error| error.to_string())
}

/// Makes a key of what a text encodes in base64.
fn decode<K>(encoded: &str, key: impl FnOnce(&[u8]) -> Result<K, SecretError>) -> Result<K, String> {
    let bytes = base64(encoded.trim()).ok_or("must be base64")?;
    key(bytes.expose_secret()).map_err(|error| error.to_string())
}

/// Decodes base64 with either alphabet, padded or not.
fn base64(text: &str) -> Option<SecretSlice<u8>> {
    let encodings = [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD];
    encodings.iter().find_map(|encoding| encoding.decode(text.as_bytes()).ok()).map(SecretSlice::from)
}

pub(super) fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=32).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    #[test]
    fn base64_is_read_in_every_spelling() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            let bytes = super::base64(text).unwrap();
            assert_eq!(bytes.expose_secret(), [0xfb, 0xff], "{text}");
        }
        assert!(super::base64("a b").is_none());
    }
}
