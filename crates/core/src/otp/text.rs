//! What may stand in the text of a code.

use super::SendOptions;

const MAX_COMPANY_CHARS: usize = 40;
const MAX_COMMENT_CHARS: usize = 120;

/// The text must not be sent as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The company is missing.
    #[error("the company name is empty: people must see who sent the code")]
    NoCompany,
    /// Longer than a text has room for.
    #[error("the {part} has {chars} characters; at most {most}")]
    TooLong {
        /// `company` or `comment`.
        part: &'static str,
        /// How many it has.
        chars: usize,
        /// How many it may have.
        most: usize,
    },
    /// A line break or another control character, which could start a line of its own.
    #[error("the {0} contains a line break or another control character")]
    ControlCharacter(&'static str),
    /// Something that a browser could take for an origin-bound last line.
    #[error("the {0} contains `@` or `#`, which belong to the origin-bound last line only")]
    LooksOriginBound(&'static str),
    /// The domain is not configured. A host from a request header must never come here.
    #[error("the WebOTP domain is not one of the configured `web_otp_domains`")]
    DomainNotAllowed,
}

/// Checks company, comment and domain. `@` and `#` have no place in the first two: the last line of an
/// origin-bound code is `@host #code` (WICG, origin-bound one-time codes).
pub(super) fn checked_text(
    company: &str,
    options: SendOptions<'_>,
    domains: &[String],
) -> Result<(), TextError> {
    if company.trim().is_empty() {
        return Err(TextError::NoCompany);
    }
    checked_part("company", company, MAX_COMPANY_CHARS)?;
    if let Some(comment) = options.comment {
        checked_part("comment", comment, MAX_COMMENT_CHARS)?;
    }
    match options.web_otp_domain {
        Some(domain) if !domains.iter().any(|allowed| allowed == domain) => Err(TextError::DomainNotAllowed),
        _ => Ok(()),
    }
}

fn checked_part(part: &'static str, text: &str, most: usize) -> Result<(), TextError> {
    let chars = text.chars().count();
    if chars > most {
        return Err(TextError::TooLong { part, chars, most });
    }
    // U+2028 and U+2029 break lines without being control characters.
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(TextError::ControlCharacter(part));
    }
    if text.contains(['@', '#', '\u{ff20}', '\u{ff03}']) {
        return Err(TextError::LooksOriginBound(part));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_plain_name_and_sentence_gets_through() {
        let domains = ["app.example.com".to_owned()];
        let check = |company: &str, comment: Option<&str>, domain: Option<&str>| {
            let options = SendOptions { comment, web_otp_domain: domain, ..SendOptions::default() };
            checked_text(company, options, &domains)
        };
        assert_eq!(check("MyApp", Some("Valid for 5 minutes."), Some("app.example.com")), Ok(()));
        assert_eq!(check("Tāmaki Māori Trust", None, None), Ok(()));
        assert_eq!(check(" ", None, None), Err(TextError::NoCompany));
        assert_eq!(check("a\nb", None, None), Err(TextError::ControlCharacter("company")));
        assert_eq!(check("a\u{2028}b", None, None), Err(TextError::ControlCharacter("company")));
        assert_eq!(
            check("x", Some("@evil.example #123456"), None),
            Err(TextError::LooksOriginBound("comment"))
        );
        let long = TextError::TooLong { part: "company", chars: 41, most: 40 };
        assert_eq!(check(&"x".repeat(41), None, None), Err(long));
        for domain in ["evil.example", "app.example.com\n", "APP.example.com", "app.example.com:443", ""] {
            assert_eq!(check("x", None, Some(domain)), Err(TextError::DomainNotAllowed), "{domain:?}");
        }
    }
}
