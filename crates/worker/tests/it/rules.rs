//! Rules with a gateway that does as it is told.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use textproof::{
    consent::ConsentLedger,
    event::{Content, Event, EventId, Identity, Reply},
    gateway::{Accepted, CodeAccepted, CodeMessage, Gateway, GatewayError, MessageClass, TextMessage},
    reply::{AutomaticReplies, OwnNumbers},
    rule::{MatchSettings, Rule, RuleSettings, Rules},
    secret::FingerprintKey,
    store::{BreakerStore, MemoryStore},
};
use worker::{
    Handler, HandlerError,
    handlers::{AnswerRoutes, Answers, ApplyRules, Forward, Forwarding, KeepConsent, RulesError},
};

/// What the gateway answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    Accept,
    Lose,
    NoMoney,
    NoSuchNumber,
    /// Refused with this status.
    Reject(u16),
    /// Asks for so many seconds.
    Busy(u64),
    /// Never answers.
    Hang,
    /// Never has a token.
    NoToken,
}

/// Records texts: number, text and reference.
#[derive(Debug)]
pub(crate) struct Recorder {
    name: &'static str,
    mood: Mutex<Mood>,
    texts: Mutex<Vec<(String, String, String)>>,
    calls: AtomicUsize,
}

impl Recorder {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            name,
            mood: Mutex::new(Mood::Accept),
            texts: Mutex::default(),
            calls: AtomicUsize::new(0),
        })
    }

    pub(crate) fn becomes(&self, mood: Mood) {
        *self.mood.lock().expect("no panic") = mood;
    }

    fn mood(&self) -> Mood {
        *self.mood.lock().expect("no panic")
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn texts(&self) -> Vec<(String, String, String)> {
        self.texts.lock().expect("no panic").clone()
    }
}

#[async_trait]
impl Gateway for Recorder {
    fn name(&self) -> &'static str {
        self.name
    }

    fn makes_codes(&self) -> bool {
        false
    }

    async fn send_code(&self, _: &CodeMessage<'_>) -> Result<CodeAccepted, GatewayError> {
        panic!("a worker sends no codes")
    }

    async fn send_text(&self, message: &TextMessage<'_>) -> Result<Accepted, GatewayError> {
        assert_eq!(message.class, MessageClass::Transactional);
        self.calls.fetch_add(1, Ordering::SeqCst);
        let gateway = self.name;
        match self.mood() {
            Mood::NoMoney => return Err(GatewayError::InsufficientFunds { gateway }),
            Mood::NoSuchNumber => return Err(GatewayError::InvalidNumber { gateway }),
            Mood::Reject(status) => {
                return Err(GatewayError::Rejected { gateway, status, reason: "told to".into() });
            }
            Mood::Busy(seconds) => {
                let retry_after = Duration::from_secs(seconds);
                return Err(GatewayError::RateLimited { gateway, retry_after });
            }
            Mood::Hang => std::future::pending().await,
            Mood::Accept | Mood::Lose | Mood::NoToken => {}
        }
        let reference = message.reference.unwrap_or_default().to_owned();
        let text = (message.to.e164().to_owned(), message.body.to_owned(), reference);
        self.texts.lock().expect("no panic").push(text);
        match self.mood() {
            Mood::Lose => Err(GatewayError::Lost { gateway, status: None, what: "told to" }),
            _ => Ok(Accepted { message_id: "1".into(), parts: None }),
        }
    }

    async fn prepare(&self) -> Result<(), GatewayError> {
        match self.mood() {
            Mood::NoToken => std::future::pending().await,
            _ => Ok(()),
        }
    }

    async fn check(&self) -> Result<(), GatewayError> {
        Ok(())
    }
}

/// Records where events were forwarded to, and fails if told to.
#[derive(Default)]
pub(crate) struct Forwards {
    pub(crate) sent: Mutex<Vec<(String, EventId)>>,
    fail: bool,
}

#[async_trait]
impl Forward for Forwards {
    fn knows(&self, name: &str) -> bool {
        ["crm", "desk"].contains(&name)
    }

    fn every_event(&self) -> &[String] {
        &[]
    }

    async fn send(&self, name: &str, event: &Event) -> Result<(), HandlerError> {
        self.sent.lock().expect("no panic").push((name.to_owned(), event.id.clone()));
        if self.fail { Err(HandlerError::new("told to fail")) } else { Ok(()) }
    }
}

