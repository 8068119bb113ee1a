//! A body on its way through an endpoint, and JSON that is made on purpose.

use arbtest::arbitrary::{Result, Unstructured};
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;
use textproof::webhook::{
    Authentication, Dialect, Endpoint, EndpointSettings, PointerSettings, Request, SecretEntry, Understood,
};

const SECRET: &str = "abcdefghijklmnopqrstuv";

/// An endpoint that signs nothing, so that every body gets through.
pub(crate) fn endpoint(dialect: Dialect, pointers: Option<&str>) -> Endpoint {
    let endpoint = Endpoint::new(EndpointSettings {
        name: "fuzzed".into(),
        tenant: "default".into(),
        dialect,
        authentication: Authentication::PathSecret {},
        secrets: vec![SecretEntry { id: "a".into(), value: SECRET.into(), not_after: None }],
        addresses: None,
    });
    let endpoint = endpoint.expect("a sound endpoint");
    let Some(pointers) = pointers else { return endpoint };
    let pointers: PointerSettings = serde_json::from_str(pointers).expect("pointers");
    endpoint.with_pointers(pointers).expect("sound pointers")
}

pub(crate) fn understand(endpoint: &Endpoint, body: &[u8], second: i64) -> Understood {
    let now = Timestamp::from_second(second).expect("a time");
    let request = Request { headers: &HeaderMap::new(), path_secret: Some(SECRET), peer: None, body };
    endpoint.verify(&request, now).expect("the path secret is right").understand(now)
}

/// An object of these fields in any order, with blanks where JSON has them and any spelling of its keys.
pub(crate) fn object(u: &mut Unstructured<'_>, fields: &[(String, String)]) -> Result<String> {
    let mut left: Vec<_> = fields.iter().collect();
    let mut written = "{".to_owned();
    while !left.is_empty() {
        let (key, value) = left.swap_remove(u.int_in_range(0..=left.len() - 1)?);
        let comma = if written.len() > 1 && !written.ends_with('{') { "," } else { "" };
        let (before, between) = (blank(u)?, blank(u)?);
        written += &format!("{comma}{before}{}{between}:{between}{value}{before}", spelt(u, key)?);
    }
    Ok(written + "}")
}

/// Any value up to this depth, as text.
pub(crate) fn value(u: &mut Unstructured<'_>, depth: usize) -> Result<String> {
    const NUMBERS: [&str; 14] = [
        "0",
        "-0",
        "7",
        "1.0",
        "1e3",
        "0.1",
        "-1.5e-7",
        "1234567890",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "1e300",
        "1e400",
    ];
    Ok(match u.int_in_range(0..=if depth == 0 { 4 } else { 6 })? {
        0 => (*u.choose(&["null", "true", "false"])?).to_owned(),
        1 => (*u.choose(&NUMBERS)?).to_owned(),
        2 => u.arbitrary::<f64>()?.to_string(),
        3 => u.arbitrary::<i64>()?.to_string(),
        4 => {
            let text = u.arbitrary::<&str>()?;
            spelt(u, &text.chars().take(20).collect::<String>())?
        }
        5 => {
            let items =
                (0..u.int_in_range(0..=3)?).map(|_| value(u, depth - 1)).collect::<Result<Vec<_>>>()?;
            format!("[{}]", items.join(","))
        }
        _ => {
            const KEYS: [&str; 6] = ["a", "b", "id", "é", "\u{1f600}", "\""];
            let field = |u: &mut Unstructured<'_>| Ok(((*u.choose(&KEYS)?).to_owned(), value(u, depth - 1)?));
            let fields = (0..u.int_in_range(0..=3)?).map(|_| field(u)).collect::<Result<Vec<_>>>()?;
            object(u, &fields)?
        }
    })
}

/// A JSON string: characters as they are, or escaped.
pub(crate) fn spelt(u: &mut Unstructured<'_>, text: &str) -> Result<String> {
    let mut written = "\"".to_owned();
    for c in text.chars() {
        if u.ratio(1, 8)? {
            for unit in c.encode_utf16(&mut [0; 2]) {
                written += &format!("\\u{unit:04x}");
            }
        } else {
            let quoted = Value::from(c.to_string()).to_string();
            written += &quoted[1..quoted.len() - 1];
        }
    }
    Ok(written + "\"")
}

fn blank(u: &mut Unstructured<'_>) -> Result<&'static str> {
    Ok(u.choose(&["", "", "", " ", "\n", "\t\r "])?)
}
