//! What a code is for: a code sent for one purpose never verifies for another.

use std::{fmt, sync::Arc};

/// A purpose: 1 to 32 characters of `a-z`, `0-9`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Purpose(Arc<str>);

impl Purpose {
    /// Checks the characters and the length.
    ///
    /// # Errors
    /// [`MalformedPurpose`].
    pub fn new(name: impl Into<String>) -> Result<Self, MalformedPurpose> {
        let name = name.into();
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
        if (1..=32).contains(&name.len()) && name.bytes().all(allowed) {
            Ok(Self(name.into()))
        } else {
            Err(MalformedPurpose)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The purpose has other characters or another length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a purpose is 1 to 32 characters of a-z, 0-9, _ and -")]
pub struct MalformedPurpose;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_cannot_break_out_of_its_key() {
        for bad in ["", "Login", "a:b", "a}b", "a b", &"x".repeat(33)] {
            assert_eq!(Purpose::new(bad), Err(MalformedPurpose), "{bad:?}");
        }
        assert_eq!(Purpose::new("change_phone-2").unwrap().as_str(), "change_phone-2");
    }
}
