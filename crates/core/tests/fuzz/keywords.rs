//! What people text back, as far as it is about consent.

use arbtest::arbitrary::{Result, Unstructured};
use textproof::consent::{Keywords, Said};

const OUT: [&str; 8] = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];
const IN: [&str; 3] = ["START", "UNSTOP", "YES"];
const HELP: [&str; 2] = ["HELP", "INFO"];
const DRESS: [char; 12] = [' ', '\n', '.', '!', '"', '«', '…', '\u{a0}', '。', '(', '-', '\''];

/// Of plain ASCII a plainer reader says the same, and of nothing else does a statement come without its letters.
pub(crate) fn text(input: &str) {
    let words = Keywords::default();
    let said = words.read(input);
    if let Some(Said::Out(word) | Said::In(word) | Said::Help(word)) = said {
        assert!(input.len() <= 64 && input.chars().count() >= word.len(), "{input:?}");
    }
    if input.is_ascii() {
        let word = |said: Said<'_>| match said {
            Said::Out(word) => ('o', word.to_uppercase()),
            Said::In(word) => ('i', word.to_uppercase()),
            Said::Help(word) => ('h', word.to_uppercase()),
            Said::Unclear(word) => ('?', word.to_uppercase()),
        };
        let (said, plainly) = (said.map(word), plainly(input));
        match (&said, &plainly) {
            // Of several words any may be named.
            (Some(('?', word)), Some(('?', _))) => assert!(OUT.contains(&word.as_str())),
            _ => assert_eq!(said, plainly, "{input:?}"),
        }
    }
}

/// A word in any dress is a statement; with another word beside it, one for opting out is for somebody to read, and any
/// other is nothing.
pub(crate) fn generated(u: &mut Unstructured<'_>) -> Result<()> {
    let all: Vec<&str> = OUT.into_iter().chain(IN).chain(HELP).collect();
    let word = *u.choose(&all)?;
    let mut dressed = String::new();
    for _ in 0..u.int_in_range(0..=3)? {
        dressed.push(*u.choose(&DRESS)?);
    }
    for letter in word.chars() {
        dressed.push(match u.int_in_range(0..=2)? {
            0 => letter,
            1 => letter.to_ascii_lowercase(),
            // The full-width letters are in the order of ASCII.
            _ => char::from_u32(u32::from(letter) + 0xFEE0).unwrap_or(letter),
        });
    }
    for _ in 0..u.int_in_range(0..=3)? {
        dressed.push(*u.choose(&DRESS)?);
    }
    text(&dressed);
    let words = Keywords::default();
    let lower = word.to_lowercase();
    let expected = match word {
        word if OUT.contains(&word) => Said::Out(&lower),
        word if IN.contains(&word) => Said::In(&lower),
        _ => Said::Help(&lower),
    };
    assert_eq!(words.read(&dressed), Some(expected), "{dressed:?}");

    let sentence = format!("please {dressed} now");
    text(&sentence);
    let expected = OUT.contains(&word).then_some(Said::Unclear(&lower));
    assert_eq!(words.read(&sentence), expected, "{sentence:?}");
    Ok(())
}

fn plainly(input: &str) -> Option<(char, String)> {
    let upper = input.to_ascii_uppercase();
    let whole: String = upper
        .trim_matches(|c: char| !c.is_ascii_alphanumeric())
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .collect();
    for (list, meaning) in [(&OUT[..], 'o'), (&IN, 'i'), (&HELP, 'h')] {
        if input.len() <= 64 && list.contains(&whole.as_str()) {
            return Some((meaning, whole));
        }
    }
    let beginning = &upper[..upper.len().min(1_000)];
    let words: Vec<&str> =
        beginning.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let one = words.iter().map(|word| (*word).to_owned());
    let two = words.windows(2).map(<[&str]>::concat);
    one.chain(two).find(|word| OUT.contains(&word.as_str())).map(|word| ('?', word))
}
