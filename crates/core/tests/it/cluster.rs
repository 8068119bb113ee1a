//! A Redis Cluster in motion: slots move, masters stall and go. A fault is allowed, a wrong verdict is not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use test_support::{FaultProxy, TestCluster, eventually, eventually_true};
use textproof::{
    event::{EventId, Identity},
    secret::Fingerprint,
    store::{
        Checked, Consent, ConsentChange, ConsentRecorded, ConsentRegister, Evidence, Published, Queue,
        RedisSettings, RedisStore, RequestId, Reserved, Review, ReviewAdded, Store, StoreError,
        redis::scripts,
    },
};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::fixture::{self, Phone, key, limits, member, redis_at};

const SOON: Duration = Duration::from_secs(20);

/// What stands in braces in the keys of this phone.
fn tag(phone: &Phone) -> String {
    format!("{{{}}}", phone.key.phone.as_str())
}

fn phones(store: &Arc<dyn Store>, count: u8) -> Vec<Phone> {
    (0..count).map(|number| Phone { key: key(number, "login"), ..Phone::new(store) }).collect()
}

/// How a phone fares, as seen from outside.
#[derive(Default)]
struct Traffic {
    asked: AtomicU64,
    answered: AtomicU64,
    stop: AtomicBool,
}

impl Traffic {
    /// Repeats a call under its request id until it is answered, as a host does whose store was away.
    async fn answer<T>(&self, mut call: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
        let answer = eventually(SOON, "the store answers", async || {
            let answer = call().await;
            self.asked.fetch_add(1, Ordering::Relaxed);
            match answer {
                Ok(answer) => Some(answer),
                Err(StoreError::Unavailable { .. }) => None,
                Err(error) => panic!("not a fault of the cluster: {error}"),
            }
        })
        .await;
        self.answered.fetch_add(1, Ordering::Relaxed);
        answer
    }

    async fn check(&self, phone: &Phone, code: u32) -> Checked {
        let request = RequestId::random();
        self.answer(async || check(phone, request, code).await).await
    }

    async fn reserve(&self, phone: &Phone, code: u32) {
        let send = RequestId::random();
        let reserved = self.answer(async || phone.try_reserve(send, Phone::fresh(code)).await).await;
        assert!(matches!(&reserved, Reserved::Granted(granted) if granted.same.is_none()), "{reserved:?}");
    }

    /// Codes that are guessed at and codes that are verified, until stopped.
    async fn flow(&self, phone: &Phone) {
        for code in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            self.reserve(phone, code).await;
            for left in (0..5).rev() {
                assert_eq!(self.check(phone, 999_999).await, Checked::Wrong { left });
            }
            assert!(matches!(self.check(phone, code).await, Checked::Exhausted { .. }));
            self.reserve(phone, code).await;
            assert_eq!(self.check(phone, 999_999).await, Checked::Wrong { left: 4 });
            assert_eq!(self.check(phone, code).await, Checked::Right);
            assert_eq!(self.check(phone, code).await, Checked::AlreadyUsed);
        }
    }

    /// Waits until `more` calls have ended since now.
    async fn passes(&self, calls: &AtomicU64, more: u64, what: &str) {
        let before = calls.load(Ordering::Relaxed);
        eventually_true(SOON, what, async || calls.load(Ordering::Relaxed) >= before + more).await;
    }
}

async fn check(phone: &Phone, request: RequestId, code: u32) -> Result<Checked, StoreError> {
    phone.try_check(request, code, None).await
}

#[tokio::test]
async fn five_guesses_stay_five_while_slots_move() {
    let cluster = TestCluster::start().await;
    let mut settings = RedisSettings::new(cluster.url());
    // Calls that are put off give up soon, so that more of them fall into each step.
    settings.response_timeout = Duration::from_millis(300);
    let store: Arc<dyn Store> = Arc::new(RedisStore::new(&settings).expect("the URL is usable"));
    let watched: Vec<_> = phones(&store, 4)
        .into_iter()
        .map(|phone| Phone { limits: limits(&[0], 60_000, &[(100, 1)]), ..phone })
        .map(|phone| (phone, Traffic::default()))
        .collect();
    let flowing = join_all(watched.iter().map(|(phone, traffic)| traffic.flow(phone)));
    let moving = async {
        for (phone, traffic) in watched.iter().cycle().take(6) {
            let tag = tag(phone);
            traffic.passes(&traffic.answered, 1, "there is something to lose").await;
            let to = (cluster.owner_of(&tag).await + 1) % 3;
            let migration = cluster.migrate(&tag, to).await;
            traffic.passes(&traffic.asked, 2, "calls before a key moves").await;
            migration.move_keys(1).await;
            traffic.passes(&traffic.asked, 1, "calls between two keys").await;
            migration.move_keys(10).await;
            traffic.passes(&traffic.asked, 1, "calls before the slot has a new owner").await;
            migration.finish().await;
            traffic.passes(&traffic.answered, 3, "answers from where the slot is").await;
        }
        watched.iter().for_each(|(_, traffic)| traffic.stop.store(true, Ordering::Relaxed));
    };
    tokio::join!(flowing, moving);
    for master in cluster.masters() {
        crate::schema::assert_every_key_ends(master).await;
    }
}

