use std::time::Duration;

use textproof::store::redis::KeyPrefix;
use textproof::{Countries, Policy};
use textproof_service::config::{Config, GatewayName, RedisUrl};

use super::{complete, environment, load};

#[test]
fn redis_has_a_prefix_and_no_url() {
    let config = load("", &[]).unwrap();
    assert!(config.redis().unwrap_err().to_string().starts_with("redis.url is not set: set it in "));
    let redis = load("", &complete()).unwrap().redis().unwrap();
    assert_eq!(redis.key_prefix, KeyPrefix::new("tp1:").unwrap());
}

#[test]
fn otp_has_every_rule_but_the_countries_and_secrets() {
    let config = load("", &complete()).unwrap();
    let otp = config.require_otp().unwrap();
    assert_eq!(otp.tenant, "default");
    assert_eq!(otp.countries, Countries::new(["NZ", "AU"], None).unwrap());
    assert_eq!(otp.policy, Policy::default());
    assert!(otp.web_otp_domains.is_empty());
    assert_eq!(config.gateway_names().unwrap(), [GatewayName::Connexus, GatewayName::MobileApiConnect]);
}

#[test]
fn gateways_are_off_and_know_their_address() {
    let config = load("", &[]).unwrap();
    assert!(config.connexus().unwrap().is_none() && config.mobile_api_connect().unwrap().is_none());
    let credentials =
        [("WEBSMS_CLIENT_ID", "cid"), ("WEBSMS_CLIENT_SECRET", "csk"), ("MOBILE_API_CONNECT_KEY", "sk")];
    let config = load("", &credentials).unwrap();
    assert_eq!(config.connexus().unwrap().unwrap().base_url, "https://websms.co.nz/api/connexus");
    assert_eq!(config.mobile_api_connect().unwrap().unwrap().base_url, "https://api.mobileapiconnect.com/v1");
}

#[test]
fn ingest_listens_to_all_and_shows_metrics_to_itself() {
    let ingest = load("", &[]).unwrap().require_ingest().unwrap();
    assert_eq!(ingest.bind, "0.0.0.0:3000".parse().unwrap());
    assert_eq!(ingest.metrics_bind, "127.0.0.1:9464".parse().unwrap());
    assert_eq!(ingest.body_limit, 65_536);
    assert_eq!(ingest.max_connections, 4096);
    assert!(ingest.tls.is_none());
    assert!(ingest.endpoints.is_empty());
    assert_eq!(ingest.warnings, ["no [[endpoint]] is configured: every webhook is answered with 404"]);
}

#[test]
fn the_worker_has_all_it_needs() {
    let worker = load("", &[]).unwrap().require_worker().unwrap();
    assert_eq!(worker.bind, "127.0.0.1:3001".parse().unwrap());
    assert_eq!(worker.metrics_bind, "127.0.0.1:9465".parse().unwrap());
    assert_eq!(worker.group, "textproof");
    assert_eq!(worker.concurrency, 64);
    assert_eq!(worker.lease, Duration::from_secs(30));
    assert_eq!(worker.drain, Duration::from_secs(25));
}

#[test]
fn no_file_is_needed_unless_one_is_named() {
    let config = Config::load(None, environment(&complete())).unwrap();
    assert!(matches!(config.redis().unwrap().url, RedisUrl::Server(_)));
    let named = environment(&[("TEXTPROOF_CONFIG", "/nowhere/textproof.toml")]);
    let error = Config::load(None, named).unwrap_err().to_string();
    assert!(error.starts_with("the configuration: /nowhere/textproof.toml cannot be read: "), "{error}");
    assert!(Config::load(Some("/nowhere/a.toml".as_ref()), environment(&[])).is_err());
}

#[test]
fn the_defaults_are_shown_as_they_count() {
    let effective = load("", &[]).unwrap().effective();
    assert_eq!(effective["worker"]["drain_seconds"], 25);
    assert_eq!(effective["otp"]["ttl_seconds"], 300);
    assert_eq!(effective["redis"], serde_json::json!({"key_prefix": "tp1:", "min_replicas": 0}));
}
