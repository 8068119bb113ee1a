//! Encoding and parts of a text.

use super::alphabet::septets;

/// At most this many characters are named as the reason for UCS-2.
const MOST_NAMED: usize = 8;

/// How a text is written into messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The GSM 7-bit default alphabet with its extension table; a unit is a septet (3GPP TS 23.038).
    Gsm7,
    /// Everything else; a unit is a 16-bit code unit. Phones read it as UTF-16, so an emoji takes two.
    Ucs2,
}

impl Encoding {
    /// The word for logs, tables and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "gsm7",
            Self::Ucs2 => "ucs2",
        }
    }

    /// Units of a message that stands alone: 140 octets.
    #[must_use]
    pub fn units_alone(self) -> u32 {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Units of each of several parts: six octets are the header that joins them (3GPP TS 23.040, 9.2.3.24.1).
    #[must_use]
    pub fn units_joined(self) -> u32 {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    fn units_of(self, c: char) -> u32 {
        match self {
            // Whoever asks has seen that everything is in the alphabet.
            Self::Gsm7 => septets(c).unwrap_or(1),
            Self::Ucs2 if c.len_utf16() == 1 => 1,
            Self::Ucs2 => 2,
        }
    }
}

/// What a text takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Segments {
    /// How it is written.
    pub encoding: Encoding,
    /// Septets or 16-bit code units of the text, headers not counted.
    pub units: u32,
    /// Messages that are billed. An empty text is still one. Networks join at most 255.
    pub parts: u32,
    /// Units that still fit the last part.
    pub units_left: u32,
    /// The first eight different characters that forced UCS-2, in their order. Digits of other scripts are
    /// left out: they could be the code. Empty for [`Encoding::Gsm7`].
    pub forced_by: Vec<char>,
}

/// Counts `text` as networks bill it.
///
/// Parts are filled one after the other, since an escape with its character, or a surrogate pair, never
/// straddles two parts: what does not fit leaves a unit empty.
#[must_use]
pub fn segments(text: &str) -> Segments {
    let encoding = match text.chars().all(|c| septets(c).is_some()) {
        true => Encoding::Gsm7,
        false => Encoding::Ucs2,
    };
    let widths = || text.chars().map(|c| encoding.units_of(c));
    let units = widths().fold(0, u32::saturating_add);
    let (parts, units_left) = match encoding.units_alone().checked_sub(units) {
        Some(left) => (1, left),
        None => joined(widths(), encoding.units_joined()),
    };
    Segments { encoding, units, parts, units_left, forced_by: forced_by(text) }
}

/// Parts, and units left in the last one.
fn joined(widths: impl Iterator<Item = u32>, room: u32) -> (u32, u32) {
    widths.fold((1, room), |(parts, left), width| match left.checked_sub(width) {
        Some(left) => (parts, left),
        None => (parts.saturating_add(1), room - width),
    })
}

