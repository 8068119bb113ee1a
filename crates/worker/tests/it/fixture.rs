//! Events to act on, and handlers that record what they saw.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use textproof::{
    event::{Content, ContentDigest, Event, EventId, Identity, Reply},
    store::{
        Backlog, DeadLetter, DeadLetterStore as _, EventStore, GroupMember, MemoryStore, Order, Publish,
        Published, Queue, SUSPICIOUS_STARTS, StoreError, Suspects,
    },
    stream::{Outgoing, Producer},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Handler, HandlerError, Readiness, Worker, WorkerOptions};

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Publishes a reply with this text, received when the epoch began.
pub(crate) async fn publish(store: &MemoryStore, text: &str) {
    publish_to(Arc::new(store.clone()), text).await;
}

pub(crate) fn identity(text: &str) -> Identity {
    Identity::of_body("websms", text.as_bytes())
}

pub(crate) async fn publish_to(store: Arc<dyn EventStore>, text: &str) {
    try_publish_to(store, text).await.expect("the store answers");
}

/// As [`publish_to`], where a fault is allowed.
pub(crate) async fn try_publish_to(store: Arc<dyn EventStore>, text: &str) -> Result<Published, StoreError> {
    let identity = identity(text);
    let content = Content::Reply(Reply {
        message_id: None,
        from: "+64211234567".into(),
        to: "552".into(),
        text: text.into(),
        reference: None,
        sent_at_ms: None,
        extra: serde_json::Map::new(),
    });
    let digest = ContentDigest::of(&content);
    let event = Event {
        id: EventId::of(&identity),
        endpoint: "websms".into(),
        tenant: "default".into(),
        received_at_ms: 1,
        conflict: false,
        content,
    };
    let producer = Producer::new(store);
    let outgoing = Outgoing::event(&event, &identity, digest, text.to_owned().into());
    producer.publish(&outgoing).await
}

pub(crate) async fn depth(store: &MemoryStore) -> u64 {
    store.depth(Queue::Events).await.expect("the store answers")
}

pub(crate) async fn dead_letters(store: &MemoryStore) -> Vec<DeadLetter> {
    store.dead_letters(Order::OldestFirst, None, 100).await.expect("the store answers")
}

/// An entry that nobody can read.
pub(crate) async fn publish_unreadable(store: &MemoryStore) {
    let id = EventId::of(&Identity::of_body("websms", b"unreadable"));
    let (queue, digest) = (Queue::Events, ContentDigest([0; 8]));
    let publish =
        Publish { queue, id: &id, conflict_id: &id, digest, envelope: "{", raw: b"unreadable", placement: 0 };
    store.publish(&publish).await.expect("the store answers");
}

/// Takes everything so many times, and never answers.
pub(crate) async fn die_with_it(store: &MemoryStore, times: u64) {
    let member = GroupMember { group: "textproof".into(), consumer: "dying".into(), shard: 0 };
    let mut reader = store.reader(&member).await.expect("the store answers");
    assert_eq!(reader.read(10, Duration::ZERO).await.expect("the store answers").len(), 1);
    for start in 2..=times {
        let suspects = if start > SUSPICIOUS_STARTS { Suspects::OneAlone } else { Suspects::LeftOut };
        let swept = store.sweep(&member, Duration::ZERO, "-", 10, suspects).await;
        assert_eq!(swept.expect("the store answers").entries[0].claim.deliveries, start);
    }
}

pub(crate) async fn backlog(store: &MemoryStore) -> Backlog {
    store.backlog().await.expect("the store answers")
}

/// What a handler does with a text.
pub(crate) type Act = fn(&str) -> Doing;

pub(crate) enum Doing {
    Succeed,
    Fail,
    FailForGood,
    AskForTime,
    Panic,
    NeverEnd,
}

/// A text that is being acted on, until this is dropped.
struct Acting<'a> {
    now: &'a Mutex<Vec<String>>,
    text: &'a str,
}

