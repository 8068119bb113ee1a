//! What people type as a code.

use arbtest::arbitrary::{Result, Unstructured};
use textproof::Code;

const FULL_WIDTH: [char; 10] = ['０', '１', '２', '３', '４', '５', '６', '７', '８', '９'];
const FORGIVEN: [char; 7] = [' ', '\u{a0}', '\u{202f}', '\u{3000}', '-', '\u{2010}', '\u{2011}'];

/// The parser agrees with a plainer one, and what it accepts is digits that read back as themselves.
pub(crate) fn text(input: &str) {
    let parsed = Code::parse(input);
    assert_eq!(parsed.as_ref().ok().map(Code::expose), plainly(input).as_deref());
    if let Ok(code) = parsed {
        assert!((4..=8).contains(&code.expose().len()) && code.expose().bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(Code::parse(code.expose()), Ok(code.clone()));
        assert_eq!(format!("{code:?}"), "Code(hidden)");
    }
}

/// Any spelling that the documentation forgives is the code; one character more that it does not is none.
pub(crate) fn generated(u: &mut Unstructured<'_>) -> Result<()> {
    let length = u.int_in_range(4..=8)?;
    let digits = (0..length).map(|_| u.int_in_range(0..=9)).collect::<Result<Vec<u8>>>()?;
    let code: String = digits.iter().map(|digit| char::from(b'0' + digit)).collect();
    let mut spelling = String::new();
    for digit in &digits {
        // Eight full-width digits are 24 bytes, and 16 separators are at most 48: more than 64 is refused.
        if u.ratio(1, 3)? {
            spelling.push(*u.choose(&FORGIVEN)?);
        }
        match u.arbitrary()? {
            true => spelling.push(FULL_WIDTH[usize::from(*digit)]),
            false => spelling.push(char::from(b'0' + digit)),
        }
    }
    text(&spelling);
    assert_eq!(Code::parse(&spelling).as_ref().map(Code::expose), Ok(code.as_str()), "{spelling:?}");

    let odd: char = u.arbitrary()?;
    if !odd.is_ascii_digit() && !FULL_WIDTH.contains(&odd) && !FORGIVEN.contains(&odd) {
        let mut at = u.int_in_range(0..=spelling.len())?;
        while !spelling.is_char_boundary(at) {
            at -= 1;
        }
        spelling.insert(at, odd);
        text(&spelling);
        assert!(Code::parse(&spelling).is_err(), "{spelling:?}");
    }
    Ok(())
}

fn plainly(input: &str) -> Option<String> {
    let mut digits = String::new();
    for c in input.chars() {
        let full_width = FULL_WIDTH.iter().position(|digit| *digit == c);
        match (c, full_width) {
            (_, Some(value)) => digits.push_str(&value.to_string()),
            ('0'..='9', None) => digits.push(c),
            _ if FORGIVEN.contains(&c) => {}
            _ => return None,
        }
    }
    let fits = input.len() <= 64 && digits.len() >= 4 && digits.len() <= 8;
    fits.then_some(digits)
}
