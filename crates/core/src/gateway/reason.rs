//! A gateway's own words, made safe to show.

/// Longer explanations are cut: what follows is more often an echo of the request than a reason.
const MAX_CHARS: usize = 64;
/// How the gateways' secrets begin: client ids, client secrets, access tokens, API keys, webhook secrets.
const SECRET_PREFIXES: [&str; 6] = ["cid_", "csk_", "wst_", "sk_live_", "sk_test_", "whsec_"];

/// Quotes `words` with digits masked, control characters and the values in `hidden` removed, cut to 64
/// characters: a gateway may repeat the number, the code, the text or the token it refuses.
pub(super) fn quoted(words: &str, hidden: &[&str]) -> String {
    let mut words = words.to_owned();
    for value in hidden.iter().filter(|value| !value.is_empty()) {
        words = words.replace(value, "[hidden]");
    }
    let shown: Vec<&str> = words.split_whitespace().map(without_secret).collect();
    let shown = shown.join(" ");
    shown.chars().filter(|c| !c.is_control()).map(masked).take(MAX_CHARS).collect()
}

fn without_secret(word: &str) -> &str {
    let has_secret = SECRET_PREFIXES.iter().any(|prefix| word.contains(prefix));
    if has_secret { "[hidden]" } else { word }
}

fn masked(c: char) -> char {
    if c.is_numeric() { '#' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_reasons_stay_readable() {
        assert_eq!(quoted("Daily limit reached", &[]), "Daily limit reached");
        assert_eq!(quoted("no_active_device_for_tenant", &["", "482174"]), "no_active_device_for_tenant");
    }

    #[test]
    fn numbers_codes_and_secrets_are_never_quoted() {
        assert_eq!(quoted("number +64 21 123 4567 is barred", &[]), "number +## ## ### #### is barred");
        assert_eq!(quoted("code ٤٨٢ ４８２", &[]), "code ### ###");
        assert_eq!(quoted("token (wst_canary) expired", &[]), "token [hidden] expired");
        assert_eq!(
            quoted("text 'see you\nat noon' refused", &["see you\nat noon"]),
            "text '[hidden]' refused"
        );
    }

    #[test]
    fn the_quote_is_short_and_on_one_line() {
        let quote = quoted(&"a\r\nb\u{1b}[31m\0 ".repeat(50), &[]);
        assert_eq!(quote.chars().count(), 64);
        assert!(!quote.contains(char::is_control));
    }
}
