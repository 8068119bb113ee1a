use std::time::Duration;

use secrecy::ExposeSecret;
use textproof::otp::{AcceptedRisk, Profile};
use textproof::policy::{AddressLimits, FraudGuard, GuardMode, RateLimit, SpendCap, TenantLimits};
use textproof::store::redis::KeyPrefix;
use textproof::{Countries, Policy};
use textproof_service::config::{Config, GatewayName, GatewaySettings, RedisUrl};

use super::{KEY, complete, environment, file, load};

const FULL: &str = r#"
[redis]
url = "redis://file"
key_prefix = "file:"
[otp]
tenant = "file"
countries = ["NZ"]
default_country = "NZ"
ttl_seconds = 60
max_attempts = 3
web_otp_domains = ["file.example.com"]
gateways = ["mobile-api-connect"]
[connexus]
base_url = "http://file/api/"
client_id = "cid_file"
client_secret = "csk_file"
[mobile_api_connect]
base_url = "http://file/v1"
key = "sk_file"
[ingest]
bind = "127.0.0.1:1"
metrics_bind = "127.0.0.1:2"
body_limit_bytes = 1024
[worker]
bind = "127.0.0.1:3"
metrics_bind = "127.0.0.1:4"
group = "file"
concurrency = 1
lease_seconds = 2
drain_seconds = 3
"#;

fn secrets() -> Vec<(&'static str, &'static str)> {
    vec![("TEXTPROOF_PEPPER", KEY), ("TEXTPROOF_FINGERPRINT_KEY", KEY)]
}

fn with(variables: &[(&'static str, &'static str)]) -> Config {
    let mut all = secrets();
    all.extend(variables);
    load(FULL, &all).unwrap()
}

fn policy(seconds: u64, guesses: u8) -> Policy {
    let policy = Policy::default().with_lifetime(Duration::from_secs(seconds)).unwrap();
    policy.with_guesses(guesses).unwrap()
}

#[test]
fn the_file_replaces_every_default() {
    let config = with(&[]);
    assert_eq!(config.redis().unwrap().key_prefix, KeyPrefix::new("file:").unwrap());
    let otp = config.require_otp().unwrap();
    assert_eq!(otp.tenant, "file");
    assert_eq!(otp.countries, Countries::new(["NZ"], Some("NZ")).unwrap());
    assert_eq!(otp.policy, policy(60, 3));
    assert_eq!(otp.web_otp_domains, ["file.example.com"]);
    assert_eq!(config.gateway_names().unwrap(), [GatewayName::MobileApiConnect]);
    let ingest = config.require_ingest().unwrap();
    assert_eq!((ingest.bind.port(), ingest.metrics_bind.port(), ingest.body_limit), (1, 2, 1024));
    let worker = config.require_worker().unwrap();
    assert_eq!((worker.bind.port(), worker.metrics_bind.port(), worker.concurrency), (3, 4, 1));
    assert_eq!((worker.lease, worker.drain), (Duration::from_secs(2), Duration::from_secs(3)));
    assert_eq!(worker.group, "file");
    // Only the one that is named is used, though both are on.
    let gateways = config.gateways().unwrap();
    assert!(
        matches!(&gateways[..], [GatewaySettings::MobileApiConnect(gateway)] if gateway.base_url == "http://file/v1")
    );
    assert_eq!(config.connexus().unwrap().unwrap().base_url, "http://file/api");
}

#[test]
fn redis_can_be_a_cluster_with_replicas_that_confirm() {
    for url in ["redis+cluster://a:1,b:2", "rediss+cluster://user:pw@a"] {
        let config = with(&[("TEXTPROOF_REDIS_URL", url), ("TEXTPROOF_REDIS_MIN_REPLICAS", "1")]);
        let redis = config.redis().unwrap();
        assert!(matches!(&redis.url, RedisUrl::Server(found) if found.expose_secret() == url));
        assert_eq!(redis.min_replicas, 1);
    }
}

#[test]
fn sentinels_can_have_credentials_of_their_own() {
    let url = "rediss+sentinel://server:pw@a:1,b/primary/2";
    let config = with(&[
        ("TEXTPROOF_REDIS_URL", url),
        ("TEXTPROOF_REDIS_SENTINEL_USER", "watcher"),
        ("TEXTPROOF_REDIS_SENTINEL_PASSWORD", "hunter2"),
    ]);
    let redis = config.redis().unwrap();
    assert!(matches!(&redis.url, RedisUrl::Server(found) if found.expose_secret() == url));
    assert_eq!(redis.sentinel_user.as_deref(), Some("watcher"));
    assert_eq!(redis.sentinel_password.unwrap().expose_secret(), "hunter2");
}

