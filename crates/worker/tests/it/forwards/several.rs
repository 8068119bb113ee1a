//! One event, several places.

use std::{sync::Arc, time::Duration};

use test_support::{ReceiverAnswer, TestReceiver, eventually_true};
use textproof::{
    event::{Content, Event, EventId, Other},
    forward::DestinationSettings,
    rule::{MatchSettings, Rule, RuleSettings, Rules},
    store::{ForwardedStore, MemoryStore},
};
use worker::{
    Handler, WorkerOptions,
    handlers::{ApplyRules, Forwarding, RulesError},
};

use super::{at, event, forwards};
use crate::fixture::{PATIENCE, Running, dead_letters, publish};

fn rules(forward: &[&str]) -> Rules {
    let rule = Rule::new(RuleSettings {
        name: "all".into(),
        pattern: MatchSettings { any: true, ..MatchSettings::default() },
        reply: None,
        forward: forward.iter().map(|name| (*name).to_owned()).collect(),
    });
    Rules::new(vec![rule.expect("a sound rule")]).expect("one rule")
}

fn applied(
    store: &MemoryStore,
    rules: Rules,
    destinations: Vec<DestinationSettings>,
) -> Result<ApplyRules, RulesError> {
    let forwards = Arc::new(forwards(store, destinations));
    ApplyRules::new(rules, None, Some(Forwarding::new(forwards, Arc::new(store.clone()))))
}

#[tokio::test]
async fn what_has_arrived_is_not_sent_again_because_of_the_others() {
    let (well, failing) = (TestReceiver::start().await, TestReceiver::start().await);
    let store = MemoryStore::new();
    let rules =
        applied(&store, rules(&["well", "failing"]), vec![at("well", &well), at("failing", &failing)]);
    let (rules, event) = (rules.expect("both are known"), event(1));
    failing.says(500);
    for _ in 0..3 {
        let said = rules.handle(&event).await.expect_err("one of them failed").to_string();
        assert_eq!(said, "the forward failing answered 500");
    }
    assert_eq!((well.received().len(), failing.received().len()), (1, 3));
    failing.says(200);
    rules.handle(&event).await.expect("all have it");
    assert_eq!((well.received().len(), failing.received().len()), (1, 4));
    let ids = |receiver: &TestReceiver| -> Vec<String> {
        receiver.received().iter().map(|request| request.header("webhook-id").to_owned()).collect()
    };
    assert_eq!((ids(&well), ids(&failing)), (vec![event.id.to_string()], vec![event.id.to_string(); 4]));
    assert!(
        store.forwarded(&event.id).await.expect("the store answers").is_empty(),
        "nothing is left to know"
    );
}

/// With one attempt allowed, and less time than two timeouts take.
#[tokio::test]
async fn places_that_hang_take_nothing_of_the_others_time() {
    let (hanging, well) = (TestReceiver::start().await, TestReceiver::start().await);
    hanging.answers(ReceiverAnswer::Nothing);
    let store = MemoryStore::new();
    let destinations = vec![at("first", &hanging), at("second", &hanging), at("well", &well)];
    let rules = applied(&store, rules(&["first", "second", "well"]), destinations).expect("all are known");
    let options =
        WorkerOptions { lease: Duration::from_secs(3), max_attempts: 1, ..WorkerOptions::default() };
    let running = Running::with(Arc::new(store.clone()), vec![Box::new(rules)], options);
    publish(&store, "a").await;
    eventually_true(PATIENCE, "it is a dead letter", async || !dead_letters(&store).await.is_empty()).await;
    assert_eq!((hanging.received().len(), well.received().len()), (2, 1));
    let id = dead_letters(&store).await.remove(0).id;
    let id = EventId::try_from(id).expect("an event's id");
    let arrived = store.forwarded(&id).await.expect("the store answers");
    assert_eq!(arrived, ["well"], "known to whoever redrives it");
    running.stop().await;
}

#[tokio::test]
async fn a_forward_of_every_event_needs_no_rule_and_gets_each_once() {
    let (everything, named) = (TestReceiver::start().await, TestReceiver::start().await);
    let store = MemoryStore::new();
    let destinations =
        || vec![DestinationSettings { every_event: true, ..at("every", &everything) }, at("named", &named)];
    let unruled = applied(&store, Rules::default(), destinations()).expect("no rules");
    let other = Event {
        content: Content::Other(Other {
            message_id: None,
            sent_at_ms: None,
            payload: serde_json::Map::new(),
        }),
        ..event(2)
    };
    unruled.handle(&event(1)).await.expect("it arrives");
    unruled.handle(&other).await.expect("it arrives");
    assert_eq!((everything.received().len(), named.received().len()), (2, 0));
    // Named by a rule, too, it still gets one.
    let ruled = applied(&store, rules(&["named", "every"]), destinations()).expect("both are known");
    ruled.handle(&event(3)).await.expect("it arrives");
    assert_eq!((everything.received().len(), named.received().len()), (3, 1));
}

#[tokio::test]
async fn a_rule_that_names_no_forward_is_refused() {
    let receiver = TestReceiver::start().await;
    let refused = applied(&MemoryStore::new(), rules(&["crm", "cmr"]), vec![at("crm", &receiver)]);
    let expected = RulesError::NoForward { rule: "all".into(), forward: "cmr".into() };
    assert_eq!(refused.err(), Some(expected));
}
