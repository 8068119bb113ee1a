use textproof::consent::Said;

use super::{KEY, load, problem_with};

#[test]
fn words_and_the_answer_to_help_are_read() {
    let text = "[consent]\nhelp_text = 'Acme. Reply STOP to stop.'\nout_words = ['KATI']\nin_words = ['AE']\n\
                [[endpoint]]\nname = 'open'\ndialect = 'connexus'\ninsecure = true\n\
                [[endpoint]]\nname = 'closed'\ntenant = 'acme'\ndialect = 'connexus'\n";
    let config = load(text, &[("TEXTPROOF_CONSENT_HELP_WORDS", "AWHINA, AROHA")]).unwrap();
    let consent = config.consent().unwrap();
    for (text, said) in [
        ("kati", Said::Out("kati")),
        ("ae", Said::In("ae")),
        ("Aroha", Said::Help("aroha")),
        ("STOP", Said::Out("stop")),
    ] {
        assert_eq!(consent.keywords.read(text), Some(said));
    }
    assert!(consent.help_text.is_some());
    assert_eq!(consent.open_endpoints, ["open"]);
    assert_eq!(config.tenants(), ["acme", "default"]);
    let silent = load("", &[]).unwrap().consent().unwrap();
    assert!(silent.help_text.is_none() && silent.open_endpoints.is_empty());
}

#[test]
fn words_that_cannot_be_meant_are_refused() {
    for (lines, expected) in [
        ("out_words = ['KATI!?', 'a b,c']", "consent.out_words (FILE): \"a b,c\" is no word"),
        ("in_words = ['stop']", "consent.in_words (FILE): \"stop\" has another meaning already"),
        ("help_words = ['']", "consent.help_words (FILE): \"\" is no word"),
        ("out_words = ['x']\nin_words = ['X']", "consent.in_words (FILE): \"X\" has another meaning already"),
        ("help_text = ''", "consent.help_text (FILE): "),
        ("help_text = '{{code}}'", "consent.help_text (FILE): "),
        ("codes_after_stop = 'no'", "[consent] codes_after_stop (FILE): must be true or false"),
    ] {
        let problem = problem_with(&format!("[consent]\n{lines}\n"), &[]);
        assert!(problem.starts_with(expected), "{lines}: {problem}");
    }
}

/// An answer needs a gateway, and a gateway of codes what codes need.
#[test]
fn an_answer_to_help_needs_what_sending_needs() {
    let text = "[consent]\nhelp_text = 'Acme'\n[redis]\nurl = 'redis://127.0.0.1:6379'\n";
    let problem = load(text, &[]).unwrap().check().unwrap_err().to_string();
    assert!(problem.contains("otp.countries"), "{problem}");
}

#[test]
fn codes_after_a_stop_are_sent_unless_told_otherwise() {
    for (value, sent) in [("", true), ("true", true), ("false", false)] {
        let secrets = [("TEXTPROOF_PEPPER", KEY), ("TEXTPROOF_FINGERPRINT_KEY", KEY)];
        let variables = [("TEXTPROOF_OTP_COUNTRIES", "NZ"), ("TEXTPROOF_CONSENT_CODES_AFTER_STOP", value)];
        let config = load("", &[secrets.as_slice(), &variables].concat()).unwrap();
        assert_eq!(config.require_otp().unwrap().codes_after_stop, sent, "{value:?}");
    }
}

/// A STOP counts for the tenant of its endpoint, and whoever sends asks for `otp.tenant`.
#[test]
fn an_endpoint_has_the_tenant_of_codes_and_texts_unless_it_says_otherwise() {
    let endpoints = "[[endpoint]]\nname = 'a'\ndialect = 'connexus'\ninsecure = true\n\
                     [[endpoint]]\nname = 'b'\ntenant = 'other'\ndialect = 'connexus'\ninsecure = true\n";
    let by_file = load(&format!("[otp]\ntenant = 'acme'\n{endpoints}"), &[]).unwrap();
    let by_variable = load(endpoints, &[("TEXTPROOF_OTP_TENANT", "acme")]).unwrap();
    for config in [by_file, by_variable] {
        let read = config.endpoints().unwrap();
        assert_eq!(
            read.iter().map(textproof::webhook::Endpoint::tenant).collect::<Vec<_>>(),
            ["acme", "other"]
        );
        assert_eq!(config.endpoint_settings("a").unwrap().unwrap().tenant, "acme");
        assert_eq!(config.tenants(), ["acme", "other"]);
        assert_eq!(config.effective()["endpoint"][0]["tenant"], "acme", "it is shown as it counts");
    }
    let set = [("TEXTPROOF_OTP_TENANT", "acme"), ("TEXTPROOF_ENDPOINT_A_TENANT", "more")];
    assert_eq!(load(endpoints, &set).unwrap().endpoints().unwrap()[0].tenant(), "more");
    assert_eq!(load(endpoints, &[]).unwrap().endpoints().unwrap()[0].tenant(), "default");
}

#[test]
fn a_tenant_of_codes_that_no_endpoint_has_is_warned_of() {
    let endpoint = "[[endpoint]]\nname = 'a'\ntenant = 'acme'\ndialect = 'connexus'\ninsecure = true\n";
    let warned = |text: &str| {
        let warnings = load(text, &[]).unwrap().require_ingest().unwrap().warnings;
        warnings.into_iter().filter(|warning| warning.contains("otp.tenant")).collect::<Vec<_>>()
    };
    let expected =
        "no endpoint has the tenant of codes and texts (otp.tenant, \"default\"): no STOP stops them";
    assert_eq!(warned(endpoint), [expected]);
    assert!(warned(&format!("[otp]\ntenant = 'acme'\n{endpoint}")).is_empty());
    assert!(
        warned(&format!("{endpoint}{}", endpoint.replace("'a'", "'b'").replace("acme", "default")))
            .is_empty()
    );
    assert!(warned("").is_empty(), "no endpoint at all is another warning");
}