#[test]
fn the_named_variables_replace_the_file() {
    let config = with(&[
        ("TEXTPROOF_REDIS_URL", "rediss://env"),
        ("TEXTPROOF_KEY_PREFIX", "env:"),
        ("WEBSMS_CLIENT_ID", "cid_env"),
        ("WEBSMS_CLIENT_SECRET", "csk_env"),
        ("WEBSMS_BASE_URL", "http://env/connexus"),
        ("MOBILE_API_CONNECT_KEY", "sk_env"),
        ("MOBILE_API_CONNECT_BASE_URL", "http://env/mac"),
        ("TEXTPROOF_INGEST_BIND", "127.0.0.1:11"),
        ("TEXTPROOF_WORKER_BIND", "[::1]:13"),
        ("TEXTPROOF_METRICS_BIND", "127.0.0.1:12"),
    ]);
    let redis = config.redis().unwrap();
    assert!(matches!(&redis.url, RedisUrl::Server(url) if url.expose_secret() == "rediss://env"));
    assert_eq!(redis.key_prefix, KeyPrefix::new("env:").unwrap());
    let connexus = config.connexus().unwrap().unwrap();
    assert_eq!((connexus.client_id.as_str(), connexus.client_secret.expose_secret()), ("cid_env", "csk_env"));
    assert_eq!(connexus.base_url, "http://env/connexus");
    let mobile = config.mobile_api_connect().unwrap().unwrap();
    assert_eq!((mobile.key.expose_secret(), mobile.base_url.as_str()), ("sk_env", "http://env/mac"));
    let (ingest, worker) = (config.require_ingest().unwrap(), config.require_worker().unwrap());
    assert_eq!((ingest.bind.port(), ingest.metrics_bind.port()), (11, 12));
    assert_eq!((worker.bind.port(), worker.metrics_bind.port()), (13, 12));
}

