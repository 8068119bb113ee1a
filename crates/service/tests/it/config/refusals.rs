use std::time::Duration;

use super::{complete, load, problem, problem_with};

#[test]
fn a_file_that_is_not_toml_is_pointed_into() {
    let message = problem("[otp]\nttl_seconds = 300\nmax_attempts 5\n", &[]);
    assert!(message.starts_with("FILE, line 3, column 14: "), "{message}");
}

#[test]
fn unknown_names_are_refused_with_the_known_ones() {
    for (text, expected) in [
        ("[stream]\nshard = 1", "unknown key `shard` in [stream] (FILE): known keys are shards"),
        (
            "[worker]\nmax_tries = 5",
            "unknown key `max_tries` in [worker] (FILE): known keys are bind, metrics_bind, group, \
             concurrency, lease_seconds, drain_seconds, max_deliveries, max_attempts, own_numbers",
        ),
        (
            "[[rules]]\nname = 'hours'",
            "unknown key `rules` in the file (FILE): known keys are [redis], [otp], [connexus], \
             [mobile_api_connect], [stream], [ingest], [consent], [worker], [[endpoint]], [[rule]], [[forward]]",
        ),
        (
            "[[rule]]\nmatch = { equals = 'a' }",
            "unknown key `equals` in [[rule]] match (FILE): known keys are exact, contains, regex, any, from",
        ),
        (
            "[[endpoint]]\nnmae = 'a'",
            "unknown key `nmae` in [[endpoint]] (FILE): known keys are name, tenant, dialect, rate_per_second, pointers, auth, secrets, addresses, insecure",
        ),
        (
            "[[endpoint]]\nauth = { schema = 'a' }",
            "unknown key `schema` in [[endpoint]] auth (FILE): known keys are scheme, header, prefix, key_encoding, user",
        ),
        (
            "[[endpoint]]\nsecrets = [{ valeu = 'a' }]",
            "unknown key `valeu` in [[endpoint]] secrets (FILE): known keys are id, value, value_file, not_after",
        ),
    ] {
        assert_eq!(problem(text, &[]), expected);
    }
}

#[test]
fn variables_that_set_nothing_are_refused() {
    for (variable, expected) in [
        ("TEXTPROOF_STREAM_SHARD", "TEXTPROOF_STREAM_SHARD sets nothing: known keys of [stream] are shards"),
        (
            "TEXTPROOF_FOO",
            "TEXTPROOF_FOO sets nothing: settings are called TEXTPROOF_<SECTION>_<KEY>, with the sections REDIS, \
             OTP, CONNEXUS, MOBILE_API_CONNECT, STREAM, INGEST, CONSENT, WORKER",
        ),
        (
            "TEXTPROOF_ENDPOINT_MAC_TENANT",
            "TEXTPROOF_ENDPOINT_MAC_TENANT sets nothing: endpoints in the file are websms, their keys are tenant, \
             dialect, rate_per_second, pointers, auth, secrets, addresses, insecure",
        ),
    ] {
        assert_eq!(problem("[[endpoint]]\nname = 'websms'", &[(variable, "1")]), expected);
    }
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    for (text, expected) in [
        ("otp = 1", "otp (FILE): must be a [section]"),
        ("endpoint = 1", "[[endpoint]] (FILE): must be a list of tables"),
        ("[otp]\nttl_seconds = '300'", "[otp] ttl_seconds (FILE): must be a whole number, zero or more"),
        ("[otp]\nttl_seconds = -1", "[otp] ttl_seconds (FILE): must be a whole number, zero or more"),
        ("[otp]\ncountries = 'NZ'", "[otp] countries (FILE): must be a list of texts"),
        ("[otp]\ncountries = [64]", "[otp] countries (FILE): must be a list of texts"),
        ("[otp]\npepper = 1", "[otp] pepper (FILE): must be a text in quotes"),
        ("[[endpoint]]\nauth = 'path-secret'", "[[endpoint]] auth (FILE): must be a table"),
        ("[[endpoint]]\nsecrets = ['a']", "[[endpoint]] secrets (FILE): must be a list of tables"),
    ] {
        assert_eq!(problem(text, &[]), expected);
    }
    assert_eq!(
        problem("", &[("TEXTPROOF_OTP_TTL_SECONDS", "five minutes")]),
        "otp.ttl_seconds (TEXTPROOF_OTP_TTL_SECONDS): must be a whole number, zero or more"
    );
    let two_keys = problem("", &[("TEXTPROOF_OTP_TTL_SECONDS", "1\nother = 2")]);
    assert!(two_keys.ends_with("must be a whole number, zero or more"), "{two_keys}");
}

