//! Phone numbers: parsed once to E.164, masked whenever they are shown.
//!
//! Every key in the store is derived from the canonical E.164 form, so two spellings of one phone can
//! never have two budgets. What libphonenumber's metadata does not know as a mobile number of an
//! allowed country is refused before anything is counted.

use std::fmt;

use rlibphonenumber::{
    PHONE_NUMBER_UTIL, PhoneNumber as ParsedNumber, PhoneNumberFormat,
    enums::{PhoneNumberType, Region},
};
use zeroize::Zeroizing;

/// The longest spelling that is looked at, in bytes. E.164 allows 15 digits; the rest is punctuation.
const MAX_INPUT_BYTES: usize = 64;

/// A phone number in canonical form (ITU-T E.164, with the leading `+`).
///
/// `Debug` and `Display` show the calling code and the last two digits only; the full number is read
/// with [`PhoneNumber::e164`], which is easy to grep for. The digits are wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber {
    e164: Zeroizing<String>,
    calling_code_digits: usize,
}

impl PhoneNumber {
    /// Parses what a person typed, in national or international format, and holds it against the
    /// allowed countries.
    ///
    /// # Errors
    /// [`PhoneError`] says what is wrong; it never contains the input.
    pub fn parse(input: &str, countries: &Countries) -> Result<Self, PhoneError> {
        unheard(|| {
            let parsed = parse_with(input, countries.default)?;
            if !parsed.is_valid() {
                return Err(PhoneError::NotValid);
            }
            let region = parsed.get_region_code().ok_or(PhoneError::NotValid)?;
            if !countries.allowed.contains(&region) {
                return Err(PhoneError::CountryNotAllowed { country: region.as_region_str().to_string() });
            }
            match parsed.get_type() {
                // North American metadata cannot tell the two apart.
                PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile => {
                    Ok(Self::from_parsed(&parsed))
                }
                _ => Err(PhoneError::NotMobile),
            }
        })
    }

    /// Parses an address that a gateway reported: international, with or without the leading `+`.
    ///
    /// Country rules do not apply to what comes in; a short code or an alphanumeric sender is an
    /// error, and callers keep such an address as text.
    ///
    /// # Errors
    /// [`PhoneError`] when it is not a possible international number.
    pub fn parse_international(input: &str) -> Result<Self, PhoneError> {
        let bare = input.trim();
        let international = if bare.starts_with('+') { bare.to_owned() } else { format!("+{bare}") };
        unheard(|| {
            let parsed = parse_with(&international, None)?;
            if !parsed.is_valid() {
                return Err(PhoneError::NotValid);
            }
            Ok(Self::from_parsed(&parsed))
        })
    }

    /// The full number with the leading `+`. Never log it.
    #[must_use]
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// The full number without the leading `+`, as some gateways want it. Never log it.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.e164[1..]
    }

    /// What may be shown: calling code, three dots, last two digits.
    #[must_use]
    pub fn masked(&self) -> String {
        let (head, rest) = self.e164.split_at(1 + self.calling_code_digits);
        format!("{head}…{}", &rest[rest.len().saturating_sub(2)..])
    }

    /// The calling code with the leading `+`: the country, or the group of countries that share it.
    #[must_use]
    pub fn calling_code(&self) -> &str {
        &self.e164[..=self.calling_code_digits]
    }

    /// The calling code and the first two national digits, `+6421`: coarse enough for a counter.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.e164[..(1 + self.calling_code_digits + 2).min(self.e164.len())]
    }

    fn from_parsed(parsed: &ParsedNumber) -> Self {
        let e164 = parsed.format_as(PhoneNumberFormat::E164).into_owned();
        let national = parsed.get_national_significant_number().len();
        let calling_code_digits = e164.len() - 1 - national;
        Self { e164: Zeroizing::new(e164), calling_code_digits }
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

/// The countries that codes may be sent to, and how national spellings are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Countries {
    allowed: Vec<Region>,
    default: Option<Region>,
}

impl Countries {
    /// Builds the allow-list from ISO 3166-1 alpha-2 codes.
    ///
    /// `default` is the country whose national format (`021 …`) is understood; without it only
    /// international spellings are.
    ///
    /// # Errors
    /// [`PhoneError::UnknownCountry`] for a code that phone metadata does not have,
    /// [`PhoneError::NoCountries`] for an empty list.
    pub fn new(
        allowed: impl IntoIterator<Item = impl AsRef<str>>,
        default: Option<&str>,
    ) -> Result<Self, PhoneError> {
        let allowed = allowed.into_iter().map(|code| region(code.as_ref())).collect::<Result<Vec<_>, _>>()?;
        if allowed.is_empty() {
            return Err(PhoneError::NoCountries);
        }
        Ok(Self { allowed, default: default.map(region).transpose()? })
    }
}

/// Why a phone number or a country list was refused. Never contains the number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// Longer than any spelling of a phone number.
    #[error("the phone number is longer than {MAX_INPUT_BYTES} bytes")]
    TooLong,
    /// Letters, control characters or nothing that looks like a number.
    #[error("that is not a phone number: use digits, spaces and + only")]
    NotANumber,
    /// The country's numbering plan has no such number.
    #[error("that phone number does not exist in its country's numbering plan")]
    NotValid,
    /// A landline, toll-free or premium number cannot prove who holds a phone.
    #[error("that is not a mobile number")]
    NotMobile,
    /// The number's country is not in the allow-list.
    #[error("numbers of {country} are not allowed; add it to `countries` if they should be")]
    CountryNotAllowed {
        /// ISO 3166-1 alpha-2 code of the number's country.
        country: String,
    },
    /// Configuration names a country that does not exist.
    #[error("unknown country code `{0}`: use ISO 3166-1 alpha-2, for example NZ")]
    UnknownCountry(String),
    /// The allow-list is required.
    #[error("the list of allowed countries is empty: name at least one")]
    NoCountries,
}