impl Drop for Acting<'_> {
    fn drop(&mut self) {
        let mut now = self.now.lock().expect("no panic");
        let at = now.iter().position(|one| one == self.text).expect("it is in there");
        now.swap_remove(at);
    }
}

/// Records the texts that it was given, then acts.
#[derive(Clone)]
pub(crate) struct Recorder {
    seen: Arc<Mutex<Vec<String>>>,
    /// Texts that are being acted on.
    now: Arc<Mutex<Vec<String>>>,
    /// For each text, how many others were acted on when it began or while it ran.
    beside: Arc<Mutex<HashMap<String, usize>>>,
    act: Act,
}

impl Recorder {
    pub(crate) fn new(act: Act) -> Self {
        Self { seen: Arc::default(), now: Arc::default(), beside: Arc::default(), act }
    }

    /// The most others that were acted on at the same time as this text.
    pub(crate) fn most_beside(&self, text: &str) -> Option<usize> {
        self.beside.lock().expect("no panic").get(text).copied()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.beside.lock().expect("no panic").values().max().map_or(0, |others| others + 1)
    }

    /// Says who is beside whom, and lets the others begin.
    async fn beside_others(&self, text: &str) {
        {
            let (mut now, mut beside) =
                (self.now.lock().expect("no panic"), self.beside.lock().expect("no panic"));
            now.push(text.to_owned());
            for one in now.iter() {
                let most = beside.entry(one.clone()).or_default();
                *most = (*most).max(now.len() - 1);
            }
        }
        // Also when it is cut off: then nothing acts on the text any more.
        let _acting = Acting { now: &self.now, text };
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").clone()
    }

    pub(crate) fn count(&self, text: &str) -> usize {
        self.seen().iter().filter(|seen| *seen == text).count()
    }
}

#[async_trait]
impl Handler for Recorder {
    fn name(&self) -> &'static str {
        "recorder"
    }

    async fn handle(&self, event: &Event) -> Result<(), HandlerError> {
        let Content::Reply(reply) = &event.content else {
            return Ok(());
        };
        self.seen.lock().expect("no panic").push(reply.text.clone());
        self.beside_others(&reply.text).await;
        match (self.act)(&reply.text) {
            Doing::Succeed => Ok(()),
            Doing::Fail => Err(HandlerError::new("told to fail")),
            Doing::FailForGood => Err(HandlerError::fatal("told to fail for good")),
            Doing::AskForTime => Err(HandlerError::later("told to wait", Duration::ZERO)),
            Doing::Panic => panic!("told to panic"),
            Doing::NeverEnd => std::future::pending().await,
        }
    }
}

/// A worker that runs until it is stopped.
pub(crate) struct Running {
    shutdown: CancellationToken,
    worker: JoinHandle<()>,
    pub(crate) readiness: Readiness,
}

impl Running {
    pub(crate) fn start(store: &MemoryStore, handlers: Vec<Recorder>, options: WorkerOptions) -> Self {
        Self::start_on(Arc::new(store.clone()), handlers, options)
    }

    pub(crate) fn start_on(
        store: Arc<dyn EventStore>,
        handlers: Vec<Recorder>,
        options: WorkerOptions,
    ) -> Self {
        let handlers = handlers.into_iter().map(|handler| Box::new(handler) as Box<dyn Handler>).collect();
        Self::with(store, handlers, options)
    }

    pub(crate) fn with(
        store: Arc<dyn EventStore>,
        handlers: Vec<Box<dyn Handler>>,
        options: WorkerOptions,
    ) -> Self {
        let worker = Worker::new(store, handlers, options);
        let (shutdown, readiness) = (CancellationToken::new(), worker.readiness());
        Self { worker: tokio::spawn(worker.run(shutdown.clone())), shutdown, readiness }
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(PATIENCE, self.worker).await.expect("it stops in time").expect("no panic");
    }
}

/// What is logged on this thread.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    pub(crate) fn collect(&self) -> tracing::subscriber::DefaultGuard {
        let logs = self.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || logs.clone()).finish();
        tracing::subscriber::set_default(subscriber)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).into_owned()
    }
}

impl std::io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