#[test]
fn values_that_make_no_sense_are_refused_where_they_come_from() {
    for (variable, value, expected) in [
        ("TEXTPROOF_OTP_TTL_SECONDS", "0", "otp.ttl_seconds (VAR): must be between 1 and 600"),
        ("TEXTPROOF_OTP_TTL_SECONDS", "601", "otp.ttl_seconds (VAR): must be between 1 and 600"),
        ("TEXTPROOF_OTP_MAX_ATTEMPTS", "11", "otp.max_attempts (VAR): must be between 1 and 10"),
        ("TEXTPROOF_OTP_TENANT", "a b", "otp.tenant (VAR): must be 1 to 32 letters, digits, -, _ or ."),
        (
            "TEXTPROOF_OTP_COUNTRIES",
            "XX",
            "otp.countries (VAR): unknown country code `XX`: use ISO 3166-1 alpha-2, for example NZ",
        ),
        ("TEXTPROOF_OTP_DEFAULT_COUNTRY", "GB", "otp.default_country (VAR): \"GB\" is none of otp.countries"),
        (
            "TEXTPROOF_OTP_WEB_OTP_DOMAINS",
            "https://a.example.com",
            "otp.web_otp_domains (VAR): \"https://a.example.com\" must be a bare host such as \"app.example.com\"",
        ),
        (
            "TEXTPROOF_OTP_GATEWAYS",
            "pigeon",
            "otp.gateways (VAR): \"pigeon\" is no gateway: known are connexus, mobile-api-connect",
        ),
        ("TEXTPROOF_OTP_GATEWAYS", "connexus,connexus", "otp.gateways (VAR): \"connexus\" is named twice"),
        (
            "MOBILE_API_CONNECT_BASE_URL",
            "ftp://host",
            "mobile_api_connect.base_url (VAR): must be http://HOST/PATH or https://HOST/PATH",
        ),
        (
            "TEXTPROOF_KEY_PREFIX",
            "{a}",
            "redis.key_prefix (VAR): a key prefix is 1 to 32 characters of A-Z, a-z, 0-9, `_`, `-`, `.` and `:`",
        ),
        ("TEXTPROOF_REDIS_MIN_REPLICAS", "17", "redis.min_replicas (VAR): must be 0 to 16"),
        (
            "TEXTPROOF_INGEST_BIND",
            "localhost",
            "ingest.bind (VAR): \"localhost\" must be an address and a port such as \"127.0.0.1:3000\"",
        ),
        (
            "TEXTPROOF_INGEST_BODY_LIMIT_BYTES",
            "0",
            "ingest.body_limit_bytes (VAR): must be between 1 and 16777216",
        ),
        (
            "TEXTPROOF_INGEST_MAX_CONNECTIONS",
            "15",
            "ingest.max_connections (VAR): must be between 16 and 1000000",
        ),
        ("TEXTPROOF_WORKER_GROUP", "a b", "worker.group (VAR): must be 1 to 32 letters, digits, -, _ or ."),
        ("TEXTPROOF_STREAM_SHARDS", "0", "stream.shards (VAR): must be between 1 and 64"),
        ("TEXTPROOF_STREAM_SHARDS", "65", "stream.shards (VAR): must be between 1 and 64"),
        ("TEXTPROOF_WORKER_CONCURRENCY", "0", "worker.concurrency (VAR): must be between 1 and 4096"),
        ("TEXTPROOF_WORKER_LEASE_SECONDS", "0", "worker.lease_seconds (VAR): must be between 1 and 3600"),
        ("TEXTPROOF_WORKER_DRAIN_SECONDS", "601", "worker.drain_seconds (VAR): must be between 1 and 600"),
    ] {
        assert_eq!(problem_with("", &[(variable, value)]), expected.replace("VAR", variable));
    }
}

