use super::{file, load, problem_with};

const CRM: &str = r#"
[[forward]]
name = "crm"
url = "https://crm.example.com/hooks/canary"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

[[forward]]
name = "every-thing"
url = "http://10.0.0.7:5678/canary"
secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
allow_private = true
every_event = true
"#;

/// A forward `crm` with these lines.
fn forward(lines: &str) -> String {
    format!("[[forward]]\nname = 'crm'\n{lines}\n")
}

#[test]
fn forwards_are_read_in_the_order_of_the_file() {
    let forwards = load(CRM, &[]).unwrap().forwards().unwrap();
    let read: Vec<_> = forwards
        .iter()
        .map(|forward| {
            (forward.name(), forward.url().as_str(), forward.allows_private(), forward.gets_every_event())
        })
        .collect();
    assert_eq!(
        read,
        [
            ("crm", "https://crm.example.com/hooks/canary", false, false),
            ("every-thing", "http://10.0.0.7:5678/canary", true, true),
        ]
    );
    assert!(load("", &[]).unwrap().forwards().unwrap().is_empty());
}

#[test]
fn variables_replace_what_the_file_says_of_a_forward() {
    let secret = file("whsec_Zm9yd2FyZHMgc2VjcmV0IGluIGEgZmlsZQ==\n");
    let path = secret.path().to_str().unwrap();
    let variables = [
        ("TEXTPROOF_FORWARD_EVERY_THING_URL", "https://other.example.com/"),
        ("TEXTPROOF_FORWARD_EVERY_THING_ALLOW_PRIVATE", "false"),
        ("TEXTPROOF_FORWARD_CRM_SECRET_FILE", path),
    ];
    let forwards = load(CRM, &variables).unwrap().forwards().unwrap();
    assert_eq!(forwards[1].url().as_str(), "https://other.example.com/");
    assert!(!forwards[1].allows_private());
    let both = [("TEXTPROOF_FORWARD_CRM_SECRET_FILE", path), ("TEXTPROOF_FORWARD_CRM_SECRET", "whsec_eA==")];
    assert_eq!(
        problem_with(CRM, &both),
        "TEXTPROOF_FORWARD_CRM_SECRET and TEXTPROOF_FORWARD_CRM_SECRET_FILE are both set: keep one"
    );
    assert_eq!(
        problem_with(CRM, &[("TEXTPROOF_FORWARD_DESK_URL", "x")]),
        "TEXTPROOF_FORWARD_DESK_URL sets nothing: forwards in the file are crm, every-thing, their keys are url, \
         secret, secret_file, allow_private, every_event"
    );
}

#[test]
fn a_forward_that_cannot_be_meant_is_refused_without_its_url_or_secret() {
    const SECRET: &str = "secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'";
    const PRIVATE: &str = "forward.crm.url (FILE): leads to a private or otherwise special address; allow_private = \
                           true says that this is meant";
    for (lines, expected) in [
        (SECRET.to_owned(), "forward.crm.url is not set: set it in FILE or as TEXTPROOF_FORWARD_CRM_URL"),
        (
            "url = 'https://crm.example.com/canary'".to_owned(),
            "forward.crm.secret is not set: set it in FILE or as TEXTPROOF_FORWARD_CRM_SECRET",
        ),
        (
            "url = 'https://crm.example.com/canary'\nsecret = 'canary!'".to_owned(),
            "forward.crm.secret (FILE): must be whsec_ and standard base64 with padding (RFC 4648, section 4): \
             `openssl rand -base64 32` makes the base64",
        ),
        (format!("url = 'https://127.0.0.1/canary'\n{SECRET}"), PRIVATE),
        (format!("url = 'https://[::ffff:169.254.169.254]/canary'\n{SECRET}"), PRIVATE),
        (
            format!("url = 'http://crm.example.com/canary'\n{SECRET}"),
            "forward.crm.url (FILE): must start with https://; http:// is for private networks, with allow_private",
        ),
        (
            format!("url = 'https://me:canary@crm.example.com/'\n{SECRET}"),
            "forward.crm.url (FILE): must not contain credentials: the signature proves who sends",
        ),
        (
            format!("url = 'https://crm.example.com/'\n{SECRET}\nsecret_file = '/x'"),
            "forward.crm.secret and forward.crm.secret_file are both set: keep one",
        ),
        ("allow_private = 'yes'".to_owned(), "[[forward]] allow_private (FILE): must be true or false"),
    ] {
        assert_eq!(problem_with(&forward(&lines), &[]), expected, "{lines}");
    }
    let sound = forward(&format!("url = 'https://crm.example.com/'\n{SECRET}"));
    assert_eq!(
        problem_with(&format!("{sound}{}", sound.replace("'crm'", "'CRM'")), &[]),
        "forward.CRM.name (FILE): two forwards have it"
    );
    let nameless = problem_with("[[forward]]\nurl = 'https://crm.example.com/'", &[]);
    assert!(nameless.starts_with("the name of [[forward]] number 1 is not set: "), "{nameless}");
    assert_eq!(problem_with(&sound.repeat(65), &[]), "forward (FILE): there may be at most 64 forwards");
}

#[test]
fn of_a_forward_only_the_server_is_shown() {
    let shown = load(CRM, &[]).unwrap().effective_toml();
    assert!(
        shown.contains("https://crm.example.com/***") && shown.contains("http://10.0.0.7:5678/***"),
        "{shown}"
    );
    assert!(!shown.contains("canary") && !shown.contains("MfKQ"), "{shown}");
}
