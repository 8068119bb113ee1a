//! Every setting on one screen: its name, kind, default and variables.
//!
//! Each key of a section can be set as `TEXTPROOF_<SECTION>_<KEY>`, too; only further names stand here.

mod lists;

pub(super) use lists::{ENDPOINTS, FORWARDS, LISTS, RULES};

/// What a value looks like, in the file and in a variable.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// A text that is shown without the password it may contain.
    Address,
    /// An address whose path may be a secret: shown is only the server that it leads to.
    Target,
    /// A text that is never shown, and taken from a variable to the letter.
    Secret,
    /// RFC 3339, as a text or as TOML's own.
    Time,
    /// Whole, not negative.
    Number,
    /// True or false.
    Flag,
    Texts,
    Table(&'static [Key]),
    Tables(&'static [Key]),
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// As TOML.
    pub(super) default: Option<&'static str>,
    /// Names beside the regular one.
    pub(super) variables: &'static [&'static str],
}

impl Key {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, default: None, variables: &[] }
    }

    const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn also(self, variables: &'static [&'static str]) -> Self {
        Self { variables, ..self }
    }
}

/// A `[table]` of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) keys: &'static [Key],
}

use Kind::{Address, Flag, Number, Secret, Tables, Text, Texts, Time};

const METRICS: &[&str] = &["TEXTPROOF_METRICS_BIND"];

