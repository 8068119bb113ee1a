//! Texts, as the linter sees them.

use std::collections::HashSet;

use arbtest::arbitrary::{Result, Unstructured};
use textproof::{
    SendOptions,
    otp::sample_text,
    sms_text::{Encoding, Report, Severity, is_bare_host, lint, segments},
};

/// The table of 3GPP TS 23.038 by position; what is reached through the escape at 0x1b stands behind it.
const GSM7: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const BEHIND_ESCAPE: &str = "\u{c}^{}\\[~]|€";

/// What must hold for any text.
pub(crate) fn text(input: &str) {
    parts(input);
    let report = lint(input);
    assert_eq!(report.segments, segments(input));
    let words: HashSet<_> = words(&report).into_iter().collect();
    assert_eq!(words.len(), report.findings.len(), "each thing is said once");
    assert!(report.segments.forced_by.len() <= 8);
    let errors = report.findings.iter().any(|finding| finding.severity() == Severity::Error);
    assert_eq!(report.has_errors(), errors);
    ending(input, &words);
    characters(input, &words);
    // With other digits in all the same places nothing else is said: no finding holds the code.
    let other = lint(&input.chars().map(exchanged).collect::<String>());
    assert_eq!(explained(&report), explained(&other));
    assert_eq!(report, other);
}

/// Texts with a code in the places where codes stand; and whatever `send` takes has no errors.
pub(crate) fn generated(u: &mut Unstructured<'_>) -> Result<()> {
    const PIECES: [&str; 26] = [
        "{}",
        " is your ",
        "MyApp",
        "Factory51",
        "Māori",
        " verification code.",
        "\n",
        "\r\n",
        "@",
        "#",
        " ",
        "app.example.com",
        "@app.example.com #{}",
        "\n@a.nz #{}",
        " @pay.example",
        "https://a.nz/{}",
        "bit.ly/x",
        "www.a.nz",
        "\u{202e}",
        "\u{200b}",
        "😀",
        "€",
        "[",
        "４８",
        "Valid for 5 minutes.",
        "\t",
    ];
    let length = u.int_in_range(3..=9)?;
    let code: String =
        (0..length).map(|_| Ok(char::from(b'0' + u.int_in_range(0..=9)?))).collect::<Result<_>>()?;
    let mut template = String::new();
    for _ in 0..u.int_in_range(0..=12)? {
        let piece = u.choose(&PIECES)?;
        template.push_str(&piece.repeat(if u.ratio(1, 10)? { u.int_in_range(1..=160)? } else { 1 }));
    }
    text(&template.replace("{}", &code));

    let line = template.replace(['\n', '\r'], " ");
    let (company, comment) =
        line.split_at(line.char_indices().nth(u.int_in_range(0..=40)?).map_or(line.len(), |(at, _)| at));
    let comment: String = comment.chars().take(120).collect();
    let web_otp_domain = *u.choose(&[None, Some("app.example.com")])?;
    let options = SendOptions { comment: Some(&comment), web_otp_domain, ..SendOptions::default() };
    if let Ok(sent) = sample_text(company, options) {
        text(&sent);
        let report = lint(&sent);
        assert!(!report.has_errors(), "{sent:?}: {:?}", report.findings);
    }
    Ok(())
}

/// Encodes the text, cuts it into parts and counts those.
fn parts(input: &str) {
    let gsm7: Option<Vec<Vec<u16>>> = input.chars().map(septets).collect();
    let (encoding, encoded, alone, joined) = match gsm7 {
        Some(encoded) => (Encoding::Gsm7, encoded, 160, 153),
        None => {
            let units = input.chars().map(|c| c.encode_utf16(&mut [0; 2]).to_vec()).collect();
            (Encoding::Ucs2, units, 70, 67)
        }
    };
    let units: usize = encoded.iter().map(Vec::len).sum();
    let mut fill = vec![0];
    let room = if units <= alone { alone } else { joined };
    for character in encoded {
        match fill.last_mut() {
            Some(last) if *last + character.len() <= room => *last += character.len(),
            _ => fill.push(character.len()),
        }
    }
    let counted = segments(input);
    assert_eq!((counted.encoding, counted.units as usize), (encoding, units));
    assert_eq!(counted.parts as usize, fill.len());
    assert_eq!(counted.units_left as usize, room - fill[fill.len() - 1]);
    assert_eq!(counted.forced_by.is_empty(), !input.chars().any(|c| septets(c).is_none() && !c.is_numeric()));
}

