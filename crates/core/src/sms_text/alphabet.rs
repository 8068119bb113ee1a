//! The GSM 7-bit default alphabet and its extension table (3GPP TS 23.038, 6.2.1 and 6.2.1.1).

/// Septets that `c` takes: one from the default alphabet, two (an escape before it) from the extension
/// table, `None` when it is in neither and the whole text becomes UCS-2.
///
/// National language tables (TS 23.038, annex A) are not counted on: networks and phones disagree on them.
pub(super) fn septets(c: char) -> Option<u32> {
    match c {
        '\n' | '\r' | ' '..='Z' | '_' | 'a'..='z' => Some(1),
        '¡' | '£' | '¤' | '¥' | '§' | '¿' => Some(1),
        'Ä' | 'Å' | 'Æ' | 'Ç' | 'É' | 'Ñ' | 'Ö' | 'Ø' | 'Ü' => Some(1),
        'ß' | 'à' | 'ä' | 'å' | 'æ' | 'è' | 'é' | 'ì' | 'ñ' | 'ò' | 'ö' | 'ø' | 'ù' | 'ü' => {
            Some(1)
        }
        'Γ' | 'Δ' | 'Θ' | 'Λ' | 'Ξ' | 'Π' | 'Σ' | 'Φ' | 'Ψ' | 'Ω' => Some(1),
        '\u{c}' | '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' => Some(2),
        _ => None,
    }
}

/// The long vowels of te reo Māori, composed or as a combining macron. None of them is in the alphabet.
pub(super) fn is_macron(c: char) -> bool {
    matches!(c, 'ā' | 'ē' | 'ī' | 'ō' | 'ū' | 'Ā' | 'Ē' | 'Ī' | 'Ō' | 'Ū' | '\u{304}')
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The table of the standard by position, 0x00 to 0x7f; the escape at 0x1b is no character.
    pub(in crate::sms_text) const BY_POSITION: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
        ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    /// What stands behind an escape.
    pub(in crate::sms_text) const BEHIND_ESCAPE: &str = "\u{c}^{}\\[~]|€";

    #[test]
    fn the_alphabet_is_the_table_of_the_standard() {
        assert_eq!(BY_POSITION.chars().count(), 128);
        for c in (0..=0x1_ffff).filter_map(char::from_u32) {
            let expected = match c {
                '\u{1b}' => None,
                c if BY_POSITION.contains(c) => Some(1),
                c if BEHIND_ESCAPE.contains(c) => Some(2),
                _ => None,
            };
            assert_eq!(septets(c), expected, "{c:?}");
        }
    }
}
