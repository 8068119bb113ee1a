//! What a phone would turn into a link.
//!
//! People who are sent codes learn to tap nothing in such a text; a link in one is how they unlearn it.

use unicode_normalization::UnicodeNormalization;

use super::hidden::{is_bidi_control, is_zero_width};

/// Whether `text` holds a URL, something that starts with `www.`, or a host with a path, query or port:
/// `https://…`, `bit.ly/x`, `192.0.2.1:8080`.
///
/// A bare domain is none: `Booking.com` is a company. Full-width letters, full stops of other scripts and
/// characters without width do not hide a link.
pub(crate) fn contains_link(text: &str) -> bool {
    let seen: String = text
        .chars()
        .filter(|c| !is_zero_width(*c) && !is_bidi_control(*c))
        .nfkc()
        .flat_map(char::to_lowercase)
        // Browsers read the ideographic full stop in a host as a dot (Unicode Technical Standard 46).
        .map(|c| if c == '\u{3002}' { '.' } else { c })
        .collect();
    has_scheme(&seen) || has_www(&seen) || has_host_with_more(&seen)
}

fn has_scheme(text: &str) -> bool {
    ["://", "http:/", "https:/"].iter().any(|scheme| text.contains(scheme))
}

fn has_www(text: &str) -> bool {
    text.match_indices("www.").any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric)
    })
}

/// Looks at every character that ends a host in a URL: is there a host before it, and more behind it?
fn has_host_with_more(text: &str) -> bool {
    text.match_indices(['/', '?', ':']).any(|(at, mark)| {
        let before = &text[..at];
        let host = before.rfind(|c| !is_host_character(c)).map_or(before, |stop| {
            let width = before[stop..].chars().next().map_or(0, char::len_utf8);
            &before[stop + width..]
        });
        let next = text[at + mark.len()..].chars().next();
        let more = match mark {
            "/" => true,
            "?" => next.is_some_and(char::is_alphanumeric),
            _ => next.is_some_and(|c| c.is_ascii_digit()),
        };
        more && is_dotted_host(host.trim_matches('.'))
    })
}

fn is_host_character(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// Two labels or more, the last of them like a top-level domain; or an IPv4 address.
fn is_dotted_host(host: &str) -> bool {
    let Some((rest, last)) = host.rsplit_once('.') else {
        return false;
    };
    let numeric = |label: &str| (1..=3).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_digit());
    if numeric(last) {
        return rest.split('.').filter(|label| numeric(label)).count() == 3 && rest.matches('.').count() == 2;
    }
    let letters = last.chars().filter(|c| c.is_alphabetic()).count();
    // A dot or more before the host's own labels is punctuation.
    !rest.ends_with('.') && letters >= 2 && (letters == last.chars().count() || last.starts_with("xn--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_phones_turn_into_links_is_found() {
        for link in [
            "http://x",
            "see HTTPS://example.com",
            "https:/example.com",
            "ftp://example.com/file",
            "myapp://verify",
            "www.example.com",
            "(www.example.co.nz)",
            "bit.ly/x",
            "Go to bit.ly/3xYz now",
            "t.co/",
            "example.com./path",
            "example.com?c=1",
            "example.com:8080",
            "192.0.2.1/x",
            "bücher.example/a",
            "xn--bcher-kva.xn--p1ai/a",
            "ｂｉｔ.ｌｙ/x",
            "bit。ly/x",
            "bi\u{200b}t.ly/x",
            "ht\u{ad}tps://example.com",
            "请访问bit.ly/x",
            "now..bit.ly/x",
        ] {
            assert!(contains_link(link), "{link}");
        }
    }

    #[test]
    fn ordinary_sentences_have_no_links() {
        for text in [
            "",
            "Booking.com",
            "Valid for 5 minutes.",
            "24/7 support",
            "and/or",
            "e.g./i.e.",
            "v1.2/3",
            "10:30",
            "1.5:1",
            "Is it example.com? Yes.",
            "A.B.C./D",
            "Ltd./Inc.",
            "ww.x",
            "awww.cute",
            "www.",
            "...//",
            "wait…soon/later",
            "Tāmaki: 482174",
            "192.0.2/24",
        ] {
            assert!(!contains_link(text), "{text}");
        }
    }
}
