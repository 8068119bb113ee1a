//! Fixed codes for store reviewers and CI: a listed number, a code that never changes, and a day on which it ends.

use std::time::Duration;

use jiff::Timestamp;

use crate::{code::Code, phone::PhoneNumber};

/// The furthest that the end of a fixed code may be ahead when it is configured.
const AT_MOST: Duration = Duration::from_secs(90 * 86_400);

/// What a deployment is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Real people. Fixed codes refuse to start.
    #[default]
    Production,
    /// Staging, store review, CI.
    Test,
}

/// A number that is never texted and always has the same code, until it ends.
#[derive(Clone, Debug)]
pub struct FixedCode {
    pub(super) phone: PhoneNumber,
    pub(super) code: Code,
    pub(super) ends: Timestamp,
}

impl FixedCode {
    /// Builds one that ends at `ends`, at most 90 days after `now`.
    ///
    /// # Errors
    /// [`FixedCodeError`].
    pub fn new(
        phone: PhoneNumber,
        code: Code,
        ends: Timestamp,
        now: Timestamp,
    ) -> Result<Self, FixedCodeError> {
        if ends.duration_since(now) > jiff::SignedDuration::from_secs(AT_MOST.as_secs().cast_signed()) {
            return Err(FixedCodeError);
        }
        Ok(Self { phone, code, ends })
    }
}

/// A fixed code would last too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fixed code may end at most 90 days ahead: renew it then, or let it end")]
pub struct FixedCodeError;

/// The code of a listed number that has not ended.
pub(super) fn fixed_code<'a>(
    codes: &'a [FixedCode],
    phone: &PhoneNumber,
    now: Timestamp,
) -> Option<&'a Code> {
    codes.iter().find(|fixed| fixed.phone == *phone && fixed.ends > now).map(|fixed| &fixed.code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phone::Countries;

    #[test]
    fn a_fixed_code_ends_by_itself_and_soon() {
        let countries = Countries::new(["NZ"], Some("NZ")).unwrap();
        let phone = PhoneNumber::parse("0211234567", &countries).unwrap();
        let other = PhoneNumber::parse("0211234568", &countries).unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let code = Code::parse("123456").unwrap();
        let fixed = FixedCode::new(phone.clone(), code.clone(), at(1000), at(0)).unwrap();
        let codes = [fixed];
        assert_eq!(fixed_code(&codes, &phone, at(999)), Some(&code));
        assert_eq!(fixed_code(&codes, &phone, at(1000)), None);
        assert_eq!(fixed_code(&codes, &other, at(0)), None);
        let far = FixedCode::new(phone, code, at(91 * 86_400), at(0));
        assert_eq!(far.err(), Some(FixedCodeError));
    }
}
