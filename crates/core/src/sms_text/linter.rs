//! A text with a code in it, looked at as phones and browsers do.

use super::{
    alphabet::is_macron,
    finding::{Finding, Severity},
    hidden::{is_bidi_control, is_line_break_or_control, is_zero_width},
    link::contains_link,
    origin_bound::{Ending, ending, is_bare_host, is_code},
    segments::{Encoding, Segments, segments},
};

/// What [`lint`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Encoding and parts.
    pub segments: Segments,
    /// What there is to say, in reading order: code, origin-bound line, characters, cost.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether any finding is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity() == Severity::Error)
    }
}

/// Looks at the whole text of a message that brings a code.
///
/// The code is the one of the origin-bound last line; without such a line, the first group of 4 to 8 digits.
/// Nothing is trimmed: a line break at the end is a finding, because browsers do not trim it either (WICG,
/// *Origin-bound one-time codes delivered via SMS*). No finding holds the code, or any digit of the text.
#[must_use]
pub fn lint(text: &str) -> Report {
    let segments = segments(text);
    let mut findings = Vec::new();
    let ending = ending(text);
    look_for_code(text, ending, &mut findings);
    look_at_ending(ending, &mut findings);
    let outside = match ending {
        Ending::Bound { body, .. } => body,
        _ => text,
    };
    if contains_link(outside) {
        findings.push(Finding::Link);
    }
    if text.contains(|c| c != '\n' && is_line_break_or_control(c)) {
        findings.push(Finding::ControlCharacter);
    }
    if text.contains(is_bidi_control) {
        findings.push(Finding::BidiControl);
    }
    if text.contains(is_zero_width) {
        findings.push(Finding::ZeroWidth);
    }
    look_at_cost(&segments, &mut findings);
    Report { segments, findings }
}

fn look_for_code(text: &str, ending: Ending<'_>, findings: &mut Vec<Finding>) {
    let (body, bound) = match ending {
        Ending::Bound { body, line } => (body, Some(line.code)),
        _ => (text, None),
    };
    let candidate = |number: &&str| is_code(number);
    let Some(code) = bound.or_else(|| numbers(body).find(candidate)) else {
        return findings.push(Finding::NoCode);
    };
    match numbers(body).position(|number| number == code) {
        Some(0) => {}
        Some(_) => findings.push(Finding::NumberBeforeCode),
        None => findings.push(Finding::OriginBoundCodeDiffers),
    }
    if bound.is_none() && numbers(body).filter(candidate).any(|number| number != code) {
        findings.push(Finding::SeveralCodes);
    }
}

/// Every group of digits, of any script.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_numeric()).filter(|number| !number.is_empty())
}

fn look_at_ending(ending: Ending<'_>, findings: &mut Vec<Finding>) {
    match ending {
        Ending::Plain => findings.push(Finding::NotOriginBound),
        Ending::NotLast => findings.push(Finding::OriginBoundNotLast),
        Ending::Malformed => findings.push(Finding::OriginBoundMalformed),
        Ending::Bound { line, .. } => {
            if !is_bare_host(line.host) || !line.embedded.is_none_or(is_bare_host) {
                findings.push(Finding::OriginBoundHost);
            }
        }
    }
}

