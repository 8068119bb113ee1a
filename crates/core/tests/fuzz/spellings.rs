//! One phone in as many spellings as people and programs have for it.

use std::collections::HashSet;

use textproof::{Countries, PhoneNumber};

#[test]
fn two_hundred_spellings_are_one_phone() {
    let countries = Countries::new(["NZ", "AU"], Some("NZ")).unwrap();
    let spellings = spellings();
    assert!(spellings.len() >= 200, "{} spellings", spellings.len());
    for spelling in spellings {
        let phone = PhoneNumber::parse(&spelling, &countries);
        assert_eq!(phone.as_ref().map(PhoneNumber::e164), Ok("+64211234567"), "{spelling:?}");
    }
}

fn spellings() -> HashSet<String> {
    let starts = ["+64", "＋64", "0064", "00 64 ", "+64 (0)", "+64 0", "+640", "0", "(0)"];
    let separators = [" ", "-", "", ".", "/", "\u{a0}", "\u{202f}", "\u{3000}", "\u{2011}", " - "];
    let mut spellings = HashSet::new();
    for start in starts {
        for separator in separators {
            let spelling = ["21", "123", "4567"].join(separator);
            for joined in [format!("{start}{spelling}"), format!("{start}{separator}{spelling}")] {
                spellings.insert(full_width(&joined));
                spellings.insert(format!(" {joined}\u{a0}"));
                spellings.insert(joined);
            }
        }
    }
    spellings.extend(
        ["(021) 123 4567", "(021)1234567", "+64 (21) 123-4567", "+64-(0)21-1234567"].map(str::to_owned),
    );
    spellings
}

/// As an East Asian keyboard writes it.
fn full_width(text: &str) -> String {
    let wide = |c: char| match c {
        '0'..='9' | '+' | '(' | ')' | '-' | '.' | '/' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        other => other,
    };
    text.chars().map(wide).collect()
}
