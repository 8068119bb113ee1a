use textproof::event::{Content, Event, EventId, Identity, Reply};

use super::{load, problem_with};

/// A rule with these lines.
fn rule(lines: &str) -> String {
    format!("[[rule]]\nname = 'hours'\n{lines}\n")
}

#[test]
fn rules_are_read_in_the_order_of_the_file() {
    let text = r#"
[worker]
own_numbers = ['552', '+64211111111']

[[rule]]
name = "hours"
match = { exact = "HOURS", from = '^\+64' }
reply = "We are open Mon-Sat 9-6, {{from}}."

[[rule]]
name = "everything else"
match = { any = true }
forward = ["crm"]

[[forward]]
name = "crm"
"#;
    let config = load(text, &[]).unwrap();
    assert_eq!(config.own_numbers(), ["552", "+64211111111"]);
    let rules = config.rules().unwrap();
    let names: Vec<_> =
        rules.iter().map(|rule| (rule.name(), rule.reply().is_some(), rule.forward())).collect();
    assert_eq!(names, [("hours", true, [].as_slice()), ("everything else", false, &["crm".to_owned()])]);
    let first = |from: &str, text: &str| {
        let content = Content::Reply(Reply {
            message_id: None,
            from: from.into(),
            to: "552".into(),
            text: text.into(),
            reference: None,
            sent_at_ms: None,
            extra: serde_json::Map::new(),
        });
        let event = Event {
            id: EventId::of(&Identity::of_body("websms", b"x")),
            endpoint: "websms".into(),
            tenant: "default".into(),
            received_at_ms: 1,
            conflict: false,
            content,
        };
        rules.first_for(&event).map(|rule| rule.name().to_owned())
    };
    assert_eq!(first("+64211234567", "hours").as_deref(), Some("hours"));
    assert_eq!(first("+61411234567", "hours").as_deref(), Some("everything else"));
    assert!(load("", &[]).unwrap().rules().unwrap().is_empty());
}

#[test]
fn a_rule_that_cannot_be_meant_is_refused() {
    for (lines, expected) in [
        ("", "rule.hours (FILE): a rule needs a reply, a forward or both"),
        (
            "reply = 'ok'",
            "rule.hours.match (FILE): match needs exactly one of exact, contains, regex and any = true",
        ),
        (
            "reply = 'ok'\nmatch = { exact = 'a', any = true }",
            "rule.hours.match (FILE): match needs exactly one of exact, contains, regex and any = true",
        ),
        (
            "reply = 'ok'\nmatch = { regex = '(' }",
            "rule.hours.match (FILE): the expression cannot be used: unclosed group",
        ),
        (
            "reply = 'ok'\nmatch = { regex = '(a{100}){100}' }",
            "rule.hours.match (FILE): the expression is too large when compiled: use fewer or smaller repetitions",
        ),
        (
            "reply = 'ok'\nmatch = { any = true, from = '(a{100}){100}' }",
            "rule.hours.match (FILE): the expression is too large when compiled: use fewer or smaller repetitions",
        ),
        (
            "reply = 'ok {{phone}}'\nmatch = { any = true }",
            "rule.hours.reply (FILE): the reply has the unknown name \"phone\": known are from, text, ref, now, \
             tenantName, deviceId, written as {{from}}",
        ),
        (
            "reply = 'ok {{from'\nmatch = { any = true }",
            "rule.hours.reply (FILE): the reply has a {{ without its }}",
        ),
        (
            "forward = ['crm', 'crm']\nmatch = { any = true }",
            "rule.hours.forward (FILE): a rule names at most 16 forwards, each of them once",
        ),
        (
            "forward = ['crm', 'cmr']\nmatch = { any = true }\n[[forward]]\nname = 'crm'",
            "rule.hours.forward (FILE): there is no [[forward]] with the name \"cmr\"",
        ),
        ("match = { any = 'yes' }\nreply = 'ok'", "[[rule]] match any (FILE): must be true or false"),
    ] {
        assert_eq!(problem_with(&rule(lines), &[]), expected, "{lines}");
    }
    let nameless = problem_with("[[rule]]\nmatch = { any = true }\nreply = 'ok'", &[]);
    assert!(nameless.starts_with("the name of [[rule]] number 1 is not set: "), "{nameless}");
    let bad = problem_with("[[rule]]\nname = \"a\\nb\"\nmatch = { any = true }\nreply = 'ok'", &[]);
    assert_eq!(bad, "rule.a\\nb.name (FILE): a rule's name is 1 to 64 letters, digits, spaces, -, _ and .");
    let twice = rule("match = { any = true }\nreply = 'ok'").repeat(2);
    assert_eq!(problem_with(&twice, &[]), "rule.hours.name (FILE): two rules have this name");
}

#[test]
fn a_senders_number_in_a_rule_is_not_shown() {
    let text = rule("match = { any = true, from = '64211234567' }\nreply = 'ok'");
    let shown = load(&text, &[]).unwrap().effective_toml();
    assert!(shown.contains("hours") && !shown.contains("64211234567"), "{shown}");
}