#[test]
fn a_bare_host_has_no_line_break_blank_or_port() {
    for host in
        ["a.example.com\\n", " a.example.com", "a.example.com:443", "a..b", "-a.com", "A.example.com", ""]
    {
        let text = format!("[otp]\nweb_otp_domains = [\"{host}\"]");
        assert!(problem_with(&text, &[]).starts_with("otp.web_otp_domains (FILE): "), "{host}");
    }
}

#[test]
fn credentials_of_sentinels_need_sentinels() {
    for (url, name, expected) in [
        (
            "redis://a",
            "USER",
            "redis.sentinel_user (TEXTPROOF_REDIS_SENTINEL_USER): is for redis+sentinel:// alone",
        ),
        (
            "redis+cluster://a",
            "PASSWORD",
            "redis.sentinel_password (TEXTPROOF_REDIS_SENTINEL_PASSWORD): is for redis+sentinel:// alone",
        ),
        (
            "redis+sentinel://a/m",
            "USER",
            "redis.sentinel_user (TEXTPROOF_REDIS_SENTINEL_USER): needs redis.sentinel_password",
        ),
    ] {
        let variable = format!("TEXTPROOF_REDIS_SENTINEL_{name}");
        let problem = problem_with("", &[("TEXTPROOF_REDIS_URL", url), (&variable, "hunter2")]);
        assert!(problem.starts_with(expected), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
}

#[test]
fn a_spool_has_limits_within_which_an_identity_is_remembered() {
    let spool = ("TEXTPROOF_SPOOL_DIR", "/var/spool");
    for (variable, value, expected) in [
        (
            "TEXTPROOF_INGEST_SPOOL_MAX_AGE_SECONDS",
            "604800",
            "ingest.spool_max_age_seconds (VAR): must be between 60 and 518400",
        ),
        (
            "TEXTPROOF_INGEST_SPOOL_MAX_BYTES",
            "5",
            "ingest.spool_max_bytes (VAR): must be between 1048576 and 1099511627776",
        ),
    ] {
        assert_eq!(problem_with("", &[spool, (variable, value)]), expected.replace("VAR", variable));
    }
}

#[test]
fn a_redis_url_is_one() {
    for url in [
        "http://host",
        "redis:",
        "redis://",
        "redis+cluster://",
        "redis+sentinel://a:1,b:2",
        "redis+sentinel://user:pa/ss@a:1/",
        "redis+sentinel:///name",
        "http+cluster://a",
        "host:6379",
        "memory:x",
        "6379",
    ] {
        let message = problem_with("", &[("TEXTPROOF_REDIS_URL", url)]);
        assert_eq!(
            message,
            "redis.url (TEXTPROOF_REDIS_URL): must be redis://HOST:PORT, rediss://HOST:PORT, \
             redis+cluster://HOST:PORT,HOST:PORT, redis+sentinel://HOST:PORT,HOST:PORT/NAME or memory:"
        );
    }
}

#[test]
fn memory_is_for_one_process_only() {
    let mut variables = complete();
    variables.retain(|(name, _)| *name != "TEXTPROOF_REDIS_URL");
    variables.push(("TEXTPROOF_REDIS_URL", "memory:"));
    let config = load("", &variables).unwrap();
    assert!(config.redis().is_ok());
    let message = config.redis_server().unwrap_err().to_string();
    assert!(
        message.starts_with("redis.url (TEXTPROOF_REDIS_URL): `memory:` is one process's own"),
        "{message}"
    );
}

#[test]
fn what_is_missing_is_named_with_its_variable() {
    assert_eq!(
        problem_with("", &[("TEXTPROOF_REDIS_URL", "")]),
        "redis.url is not set: set it in FILE or as TEXTPROOF_REDIS_URL"
    );
    assert_eq!(
        problem_with("", &[("TEXTPROOF_OTP_COUNTRIES", "")]),
        "otp.countries is not set: name the countries that may be texted in FILE or as TEXTPROOF_OTP_COUNTRIES=NZ,AU"
    );
    assert_eq!(
        problem_with("", &[("MOBILE_API_CONNECT_KEY", "")]),
        "a gateway is not set: set WEBSMS_CLIENT_ID and WEBSMS_CLIENT_SECRET, or MOBILE_API_CONNECT_KEY"
    );
    for (set, missing) in [("WEBSMS_CLIENT_ID", "client_secret"), ("WEBSMS_CLIENT_SECRET", "client_id")] {
        let message = problem_with("", &[(set, "a")]);
        assert!(message.starts_with(&format!("connexus.{missing} is not set: the other half ")), "{message}");
    }
}

#[test]
fn each_binary_needs_only_what_it_uses() {
    let config = load("[otp]\nttl_seconds = 0\n[ingest]\nbind = 'x'", &[]).unwrap();
    assert!(config.require_worker().is_ok());
    assert!(config.require_ingest().is_err() && config.require_otp().is_err());
}

#[test]
fn what_must_not_run_is_refused_with_the_figure_or_the_reason() {
    let file = |line: &str| load(&format!("[otp]\n{line}\n"), &complete()).unwrap();
    let refused = |line: &str| match file(line).require_otp() {
        Err(error) => error.to_string(),
        Ok(_) => panic!("{line} is accepted"),
    };
    let test = "profile = \"test\"\n";
    let fixed = "[[otp.fixed_codes]]\nphone = \"+64211234567\"\ncode = \"135790\"\nends = ";
    let soon = jiff::Timestamp::now() + Duration::from_secs(3600);
    let far = jiff::Timestamp::now() + Duration::from_secs(100 * 86_400);
    for (line, says) in [
        (format!("{fixed}\"{soon}\""), "production"),
        (format!("profile = \"test\"\n{fixed}\"{far}\""), "90 days"),
        (format!("profile = \"test\"\n{fixed}\"soon\""), "number 1: ends must be a time"),
        (format!("{test}[[otp.fixed_codes]]\ncode = \"135790\""), "number 1: needs phone"),
        (format!("{test}[[otp.fixed_codes]]\nphone = \"+64211234567\""), "number 1: needs code or code_file"),
        (
            format!("{test}{fixed}\"{soon}\"\n[[otp.fixed_codes]]\nphone = \"+1\"\ncode = \"135790\""),
            "number 2: phone",
        ),
        (
            format!("{test}{fixed}\"{soon}\"\ncode_file = \"/run/code\""),
            "otp.fixed_codes number 1 code and otp.fixed_codes number 1 code_file are both set",
        ),
        ("profile = \"staging\"".to_owned(), "must be \"production\" or \"test\""),
        ("accepted_risk_per_million = 10".to_owned(), "5.0e-5"),
        ("accepted_fleet_risk_per_million = 10".to_owned(), "needs a limit of the tenant's sends"),
        ("sends_per_day = 0".to_owned(), "1 to 10,000,000"),
        ("parts_per_day = 0".to_owned(), "1 to 10,000,000"),
        ("receipt_ttl_seconds = 601".to_owned(), "between 1 and 600"),
        ("address_failed_checks_per_5_minutes = 0".to_owned(), "1 to 10,000,000"),
        ("fraud_guard = \"on\"".to_owned(), "\"off\", \"observe\" or \"deny\""),
        ("code_length = 5".to_owned(), "between 6 and 8"),
        ("address_sends_per_hour = 0".to_owned(), "1 to 10,000,000"),
    ] {
        let error = refused(&line);
        assert!(error.contains(says), "{line}: {error}");
        assert!(!error.contains("135790") && !error.contains("211234567"), "{line}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let accepted = file(&format!("profile = \"test\"\naccepted_risk_per_million = 50\n{fixed}\"{soon}\""));
    assert_eq!(accepted.require_otp().unwrap().fixed_codes.len(), 1);
    let shown = accepted.effective().to_string();
    assert!(
        !shown.contains("135790") && !shown.contains("211234567"),
        "a fixed code and its phone are masked"
    );
}

#[test]
fn a_fixed_code_may_come_from_a_file() {
    let (code, ends) = (super::file("135790\n"), jiff::Timestamp::now() + Duration::from_secs(3600));
    let path = code.path().display();
    let text = format!(
        "[otp]\nprofile = 'test'\n[[otp.fixed_codes]]\nphone = '+64211234567'\ncode_file = '{path}'\nends = {ends}"
    );
    assert_eq!(load(&text, &complete()).unwrap().require_otp().unwrap().fixed_codes.len(), 1);
}
