use proptest::prelude::*;

use super::{
    pattern::{COMPILED, LOOKED_AT},
    *,
};
use crate::{
    event::{DeliveryReport, DeliveryStatus, EventId, Identity, Other, Reply},
    folded::plain,
};

fn exact(words: &str) -> MatchSettings {
    MatchSettings { exact: Some(words.into()), ..MatchSettings::default() }
}

fn contains(words: &str) -> MatchSettings {
    MatchSettings { contains: Some(words.into()), ..MatchSettings::default() }
}

fn regex(expression: &str) -> MatchSettings {
    MatchSettings { regex: Some(expression.into()), ..MatchSettings::default() }
}

fn any() -> MatchSettings {
    MatchSettings { any: true, ..MatchSettings::default() }
}

fn matches(settings: MatchSettings, text: &str) -> bool {
    Pattern::new(settings).unwrap().matches("+64211234567", text)
}

fn rule(name: &str, pattern: MatchSettings) -> Rule {
    let settings = RuleSettings { name: name.into(), pattern, reply: Some("ok".into()), forward: Vec::new() };
    Rule::new(settings).unwrap()
}

fn event(content: Content) -> Event {
    Event {
        id: EventId::of(&Identity::of_body("websms", b"x")),
        endpoint: "websms".into(),
        tenant: "default".into(),
        received_at_ms: 1,
        conflict: false,
        content,
    }
}

fn text(text: &str) -> Event {
    event(Content::Reply(Reply {
        message_id: None,
        from: "+64211234567".into(),
        to: "552".into(),
        text: text.into(),
        reference: None,
        sent_at_ms: None,
        extra: serde_json::Map::new(),
    }))
}

#[test]
fn a_word_matches_in_any_dress() {
    for dress in ["HOURS", " hours ", "Hours", "ＨＯＵＲＳ", "\u{a0}hours\n"] {
        assert!(matches(exact("Hours"), dress), "{dress:?}");
        assert!(matches(contains("HOURS"), dress), "{dress:?}");
        assert!(matches(regex("^hOuRs$"), dress), "{dress:?}");
    }
    assert!(matches(exact("opening hours"), "Opening \t\n HOURS"));
    assert!(matches(exact("STRASSE"), "Straße") && matches(exact("οδός"), "ΟΔΌΣ"));
    assert!(matches(contains("ΚΌΣ"), "κόσμος"));
    for other in ["hours?", "my hours", "hour", "", "h o u r s"] {
        assert!(!matches(exact("HOURS"), other), "{other:?}");
    }
    assert!(matches(contains("hours"), "what are your HOURS?") && !matches(contains("hours"), "hour s"));
    assert!(matches(regex(r"\bhours?\b"), "your hour?") && !matches(regex(r"\bhours?\b"), "hourly"));
    assert!(matches(any(), "") && matches(any(), "anything"));
}

#[test]
fn a_sender_filter_stands_beside_the_text() {
    let of = |from: &str| {
        let settings = MatchSettings { from: Some(r"^\+64".into()), ..exact("hours") };
        Pattern::new(settings).unwrap().matches(from, "hours")
    };
    assert!(of("+64211234567") && !of("+61412345678") && !of("ACME"));
    let settings = MatchSettings { from: Some(r"^\+64".into()), ..exact("hours") };
    assert!(!Pattern::new(settings).unwrap().matches("+64211234567", "other"));
}

#[test]
fn the_first_match_wins() {
    let first = rule("first", contains("a"));
    let rules = Rules::new(vec![first, rule("second", exact("abc")), rule("rest", any())]).unwrap();
    let name = |event: Event| rules.first_for(&event).map(|rule| rule.name().to_owned());
    assert_eq!(name(text("abc")).as_deref(), Some("first"));
    assert_eq!(name(text("xyz")).as_deref(), Some("rest"));
    assert!(Rules::default().first_for(&text("abc")).is_none());
}

#[test]
fn reports_are_for_rules_that_forward_everything() {
    let report = || {
        event(Content::DeliveryReport(DeliveryReport {
            gateway: "connexus".into(),
            message_id: "1".into(),
            status: DeliveryStatus::Delivered,
            status_word: None,
            status_code: None,
            reported_at_ms: None,
            extra: serde_json::Map::new(),
        }))
    };
    let forwards = |pattern| {
        let settings = RuleSettings { name: "crm".into(), pattern, reply: None, forward: vec!["crm".into()] };
        Rules::new(vec![rule("answer", any()), Rule::new(settings).unwrap()]).unwrap()
    };
    let everything = forwards(any());
    assert_eq!(everything.first_for(&report()).map(Rule::name), Some("crm"));
    assert_eq!(everything.first_for(&text("hi")).map(Rule::name), Some("answer"));
    for some in [regex("."), MatchSettings { from: Some(".".into()), ..any() }] {
        assert!(forwards(some).first_for(&report()).is_none());
    }
    let other = Content::Other(Other { message_id: None, sent_at_ms: None, payload: serde_json::Map::new() });
    assert!(everything.first_for(&event(other)).is_none());
}

