//! STOP, START, HELP and texts that somebody has to read, with a gateway that does as it is told.

use std::sync::Arc;

use textproof::{consent::ConsentLedger, event::Content, rule::Template, store::CONSENT_SENDERS_AT_MOST};
use worker::{
    Handler,
    handlers::{ApplyRules, HelpAnswer, KeepConsent},
};

use crate::rules::{Desk, Forwards, any, key, rule, text};

const HELP: &str = "Acme alerts. Call 0800 123 456. Reply STOP to stop.";
const PHONE: &str = "+64211234567";

/// Consent and rules in the order of the worker, with an answer to HELP and a rule for everything.
struct Handlers {
    consent: KeepConsent,
    rules: ApplyRules,
    forwards: Arc<Forwards>,
    ledger: ConsentLedger,
}

impl Handlers {
    fn new(desk: &Desk, open: &[&str]) -> Self {
        let ledger = ConsentLedger::new(Arc::new(desk.store.clone()), key())
            .with_open_endpoints(open.iter().map(|name| (*name).to_owned()));
        let forwards = Arc::default();
        let help =
            HelpAnswer::new(ledger.clone(), desk.answers(), Template::parse(HELP).expect("a template"));
        let rules = desk.rules(vec![rule("all", any(), Some("got it"), &["crm"])], &forwards).with_help(help);
        Self { consent: KeepConsent::new(ledger.clone()), rules, forwards, ledger }
    }

    async fn on(&self, number: u64, words: &str) {
        let event = text(number, PHONE, words);
        self.consent.handle(&event).await.expect("the store answers");
        self.rules.handle(&event).await.expect("it is sent, or need not be");
    }
}

fn bodies(desk: &Desk) -> Vec<String> {
    desk.first.texts().into_iter().map(|(_, body, _)| body).collect()
}

#[tokio::test]
async fn help_is_answered_once_and_in_the_place_of_a_rules_reply() {
    let desk = Desk::new();
    let handlers = Handlers::new(&desk, &[]);
    // Twice: the second delivery finds that it was sent.
    for _ in 0..2 {
        handlers.on(1, " Help! ").await;
    }
    assert_eq!(bodies(&desk), [HELP]);
    assert_eq!(handlers.forwards.sent.lock().expect("no panic").len(), 2, "forwards happen all the same");
    handlers.on(2, "hi").await;
    assert_eq!(bodies(&desk), [HELP, "got it"]);
}

/// CTIA's Short Code Monitoring Handbook: HELP is for everybody, subscribed or not.
#[tokio::test]
async fn help_is_answered_to_somebody_who_has_opted_out_and_nothing_else_is() {
    let desk = Desk::new();
    let handlers = Handlers::new(&desk, &[]);
    for (number, words) in [(1, "STOP"), (2, "hi"), (3, "INFO")] {
        handlers.on(number, words).await;
    }
    assert_eq!(bodies(&desk), [HELP]);
}

#[tokio::test]
async fn answers_to_help_share_the_limits_of_automatic_replies() {
    let desk = Desk::new();
    let handlers = Handlers::new(&desk, &[]);
    for number in 1..=20 {
        handlers.on(number, "HELP").await;
    }
    assert_eq!(bodies(&desk).len(), 5, "two machines cannot ask each other for help for ever");
    let own = text(21, "+64219999999", "HELP");
    handlers.rules.handle(&own).await.expect("nothing to do is no error");
    assert_eq!(bodies(&desk).len(), 5, "our own numbers are not answered");
}

#[tokio::test]
async fn a_forger_cannot_have_somebody_texted_who_has_opted_out() {
    let desk = Desk::new();
    // The endpoint of these texts is one that anyone may post to.
    let handlers = Handlers::new(&desk, &["websms"]);
    handlers.on(1, "HELP").await;
    assert_eq!(bodies(&desk), [HELP]);
    for (number, words) in [(2, "STOP"), (3, "START"), (4, "HELP"), (5, "hi")] {
        handlers.on(number, words).await;
    }
    assert_eq!(bodies(&desk), [HELP], "a STOP counts, a START does not, and HELP is not answered");
    assert_eq!(handlers.ledger.reviews("default").await.expect("the store answers").len(), 1, "the START");
}

#[tokio::test]
async fn a_text_to_be_read_waits_and_everybody_else_still_gets_it() {
    let desk = Desk::new();
    let handlers = Handlers::new(&desk, &[]);
    for _ in 0..2 {
        handlers.on(1, "please stop texting me").await;
    }
    assert_eq!(handlers.ledger.reviews("default").await.expect("the store answers").len(), 1);
    assert_eq!(handlers.forwards.sent.lock().expect("no panic").len(), 2);
}

/// By an endpoint that anyone may post to, a stranger can fill what is kept of somebody.
#[tokio::test]
async fn nothing_that_somebody_says_to_too_many_numbers_is_kept_from_the_handlers_after_it() {
    let desk = Desk::new();
    let handlers = Handlers::new(&desk, &[]);
    let on = async |number: u64, to: &str, words: &str| {
        let mut event = text(number, PHONE, words);
        if let Content::Reply(reply) = &mut event.content {
            reply.to = to.to_owned();
        }
        handlers.consent.handle(&event).await.expect("consent swallows no event");
        handlers.rules.handle(&event).await.expect("it is sent, or need not be");
    };
    for number in 0..CONSENT_SENDERS_AT_MOST as u64 {
        on(number, &format!("{}", 10_000 + number), "STOP").await;
    }
    let forwarded = || handlers.forwards.sent.lock().expect("no panic").len();
    let before = forwarded();
    for (number, words) in [(1_000, "START"), (1_001, "STOP"), (1_002, "hello")] {
        on(number, "552", words).await;
    }
    assert_eq!(forwarded() - before, 3);
    let opted_out = handlers.ledger.opted_out("default", PHONE, Some("552")).await;
    assert!(opted_out.expect("the store answers"), "a STOP holds, though there is no place for it");
    assert_eq!(bodies(&desk).len(), 1, "only what came before the STOP is answered");
}