fn region(code: &str) -> Result<Region, PhoneError> {
    let unknown = || PhoneError::UnknownCountry(code.chars().take(8).collect());
    let region = Region::from_code(code).map_err(|_| unknown())?;
    PHONE_NUMBER_UTIL.get_country_code_for_region(region).ok_or_else(unknown)?;
    Ok(region)
}

/// Keeps the phone library's own log lines from every subscriber: at trace level they hold the number.
fn unheard<T>(parse: impl FnOnce() -> T) -> T {
    tracing::dispatcher::with_default(&tracing::Dispatch::none(), parse)
}

fn parse_with(input: &str, default: Option<Region>) -> Result<ParsedNumber, PhoneError> {
    if input.len() > MAX_INPUT_BYTES {
        return Err(PhoneError::TooLong);
    }
    let normal = Zeroizing::new(input.chars().map(plain).collect::<String>());
    // Vanity letters and extensions (`;ext=`, `x12`, `~12`) would give one phone several spellings.
    if normal.chars().any(|c| c.is_alphabetic() || c.is_control() || matches!(c, ';' | ',' | '#' | '=' | '~'))
    {
        return Err(PhoneError::NotANumber);
    }
    PHONE_NUMBER_UTIL.parse(normal.as_str(), default).map_err(|_| PhoneError::NotANumber)
}

/// Full-width digits and punctuation as ASCII, every blank as a space. Not NFKC, which would read decorated
/// digits as well (`①`, `²`, `½`): nobody types those, and nobody can say which number they mean.
fn plain(c: char) -> char {
    match c {
        '！'..='～' => char::from_u32(u32::from(c) - u32::from('！') + u32::from('!')).unwrap_or(c),
        blank if blank.is_whitespace() && !blank.is_control() => ' ',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nz() -> Countries {
        Countries::new(["NZ", "AU"], Some("NZ")).unwrap()
    }

    #[test]
    fn many_spellings_are_one_phone() {
        for spelling in [
            "+64211234567",
            "+64 21 123 4567",
            "0064 21 123 4567",
            "021 123 4567",
            "021-123-4567",
            "(021) 123 4567",
            "+64 (0)21 123 4567",
            "+64\u{a0}21\u{a0}123\u{a0}4567",
            "+６４２１１２３４５６７",
            " +64-21-1234567 ",
            "+640211234567",
        ] {
            let phone = PhoneNumber::parse(spelling, &nz());
            assert_eq!(phone.as_ref().map(PhoneNumber::e164), Ok("+64211234567"), "{spelling:?}");
        }
    }

    #[test]
    fn what_cannot_hold_a_code_is_refused_with_the_reason() {
        let refused = [
            ("", PhoneError::NotANumber),
            ("hello", PhoneError::NotANumber),
            ("021 123 4567 x12", PhoneError::NotANumber),
            ("021 123 4567 ~12", PhoneError::NotANumber),
            ("021 ①23 4567", PhoneError::NotANumber),
            ("021 123 456½", PhoneError::NotANumber),
            ("0800 FLOWERS", PhoneError::NotANumber),
            ("+64 21 12", PhoneError::NotValid),
            ("0800 123 456", PhoneError::NotMobile),
            ("+44 7400 123456", PhoneError::CountryNotAllowed { country: "GB".into() }),
        ];
        for (input, expected) in refused {
            assert_eq!(PhoneNumber::parse(input, &nz()), Err(expected), "{input:?}");
        }
        assert_eq!(PhoneNumber::parse(&"1".repeat(65), &nz()), Err(PhoneError::TooLong));
    }

    #[test]
    fn inbound_addresses_are_international_with_or_without_plus() {
        for spelling in ["+6421234567", "6421234567", "919876543210"] {
            assert!(PhoneNumber::parse_international(spelling).is_ok(), "{spelling:?}");
        }
        for spelling in ["shortcode", "552", "", "+64211"] {
            assert!(PhoneNumber::parse_international(spelling).is_err(), "{spelling:?}");
        }
    }

    #[test]
    fn shown_numbers_are_masked() {
        let phone = PhoneNumber::parse("021 123 4567", &nz()).unwrap();
        assert_eq!(phone.to_string(), "+64…67");
        assert_eq!(format!("{phone:?}"), "PhoneNumber(+64…67)");
        assert_eq!(phone.prefix(), "+6421");
        assert_eq!(phone.digits(), "64211234567");
    }

    #[test]
    fn a_country_list_cannot_be_empty_or_invented() {
        assert_eq!(Countries::new([] as [&str; 0], None), Err(PhoneError::NoCountries));
        assert_eq!(Countries::new(["ZQ"], None), Err(PhoneError::UnknownCountry("ZQ".into())));
        assert_eq!(Countries::new(["Aotearoa"], None), Err(PhoneError::UnknownCountry("Aotearoa".into())));
    }
}
