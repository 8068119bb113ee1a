//! What is commonly done to a body between its signature and its capture.

use std::fmt;

use serde_json::{Map, Value};

use super::super::json;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// How the body that was signed differs from the one at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyChange {
    /// Without the line break at its end: an editor or `echo` has put it there.
    WithoutLastLineBreak,
    /// With a line feed at its end, which was lost.
    WithLineFeed,
    /// With a carriage return and a line feed at its end, which were lost.
    WithCrLf,
    /// With line feeds alone, where there are carriage returns now.
    LineFeeds,
    /// With carriage returns before its line feeds.
    CrLfs,
    /// Without the byte order mark at its beginning.
    WithoutByteOrderMark,
    /// With a byte order mark at its beginning.
    WithByteOrderMark,
    /// Empty: something had read it before it was signed or captured.
    Empty,
    /// The same JSON in another spelling: something has parsed and written it again.
    Json(&'static str),
}

impl fmt::Display for BodyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WithoutLastLineBreak => "without the line break at its end",
            Self::WithLineFeed => "with a line feed at its end",
            Self::WithCrLf => "with a carriage return and a line feed at its end",
            Self::LineFeeds => "with line feeds alone",
            Self::CrLfs => "with carriage returns before its line feeds",
            Self::WithoutByteOrderMark => "without the byte order mark",
            Self::WithByteOrderMark => "with a byte order mark",
            Self::Empty => "left empty",
            Self::Json(spelling) => return write!(f, "as the same JSON {spelling}"),
        })
    }
}

/// Every other body that may have been signed instead.
pub(super) fn changed(body: &[u8]) -> Vec<(BodyChange, Vec<u8>)> {
    let mut bodies = Vec::new();
    let mut add = |change, changed: Vec<u8>| {
        if changed != body && !bodies.iter().any(|(_, earlier)| *earlier == changed) {
            bodies.push((change, changed));
        }
    };
    let trimmed = body.strip_suffix(b"\n").map_or(body, |body| body.strip_suffix(b"\r").unwrap_or(body));
    add(BodyChange::WithoutLastLineBreak, trimmed.to_vec());
    add(BodyChange::WithLineFeed, [trimmed, b"\n"].concat());
    add(BodyChange::WithCrLf, [trimmed, b"\r\n"].concat());
    let line_feeds = line_feeds(body);
    add(BodyChange::CrLfs, cr_lfs(&line_feeds));
    add(BodyChange::LineFeeds, line_feeds);
    add(BodyChange::WithoutByteOrderMark, body.strip_prefix(BOM).unwrap_or(body).to_vec());
    add(BodyChange::WithByteOrderMark, [BOM, body].concat());
    add(BodyChange::Empty, Vec::new());
    if let Ok(fields) = json::parse_object(body.strip_prefix(BOM).unwrap_or(body)) {
        let sorted = sorted(Value::Object(fields.clone()));
        for (spelling, text) in super::spelling::spellings(&Value::Object(fields), &sorted) {
            add(BodyChange::Json(spelling), text.into_bytes());
        }
    }
    bodies
}

fn line_feeds(body: &[u8]) -> Vec<u8> {
    let after = body.iter().skip(1).map(Some).chain([None]);
    let kept = body.iter().zip(after).filter(|(b, next)| !(**b == b'\r' && *next == Some(&b'\n')));
    kept.map(|(b, _)| *b).collect()
}

fn cr_lfs(line_feeds: &[u8]) -> Vec<u8> {
    line_feeds
        .iter()
        .flat_map(|b| if *b == b'\n' { &b"\r\n"[..] } else { std::slice::from_ref(b) })
        .copied()
        .collect()
}

/// All keys in order, at every depth.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(fields.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}
