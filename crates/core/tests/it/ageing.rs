//! Time that passes without anybody waiting: memory gets a clock that a test sets, a Redis is aged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use test_support::TestRedis;
use textproof::{
    ClientAddress, RedeemOptions, Redemption, SendOptions, SendOutcome, Verdict,
    policy::{AddressLimits, Policy, RateLimit},
    store::{Checked, MemoryStore, Store},
};

use crate::{
    fixture::{Phone, limits, millis, redis, redis_at},
    host::{Host, Mood, challenge},
};

/// A store and its time.
pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    time: Time,
}

enum Time {
    /// Milliseconds of the memory store's clock: it stands still unless a test moves it.
    Clock(Arc<AtomicU64>),
    /// Goes on by itself, and whatever is stored can be aged.
    Redis(TestRedis),
}

/// Declares one test per store for each body: `async fn body(world: &World)`.
#[macro_export]
macro_rules! in_every_world {
    ($($body:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test] async fn $body() { super::$body(&$crate::ageing::World::memory()).await; })+
        }
        mod in_redis {
            $(#[tokio::test] async fn $body() {
                let world = $crate::ageing::World::redis().await;
                super::$body(&world).await;
                $crate::schema::assert_every_key_ends(world.server().expect("a Redis")).await;
            })+
        }
    };
}

impl World {
    pub(crate) fn memory() -> Self {
        let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
        let reading = Arc::clone(&clock);
        let store = MemoryStore::with_clock(move || reading.load(Ordering::SeqCst));
        Self { store: Arc::new(store), time: Time::Clock(clock) }
    }

    pub(crate) async fn redis() -> Self {
        let server = TestRedis::start().await;
        Self { store: redis(&server), time: Time::Redis(server) }
    }

    /// The same store, as another process would reach it.
    pub(crate) fn another_connection(&self) -> Arc<dyn Store> {
        match &self.time {
            Time::Clock(_) => Arc::clone(&self.store),
            Time::Redis(server) => redis_at(&server.url()),
        }
    }

    pub(crate) fn server(&self) -> Option<&TestRedis> {
        match &self.time {
            Time::Clock(_) => None,
            Time::Redis(server) => Some(server),
        }
    }

    /// How far an answer about time may be below what it would be if no time passed by itself.
    pub(crate) fn tolerance(&self) -> Duration {
        match &self.time {
            Time::Clock(_) => Duration::ZERO,
            Time::Redis(_) => Duration::from_secs(20),
        }
    }

    /// Lets time pass.
    pub(crate) async fn advance(&self, by: Duration) {
        match &self.time {
            Time::Clock(clock) => {
                clock.fetch_add(u64::try_from(by.as_millis()).expect("days fit"), Ordering::SeqCst);
            }
            Time::Redis(server) => age(server, by).await,
        }
    }
}

/// Rewrites a Redis so that it looks as if this time had passed.
pub(crate) async fn age(server: &TestRedis, by: Duration) {
    let mut connection = server.connection().await;
    let script = redis::Script::new(include_str!("ageing.lua"));
    let by = u64::try_from(by.as_millis()).expect("days fit");
    script.arg(by).invoke_async::<u64>(&mut connection).await.expect("every key can be aged");
}

crate::in_every_world!(
    a_code_lives_as_long_as_it_should_and_no_longer,
    a_receipt_lives_as_long_as_it_should_and_no_longer,
    a_phone_waits_as_long_as_it_should_and_no_longer,
    an_address_waits_as_long_as_it_should_and_no_longer,
    an_idempotency_key_lives_a_day,
    a_gateway_is_left_alone_as_long_as_it_asked_for,
);

const S: fn(u64) -> Duration = Duration::from_secs;

async fn a_code_lives_as_long_as_it_should_and_no_longer(world: &World) {
    let phone = Phone::new(&world.store);
    phone.send(482_174).await;
    world.advance(S(280)).await;
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 4 });
    world.advance(S(20)).await;
    assert_eq!(phone.check(482_174).await, Checked::Absent);
}

