//! The text of a one-time code, word for word as WebSMS Connexus makes it.
//!
//! For gateways without an endpoint for codes we make it ourselves, and for every gateway it is what the
//! parts of a message are counted from.

use zeroize::Zeroizing;

use crate::{code::Code, sms_text::segments};

/// The text with `code` in it.
///
/// With a domain the last line is `@host #code`, and nothing follows it: browsers fill the code in on that
/// host only (WICG, origin-bound one-time codes).
pub(crate) fn code_text(
    code: &Code,
    company: &str,
    comment: Option<&str>,
    web_otp_domain: Option<&str>,
) -> Zeroizing<String> {
    // Room for everything: growing would leave copies of the code behind.
    let room = 64 + company.len() + comment.map_or(0, str::len) + web_otp_domain.map_or(0, str::len);
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str(code.expose());
    text.push_str(" is your ");
    text.push_str(company);
    text.push_str(" verification code.");
    if let Some(comment) = comment {
        text.push(' ');
        text.push_str(comment);
    }
    if let Some(domain) = web_otp_domain {
        text.push_str("\n@");
        text.push_str(domain);
        text.push_str(" #");
        text.push_str(code.expose());
    }
    text
}

/// Messages that [`code_text`] is billed as with any code of `digits` digits (4 to 8): they all count alike.
pub(crate) fn code_text_parts(
    digits: usize,
    company: &str,
    comment: Option<&str>,
    web_otp_domain: Option<&str>,
) -> u32 {
    segments(&code_text(&placeholder(digits), company, comment, web_otp_domain)).parts
}

/// Zeros that take the place of a code of `digits` digits.
pub(crate) fn placeholder(digits: usize) -> Code {
    Code::from_number(0, digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sms_text::lint;

    #[test]
    fn the_wording_is_the_documented_one() {
        let code = Code::parse("482174").unwrap();
        let text = |comment, domain| code_text(&code, "MyApp", comment, domain).to_string();
        assert_eq!(text(None, None), "482174 is your MyApp verification code.");
        assert_eq!(
            text(Some("Valid for 5 minutes."), Some("app.example.com")),
            "482174 is your MyApp verification code. Valid for 5 minutes.\n@app.example.com #482174"
        );
        assert_eq!(
            text(None, Some("app.example.com")),
            "482174 is your MyApp verification code.\n@app.example.com #482174"
        );
    }

    #[test]
    fn parts_are_counted_without_the_code() {
        // 28 characters stand around code and company: 28 + 6 + 126 = 160.
        for (digits, company, expected) in
            [(6, 126, 1), (6, 127, 2), (8, 124, 1), (8, 125, 2), (4, 128, 1), (4, 129, 2)]
        {
            let company = "x".repeat(company);
            assert_eq!(code_text_parts(digits, &company, None, None), expected, "{digits} digits");
        }
        // The last line has 8 characters more, and the code once more.
        assert_eq!(code_text_parts(6, &"x".repeat(112), None, Some("a.nz")), 1);
        assert_eq!(code_text_parts(6, &"x".repeat(113), None, Some("a.nz")), 2);
        // 70 characters are one message of UCS-2, and 71 are two.
        assert_eq!(code_text_parts(6, "Tāmaki Makaurau", Some("Valid for 5 minutes."), None), 1);
        assert_eq!(code_text_parts(6, "Tāmaki Makaurau", Some("Valid for 15 minutes."), None), 2);
    }

    #[test]
    fn the_text_has_nothing_for_the_linter() {
        let code = Code::parse("482174").unwrap();
        let text = code_text(&code, "MyApp", Some("Valid for 5 minutes."), Some("app.example.com"));
        assert_eq!(lint(&text).findings, []);
    }
}
