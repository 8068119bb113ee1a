//! Both stores for one test body, and short ways to say what a test needs.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use test_support::{TestCluster, TestRedis};
use textproof::{
    Purpose,
    event::{ContentDigest, EventId, Identity},
    policy::{FailureLimits, SendLimits, Window},
    secret::{Fingerprint, PepperTag},
    store::{
        Check, Checked, CodeKey, CodeMacs, CodeOrigin, Completed, Entry, Granted, GroupMember, MemoryStore,
        MessageKey, NewCode, Publish, Published, Queue, RedisSettings, RedisStore, RequestId, Reserve,
        Reserved, Settle, Settlement, Store, StoreError, redis::KeyPrefix,
    },
};

/// Declares one test per store for each body: `async fn body(store: Arc<dyn Store>)`.
#[macro_export]
macro_rules! on_every_store {
    ($($body:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test] async fn $body() { super::$body($crate::fixture::memory()).await; })+
        }
        mod in_redis {
            $(#[tokio::test] async fn $body() {
                let server = test_support::TestRedis::start().await;
                super::$body($crate::fixture::redis(&server)).await;
                $crate::schema::assert_every_key_ends(&server).await;
            })+
        }
        mod on_cluster {
            /// A cluster takes two seconds to form: the bodies share one, and run side by side.
            #[tokio::test]
            async fn every_body() {
                let cluster = test_support::TestCluster::start().await;
                $crate::fixture::side_by_side(vec![
                    $(Box::pin(super::$body($crate::fixture::on_cluster(&cluster)))),+
                ]).await;
                for master in cluster.masters() {
                    $crate::schema::assert_every_key_ends(master).await;
                }
            }
        }
    };
}

pub(crate) fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

pub(crate) fn redis(server: &TestRedis) -> Arc<dyn Store> {
    redis_at(&server.url())
}

pub(crate) fn redis_at(url: &str) -> Arc<dyn Store> {
    Arc::new(RedisStore::new(&RedisSettings::new(url)).expect("the URL is usable"))
}

/// Runs test bodies at the same time. A panic names its file and line.
pub(crate) async fn side_by_side(bodies: Vec<Pin<Box<dyn Future<Output = ()>>>>) {
    futures_util::future::join_all(bodies).await;
}

/// A consumer of the first shard.
pub(crate) fn member(consumer: &str) -> GroupMember {
    GroupMember { group: "textproof".into(), consumer: consumer.into(), shard: 0 }
}

/// Publishes something that is told from the rest by its name alone.
pub(crate) async fn publish(store: &dyn Store, queue: Queue, name: &str) -> Result<Published, StoreError> {
    let id = EventId::of(&Identity::of_body("test", name.as_bytes()));
    let publish = Publish {
        queue,
        id: &id,
        conflict_id: &id,
        digest: ContentDigest([1; 8]),
        envelope: name,
        raw: b"raw",
        placement: 0,
    };
    store.publish(&publish).await
}

/// An entry that took effect.
pub(crate) fn completed(entry: &Entry) -> Completed {
    Completed { event: entry.id.clone(), claim: entry.claim.clone() }
}

/// Settles one entry; whether it was in this member's hands.
pub(crate) async fn settle(store: &Arc<dyn Store>, member: &GroupMember, entry: &Entry) -> bool {
    store.settle_events(member, &[completed(entry)]).await.expect("the store answers")[0]
}