async fn a_receipt_lives_as_long_as_it_should_and_no_longer(world: &World) {
    for (after, expected) in [(280, Redemption::Redeemed), (300, Redemption::Refused)] {
        let host = Host::with(&world.store, without_guard(), &[("a", 2)]);
        host.send().await;
        let Verdict::Verified { receipt, .. } = host.verify(&host.last_code()).await else {
            panic!("verified")
        };
        world.advance(S(after)).await;
        let options = RedeemOptions::default();
        let answer = host.otp.redeem(&host.phone, &host.login, receipt.as_str(), options).await;
        assert_eq!(answer.expect("an answer"), expected, "{after} s later");
        world.advance(S(86_400)).await;
    }
}

async fn a_phone_waits_as_long_as_it_should_and_no_longer(world: &World) {
    let policy = without_guard().with_send_limits(limits(&[60_000], 600_000, &[(2, 600_000)]));
    let host = Host::with(&world.store, policy, &[("a", 2)]);
    host.send().await;
    world.advance(S(40)).await;
    assert!(!is_sent(&host, Host::options()).await, "the cool-down");
    world.advance(S(20)).await;
    host.send().await;
    world.advance(S(500)).await;
    assert!(!is_sent(&host, Host::options()).await, "the window");
    world.advance(S(40)).await;
    host.send().await;
}

async fn an_address_waits_as_long_as_it_should_and_no_longer(world: &World) {
    let rate = RateLimit::new(1, S(600)).expect("a rate");
    let addresses = AddressLimits { sends: rate, failed_checks: rate, ..AddressLimits::default() };
    let policy =
        without_guard().with_send_limits(limits(&[0], 60_000, &[(5, 60_000)])).with_address_limits(addresses);
    let host = Host::with(&world.store, policy, &[("a", 2)]);
    let address = ClientAddress::Ip([192, 0, 2, 7].into());
    let options = SendOptions { address, ..SendOptions::default() };
    assert!(is_sent(&host, options).await);
    world.advance(S(580)).await;
    assert!(!is_sent(&host, options).await);
    world.advance(S(20)).await;
    assert!(is_sent(&host, options).await);
}

async fn an_idempotency_key_lives_a_day(world: &World) {
    let host = Host::with(&world.store, without_guard(), &[("a", 2)]);
    let keyed = SendOptions { idempotency_key: Some("k1"), ..Host::options() };
    let first = challenge(host.send_with(keyed).await);
    world.advance(S(100)).await;
    let again = challenge(host.send_with(keyed).await);
    assert!(again.expires_in <= first.expires_in - S(100), "{again:?} after {first:?}");
    world.advance(S(86_200)).await;
    challenge(host.send_with(keyed).await);
    assert_eq!(host.gateway.texts().len(), 1);
    world.advance(S(100)).await;
    challenge(host.send_with(keyed).await);
    assert_eq!(host.gateway.texts().len(), 2);
}

async fn a_gateway_is_left_alone_as_long_as_it_asked_for(world: &World) {
    let host = Host::with(&world.store, without_guard(), &[("a", 2)]);
    host.both(Mood::RateLimit);
    assert!(!is_sent(&host, Host::options()).await);
    host.both(Mood::Accept);
    world.advance(S(580)).await;
    assert!(!is_sent(&host, Host::options()).await);
    assert_eq!(host.gateway.calls(), 1, "nobody asks it");
    world.advance(S(20)).await;
    assert!(is_sent(&host, Host::options()).await);
}

/// The counts of the guard belong to windows of the clock, which nothing can age.
fn without_guard() -> Policy {
    Policy::default().with_fraud_guard(None)
}

async fn is_sent(host: &Host, options: SendOptions<'_>) -> bool {
    matches!(host.send_with(options).await.expect("an outcome"), SendOutcome::Sent(_))
}

/// The tool itself: what it does not know, it does not pass over.
#[tokio::test]
#[should_panic(expected = "no way to age")]
async fn a_key_of_an_unknown_kind_cannot_be_aged() {
    let server = TestRedis::start().await;
    let mut connection = server.connection().await;
    redis::cmd("SET").arg("tp1:{x}:new").arg(1).exec_async(&mut connection).await.expect("SET answers");
    age(&server, millis(1)).await;
}
