//! How many SMS parts a text needs (3GPP TS 23.038 alphabets, TS 23.040 concatenation).

const GSM7: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Reached through an escape: two septets each.
const GSM7_EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// Parts of `text`: 160 septets fit one part and 153 each of several; texts that need UCS-2 get 70 and 67.
pub(crate) fn count(text: &str) -> usize {
    match text.chars().map(septets).collect::<Option<Vec<_>>>() {
        Some(widths) => pack(&widths, 160, 153),
        None => pack(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), 70, 67),
    }
}

fn septets(c: char) -> Option<usize> {
    if GSM7.contains(c) {
        Some(1)
    } else if GSM7_EXTENDED.contains(c) {
        Some(2)
    } else {
        None
    }
}

/// Fills parts one after the other: an escape sequence or surrogate pair is never torn in two.
fn pack(widths: &[usize], single: usize, multi: usize) -> usize {
    if widths.iter().sum::<usize>() <= single {
        return 1;
    }
    let mut parts = 1;
    let mut used = 0;
    for width in widths {
        if used + width > multi {
            parts += 1;
            used = 0;
        }
        used += width;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn septets_fill_160_alone_and_153_together() {
        assert_eq!(count(&"a".repeat(160)), 1);
        assert_eq!(count(&"a".repeat(161)), 2);
        assert_eq!(count(&"a".repeat(306)), 2);
        assert_eq!(count(&"a".repeat(307)), 3);
    }

    #[test]
    fn escapes_count_double_and_stay_whole() {
        assert_eq!(count(&"€".repeat(80)), 1);
        assert_eq!(count(&"€".repeat(81)), 2);
        // 76 euro signs are 152 septets; the 77th does not fit the 153rd alone.
        assert_eq!(count(&"€".repeat(153)), 3);
    }

    #[test]
    fn a_macron_makes_the_text_ucs2() {
        assert_eq!(count(&format!("ā{}", "a".repeat(69))), 1);
        assert_eq!(count(&format!("ā{}", "a".repeat(70))), 2);
        assert_eq!(count(&"😀".repeat(35)), 1);
        assert_eq!(count(&"😀".repeat(36)), 2);
    }
}
