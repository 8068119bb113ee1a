//! Forwards to a real server on this machine.

mod breaker;
mod reach;
mod several;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use test_support::{ReceiverAnswer, TestReceiver};
use textproof::{
    event::{Content, Event, EventId, Identity, Reply},
    forward::{Destination, DestinationSettings},
    secret::FingerprintKey,
    store::{BreakerStore, MemoryStore},
    webhook::{Authentication, Dialect, Endpoint, EndpointSettings, Request, SecretEntry},
};
use worker::{
    HandlerError, WorkerOptions,
    handlers::{ApplyRules, Forward, Forwarding, Forwards},
};

use crate::fixture::{PATIENCE, Running, dead_letters, publish};

const SECRET: &str = "whsec_Y2FuYXJ5IG9mIHRoZSBmb3J3YXJkcyBpbiB0ZXN0cw==";

/// A destination on this machine.
fn at(name: &str, receiver: &TestReceiver) -> DestinationSettings {
    DestinationSettings {
        name: name.into(),
        url: receiver.url("/hook/canary-path").into(),
        secret: SECRET.into(),
        allow_private: true,
        every_event: false,
    }
}

fn forwards(store: &MemoryStore, destinations: Vec<DestinationSettings>) -> Forwards {
    let built = destinations.into_iter().map(|settings| Destination::new(settings).expect("sound settings"));
    let key = FingerprintKey::new(&[1; 32]).expect("32 bytes");
    let breakers = Arc::new(store.clone()) as Arc<dyn BreakerStore>;
    Forwards::new(built.collect(), &breakers, &key).expect("an HTTP client")
}

fn event(number: u64) -> Event {
    Event {
        id: EventId::of(&Identity::of_body("websms", &number.to_be_bytes())),
        endpoint: "websms".into(),
        tenant: "default".into(),
        received_at_ms: 1_700_000_000_000,
        conflict: false,
        content: Content::Reply(Reply {
            message_id: Some("MO1".into()),
            from: "+64211234567".into(),
            to: "552".into(),
            text: "canary text".into(),
            reference: None,
            sent_at_ms: None,
            extra: serde_json::Map::new(),
        }),
    }
}

/// A store whose clock stands still until it is told to go on.
fn stopped_clock() -> (MemoryStore, Arc<AtomicU64>) {
    let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
    let reading = Arc::clone(&clock);
    (MemoryStore::with_clock(move || reading.load(Ordering::SeqCst)), clock)
}

fn problem(sent: Result<(), HandlerError>) -> String {
    sent.expect_err("it did not arrive").to_string()
}

/// Every receiver that speaks Standard Webhooks can hold us to it: here one of our own endpoints does.
#[tokio::test]
async fn each_attempt_is_signed_anew_under_the_events_id() {
    let receiver = TestReceiver::start().await;
    let forwards = forwards(&MemoryStore::new(), vec![at("crm", &receiver)]);
    let event = event(1);
    receiver.says(500);
    assert_eq!(problem(forwards.send("crm", &event).await), "the forward crm answered 500");
    receiver.says(200);
    forwards.send("crm", &event).await.expect("it arrives");

    let endpoint = Endpoint::new(EndpointSettings {
        name: "crm".into(),
        tenant: "default".into(),
        dialect: Dialect::Generic,
        authentication: Authentication::StandardWebhooks {},
        secrets: vec![SecretEntry { id: "a".into(), value: SECRET.into(), not_after: None }],
        addresses: None,
    })
    .expect("a sound endpoint");
    let received = receiver.received();
    assert_eq!(received.len(), 2);
    for request in &received {
        assert_eq!(request.line, "POST /hook/canary-path HTTP/1.1");
        assert_eq!(request.header("content-type"), "application/json");
        let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"]
            .map(|name| (name.parse().expect("a name"), request.header(name).parse().expect("a value")));
        let headers = headers.into_iter().collect();
        let signed = Request { headers: &headers, path_secret: None, peer: None, body: &request.body };
        // The event is years old; what is signed is the time of the attempt.
        let verified = endpoint.verify(&signed, Timestamp::now()).expect("a genuine webhook");
        assert_eq!(verified.message_id(), Some(event.id.as_str()));
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        assert_eq!((&body["type"], &body["data"]["text"]), (&"reply.received".into(), &"canary text".into()));
    }
    assert_eq!(received[0].body, received[1].body, "the same bytes at every attempt");
}

#[tokio::test]
async fn events_share_their_connections() {
    let receiver = TestReceiver::start().await;
    let forwards = forwards(&MemoryStore::new(), vec![at("crm", &receiver), at("desk", &receiver)]);
    for number in 0..20 {
        // Refusals have a body too, which must be read for the connection to be of use.
        receiver.says(if number % 3 == 0 { 400 } else { 200 });
        let name = if number % 2 == 0 { "crm" } else { "desk" };
        assert_eq!(forwards.send(name, &event(number)).await.is_ok(), number % 3 != 0);
    }
    assert_eq!((receiver.received().len(), receiver.connections()), (20, 1));
}

#[tokio::test]
async fn a_body_without_an_end_is_not_read_to_its_end() {
    let receiver = TestReceiver::start().await;
    let forwards = forwards(&MemoryStore::new(), vec![at("crm", &receiver)]);
    receiver.answers(ReceiverAnswer::EndlessBody);
    let sent = tokio::time::timeout(PATIENCE, forwards.send("crm", &event(1))).await;
    sent.expect("in time").expect("200 is 200");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let receiver = TestReceiver::start().await;
    let forwards = forwards(&MemoryStore::new(), vec![at("crm", &receiver)]);
    receiver.answers(ReceiverAnswer::Close);
    assert_eq!(
        problem(forwards.send("crm", &event(1)).await),
        "the forward crm broke off before it answered"
    );
    assert_eq!(receiver.received().len(), 1, "and is not repeated behind the scenes");
    let address = receiver.address();
    drop(receiver);
    let gone = test_support::eventually(PATIENCE, "its port is closed", async || {
        tokio::net::TcpStream::connect(address).await.is_err().then_some(())
    });
    gone.await;
    assert_eq!(problem(forwards.send("crm", &event(2)).await), "the forward crm cannot be reached");
}

/// With one attempt allowed, the dead letter says what ended it: the forward's own timeout, and not the event's.
#[tokio::test]
async fn an_attempt_is_cut_to_what_is_left_of_the_events_time() {
    let receiver = TestReceiver::start().await;
    receiver.answers(ReceiverAnswer::Nothing);
    let store = MemoryStore::new();
    let everything = DestinationSettings { every_event: true, ..at("crm", &receiver) };
    let forwarding = Forwarding::new(Arc::new(forwards(&store, vec![everything])), Arc::new(store.clone()));
    let rules = ApplyRules::new(textproof::rule::Rules::default(), None, Some(forwarding)).expect("no rules");
    let options =
        WorkerOptions { lease: Duration::from_secs(3), max_attempts: 1, ..WorkerOptions::default() };
    let running = Running::with(Arc::new(store.clone()), vec![Box::new(rules)], options);
    publish(&store, "a").await;
    test_support::eventually_true(PATIENCE, "it is a dead letter", async || {
        !dead_letters(&store).await.is_empty()
    })
    .await;
    let letter = dead_letters(&store).await.remove(0);
    assert_eq!(letter.failures.last, "rules: the forward crm did not answer in time");
    assert_eq!(receiver.received().len(), 1);
    running.stop().await;
}
