//! A captured request, from files and arguments.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use textproof_service::config::ConfigError;

use crate::{arguments::VerifySignatureOptions, command::usage};

/// More than a server reads of headers, and more than any webhook has in its body.
const MOST_BYTES: u64 = 1024 * 1024;

/// What was captured.
pub(super) struct Captured {
    pub(super) headers: HeaderMap,
    pub(super) path_secret: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Reads the body byte for byte, and the headers from a file and from arguments, in this order.
pub(super) fn read(options: &VerifySignatureOptions) -> Result<Captured, ConfigError> {
    let mut head = Head { headers: HeaderMap::new(), path: options.path.clone() };
    if let Some(file) = &options.headers {
        let text = String::from_utf8(bytes("--headers", file)?);
        head.read(&text.map_err(|_| usage("--headers", "is not text"))?)?;
    }
    for line in &options.header {
        head.line("--header", line)?;
    }
    let path_secret =
        head.path.as_deref().map(|path| path_secret(path, &options.endpoint)).transpose()?.flatten();
    Ok(Captured { headers: head.headers, path_secret, body: bytes("--body", &options.body)? })
}

struct Head {
    headers: HeaderMap,
    path: Option<String>,
}

impl Head {
    /// Lines as HTTP/1.1 has them, up to an empty one; the first may be the request line.
    fn read(&mut self, text: &str) -> Result<(), ConfigError> {
        for (at, line) in text.lines().take_while(|line| !line.is_empty()).enumerate() {
            let mut words = line.split(' ');
            match (at, words.next(), words.next(), words.next()) {
                (0, Some(_), Some(path), Some(version)) if version.starts_with("HTTP/") => {
                    self.path.get_or_insert_with(|| path.to_owned());
                }
                _ => self.line("--headers", line)?,
            }
        }
        Ok(())
    }

    /// `Name: value`. The line is not repeated in a message: it may hold a secret.
    fn line(&mut self, argument: &str, line: &str) -> Result<(), ConfigError> {
        let parsed = line.split_once(':').and_then(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_bytes(value.trim_matches([' ', '\t']).as_bytes()).ok()?))
        });
        let (name, value) = parsed.ok_or_else(|| usage(argument, "has a line that is not `Name: value`"))?;
        self.headers.append(name, value);
        Ok(())
    }
}

/// What follows the endpoint's name in the path.
fn path_secret(path: &str, endpoint: &str) -> Result<Option<String>, ConfigError> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let rest = path.strip_prefix("/hooks/").and_then(|rest| rest.strip_prefix(endpoint));
    match rest.map(|rest| rest.strip_prefix('/').ok_or(rest)) {
        Some(Ok(secret)) => Ok(Some(secret.to_owned())),
        Some(Err("")) => Ok(None),
        _ => Err(usage("the path", format!("does not begin with /hooks/{endpoint}"))),
    }
}

/// A file, or all of stdin for `-`.
fn bytes(argument: &str, path: &Path) -> Result<Vec<u8>, ConfigError> {
    let mut bytes = Vec::new();
    let read = match path.as_os_str() == "-" {
        true => io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes),
        false => File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)),
    };
    let read = read.map_err(|source| ConfigError::Unreadable {
        what: argument.to_owned(),
        path: path.display().to_string(),
        source,
    })?;
    match read as u64 > MOST_BYTES {
        true => Err(usage(argument, format!("is longer than {MOST_BYTES} bytes"))),
        false => Ok(bytes),
    }
}