#[tokio::test]
async fn a_call_between_two_keys_waits_until_both_have_moved() {
    let cluster = TestCluster::start().await;
    let phone = Phone::new(&redis_at(&cluster.url()));
    phone.send(482_174).await;
    let tag = tag(&phone);
    for left in [4, 3, 2, 1, 0] {
        let migration = cluster.migrate(&tag, (cluster.owner_of(&tag).await + 1) % 3).await;
        assert_eq!(migration.move_keys(1).await, 1);
        let (checked, ()) = tokio::join!(phone.check(111_111), migration.finish());
        assert_eq!(checked, Checked::Wrong { left });
    }
}

/// Only calls with one key: Redis refuses a script of which some keys are elsewhere, or nowhere yet.
#[tokio::test]
async fn a_call_follows_its_key_before_the_slot_has_a_new_owner() {
    let cluster = TestCluster::start().await;
    let store = redis_at(&cluster.url());
    let tenant = Fingerprint::from_bytes([8; 16]);
    let register =
        ConsentRegister { phone: Fingerprint::from_bytes([7; 16]), sender: Fingerprint::from_bytes([9; 16]) };
    let add = async |at_ms, name: &str| {
        let event = EventId::of(&Identity::of_body("test", name.as_bytes()));
        let evidence = Evidence { event, sealed: name.into() };
        let review = Review { register: register.clone(), at_ms, evidence };
        let added = store.add_review(&tenant, &review).await;
        assert_eq!(added.expect("the store answers"), ReviewAdded::Added, "{name}");
        review
    };
    let mut all = vec![add(1, "before").await];
    let tag = format!("{{v{}}}", tenant.as_str());
    let migration = cluster.migrate(&tag, (cluster.owner_of(&tag).await + 1) % 3).await;
    all.push(add(2, "it has not moved").await);
    migration.move_keys(10).await;
    all.push(add(3, "it has moved").await);
    assert_eq!(store.reviews(&tenant).await.expect("the store answers"), all);
    migration.finish().await;
    assert_eq!(store.reviews(&tenant).await.expect("the store answers"), all);
}

/// What a person says about consent needs three keys of theirs: it is an error while their slot is on its way, so the
/// event is put off, and nothing is lost. Whether they may be texted is read all the same.
#[tokio::test]
async fn consent_is_kept_when_its_slot_has_arrived_and_read_before() {
    let cluster = TestCluster::start().await;
    let store = redis_at(&cluster.url());
    let phone = Phone::new(&store);
    let sender = Fingerprint::from_bytes([9; 16]);
    let register = ConsentRegister { phone: phone.key.phone.clone(), sender };
    let change = |consent, at_ms| ConsentChange { consent, at_ms, evidence: None };
    let (stop, start) = (change(Consent::Out, 1), change(Consent::In, 2));
    store.record_consent(&register, &stop, 1).await.expect("the store answers");
    let tag = tag(&phone);
    let migration = cluster.migrate(&tag, (cluster.owner_of(&tag).await + 1) % 3).await;
    migration.move_keys(10).await;
    assert!(store.record_consent(&register, &start, 2).await.is_err());
    assert_eq!(store.consent(&register).await.expect("the store answers"), Some(stop));
    migration.finish().await;
    let recorded = store.record_consent(&register, &start, 2).await.expect("the store answers");
    assert_eq!(recorded, ConsentRecorded::Changed);
    assert_eq!(store.consent(&register).await.expect("the store answers"), Some(start));
}

#[tokio::test]
async fn a_stalled_master_stalls_its_own_keys_only() {
    let cluster = TestCluster::start().await;
    let store = redis_at(&cluster.url());
    let (mut stalled, mut others) = (Vec::new(), Vec::new());
    for phone in phones(&store, 24) {
        phone.send(482_174).await;
        match cluster.owner_of(&tag(&phone)).await {
            0 => stalled.push(phone),
            _ => others.push(phone),
        }
    }
    assert!(stalled.len() > 2 && others.len() > 4, "{} and {}", stalled.len(), others.len());
    cluster.masters()[0].freeze();

    let mut faults = JoinSet::new();
    for phone in stalled {
        faults.spawn(async move {
            let answer = timeout(Duration::from_secs(6), check(&phone, RequestId::random(), 482_174)).await;
            assert!(matches!(answer, Ok(Err(StoreError::Unavailable { .. }))), "{answer:?}");
            phone
        });
    }
    // All the time until the last fault, and with a store that does not know the cluster yet.
    let mut longest = Duration::ZERO;
    while !faults.is_empty() {
        let newcomer = redis_at(&cluster.url());
        for phone in &others {
            for store in [&store, &newcomer] {
                let phone = Phone { key: phone.key.clone(), ..Phone::new(store) };
                let begun = Instant::now();
                let request = RequestId([7; 12]);
                let answer = check(&phone, request, 111_111).await.expect("this master answers");
                assert_eq!(answer, Checked::Wrong { left: 4 }, "one guess, however often it is asked");
                longest = longest.max(begun.elapsed());
            }
        }
        while let Some(phone) = faults.try_join_next() {
            phone.expect("a fault in time");
        }
    }
    assert!(longest < Duration::from_secs(1), "{longest:?}");

    let named = cluster.masters()[0].addr().to_string();
    let answer = store.ping().await;
    assert!(
        matches!(&answer, Err(StoreError::MasterUnavailable { master, .. }) if *master == named),
        "{answer:?}"
    );
    cluster.masters()[0].thaw();
    eventually_true(SOON, "all masters answer again", async || store.ping().await.is_ok()).await;
    let health = store.health().await.expect("all masters answer");
    assert!(health.server.ends_with("a cluster of 3 masters"), "{health:?}");
    assert_eq!(health.eviction.as_deref(), Some("noeviction"));
}

