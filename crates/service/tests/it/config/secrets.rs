use secrecy::ExposeSecret;
use textproof_service::config::{BARE_PEPPER_ID, Config};

use super::{KEY, OTHER_KEY, complete, environment, file, load, problem, problem_with};

#[test]
fn a_pepper_has_an_id_while_rotating_and_a_known_one_before() {
    let peppers = |text: &str| {
        let mut variables = complete();
        variables.retain(|(name, _)| *name != "TEXTPROOF_PEPPER");
        variables.push(("TEXTPROOF_PEPPER", text));
        load("", &variables).unwrap().require_otp().unwrap().peppers
    };
    let shown = |text: &str| format!("{:?}", peppers(text));
    assert_eq!(shown(KEY), format!("Peppers([Pepper(id {BARE_PEPPER_ID}, hidden)])"));
    assert_eq!(
        shown(&format!("2026-11:{OTHER_KEY}, default:{KEY}")),
        "Peppers([Pepper(id 2026-11, hidden), Pepper(id default, hidden)])"
    );
}

#[test]
fn a_bad_pepper_is_refused_without_being_shown() {
    for (pepper, expected) in [
        ("c2hvcnQ=", "the pepper has 5 bytes; at least 32 are needed"),
        ("not base64!", "must be base64"),
        (&format!("a:{KEY},a:{OTHER_KEY}"), "the pepper ids `a` and `a` share a tag: rename one"),
        (&format!("a b:{KEY}"), "an id has letters, digits, -, _ and ., at most 32"),
        (&format!("{KEY},"), "each of several needs an id, as in new:BASE64,old:BASE64"),
    ] as [(&str, &str); 5]
    {
        let message = problem_with("", &[("TEXTPROOF_PEPPER", pepper)]);
        assert_eq!(message, format!("otp.pepper (TEXTPROOF_PEPPER): {expected}"));
    }
    let message = problem_with("", &[("TEXTPROOF_FINGERPRINT_KEY", "c2hvcnQ=")]);
    assert_eq!(
        message,
        "otp.fingerprint_key (TEXTPROOF_FINGERPRINT_KEY): the fingerprint key has 5 bytes; at least 32 are needed"
    );
}

#[test]
fn there_is_no_default_secret() {
    for (unset, key) in
        [("TEXTPROOF_PEPPER", "otp.pepper"), ("TEXTPROOF_FINGERPRINT_KEY", "otp.fingerprint_key")]
    {
        let message = problem_with("", &[(unset, "")]);
        assert!(
            message.starts_with(&format!("{key} is not set: set {unset} or {unset}_FILE; ")),
            "{message}"
        );
    }
}

#[test]
fn the_fingerprint_key_needs_nothing_else() {
    let config = load("", &[("TEXTPROOF_FINGERPRINT_KEY", KEY)]).unwrap();
    assert!(config.fingerprint_key().is_ok() && config.require_otp().is_err());
}

#[test]
fn secrets_may_come_from_files() {
    let (pepper, key, secret) = (file(&format!("of-file:{KEY}\n")), file(OTHER_KEY), file("csk_1\r\n"));
    let url = file("redis://:pw@redis\n");
    let path = |file: &tempfile::NamedTempFile| file.path().to_str().unwrap().to_owned();
    let text = format!("[otp]\npepper_file = '{}'\ncountries = ['NZ']", path(&pepper));
    let (key, secret, url) = (path(&key), path(&secret), path(&url));
    let config = load(
        &text,
        &[
            ("TEXTPROOF_FINGERPRINT_KEY_FILE", &key),
            ("WEBSMS_CLIENT_ID", "cid_1"),
            ("WEBSMS_CLIENT_SECRET_FILE", &secret),
            ("MOBILE_API_CONNECT_KEY_FILE", &secret),
            ("TEXTPROOF_REDIS_URL_FILE", &url),
        ],
    )
    .unwrap();
    let pepper = |config: &Config| format!("{:?}", config.require_otp().unwrap().peppers);
    assert_eq!(pepper(&config), "Peppers([Pepper(id of-file, hidden)])");
    assert_eq!(config.connexus().unwrap().unwrap().client_secret.expose_secret(), "csk_1");
    assert_eq!(config.mobile_api_connect().unwrap().unwrap().key.expose_secret(), "csk_1");
    assert_eq!(config.redis_server().unwrap().0.expose_secret(), "redis://:pw@redis");
    // The environment's secret replaces the file's `_file`.
    let config = load(&text, &[("TEXTPROOF_PEPPER", OTHER_KEY), ("TEXTPROOF_FINGERPRINT_KEY", KEY)]).unwrap();
    assert_eq!(pepper(&config), "Peppers([Pepper(id default, hidden)])");
}