#[test]
fn a_rule_that_cannot_be_meant_cannot_be_built() {
    let with = |change: fn(&mut RuleSettings)| {
        let mut settings =
            RuleSettings { name: "a".into(), pattern: any(), reply: Some("ok".into()), forward: Vec::new() };
        change(&mut settings);
        Rule::new(settings).err()
    };
    assert_eq!(with(|_| {}), None);
    assert_eq!(with(|s| s.name = String::new()), Some(RuleError::Name));
    assert_eq!(with(|s| s.name = "a{b}".into()), Some(RuleError::Name));
    assert_eq!(with(|s| s.name = "x".repeat(65)), Some(RuleError::Name));
    assert_eq!(with(|s| s.reply = None), Some(RuleError::NoAction));
    assert_eq!(with(|s| s.forward = vec!["a".into(), "a".into()]), Some(RuleError::Forwards));
    assert_eq!(with(|s| s.pattern.any = false), Some(RuleError::Pattern(PatternError::NotOne)));
    assert_eq!(
        with(|s| s.pattern = MatchSettings { any: true, ..exact("a") }),
        Some(PatternError::NotOne.into())
    );
    assert_eq!(with(|s| s.pattern = exact(" \n")), Some(PatternError::Words.into()));
    assert_eq!(with(|s| s.pattern = contains(&"x".repeat(1601))), Some(PatternError::Words.into()));
    let two = vec![rule("same", any()), rule("same", exact("b"))];
    assert_eq!(Rules::new(two).err(), Some(RuleError::NameTwice));
    let many = (0..65).map(|number| rule(&number.to_string(), any())).collect();
    assert_eq!(Rules::new(many).err(), Some(RuleError::TooMany));
}

#[test]
fn an_expression_that_stands_for_too_much_is_refused() {
    for large in ["(a{100}){100}", r"(\w{50}){20}", "((a{50}){50}){50}", r"\pL{1000}"] {
        assert_eq!(Pattern::new(regex(large)).err(), Some(PatternError::ExpressionSize), "{large}");
    }
    assert_eq!(COMPILED, 256 * 1024);
    assert_eq!(Pattern::new(regex(&"a".repeat(513))).err(), Some(PatternError::ExpressionLength));
    assert_eq!(Pattern::new(regex("")).err(), Some(PatternError::ExpressionLength));
    let nested = format!("{}a{}", "(".repeat(40), ")".repeat(40));
    assert!(matches!(Pattern::new(regex(&nested)), Err(PatternError::Expression { .. })));
    let from = MatchSettings { from: Some("(a{100}){100}".into()), ..any() };
    assert_eq!(Pattern::new(from).err(), Some(PatternError::ExpressionSize));
}

#[test]
fn the_engine_does_not_backtrack() {
    // What only a backtracking engine could do is no expression here.
    for backtracking in [r"(a)\1", "(?=a)", "(?<!a)b", "(?>a+)b", "a++"] {
        let refused = Pattern::new(regex(backtracking));
        // `a++` is a repetition of a repetition, as harmless as any.
        assert_eq!(refused.is_ok(), backtracking == "a++", "{backtracking}: {refused:?}");
    }
    // Each of these takes a backtracking engine more than 2^1000 steps: it would never come back.
    let long = "a".repeat(LOOKED_AT);
    for expression in
        ["(a+)+$x", "(a|a)*b", "(a*)*b", "(a|aa)+$x", "(.*)(.*)(.*)(.*)(.*)z", "(x+x+)+y|(a+a+)+y"]
    {
        assert!(!matches(regex(expression), &long), "{expression}");
    }
    assert!(matches(regex("^(a+)+$"), &long));
}

#[test]
fn a_bad_expression_is_named_in_one_line() {
    for bad in ["(", "[a", "a{2,1}", "*"] {
        let Err(PatternError::Expression { problem }) = Pattern::new(regex(bad)) else { panic!("{bad}") };
        assert!(!problem.is_empty() && !problem.contains('\n'), "{problem}");
    }
}