#[tokio::test]
async fn a_script_flush_on_all_masters_is_not_seen() {
    let cluster = TestCluster::start().await;
    let store = redis_at(&cluster.url());
    let mut tasks = JoinSet::new();
    for phone in phones(&store, 12) {
        tasks.spawn(async move {
            for code in 0..20 {
                phone.send(code).await;
                assert_eq!(phone.check(999_999).await, Checked::Wrong { left: 4 });
                assert_eq!(phone.check(code).await, Checked::Right);
            }
        });
    }
    let mut flushes = 0;
    while !tasks.is_empty() {
        cluster.flush_scripts().await;
        flushes += 1;
        while let Some(task) = tasks.try_join_next() {
            task.expect("no call failed");
        }
    }
    assert!(flushes > 5, "{flushes} flushes");
}

#[tokio::test]
async fn a_check_whose_reply_is_lost_costs_one_guess() {
    let cluster = TestCluster::start().await;
    let phone = Phone::new(&redis_at(&cluster.url()));
    let owner = cluster.owner_of(&tag(&phone)).await;
    let proxy = FaultProxy::start(cluster.masters()[owner].addr()).await;
    cluster.announce(owner, proxy.addr().port()).await;
    // The script is known, so that its digest names the call.
    phone.send(1).await;
    phone.check(1).await;
    let digest = scripts().into_iter().find(|script| script.name == "check").expect("a script").digest;

    phone.send(482_174).await;
    proxy.cut_reply_after(digest.clone(), 1);
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 4 });
    proxy.cut(1, SOON).await;
    proxy.cut_reply_after(digest.clone(), 2);
    let answer = check(&phone, RequestId::random(), 111_111).await;
    assert!(answer.is_err(), "repeated once and no more: {answer:?}");
    proxy.cut(3, SOON).await;
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 2 });
}

async fn publish(store: &Arc<dyn Store>, name: &str) -> Result<Published, StoreError> {
    fixture::publish(store.as_ref(), Queue::Events, name).await
}

#[tokio::test]
async fn a_reader_follows_its_stream() {
    let cluster = TestCluster::start().await;
    let store = redis_at(&cluster.url());
    let mut reader = store.reader(&member("one")).await.expect("the store answers");
    let mut seen = Vec::new();
    let mut read_to = async |name: &str| {
        eventually_true(SOON, "the entry is read", async || {
            match reader.read(10, Duration::from_secs(2)).await {
                Ok(entries) => seen.extend(entries.into_iter().map(|entry| entry.envelope)),
                // As a consumer does.
                Err(_) => match store.reader(&member("one")).await {
                    Ok(opened) => reader = opened,
                    Err(error) => assert!(matches!(error, StoreError::Unavailable { .. }), "{error}"),
                },
            }
            seen.last().is_some_and(|last| last == name)
        })
        .await;
    };
    assert_eq!(publish(&store, "before").await.expect("the store answers"), Published::New);
    read_to("before").await;

    assert_eq!(publish(&store, "on its way").await.expect("the store answers"), Published::New);
    let migration = cluster.migrate("{e0}", (cluster.owner_of("{e0}").await + 1) % 3).await;
    migration.move_keys(100).await;
    read_to("on its way").await;

    // The reader blocks at the server that the slot has not reached by name yet.
    let finishing = async {
        migration.finish().await;
        eventually_true(SOON, "an event can be published", async || publish(&store, "after").await.is_ok())
            .await;
    };
    tokio::join!(finishing, read_to("after"));
    assert_eq!(seen, ["before", "on its way", "after"], "each once");
}

#[tokio::test]
async fn a_master_that_comes_back_is_used_again() {
    let cluster = TestCluster::start().await;
    let phone = Phone::new(&redis_at(&cluster.url()));
    phone.send(1).await;
    let owner = &cluster.masters()[cluster.owner_of(&tag(&phone)).await];
    owner.kill();
    let answer = timeout(Duration::from_secs(6), check(&phone, RequestId::random(), 1)).await;
    assert!(matches!(answer, Ok(Err(StoreError::Unavailable { .. }))), "{answer:?}");
    owner.restart().await;
    eventually_true(SOON, "the store answers again", async || {
        check(&phone, RequestId::random(), 1).await.is_ok()
    })
    .await;
}