#[test]
fn a_secret_file_that_is_missing_or_empty_is_named() {
    let message = problem_with("", &[("TEXTPROOF_PEPPER", ""), ("TEXTPROOF_PEPPER_FILE", "/nowhere/pepper")]);
    assert!(message.starts_with("otp.pepper: /nowhere/pepper cannot be read: "), "{message}");
    let empty = file("\n");
    let path = empty.path().to_str().unwrap();
    let message = problem_with("", &[("MOBILE_API_CONNECT_KEY", ""), ("MOBILE_API_CONNECT_KEY_FILE", path)]);
    assert_eq!(message, format!("mobile_api_connect.key ({path}): is empty"));
}

#[test]
fn a_secret_and_its_file_exclude_each_other() {
    assert_eq!(
        problem("[otp]\npepper = 'a'\npepper_file = 'b'", &[]),
        "otp.pepper_file and otp.pepper are both set: keep one"
    );
    let both = [("TEXTPROOF_PEPPER", KEY), ("TEXTPROOF_PEPPER_FILE", "b")];
    assert_eq!(problem("", &both), "TEXTPROOF_PEPPER and TEXTPROOF_PEPPER_FILE are both set: keep one");
    let twice = [("TEXTPROOF_PEPPER", KEY), ("TEXTPROOF_OTP_PEPPER", KEY)];
    assert_eq!(problem("", &twice), "TEXTPROOF_OTP_PEPPER and TEXTPROOF_PEPPER are both set: keep one");
}

#[test]
fn no_secret_is_shown_anywhere() {
    let canaries =
        ["canary-redis", "canary-pepper", "canary-key", "canary-csk", "canary-sk", "canary-hook-0123456789"];
    let text = r#"
        redis.url = "redis://user:canary-redis@host"
        otp.pepper = "canary-pepper"
        otp.fingerprint_key = "canary-key"
        connexus.client_id = "cid_1"
        connexus.client_secret = "canary-csk"
        mobile_api_connect.key = "canary-sk"
        [[endpoint]]
        name = "mac"
        secrets = [{ id = "a", value = "canary-hook-0123456789" }, { id = "b", value_file = "/run/b" }]
    "#;
    let config = load(text, &[]).unwrap();
    let shown = [format!("{config:?}"), config.effective_toml(), config.effective().to_string()];
    for (shown, canary) in shown.iter().flat_map(|shown| canaries.map(|canary| (shown, canary))) {
        assert!(!shown.contains(canary), "{shown}");
    }
    let effective = config.effective();
    assert_eq!(effective["redis"]["url"], "redis://user:***@host");
    assert_eq!(effective["connexus"]["client_id"], "cid_1");
    assert_eq!(effective["connexus"]["client_secret"], "***");
    assert_eq!(effective["endpoint"][0]["secrets"][0], serde_json::json!({"id": "a", "value": "***"}));
    assert_eq!(effective["endpoint"][0]["secrets"][1]["value_file"], "/run/b");
    let settings = format!("{:?}", load(text, &complete()).unwrap().require_otp().unwrap());
    assert!(!settings.contains("[0, 1, 2"), "{settings}");
}

#[test]
fn no_refusal_shows_a_secret() {
    for text in [
        "[otp]\npepper = \"canary",
        "[otp]\npepper = canary",
        "[otp]\npepper = 1234567canary",
        "[otp]\npepper = [\"canary\"]",
        "[otp]\npepper = \"\"\"\ncanary\n",
        "[redis]\nurl = \"http://canary@host\"",
        "[redis]\nurl = \"canary\"",
        "[connexus]\nclient_id = \"a\"\nclient_secret = \"b\"\nbase_url = \"https://canary@host\"",
        "[[endpoint]]\nname = 'a'\nsecrets = ['canary']",
        "[[endpoint]]\nname='a'\ndialect='connexus'\nauth={scheme='path-secret'}\nsecrets=[{id='a',value='canary'}]",
    ] {
        let message = problem(text, &[]);
        assert!(!message.contains("canary"), "{message}");
        let variables = environment(&complete());
        let file = file(text);
        let error = Config::load(Some(file.path()), variables).and_then(|config| {
            config.connexus()?;
            config.require_ingest()
        });
        let error =
            error.map_or_else(|error| format!("{error} {error:?}"), |settings| format!("{settings:?}"));
        assert!(!error.contains("canary"), "{error}");
    }
}
