//! The text of a one-time code, word for word as WebSMS Connexus makes it.
//!
//! For gateways without an endpoint for codes we make it ourselves, and for every gateway it is what the
//! parts of a message are counted from.

use zeroize::Zeroizing;

use crate::code::Code;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