pub(super) const SECTIONS: &[Section] = &[
    Section {
        name: "redis",
        keys: &[
            Key::new("url", Address),
            Key::new("url_file", Text),
            Key::new("sentinel_user", Text),
            Key::new("sentinel_password", Secret),
            Key::new("sentinel_password_file", Text),
            Key::new("ca_file", Text),
            Key::new("key_prefix", Text).or(r#""tp1:""#).also(&["TEXTPROOF_KEY_PREFIX"]),
            Key::new("min_replicas", Number).or("0"),
        ],
    },
    Section {
        name: "otp",
        keys: &[
            Key::new("tenant", Text).or(r#""default""#),
            Key::new("countries", Texts),
            Key::new("default_country", Text),
            Key::new("ttl_seconds", Number).or("300"),
            Key::new("max_attempts", Number).or("5"),
            Key::new("web_otp_domains", Texts).or("[]"),
            Key::new("gateways", Texts).or(r#"["connexus", "mobile-api-connect"]"#),
            Key::new("code_length", Number).or("6"),
            Key::new("require_handle", Flag).or("false"),
            Key::new("receipt_ttl_seconds", Number).or("300"),
            Key::new("address_sends_per_hour", Number).or("20"),
            Key::new("address_failed_checks_per_5_minutes", Number).or("30"),
            Key::new("sends_per_day", Number),
            Key::new("parts_per_day", Number),
            Key::new("fraud_guard", Text).or(r#""observe""#),
            Key::new("opt_out_senders", Texts).or("[]"),
            Key::new("accepted_risk_per_million", Number).or("100"),
            Key::new("accepted_fleet_risk_per_million", Number),
            Key::new("profile", Text).or(r#""production""#),
            Key::new("fixed_codes", Tables(FIXED_CODE)).or("[]"),
            Key::new("pepper", Secret).also(&["TEXTPROOF_PEPPER"]),
            Key::new("pepper_file", Text).also(&["TEXTPROOF_PEPPER_FILE"]),
            Key::new("fingerprint_key", Secret).also(&["TEXTPROOF_FINGERPRINT_KEY"]),
            Key::new("fingerprint_key_file", Text).also(&["TEXTPROOF_FINGERPRINT_KEY_FILE"]),
        ],
    },
    Section {
        name: "connexus",
        keys: &[
            Key::new("base_url", Address)
                .or(r#""https://websms.co.nz/api/connexus""#)
                .also(&["WEBSMS_BASE_URL"]),
            Key::new("client_id", Text).also(&["WEBSMS_CLIENT_ID"]),
            Key::new("client_secret", Secret).also(&["WEBSMS_CLIENT_SECRET"]),
            Key::new("client_secret_file", Text).also(&["WEBSMS_CLIENT_SECRET_FILE"]),
        ],
    },
    Section {
        name: "mobile_api_connect",
        keys: &[
            Key::new("base_url", Address)
                .or(r#""https://api.mobileapiconnect.com/v1""#)
                .also(&["MOBILE_API_CONNECT_BASE_URL"]),
            Key::new("key", Secret).also(&["MOBILE_API_CONNECT_KEY"]),
            Key::new("key_file", Text).also(&["MOBILE_API_CONNECT_KEY_FILE"]),
        ],
    },
    Section { name: "stream", keys: &[Key::new("shards", Number).or("1")] },
    Section {
        name: "ingest",
        keys: &[
            Key::new("bind", Text).or(r#""0.0.0.0:3000""#),
            Key::new("metrics_bind", Text).or(r#""127.0.0.1:9464""#).also(METRICS),
            Key::new("body_limit_bytes", Number).or("65536"),
            Key::new("max_connections", Number).or("4096"),
            Key::new("tls_certificate_file", Text),
            Key::new("tls_key_file", Text),
            Key::new("trusted_hops", Number).or("0"),
            Key::new("spool_dir", Text).also(&["TEXTPROOF_SPOOL_DIR"]),
            Key::new("spool_max_bytes", Number).or("1073741824"),
            Key::new("spool_max_age_seconds", Number).or("518400"),
            Key::new("max_stream_depth", Number).or("1000000"),
        ],
    },
    Section {
        name: "consent",
        keys: &[
            Key::new("help_text", Text),
            Key::new("out_words", Texts).or("[]"),
            Key::new("in_words", Texts).or("[]"),
            Key::new("help_words", Texts).or("[]"),
            Key::new("codes_after_stop", Flag).or("true"),
        ],
    },
    Section {
        name: "worker",
        keys: &[
            Key::new("bind", Text).or(r#""127.0.0.1:3001""#),
            Key::new("metrics_bind", Text).or(r#""127.0.0.1:9465""#).also(METRICS),
            Key::new("group", Text).or(r#""textproof""#),
            Key::new("concurrency", Number).or("64"),
            Key::new("lease_seconds", Number).or("30"),
            Key::new("drain_seconds", Number).or("25"),
            Key::new("max_deliveries", Number).or("5"),
            Key::new("max_attempts", Number).or("12"),
            Key::new("own_numbers", Texts).or("[]"),
        ],
    },
];

/// The keys of an `[[otp.fixed_codes]]`. Its phone is somebody's number, which no output holds in full.
const FIXED_CODE: &[Key] = &[
    Key::new("phone", Secret),
    Key::new("code", Secret),
    Key::new("code_file", Text),
    Key::new("ends", Time),
];

/// The regular variable of a key: `TEXTPROOF_OTP_TTL_SECONDS`.
pub(super) fn variable(section: &str, key: &str) -> String {
    format!("TEXTPROOF_{section}_{key}").to_uppercase()
}

/// How a key is called in messages: `otp.ttl_seconds`.
pub(super) fn path(section: &str, key: &str) -> String {
    format!("{section}.{key}")
}

/// The same for a table of a list: `endpoint.mac.tenant`.
pub(super) fn entry_path(list: &str, entry: &str, key: &str) -> String {
    format!("{list}.{entry}.{key}")
}

/// `a, b, c`, for messages.
pub(super) fn names(keys: &[Key]) -> String {
    keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}

/// A secret may stand in a file of its own: `pepper` and `pepper_file` exclude each other.
pub(super) fn sibling(keys: &[Key], name: &str) -> Option<&'static str> {
    let named = |wanted: &str| keys.iter().map(|key| key.name).find(|name| *name == wanted);
    match name.strip_suffix("_file") {
        Some(base) => named(base),
        None => named(&format!("{name}_file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../../.env.example");

    #[test]
    fn the_example_names_every_setting() {
        let named = |variable: &str| EXAMPLE.lines().any(|line| line.starts_with(&format!("{variable}=")));
        for section in SECTIONS {
            for key in section.keys {
                let regular = variable(section.name, key.name);
                let mut names = std::iter::once(regular.as_str()).chain(key.variables.iter().copied());
                assert!(names.any(named), ".env.example does not name {regular}");
            }
        }
    }
}
