//! Every request to a gateway is counted once, by how it ended, and so is every one that is spared it.

use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use serde_json::json;
use textproof::{
    Error, TextOptions, Texts,
    gateway::{Gateway, MessageClass},
    phone::PhoneNumber,
    secret::FingerprintKey,
    store::MemoryStore,
};

use crate::{
    fake::{Step, answer},
    messages::{BODY, CODE, NUMBER, Sample, connexus, issuing},
};

#[derive(Clone, Default)]
struct Counts(Arc<Mutex<Vec<String>>>);

struct Line(Counts, String);

impl CounterFn for Line {
    fn increment(&self, _: u64) {
        self.0.0.lock().unwrap().push(self.1.clone());
    }

    fn absolute(&self, _: u64) {}
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<&str> = key.labels().map(metrics::Label::value).collect();
        Counter::from_arc(Arc::new(Line(self.clone(), format!("{} {}", key.name(), labels.join(" ")))))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

/// The labels of each time that this counter was raised by what the future does.
fn raised(counter: &str, doing: impl Future<Output = ()>) -> Vec<String> {
    let counts = Counts::default();
    // One thread: the recorder is that thread's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    with_local_recorder(&counts, || runtime.block_on(doing));
    let lines = counts.0.lock().unwrap();
    let labels = lines.iter().filter_map(|line| line.strip_prefix(counter)?.strip_prefix(' '));
    labels.map(str::to_owned).collect()
}

#[test]
fn requests_are_counted_by_gateway_call_and_outcome() {
    assert_eq!(
        raised("textproof_gateway_requests_total", a_401_a_send_and_a_lost_text()),
        [
            "connexus token accepted",
            "connexus otp unauthorized",
            "connexus token accepted",
            "connexus otp accepted",
            "connexus text lost"
        ]
    );
}

#[test]
fn a_gateway_that_is_left_alone_is_counted() {
    assert_eq!(
        raised("textproof_gateway_skipped_total", three_texts_to_a_gateway_that_asks_for_time()),
        ["connexus", "connexus"]
    );
}

async fn three_texts_to_a_gateway_that_asks_for_time() {
    let fake = issuing(|_, _| Step::Answer(429, "Retry-After: 60\r\n".into(), Vec::new())).await;
    let gateways = vec![Arc::new(connexus(fake.base())) as Arc<dyn Gateway>];
    let key = FingerprintKey::new(&[9; 32]).unwrap();
    let texts = Texts::new("default", Arc::new(MemoryStore::new()), gateways, key);
    let to = PhoneNumber::parse_international(NUMBER).unwrap();
    let options = TextOptions { class: MessageClass::Transactional, sender: None, reference: None };
    let send = async || texts.send(&to, BODY, options).await.unwrap_err();
    assert!(matches!(send().await, Error::Gateway(_)));
    for _ in 0..2 {
        assert!(matches!(send().await, Error::GatewaysOpen { .. }));
    }
}

async fn a_401_a_send_and_a_lost_text() {
    let fake = issuing(|request, before| match (request.path.as_str(), before) {
        ("/api/sms/otp", 0) => answer(401, "no"),
        ("/api/sms/otp", _) => answer(200, json!({"status": "success", "message_id": "M1", "code": CODE})),
        _ => answer(500, "oops"),
    })
    .await;
    let gateway = connexus(fake.base());
    gateway.send_code(&Sample::new().code()).await.unwrap();
    gateway.send_text(&Sample::new().text()).await.unwrap_err();
}
