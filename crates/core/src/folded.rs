//! One form for all the ways in which people write the same words.

use unicode_normalization::UnicodeNormalization;

/// NFKC and case-folded: `ＳＴＯＰ`, `Stop` and `stop` are one, and so are `STRASSE` and `straße`.
pub(crate) fn folded(text: &str) -> String {
    // Upper case first: what it makes equal (ß and SS) lower case alone would keep apart.
    let upper = text.nfkc().collect::<String>().to_uppercase();
    // A sigma is written otherwise at the end of a word, which a part of a word would not match.
    upper.to_lowercase().chars().map(|c| if c == 'ς' { 'σ' } else { c }).nfkc().collect()
}

/// [`folded`], trimmed, with one space wherever there was space.
pub(crate) fn plain(text: &str) -> String {
    let folded = folded(text);
    let mut words = folded.split_whitespace();
    let mut plain = String::with_capacity(folded.len());
    plain.extend(words.next());
    for word in words {
        plain.push(' ');
        plain.push_str(word);
    }
    plain
}
