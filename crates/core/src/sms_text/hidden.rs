//! Characters that people do not see and that change what they see.

/// Control characters, and the two separators that break lines without being control characters.
pub(crate) fn is_line_break_or_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Embeddings, overrides and isolates of the bidirectional algorithm (Unicode Standard Annex 9): they can
/// show a code or a host in another order than it is read by a machine.
pub(crate) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters without width. Some have a place in Persian or in emoji, none in a code or a host.
pub(super) fn is_zero_width(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
    )
}