pub(crate) fn rule(name: &str, pattern: MatchSettings, reply: Option<&str>, forward: &[&str]) -> Rule {
    let forward = forward.iter().map(|name| (*name).to_owned()).collect();
    Rule::new(RuleSettings { name: name.into(), pattern, reply: reply.map(Into::into), forward })
        .expect("a sound rule")
}

pub(crate) fn any() -> MatchSettings {
    MatchSettings { any: true, ..MatchSettings::default() }
}

pub(crate) fn text(number: u64, from: &str, text: &str) -> Event {
    let extra = serde_json::json!({ "deviceId": "dev_1", "tenantName": "Acme", "other": 1 });
    Event {
        id: EventId::of(&Identity::of_body("websms", &number.to_be_bytes())),
        endpoint: "websms".into(),
        tenant: "default".into(),
        received_at_ms: number,
        conflict: false,
        content: Content::Reply(Reply {
            message_id: None,
            from: from.into(),
            to: "552".into(),
            text: text.into(),
            reference: Some("r1".into()),
            sent_at_ms: None,
            extra: extra.as_object().cloned().unwrap_or_default(),
        }),
    }
}

/// A store with what the handlers need.
pub(crate) struct Desk {
    pub(crate) store: MemoryStore,
    pub(crate) first: Arc<Recorder>,
    second: Arc<Recorder>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::on(MemoryStore::new())
    }

    pub(crate) fn on(store: MemoryStore) -> Self {
        Self { store, first: Recorder::new("connexus"), second: Recorder::new("mobile-api-connect") }
    }

    pub(crate) fn ledger(&self) -> ConsentLedger {
        ConsentLedger::new(Arc::new(self.store.clone()), key())
    }

    pub(crate) fn answers(&self) -> Answers {
        let own = OwnNumbers::new(&["64219999999".to_owned()]);
        let by_endpoint = HashMap::from([("mac".to_owned(), Arc::clone(&self.second) as Arc<dyn Gateway>)]);
        let (first, breakers) = (Arc::clone(&self.first) as Arc<dyn Gateway>, Arc::new(self.store.clone()));
        let breakers = breakers as Arc<dyn BreakerStore>;
        let routes = AnswerRoutes::new(first, by_endpoint, &breakers, &key());
        Answers::new(AutomaticReplies::new(Arc::new(self.store.clone()), key()), self.ledger(), own, routes)
    }

    pub(crate) fn rules(&self, rules: Vec<Rule>, forward: &Arc<Forwards>) -> ApplyRules {
        let rules = Rules::new(rules).expect("sound rules");
        let forward = Arc::clone(forward) as Arc<dyn Forward>;
        let forwarding = Forwarding::new(forward, Arc::new(self.store.clone()));
        ApplyRules::new(rules, Some(self.answers()), Some(forwarding)).expect("all is there")
    }
}

pub(crate) fn key() -> FingerprintKey {
    FingerprintKey::new(&[1; 32]).expect("32 bytes")
}

#[tokio::test]
async fn a_reply_carries_the_events_id_and_its_values() {
    let desk = Desk::new();
    let template = "{{tenantName}} {{deviceId}} {{ref}}: {{text}} {{from}}";
    let rules = desk.rules(vec![rule("echo", any(), Some(template), &[])], &Arc::default());
    let event = text(1, "+64211234567", "{{now}}");
    // Twice: the second delivery finds that it was sent.
    for _ in 0..2 {
        rules.handle(&event).await.expect("it is sent, or was");
    }
    let body = "Acme dev_1 r1: {{now}} +64211234567".to_owned();
    assert_eq!(desk.first.texts(), [("+64211234567".to_owned(), body, event.id.to_string())]);
    assert!(event.id.as_str().len() <= 36, "every gateway takes it as a reference");
}

#[tokio::test]
async fn a_text_is_answered_through_the_gateway_that_it_came_by() {
    let desk = Desk::new();
    let rules = desk.rules(vec![rule("answer", any(), Some("ok"), &[])], &Arc::default());
    let mut event = text(1, "+64211234567", "hi");
    event.endpoint = "mac".into();
    rules.handle(&event).await.expect("it is sent");
    rules.handle(&text(2, "+64211234567", "hi")).await.expect("it is sent");
    assert_eq!((desk.first.texts().len(), desk.second.texts().len()), (1, 1));
}

