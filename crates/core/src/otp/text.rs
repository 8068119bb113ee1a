//! What may stand in the text of a code.

use super::{CodeSource, SendOptions};
use crate::{
    gateway::text::{code_text, placeholder},
    sms_text::{contains_link, is_bidi_control, is_line_break_or_control},
};

const MAX_COMPANY_CHARS: usize = 40;
const MAX_COMMENT_CHARS: usize = 120;
/// Digits of a code where no policy is at hand: its default.
const SAMPLE_DIGITS: usize = 6;

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
    /// A line break or another control character, which could start a line of its own or turn the reading
    /// direction of the code.
    #[error("the {0} contains a line break or another control character")]
    ControlCharacter(&'static str),
    /// Something that a browser could take for an origin-bound last line.
    #[error("the {0} contains `@` or `#`, which belong to the origin-bound last line only")]
    LooksOriginBound(&'static str),
    /// Something that a phone turns into a link. Nobody who is sent a code may be asked to tap one.
    #[error("the {0} contains a link")]
    ContainsLink(&'static str),
    /// The domain is not configured. A host from a request header must never come here.
    #[error("the WebOTP domain is not one of the configured `web_otp_domains`")]
    DomainNotAllowed,
}

/// The text that [`Otp::send`](super::Otp::send) would send, with zeros in place of the code: to look at it,
/// and to hold it against [`sms_text::lint`](crate::sms_text::lint).
///
/// Any domain is taken here; `send` takes configured ones only. A given code lends its length, not its digits.
///
/// # Errors
/// [`TextError`] as `send` would answer.
pub fn sample_text(company: &str, options: SendOptions<'_>) -> Result<String, TextError> {
    let domains: Vec<_> = options.web_otp_domain.map(str::to_owned).into_iter().collect();
    checked_text(company, options, &domains)?;
    let digits = match options.code {
        CodeSource::Given(code) => code.expose().len(),
        CodeSource::Ours | CodeSource::Gateway => SAMPLE_DIGITS,
    };
    Ok(code_text(&placeholder(digits), company, options.comment, options.web_otp_domain).to_string())
}

/// Checks company, comment and domain. `@` and `#` have no place in the first two: the last line of an
/// origin-bound code is `@host #code` (WICG, origin-bound one-time codes).
///
/// Numbers have: the text is `{code} is your {company} verification code. {comment}`, so that the code
/// comes first whatever they contain.
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
    if text.chars().any(|c| is_line_break_or_control(c) || is_bidi_control(c)) {
        return Err(TextError::ControlCharacter(part));
    }
    if text.contains(['@', '#', '\u{ff20}', '\u{ff03}']) {
        return Err(TextError::LooksOriginBound(part));
    }
    if contains_link(text) {
        return Err(TextError::ContainsLink(part));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{code::Code, sms_text::lint};

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
        assert_eq!(check("a\u{202e}b", None, None), Err(TextError::ControlCharacter("company")));
        for link in ["https://evil.example", "www.evil.example", "bit.ly/x", "bit\u{ff0e}ly/x"] {
            assert_eq!(check(link, None, None), Err(TextError::ContainsLink("company")), "{link}");
            let comment = format!("Not you? {link}");
            assert_eq!(check("x", Some(&comment), None), Err(TextError::ContainsLink("comment")), "{link}");
        }
        assert_eq!(check("Booking.com", Some("Valid 24/7."), None), Ok(()));
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

    #[test]
    fn whatever_may_be_sent_passes_the_linter() {
        for (company, comment) in [
            ("MyApp", None),
            ("Factory51", Some("Valid for 5 minutes, until 2030.")),
            ("4711", Some("Call 0800 123 456.")),
            ("Tāmaki Māori Trust", Some("Valid for 5 minutes.")),
        ] {
            for web_otp_domain in [None, Some("app.example.com")] {
                let text =
                    sample_text(company, SendOptions { comment, web_otp_domain, ..SendOptions::default() });
                let report = lint(&text.unwrap());
                assert!(!report.has_errors(), "{company}: {:?}", report.findings);
            }
        }
        assert_eq!(sample_text("bit.ly/x", SendOptions::default()), Err(TextError::ContainsLink("company")));
    }

    #[test]
    fn a_sample_has_zeros_for_the_code() {
        let code = Code::parse("48217400").unwrap();
        let options = SendOptions { code: CodeSource::Given(&code), ..SendOptions::default() };
        assert_eq!(sample_text("MyApp", options).unwrap(), "00000000 is your MyApp verification code.");
    }
}