fn look_at_cost(segments: &Segments, findings: &mut Vec<Finding>) {
    if segments.encoding == Encoding::Ucs2 {
        let (macrons, others): (Vec<_>, Vec<_>) = segments.forced_by.iter().partition(|c| is_macron(**c));
        let only_macrons = others.is_empty() && !macrons.is_empty();
        if !macrons.is_empty() {
            findings.push(Finding::Macrons { characters: macrons });
        }
        if !only_macrons {
            findings.push(Finding::OutsideGsm { characters: others });
        }
    }
    if segments.parts > 1 {
        findings.push(Finding::SeveralParts { parts: segments.parts });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<&'static str> {
        lint(text).findings.iter().map(Finding::as_str).collect()
    }

    #[test]
    fn the_text_that_we_send_has_nothing_to_it() {
        let text = "482174 is your MyApp verification code. Valid for 5 minutes.\n@app.example.com #482174";
        assert_eq!(words(text), [] as [&str; 0]);
        assert_eq!(words("482174 is your code.\n@app.example.com #482174 @pay.example"), [] as [&str; 0]);
    }

    #[test]
    fn the_code_is_the_first_number() {
        for (text, expected) in [
            ("Factory51: 482174 is your code.\n@a.nz #482174", vec!["number_before_code"]),
            ("Factory51: 482174 is your code.", vec!["number_before_code", "not_origin_bound"]),
            ("In ２ minutes: 482174\n@a.nz #482174", vec!["number_before_code", "outside_gsm"]),
            ("482174 is your Factory51 code, valid until 2030.\n@a.nz #482174", vec![]),
            ("482174 is your code, valid until 2030.", vec!["several_codes", "not_origin_bound"]),
            ("482174, again: 482174.", vec!["not_origin_bound"]),
            ("482174 or 482175\n@a.nz #482175", vec!["number_before_code"]),
            ("Your code is 482 174.\n@a.nz #482174", vec!["origin_bound_code_differs"]),
            ("@a.nz #482174", vec!["origin_bound_code_differs"]),
            ("No code", vec!["no_code", "not_origin_bound"]),
            ("", vec!["no_code", "not_origin_bound"]),
            ("123 or 123456789", vec!["no_code", "not_origin_bound"]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_last_line_is_nothing_but_host_and_code() {
        for (ending, expected) in [
            ("@a.nz #482174", None),
            ("@a.nz #482174\n", Some("origin_bound_not_last")),
            ("@a.nz #482174\nThank you", Some("origin_bound_not_last")),
            ("@a.nz #482174 ", Some("origin_bound_malformed")),
            ("@https://a.nz #482174", Some("origin_bound_host")),
            ("@a.nz:443 #482174", Some("origin_bound_host")),
            ("@A.nz #482174", Some("origin_bound_host")),
            ("@a.nz #482174 @b.nz/x", Some("origin_bound_host")),
        ] {
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(words(&format!("482174\n{ending}")), expected, "{ending:?}");
        }
    }

    #[test]
    fn links_and_hidden_characters_are_found() {
        for (text, expected) in [
            ("482174: https://a.nz\n@a.nz #482174", vec!["link"]),
            ("482174: bit.ly/x\n@a.nz #482174", vec!["link"]),
            ("482174\tnow\n@a.nz #482174", vec!["control_character", "outside_gsm"]),
            ("482174\r\n@a.nz #482174", vec!["control_character"]),
            ("482174 \u{202e}now\n@a.nz #482174", vec!["bidi_control", "outside_gsm"]),
            ("482174 n\u{200b}ow\n@a.nz #482174", vec!["zero_width", "outside_gsm"]),
        ] {
            assert_eq!(words(text), expected, "{text:?}");
        }
    }

    #[test]
    fn macrons_are_told_apart_from_what_could_be_written_otherwise() {
        let ending = "\n@a.nz #482174";
        assert_eq!(words(&format!("482174, Māori Trust{ending}")), ["macrons"]);
        assert_eq!(words(&format!("482174, Māori “Trust”{ending}")), ["macrons", "outside_gsm"]);
        assert_eq!(words(&format!("482174, “Trust”{ending}")), ["outside_gsm"]);
        let long = format!("482174, Tāmaki {}{ending}", "x".repeat(60));
        assert_eq!(lint(&long).findings[1], Finding::SeveralParts { parts: 2 });
    }

    proptest! {
        /// The same template with another code: the same report, word for word.
        #[test]
        fn no_finding_depends_on_the_digits_of_the_code(
            template in prop::collection::vec(prop_oneof![
                3 => Just("{}".to_owned()),
                1 => Just("\n@a.nz #{}".to_owned()),
                1 => Just("https://a.nz/{}".to_owned()),
                4 => "[a-zā –\n@#.\u{202e}\t]{0,40}",
            ], 0..8),
            length in 4usize..=8,
        ) {
            let template = template.concat();
            let report = |digit: &str| lint(&template.replace("{}", &digit.repeat(length)));
            let explained = |report: &Report| report.findings.iter().map(ToString::to_string).collect::<Vec<_>>();
            let (one, other) = (report("3"), report("8"));
            prop_assert_eq!(explained(&one), explained(&other));
            prop_assert_eq!(one, other);
        }
    }
}
