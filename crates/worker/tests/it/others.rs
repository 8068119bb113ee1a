//! Events that are neither replies nor reports: nobody but a user's own handler knows what they mean.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use test_support::eventually_true;
use textproof::{
    consent::ConsentLedger,
    delivery::Deliveries,
    event::{Content, ContentDigest, Event, EventId, Identity, Other},
    secret::FingerprintKey,
    store::MemoryStore,
    stream::{Outgoing, Producer},
};
use tokio_util::sync::CancellationToken;
use worker::{
    Handler, HandlerError, Worker, WorkerOptions,
    handlers::{KeepConsent, MergeDeliveryReports},
};

use crate::fixture::{PATIENCE, depth};

/// Keeps the payloads that it was handed.
#[derive(Clone, Default)]
struct Own(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Handler for Own {
    fn name(&self) -> &'static str {
        "own"
    }

    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        if let Content::Other(other) = &event.content {
            let payload = serde_json::Value::Object(other.payload.clone()).to_string();
            self.0.lock().expect("no panic").push(payload);
        }
        Ok(())
    }
}

#[tokio::test]
async fn something_other_passes_our_handlers_reaches_the_users_and_is_settled() {
    let store = MemoryStore::new();
    let payload = serde_json::json!({ "a": [1, { "b": null }], "text": "STOP" });
    let fields = payload.as_object().cloned().expect("an object");
    let content = Content::Other(Other { message_id: None, sent_at_ms: None, payload: fields });
    let identity = Identity::of_body("relay", b"a");
    let digest = ContentDigest::of(&content);
    let event = Event {
        id: EventId::of(&identity),
        endpoint: "relay".into(),
        tenant: "default".into(),
        received_at_ms: 1,
        conflict: false,
        content,
    };
    let producer = Producer::new(Arc::new(store.clone()));
    producer
        .publish(&Outgoing::event(&event, &identity, digest, "a".into()))
        .await
        .expect("the store answers");

    let own = Own::default();
    let key = FingerprintKey::new(&[7; 32]).expect("32 bytes");
    let handlers: Vec<Box<dyn Handler>> = vec![
        Box::new(KeepConsent::new(ConsentLedger::new(Arc::new(store.clone()), key))),
        Box::new(MergeDeliveryReports::new(Deliveries::new(Arc::new(store.clone())))),
        Box::new(own.clone()),
    ];
    let worker = Worker::new(Arc::new(store.clone()), handlers, WorkerOptions::default());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(worker.run(shutdown.clone()));
    eventually_true(PATIENCE, "it is settled", async || depth(&store).await == 0).await;
    shutdown.cancel();
    running.await.expect("no panic");
    assert_eq!(*own.0.lock().expect("no panic"), [payload.to_string()]);
}