#[test]
fn every_key_has_a_variable_of_the_regular_form() {
    let config = load(
        FULL,
        &[
            ("TEXTPROOF_OTP_PEPPER", KEY),
            ("TEXTPROOF_OTP_FINGERPRINT_KEY", KEY),
            ("TEXTPROOF_OTP_TTL_SECONDS", "90"),
            ("TEXTPROOF_OTP_MAX_ATTEMPTS", "4"),
            ("TEXTPROOF_OTP_TENANT", "12345"),
            ("TEXTPROOF_OTP_COUNTRIES", r#"["GB", "NZ"]"#),
            ("TEXTPROOF_OTP_WEB_OTP_DOMAINS", "a.example.com, b.example.com"),
            ("TEXTPROOF_OTP_GATEWAYS", "connexus"),
            ("TEXTPROOF_CONNEXUS_CLIENT_ID", r#""quoted""#),
            ("TEXTPROOF_MOBILE_API_CONNECT_KEY", r#""raw""#),
            ("TEXTPROOF_WORKER_DRAIN_SECONDS", "7"),
            ("TEXTPROOF_INGEST_METRICS_BIND", "127.0.0.1:21"),
            ("TEXTPROOF_METRICS_BIND", "127.0.0.1:22"),
        ],
    )
    .unwrap();
    let otp = config.require_otp().unwrap();
    assert_eq!((otp.policy, otp.tenant.as_str()), (policy(90, 4), "12345"));
    assert_eq!(otp.countries, Countries::new(["GB", "NZ"], Some("NZ")).unwrap());
    assert_eq!(otp.web_otp_domains, ["a.example.com", "b.example.com"]);
    assert_eq!(config.gateway_names().unwrap(), [GatewayName::Connexus]);
    assert_eq!(config.connexus().unwrap().unwrap().client_id, "quoted");
    // A secret is taken to the letter.
    assert_eq!(config.mobile_api_connect().unwrap().unwrap().key.expose_secret(), r#""raw""#);
    assert_eq!(config.require_worker().unwrap().drain, Duration::from_secs(7));
    // The variable for one binary is stronger than the one for both.
    assert_eq!(config.require_ingest().unwrap().metrics_bind.port(), 21);
    assert_eq!(config.require_worker().unwrap().metrics_bind.port(), 22);
}

#[test]
fn limits_come_from_the_file_and_from_variables() {
    let rate = |count, seconds| RateLimit::new(count, Duration::from_secs(seconds)).unwrap();
    let rules = "
code_length = 8
require_handle = true
receipt_ttl_seconds = 60
address_sends_per_hour = 7
address_failed_checks_per_5_minutes = 9
sends_per_day = 1000
parts_per_day = 2000
fraud_guard = 'deny'
opt_out_senders = ['552']
accepted_risk_per_million = 50
accepted_fleet_risk_per_million = 200
profile = 'test'";
    let text = FULL.replace("max_attempts = 3", &format!("max_attempts = 5{rules}"));
    let otp = load(&text, &secrets()).unwrap().require_otp().unwrap();
    let limits = |sends, checks, a_day, parts| {
        policy(60, 5)
            .with_code_length(8)
            .unwrap()
            .with_required_handle()
            .with_receipt_lifetime(Duration::from_secs(60))
            .unwrap()
            .with_address_limits(AddressLimits {
                sends: rate(sends, 3600),
                failed_checks: rate(checks, 300),
                unknown_sends: rate(10 * sends, 3600),
                unknown_failed_checks: rate(10 * checks, 300),
            })
            .with_tenant_limits(TenantLimits {
                sends: Some(rate(a_day, 86_400)),
                parts_a_day: Some(SpendCap::new(parts).unwrap()),
            })
    };
    let deny = FraudGuard::default().with_mode(GuardMode::Deny);
    assert_eq!(otp.policy, limits(7, 9, 1000, 2000).with_fraud_guard(Some(deny)));
    assert_eq!((otp.opt_out_senders, otp.profile), (vec!["552".to_owned()], Profile::Test));
    assert_eq!(otp.risk, AcceptedRisk { per_phone_day: 5e-5, per_fleet_day: Some(2e-4) });

    let mut variables = secrets();
    variables.extend([
        ("TEXTPROOF_OTP_ADDRESS_SENDS_PER_HOUR", "70"),
        ("TEXTPROOF_OTP_ADDRESS_FAILED_CHECKS_PER_5_MINUTES", "90"),
        ("TEXTPROOF_OTP_SENDS_PER_DAY", "1100"),
        ("TEXTPROOF_OTP_PARTS_PER_DAY", "2200"),
        ("TEXTPROOF_OTP_FRAUD_GUARD", "off"),
        ("TEXTPROOF_OTP_OPT_OUT_SENDERS", "552,553"),
        ("TEXTPROOF_OTP_ACCEPTED_RISK_PER_MILLION", "60"),
        ("TEXTPROOF_OTP_ACCEPTED_FLEET_RISK_PER_MILLION", "300"),
        ("TEXTPROOF_OTP_PROFILE", "production"),
    ]);
    let otp = load(&text, &variables).unwrap().require_otp().unwrap();
    assert_eq!(otp.policy, limits(70, 90, 1100, 2200).with_fraud_guard(None));
    assert_eq!((otp.opt_out_senders.len(), otp.profile), (2, Profile::Production));
    assert_eq!(otp.risk, AcceptedRisk { per_phone_day: 6e-5, per_fleet_day: Some(3e-4) });
}

#[test]
fn an_empty_variable_is_unset_and_others_are_nobodys_business() {
    let config = with(&[
        ("TEXTPROOF_REDIS_URL", ""),
        ("TEXTPROOF_LOG_FORMAT", "json"),
        ("TEXTPROOF_SANDBOX_BIND", "127.0.0.1:8085"),
        ("WEBSMS_SOMETHING", "else"),
        ("PATH", "/bin"),
    ]);
    assert!(
        matches!(&config.redis().unwrap().url, RedisUrl::Server(url) if url.expose_secret() == "redis://file")
    );
}

#[test]
fn the_named_file_is_stronger_than_the_variable() {
    let (by_flag, by_variable) = (file("[otp]\ntenant = \"flag\""), file("[otp]\ntenant = \"variable\""));
    let mut variables = environment(&complete());
    variables.push(("TEXTPROOF_CONFIG".to_owned(), by_variable.path().display().to_string()));
    let tenant = |config: Config| config.require_otp().unwrap().tenant;
    assert_eq!(tenant(Config::load(None, variables.clone()).unwrap()), "variable");
    assert_eq!(tenant(Config::load(Some(by_flag.path()), variables).unwrap()), "flag");
}
