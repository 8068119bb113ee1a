//! The file as structs: what serde makes of it, defaults filled in. Meaning is checked elsewhere.

use secrecy::SecretString;
use serde::Deserialize;
use textproof::webhook::PointerSettings;
use toml::{Table, Value};

use super::ConfigError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) redis: RawRedis,
    pub(super) otp: RawOtp,
    pub(super) connexus: RawConnexus,
    pub(super) mobile_api_connect: RawMobileApiConnect,
    pub(super) stream: RawStream,
    pub(super) ingest: RawIngest,
    pub(super) consent: RawConsent,
    pub(super) worker: RawWorker,
    #[serde(default)]
    pub(super) endpoint: Vec<RawEndpoint>,
    #[serde(default)]
    pub(super) rule: Vec<RawRule>,
    #[serde(default)]
    pub(super) forward: Vec<RawForward>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRedis {
    pub(super) url: Option<SecretString>,
    pub(super) url_file: Option<String>,
    pub(super) sentinel_user: Option<String>,
    pub(super) sentinel_password: Option<SecretString>,
    pub(super) sentinel_password_file: Option<String>,
    pub(super) ca_file: Option<String>,
    pub(super) key_prefix: String,
    pub(super) min_replicas: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOtp {
    pub(super) tenant: String,
    pub(super) countries: Option<Vec<String>>,
    pub(super) default_country: Option<String>,
    pub(super) ttl_seconds: u64,
    pub(super) max_attempts: u64,
    pub(super) web_otp_domains: Vec<String>,
    pub(super) gateways: Vec<String>,
    pub(super) code_length: u64,
    pub(super) require_handle: bool,
    pub(super) receipt_ttl_seconds: u64,
    pub(super) address_sends_per_hour: u64,
    pub(super) address_failed_checks_per_5_minutes: u64,
    pub(super) sends_per_day: Option<u64>,
    pub(super) parts_per_day: Option<u64>,
    pub(super) fraud_guard: String,
    pub(super) opt_out_senders: Vec<String>,
    pub(super) accepted_risk_per_million: u64,
    pub(super) accepted_fleet_risk_per_million: Option<u64>,
    pub(super) profile: String,
    pub(super) fixed_codes: Vec<RawFixedCode>,
    pub(super) pepper: Option<SecretString>,
    pub(super) pepper_file: Option<String>,
    pub(super) fingerprint_key: Option<SecretString>,
    pub(super) fingerprint_key_file: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFixedCode {
    pub(super) phone: Option<String>,
    pub(super) code: Option<SecretString>,
    pub(super) code_file: Option<String>,
    pub(super) ends: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConnexus {
    pub(super) base_url: String,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<SecretString>,
    pub(super) client_secret_file: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMobileApiConnect {
    pub(super) base_url: String,
    pub(super) key: Option<SecretString>,
    pub(super) key_file: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStream {
    pub(super) shards: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIngest {
    pub(super) bind: String,
    pub(super) metrics_bind: String,
    pub(super) body_limit_bytes: u64,
    pub(super) max_connections: u64,
    pub(super) tls_certificate_file: Option<String>,
    pub(super) tls_key_file: Option<String>,
    pub(super) trusted_hops: u64,
    pub(super) spool_dir: Option<String>,
    pub(super) spool_max_bytes: u64,
    pub(super) spool_max_age_seconds: u64,
    pub(super) max_stream_depth: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConsent {
    pub(super) help_text: Option<String>,
    pub(super) out_words: Vec<String>,
    pub(super) in_words: Vec<String>,
    pub(super) help_words: Vec<String>,
    pub(super) codes_after_stop: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWorker {
    pub(super) bind: String,
    pub(super) metrics_bind: String,
    pub(super) group: String,
    pub(super) concurrency: u64,
    pub(super) lease_seconds: u64,
    pub(super) drain_seconds: u64,
    pub(super) max_deliveries: u64,
    pub(super) max_attempts: u64,
    pub(super) own_numbers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) name: Option<String>,
    pub(super) r#match: Option<RawMatch>,
    pub(super) reply: Option<String>,
    #[serde(default)]
    pub(super) forward: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMatch {
    pub(super) exact: Option<String>,
    pub(super) contains: Option<String>,
    pub(super) regex: Option<String>,
    #[serde(default)]
    pub(super) any: bool,
    pub(super) from: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawForward {
    pub(super) name: Option<String>,
    pub(super) url: Option<String>,
    pub(super) secret: Option<SecretString>,
    pub(super) secret_file: Option<String>,
    pub(super) allow_private: bool,
    pub(super) every_event: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEndpoint {
    pub(super) name: Option<String>,
    pub(super) tenant: String,
    pub(super) dialect: Option<String>,
    pub(super) rate_per_second: Option<u64>,
    pub(super) pointers: Option<PointerSettings>,
    pub(super) auth: Option<RawAuth>,
    #[serde(default)]
    pub(super) secrets: Vec<RawSecret>,
    pub(super) addresses: Option<Vec<String>>,
    pub(super) insecure: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAuth {
    pub(super) scheme: Option<String>,
    pub(super) header: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) key_encoding: Option<String>,
    pub(super) user: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSecret {
    pub(super) id: Option<String>,
    pub(super) value: Option<SecretString>,
    pub(super) value_file: Option<String>,
    pub(super) not_after: Option<String>,
}

impl Raw {
    /// Names and kinds have been held against the schema, which has the same keys (a test sees to that), so
    /// an error here is a mistake of ours. Its message is dropped: it might hold a value.
    pub(super) fn from_table(table: Table) -> Result<Self, ConfigError> {
        Value::Table(table)
            .try_into()
            .map_err(|_| ConfigError::invalid("the configuration", "all sources", "does not fit together"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::{Key, Kind, LISTS, SECTIONS};
    use super::*;

    fn sample(kind: Kind) -> Value {
        match kind {
            Kind::Text | Kind::Address | Kind::Target | Kind::Secret | Kind::Time => {
                Value::String("text".to_owned())
            }
            Kind::Number => Value::Integer(1),
            Kind::Flag => Value::Boolean(true),
            Kind::Texts => Value::Array(vec![Value::String("text".to_owned())]),
            Kind::Table(keys) => Value::Table(full(keys)),
            Kind::Tables(keys) => Value::Array(vec![Value::Table(full(keys))]),
        }
    }

    fn full(keys: &[Key]) -> Table {
        keys.iter().map(|key| (key.name.to_owned(), sample(key.kind))).collect()
    }

    #[test]
    fn the_structs_have_every_key_of_the_schema() {
        let mut table: Table = SECTIONS
            .iter()
            .map(|section| (section.name.to_owned(), Value::Table(full(section.keys))))
            .collect();
        table.extend(LISTS.iter().map(|list| (list.name.to_owned(), sample(Kind::Tables(list.keys)))));
        let parsed: Result<Raw, _> = Value::Table(table).try_into();
        assert_eq!(parsed.err().map(|error: toml::de::Error| error.to_string()), None);
    }
}
