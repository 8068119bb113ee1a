//! Every request to a gateway is counted once, by how it ended.

use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use serde_json::json;
use textproof::gateway::Gateway;

use crate::{
    fake::answer,
    messages::{CODE, Sample, connexus, issuing},
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

#[test]
fn requests_are_counted_by_gateway_call_and_outcome() {
    let counts = Counts::default();
    // One thread: the recorder is that thread's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    with_local_recorder(&counts, || runtime.block_on(a_401_a_send_and_a_lost_text()));
    let mut lines = counts.0.lock().unwrap().clone();
    lines.retain(|line| line.starts_with("textproof_gateway_requests_total"));
    let outcomes: Vec<&str> = lines.iter().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(
        outcomes,
        [
            "connexus token accepted",
            "connexus otp unauthorized",
            "connexus token accepted",
            "connexus otp accepted",
            "connexus text lost"
        ]
    );
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