#[test]
fn of_a_long_text_only_the_beginning_is_looked_at() {
    let padded = |spaces: usize| format!("hours{}x", " ".repeat(spaces));
    assert!(!matches(contains("x"), &padded(LOOKED_AT)));
    // The end that is not looked at keeps it from being the whole text.
    assert!(!matches(exact("hours"), &padded(LOOKED_AT)));
    assert!(matches(exact("hours x"), &padded(100)));
}

const VALUES: Values<'static> = Values {
    from: "+64211234567",
    text: "hi",
    reference: "r1",
    now: "2026-11-26T00:00:00Z",
    tenant_name: "Acme",
    device_id: "dev_1",
};

#[test]
fn templates_are_filled_once() {
    let filled = |template: &str, values: &Values<'_>| Template::parse(template).unwrap().fill(values);
    assert_eq!(
        filled("{{from}} {{text}} {{ref}} {{now}} {{tenantName}} {{deviceId}}", &VALUES),
        "+64211234567 hi r1 2026-11-26T00:00:00Z Acme dev_1"
    );
    let nested = Values { text: "{{from}}{{text}}", ..VALUES };
    assert_eq!(filled("You said: {{text}}", &nested), "You said: {{from}}{{text}}");
    // Two values that make a name between them.
    let halves = Values { text: "{{fr", reference: "om}}", ..VALUES };
    assert_eq!(filled("{{text}}{{ref}}", &halves), "{{from}}");
    assert_eq!(filled("a } } b }} { c", &VALUES), "a } } b }} { c");
    assert_eq!(filled("{{ref}}{{from}}", &Values { reference: "", ..VALUES }), "+64211234567");
    assert_eq!(filled("{{text}}\t!", &Values { text: "a\u{1b}[2J\r\nb\0", ..VALUES }), "a[2J\nb\t!");
}

#[test]
fn a_template_with_an_unknown_name_is_refused() {
    for (bad, name) in [
        ("{{phone}}", "phone"),
        ("{{ from }}", " from "),
        ("{{From}}", "From"),
        ("{{}}", ""),
        ("{{ {{from}} }}", " {{from"),
        ("{{{from}}}", "{from"),
    ] {
        assert_eq!(Template::parse(bad), Err(TemplateError::UnknownName { name: name.into() }), "{bad}");
    }
    assert_eq!(Template::parse("hi {{from"), Err(TemplateError::Unclosed));
    for bad in ["", "  \n", &"x".repeat(1601)] {
        assert_eq!(Template::parse(bad), Err(TemplateError::Length));
    }
    let message = Template::parse("{{phone}}").unwrap_err().to_string();
    assert!(message.contains("written as {{from}}"), "{message}");
}

proptest! {
    #[test]
    fn a_text_matches_itself(text in "\\PC{1,60}") {
        prop_assume!(!plain(&text).is_empty());
        let within = format!("before {text} after");
        prop_assert!(matches(exact(&text), &text));
        prop_assert!(matches(contains(&text), &within));
    }

    #[test]
    fn a_text_matches_itself_however_it_is_dressed(text in "[ -~À-ɏ]{1,60}") {
        prop_assume!(!plain(&text).is_empty());
        let spaced = format!(" \n{}\t", text.replace(' ', " \u{a0}"));
        for dress in [text.to_uppercase(), text.to_lowercase(), spaced] {
            prop_assert!(matches(exact(&text), &dress));
        }
        let form = plain(&text);
        prop_assert_eq!(plain(&form), form);
    }

    #[test]
    fn a_reply_is_its_words_and_values_and_never_too_long(
        words in "[^{}]{1,40}", text in "\\PC{0,2000}", from in "\\PC{0,2000}",
    ) {
        let values = Values { from: &from, text: &text, ..VALUES };
        let filled = Template::parse(&format!("{words}!{{{{text}}}}{{{{from}}}}")).unwrap().fill(&values);
        let whole = format!("{words}!{text}{from}");
        prop_assert!(filled.chars().count() <= 1600);
        prop_assert!(whole.starts_with(&filled));
        prop_assert!(filled.chars().count() == 1600 || filled == whole);
    }

    #[test]
    fn nothing_from_a_configuration_or_a_phone_panics(expression in "\\PC{0,40}", text in "\\PC{0,100}") {
        if let Ok(pattern) = Pattern::new(regex(&expression)) {
            let _ = pattern.matches(&text, &text);
        }
        if let Ok(template) = Template::parse(&expression) {
            let _ = template.fill(&Values { text: &text, ..VALUES });
        }
    }
}
