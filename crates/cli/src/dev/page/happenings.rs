//! Texts on the phone and events acted on, in one stream that can be joined late.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{Stream, StreamExt, stream};
use sandbox::Text;
use serde_json::{Value, json};
use textproof::event::{Content, Event};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tokio_util::sync::CancellationToken;

/// How much a page that is opened late still sees.
const KEPT: usize = 100;

#[derive(Clone)]
pub(super) struct Happenings {
    past: Arc<Mutex<VecDeque<Value>>>,
    live: broadcast::Sender<Value>,
}

impl Happenings {
    /// Gathers until `shutdown`.
    pub(super) fn gather(
        texts: broadcast::Receiver<Text>,
        events: broadcast::Receiver<Event>,
        shutdown: CancellationToken,
    ) -> Self {
        let happenings = Self { past: Arc::default(), live: broadcast::Sender::new(KEPT) };
        let gathered = happenings.clone();
        tokio::spawn(async move {
            let texts =
                BroadcastStream::new(texts).filter_map(async |text| text.ok().map(|text| told_text(&text)));
            let events = BroadcastStream::new(events)
                .filter_map(async |event| event.ok().map(|event| told_event(&event)));
            let all = stream::select(texts, events).take_until(shutdown.cancelled_owned());
            all.for_each(async |happening| gathered.add(happening)).await;
        });
        happenings
    }

    /// The past, then what comes.
    pub(super) fn follow(&self) -> impl Stream<Item = Value> + use<> {
        // Both under the lock, so that nothing is missed or told twice.
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let live = BroadcastStream::new(self.live.subscribe()).filter_map(async |happening| happening.ok());
        stream::iter(past.iter().cloned().collect::<Vec<_>>()).chain(live)
    }

    fn add(&self, happening: Value) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if past.len() == KEPT {
            past.pop_front();
        }
        past.push_back(happening.clone());
        // An error says that no page is open.
        let _ = self.live.send(happening);
    }
}

fn told_text(text: &Text) -> Value {
    json!({ "kind": "text", "to": text.to, "from": text.from, "text": text.text })
}

fn told_event(event: &Event) -> Value {
    let told = match &event.content {
        Content::Reply(reply) => format!("reply from {}: {}", reply.from, reply.text),
        Content::DeliveryReport(report) => format!("{} is {:?}", report.message_id, report.status),
        Content::Other(_) => "something other".to_owned(),
        _ => "something new".to_owned(),
    };
    json!({ "kind": "event", "id": event.id.as_str(), "endpoint": event.endpoint, "told": told })
}