fn forced_by(text: &str) -> Vec<char> {
    let mut named = Vec::new();
    for c in text.chars().filter(|c| septets(*c).is_none() && !c.is_numeric()) {
        if named.len() == MOST_NAMED {
            break;
        }
        if !named.contains(&c) {
            named.push(c);
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sms_text::alphabet::tests::{BEHIND_ESCAPE, BY_POSITION};

    fn counted(text: &str) -> (Encoding, u32, u32, u32) {
        let Segments { encoding, units, parts, units_left, .. } = segments(text);
        (encoding, units, parts, units_left)
    }

    #[test]
    fn septets_fill_160_alone_and_153_together() {
        use Encoding::Gsm7;
        for (length, parts, left) in [
            (0, 1, 160),
            (1, 1, 159),
            (159, 1, 1),
            (160, 1, 0),
            (161, 2, 145),
            (306, 2, 0),
            (307, 3, 152),
            (459, 3, 0),
            (460, 4, 152),
        ] {
            assert_eq!(counted(&"a".repeat(length as usize)), (Gsm7, length, parts, left));
        }
    }

    #[test]
    fn an_escape_never_straddles_two_parts() {
        use Encoding::Gsm7;
        let text = |before: usize, after: usize| format!("{}€{}", "a".repeat(before), "a".repeat(after));
        // 158 + 2 septets stand alone; one more makes two parts of 153, and the pair begins at septet 158.
        assert_eq!(counted(&text(158, 0)), (Gsm7, 160, 1, 0));
        assert_eq!(counted(&text(159, 0)), (Gsm7, 161, 2, 145));
        // Septets 152 and 153 are the pair: it fits. One later, septet 153 stays empty.
        assert_eq!(counted(&text(151, 153)), (Gsm7, 306, 2, 0));
        assert_eq!(counted(&text(152, 151)), (Gsm7, 305, 2, 0));
        assert_eq!(counted(&text(152, 152)), (Gsm7, 306, 3, 152));
        // 76 of them are 152 septets, and the 77th does not fit the 153rd.
        assert_eq!(counted(&"€".repeat(80)), (Gsm7, 160, 1, 0));
        assert_eq!(counted(&"€".repeat(152)), (Gsm7, 304, 2, 1));
        assert_eq!(counted(&"€".repeat(153)), (Gsm7, 306, 3, 151));
    }

    #[test]
    fn code_units_fill_70_alone_and_67_together() {
        use Encoding::Ucs2;
        for (length, parts, left) in
            [(1, 1, 69), (70, 1, 0), (71, 2, 63), (134, 2, 0), (135, 3, 66), (201, 3, 0)]
        {
            assert_eq!(counted(&"ā".repeat(length as usize)), (Ucs2, length, parts, left));
        }
        // In UCS-2 an extension character is one unit like any other.
        assert_eq!(counted(&format!("ā{}", "€".repeat(69))), (Ucs2, 70, 1, 0));
    }

    #[test]
    fn a_surrogate_pair_never_straddles_two_parts() {
        use Encoding::Ucs2;
        let text = |before: usize, after: usize| format!("{}😀{}", "ā".repeat(before), "ā".repeat(after));
        assert_eq!(counted(&text(68, 0)), (Ucs2, 70, 1, 0));
        assert_eq!(counted(&text(69, 0)), (Ucs2, 71, 2, 63));
        assert_eq!(counted(&text(65, 67)), (Ucs2, 134, 2, 0));
        // Units 67 and 68: the whole pair goes to the second part.
        assert_eq!(counted(&text(66, 65)), (Ucs2, 133, 2, 0));
        assert_eq!(counted(&text(66, 66)), (Ucs2, 134, 3, 66));
    }

    #[test]
    fn what_forced_ucs2_is_named_once_and_never_a_digit() {
        assert_eq!(segments("Māori ā – `x`").forced_by, ['ā', '–', '`']);
        assert!(segments("４８２１７４").forced_by.is_empty());
        assert_eq!(segments("４８２１７４").encoding, Encoding::Ucs2);
        assert_eq!(segments("абвгдежзийкл").forced_by.len(), MOST_NAMED);
        assert!(segments("[€]").forced_by.is_empty());
    }

    /// Really encodes the text and cuts it into parts, a character at a time.
    fn parts_one_by_one(text: &str) -> Vec<Vec<u16>> {
        let gsm7 = |c: char| {
            let at = |table: &str| table.chars().position(|known| known == c).map(|at| at as u16);
            match at(BY_POSITION) {
                Some(0x1b) => None,
                Some(septet) => Some(vec![septet]),
                None => at(BEHIND_ESCAPE).map(|at| vec![0x1b, at]),
            }
        };
        let encoded: Option<Vec<Vec<u16>>> = text.chars().map(gsm7).collect();
        let (encoded, alone, joined) = match encoded {
            Some(encoded) => (encoded, 160, 153),
            None => {
                let utf16 = |c: char| c.encode_utf16(&mut [0; 2]).to_vec();
                (text.chars().map(utf16).collect::<Vec<_>>(), 70, 67)
            }
        };
        if encoded.concat().len() <= alone {
            return vec![encoded.concat()];
        }
        let mut parts = vec![Vec::new()];
        for character in encoded {
            let mut longer = parts.last().cloned().unwrap();
            longer.extend(&character);
            if longer.len() <= joined {
                *parts.last_mut().unwrap() = longer;
            } else {
                parts.push(character);
            }
        }
        parts
    }

    proptest! {
        #[test]
        fn parts_are_those_of_a_real_encoder(text in prop_oneof![
            "[a-z€\\[\\]^]{0,500}",
            "[a-zāō😀€]{0,300}",
            "\\PC{0,200}",
        ]) {
            let parts = parts_one_by_one(&text);
            let counted = segments(&text);
            prop_assert_eq!(counted.parts as usize, parts.len());
            prop_assert_eq!(counted.units as usize, parts.concat().len());
            let room = match parts.len() {
                1 => counted.encoding.units_alone(),
                _ => counted.encoding.units_joined(),
            };
            prop_assert_eq!(counted.units_left as usize, room as usize - parts.last().map_or(0, Vec::len));
            for part in &parts {
                prop_assert_ne!(part.last(), Some(&0x1b).filter(|_| counted.encoding == Encoding::Gsm7));
                prop_assert!(counted.encoding == Encoding::Gsm7 || String::from_utf16(part).is_ok());
            }
        }
    }
}