fn septets(c: char) -> Option<Vec<u16>> {
    let at = |table: &str| table.chars().position(|known| known == c).and_then(|at| u16::try_from(at).ok());
    match (at(GSM7), at(BEHIND_ESCAPE)) {
        (Some(0x1b), _) | (None, None) => None,
        (Some(septet), _) => Some(vec![septet]),
        (None, Some(septet)) => Some(vec![0x1b, septet]),
    }
}

/// Holds what is said about the last line against the algorithm of the format.
fn ending(input: &str, words: &HashSet<&str>) {
    let said = ["not_origin_bound", "origin_bound_not_last", "origin_bound_malformed"];
    let said = said.iter().filter(|word| words.contains(*word)).count();
    assert!(said <= 1);
    let Some((host, code, embedded, rest)) = as_browsers_read(input) else {
        assert_eq!(said, 1, "browsers find no code, and nothing is said");
        return;
    };
    let is_code = (4..=8).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
    let exact = is_code && rest.is_empty();
    assert_eq!(said == 0, exact, "{host:?} {code:?} {embedded:?} {rest:?}");
    if exact {
        let hosts = is_bare_host(&host) && embedded.as_deref().is_none_or(is_bare_host);
        assert_eq!(words.contains("origin_bound_host"), !hosts);
    }
}

/// *Parse an origin-bound one-time code message*, step by step: host, code, embedded host, and what is ignored.
fn as_browsers_read(message: &str) -> Option<(String, String, Option<String>, String)> {
    let normal = message.replace("\r\n", "\n").replace('\r', "\n");
    let line: Vec<char> = normal.split('\n').next_back()?.chars().collect();
    let mut position = 0;
    let host = marked_token(&line, &mut position, '@')?;
    if *line.get(position)? != ' ' {
        return None;
    }
    position += 1;
    let code = marked_token(&line, &mut position, '#')?;
    let mut embedded = None;
    let mut after = position;
    if line.get(position) == Some(&' ') {
        after += 1;
        embedded = marked_token(&line, &mut after, '@');
        position = if embedded.is_some() { after } else { position };
    }
    Some((host, code, embedded, line[position..].iter().collect()))
}

fn marked_token(line: &[char], position: &mut usize, marker: char) -> Option<String> {
    if *line.get(*position)? != marker {
        return None;
    }
    let token: String = line[*position + 1..]
        .iter()
        .take_while(|c| !matches!(c, '\t' | '\n' | '\u{c}' | '\r' | ' '))
        .collect();
    *position += 1 + token.chars().count();
    Some(token).filter(|token| !token.is_empty())
}

fn characters(input: &str, words: &HashSet<&str>) {
    let control = input.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{2028}' || c == '\u{2029}'));
    assert_eq!(words.contains("control_character"), control);
    let turns = ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}').any(|c| input.contains(c));
    assert_eq!(words.contains("bidi_control"), turns);
    if input.contains("://") {
        assert!(words.contains("link") || words.contains("origin_bound_host"));
    }
    let first = input.split(|c: char| !c.is_numeric()).find(|number| !number.is_empty());
    assert!(first.is_some() || words.contains("no_code"));
}

fn words(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.as_str()).collect()
}

fn explained(report: &Report) -> Vec<String> {
    report.findings.iter().map(ToString::to_string).collect()
}

/// Nine minus the digit, ASCII or full-width.
fn exchanged(c: char) -> char {
    let mirrored = |low: char, high: char| char::from_u32(u32::from(low) + u32::from(high) - u32::from(c));
    match c {
        '0'..='9' => mirrored('0', '9').unwrap_or(c),
        '０'..='９' => mirrored('０', '９').unwrap_or(c),
        other => other,
    }
}