#[tokio::test]
async fn a_lost_answer_is_never_repeated_and_a_certain_non_send_is() {
    let desk = Desk::new();
    let rules = desk.rules(vec![rule("answer", any(), Some("ok"), &[])], &Arc::default());
    let event = text(1, "+64211234567", "hi");
    desk.first.becomes(Mood::NoMoney);
    for _ in 0..30 {
        assert!(rules.handle(&event).await.is_err(), "it comes back");
    }
    desk.first.becomes(Mood::Lose);
    for _ in 0..3 {
        rules.handle(&event).await.expect("unknown is an end");
        desk.first.becomes(Mood::Accept);
    }
    assert_eq!(desk.first.texts().len(), 1);

    // What would be refused again does not come back.
    desk.first.becomes(Mood::NoSuchNumber);
    rules.handle(&text(2, "+64211234567", "hi")).await.expect("refused is an end");
    assert_eq!(desk.first.texts().len(), 1);
}

#[tokio::test]
async fn only_people_who_want_it_are_answered() {
    let desk = Desk::new();
    let (consent, forwards) = (KeepConsent::new(desk.ledger()), Arc::default());
    let rules = desk.rules(vec![rule("answer", any(), Some("ok {{ref}}"), &["crm"])], &forwards);
    for (number, sender, words) in [
        (1, "ACME", "no phone"),
        (2, "+64219999999", "a number of ours, listed without its plus"),
        (3, "552", "the number itself"),
        (4, "+64211234567", "STOP"),
        (5, "+64211234567", "after STOP"),
    ] {
        let event = text(number, sender, words);
        consent.handle(&event).await.expect("the store answers");
        rules.handle(&event).await.expect("nothing to do is no error");
        assert_eq!(desk.first.texts(), [], "{words}");
    }
    // Suppressed is the reply alone.
    assert_eq!(forwards.sent.lock().expect("no panic").len(), 5);
    let event = text(6, "+64211234567", "START");
    consent.handle(&event).await.expect("the store answers");
    rules.handle(&event).await.expect("it is sent");
    assert_eq!(desk.first.texts().len(), 1);
}

#[tokio::test]
async fn one_action_that_fails_does_not_keep_the_other_from_happening() {
    let desk = Desk::new();
    let failing = Arc::new(Forwards { fail: true, ..Forwards::default() });
    let both = || vec![rule("both", any(), Some("ok"), &["crm", "desk"])];
    let event = text(1, "+64211234567", "hi");
    let rules = desk.rules(both(), &failing);
    assert!(rules.handle(&event).await.is_err());
    let sent: Vec<String> =
        failing.sent.lock().expect("no panic").iter().map(|(name, _)| name.clone()).collect();
    assert_eq!((desk.first.texts().len(), sent), (1, vec!["crm".to_owned(), "desk".to_owned()]));

    desk.first.becomes(Mood::NoMoney);
    let forwards = Arc::new(Forwards::default());
    assert!(desk.rules(both(), &forwards).handle(&text(2, "+64211234567", "hi")).await.is_err());
    assert_eq!(forwards.sent.lock().expect("no panic").len(), 2);
}

/// A reply that the gateway does not take brings the event back, and the forward with it: it has arrived.
#[tokio::test]
async fn a_reply_that_is_tried_again_does_not_repeat_the_forward() {
    let desk = Desk::new();
    let forwards = Arc::new(Forwards::default());
    let rules = desk.rules(vec![rule("both", any(), Some("ok"), &["crm"])], &forwards);
    let event = text(1, "+64211234567", "hi");
    desk.first.becomes(Mood::NoMoney);
    for _ in 0..3 {
        assert!(rules.handle(&event).await.is_err());
    }
    desk.first.becomes(Mood::Accept);
    rules.handle(&event).await.expect("both are done");
    assert_eq!((desk.first.texts().len(), forwards.sent.lock().expect("no panic").len()), (1, 1));
}

#[test]
fn a_rule_that_needs_what_is_not_there_is_refused() {
    let rules = |reply, forward| Rules::new(vec![rule("a", any(), reply, forward)]).expect("sound rules");
    let refused = ApplyRules::new(rules(Some("ok"), &[]), None, None).err();
    assert_eq!(refused, Some(RulesError::NoAnswers { rule: "a".into() }));
    let refused = ApplyRules::new(rules(None, &["crm"]), Some(Desk::new().answers()), None).err();
    assert_eq!(refused, Some(RulesError::NoForward { rule: "a".into(), forward: "crm".into() }));
    assert!(ApplyRules::new(Rules::default(), None, None).is_ok());
}