/// A store on this cluster with a key prefix of its own.
pub(crate) fn on_cluster(cluster: &TestCluster) -> Arc<dyn Store> {
    static STORES: AtomicU32 = AtomicU32::new(0);
    let mut settings = RedisSettings::new(cluster.url());
    let prefix = format!("c{}:", STORES.fetch_add(1, Ordering::Relaxed));
    settings.key_prefix = KeyPrefix::new(prefix).expect("a sound prefix");
    Arc::new(RedisStore::new(&settings).expect("the URL is usable"))
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Limits that never deny within a test.
pub(crate) fn loose() -> SendLimits {
    limits(&[0], 60_000, &[(100, 60_000)])
}

pub(crate) fn limits(waits: &[u64], quiet: u64, windows: &[(u8, u64)]) -> SendLimits {
    let windows = windows.iter().map(|(sends, period)| Window { sends: *sends, period: millis(*period) });
    SendLimits::new(waits.iter().copied().map(millis).collect(), millis(quiet), windows.collect())
        .expect("the limits are sound")
}

/// One phone's codes at the level of the store: codes are numbers, MACs are made of them.
pub(crate) struct Phone {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: CodeKey,
    pub(crate) limits: SendLimits,
    pub(crate) failures: FailureLimits,
    pub(crate) lifetime: Duration,
    pub(crate) guesses: u8,
    pub(crate) resend_min_left: Duration,
}

pub(crate) const TAG: PepperTag = PepperTag([7, 7]);

pub(crate) fn mac(code: u32) -> [u8; 16] {
    let mut mac = [0xAA; 16];
    mac[..4].copy_from_slice(&code.to_be_bytes());
    mac
}

pub(crate) fn key(phone: u8, purpose: &str) -> CodeKey {
    CodeKey {
        phone: Fingerprint::from_bytes([phone; 16]),
        purpose: Purpose::new(purpose).expect("a purpose"),
        session: None,
    }
}

impl Phone {
    pub(crate) fn new(store: &Arc<dyn Store>) -> Self {
        Self {
            store: Arc::clone(store),
            key: key(1, "login"),
            limits: loose(),
            failures: FailureLimits::default(),
            lifetime: Duration::from_secs(300),
            guesses: 5,
            resend_min_left: Duration::from_secs(120),
        }
    }

    pub(crate) fn fresh(code: u32) -> NewCode {
        NewCode {
            origin: CodeOrigin::Derived,
            digits: 6,
            pepper: TAG,
            nonce: [3; 6],
            handle: [4; 6],
            mac: mac(code),
        }
    }

    pub(crate) async fn reserve_as(&self, send: RequestId, fresh: NewCode) -> Reserved {
        self.try_reserve(send, fresh).await.expect("the store answers")
    }

    /// As [`Phone::reserve_as`], where a fault is allowed.
    pub(crate) async fn try_reserve(&self, send: RequestId, fresh: NewCode) -> Result<Reserved, StoreError> {
        let macs = match fresh.origin {
            CodeOrigin::Gateway => CodeMacs::default(),
            _ => CodeMacs(vec![(fresh.pepper, fresh.mac)]),
        };
        let request = Reserve {
            key: &self.key,
            send,
            limits: &self.limits,
            failures: &self.failures,
            idempotency: None,
            lifetime: self.lifetime,
            guesses: self.guesses,
            fresh,
            resend_min_left: self.resend_min_left,
            macs,
        };
        self.store.reserve(&request).await
    }

    /// Reserves a fresh derived code and returns the send's id.
    pub(crate) async fn open(&self, code: u32) -> (RequestId, Granted) {
        let send = RequestId::random();
        match self.reserve_as(send, Self::fresh(code)).await {
            Reserved::Granted(granted) => (send, granted),
            denied @ Reserved::Denied { .. } => panic!("expected a grant: {denied:?}"),
        }
    }

    pub(crate) async fn settle(&self, send: RequestId, settlement: Settlement<'_>) -> bool {
        let settle = Settle { key: &self.key, send, settlement };
        self.store.settle_send(&settle).await.expect("the store answers")
    }

    /// Reserves and settles as sent.
    pub(crate) async fn send(&self, code: u32) -> Granted {
        let (send, granted) = self.open(code).await;
        assert!(self.settle(send, sent(&message("MSG1"))).await);
        granted
    }

    pub(crate) async fn check(&self, code: u32) -> Checked {
        self.check_as(RequestId::random(), code, None).await
    }

    pub(crate) async fn check_as(&self, request: RequestId, code: u32, handle: Option<[u8; 6]>) -> Checked {
        self.try_check(request, code, handle).await.expect("the store answers")
    }

    /// As [`Phone::check_as`], where a fault is allowed.
    pub(crate) async fn try_check(
        &self,
        request: RequestId,
        code: u32,
        handle: Option<[u8; 6]>,
    ) -> Result<Checked, StoreError> {
        let check = Check {
            key: &self.key,
            request,
            handle,
            macs: CodeMacs(vec![(TAG, mac(code))]),
            limits: &self.limits,
            failures: &self.failures,
            remember_used: Duration::from_secs(60),
            receipt_lifetime: Duration::from_secs(60),
        };
        self.store.check(&check).await
    }
}

pub(crate) fn message(id: &str) -> MessageKey {
    MessageKey { gateway: "connexus".into(), message_id: id.into() }
}

pub(crate) fn sent(message: &MessageKey) -> Settlement<'_> {
    Settlement::Sent { message: Some(message), made: None }
}
