//! One victim, many requests: texts and guesses stay within the phone's own budgets, by whatever path.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use test_support::TestRedis;
use textproof::{
    ClientAddress, Policy, SendOptions, SendOutcome, Verdict, VerifyOptions,
    otp::Handle,
    store::{MemoryStore, RequestId, Store},
};

use crate::{
    fixture::{loose, redis_at},
    host::{Host, challenge, wrong},
};

crate::on_every_store!(every_way_to_check_a_code_is_counted);

#[tokio::test]
async fn a_thousand_sends_at_once_over_four_hosts_are_one_text() {
    let server = TestRedis::start().await;
    let hosts: Vec<Arc<Host>> = (0..4)
        .map(|_| Arc::new(Host::with(&redis_at(&server.url()), Policy::default(), &[("a", 2)])))
        .collect();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..1000 {
        let host = Arc::clone(&hosts[n % 4]);
        tasks.spawn(async move { host.send_with(Host::options()).await.expect("an outcome") });
    }
    let outcomes = tasks.join_all().await;
    let sent = outcomes.iter().filter(|outcome| matches!(outcome, SendOutcome::Sent(_))).count();
    let texts: usize = hosts.iter().map(|host| host.gateway.texts().len()).sum();
    assert_eq!((sent, texts), (1, 1));
    crate::schema::assert_every_key_ends(&server).await;
}

#[tokio::test]
async fn a_day_of_retries_stays_within_the_windows() {
    let clock = Arc::new(AtomicU64::new(1_700_000_000_000));
    let reading = Arc::clone(&clock);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::with_clock(move || reading.load(Ordering::SeqCst)));
    let host = Host::with(&store, Policy::default(), &[("a", 2)]);
    let mut sends = Vec::new();
    // Every ten seconds for two days, whatever the answer was, for two purposes.
    for second in (0..2 * 86_400u64).step_by(10) {
        let purpose =
            textproof::Purpose::new(if second % 20 == 0 { "login" } else { "pay" }).expect("a purpose");
        let outcome =
            host.otp.send(&host.phone, &purpose, "MyApp", Host::options()).await.expect("an outcome");
        if matches!(outcome, SendOutcome::Sent(_)) {
            sends.push(second);
        }
        clock.fetch_add(10_000, Ordering::SeqCst);
    }
    let most_within = |seconds: u64| {
        let inside = |from: &u64| sends.iter().filter(|at| (*from..*from + seconds).contains(*at)).count();
        sends.iter().map(inside).max().unwrap_or_default()
    };
    assert_eq!(most_within(86_400), 10);
    assert_eq!(most_within(600), 5);
    assert!(sends.len() <= 20, "{} sends in two days", sends.len());
}

/// Whatever options a check has, its guess is counted: after them, the right code is not compared any more.
async fn every_way_to_check_a_code_is_counted(store: Arc<dyn Store>) {
    let address = ClientAddress::Ip("192.0.2.7".parse().expect("an address"));
    let request = Some(RequestId([9; 12]));
    for session in [None, Some("a session")] {
        for (name, options) in [
            ("plain", Host::check()),
            ("with an address", VerifyOptions { address, ..Host::check() }),
            ("with an unknown address", VerifyOptions::default()),
            ("with one request id", VerifyOptions { request, ..Host::check() }),
        ] {
            for with_handle in [false, true] {
                let policy = Policy::default().with_send_limits(loose());
                let host = Host::with(&store, policy, &[("a", 2)]);
                host.otp.erase(&host.phone).await.expect("an answer");
                let sent = challenge(host.send_with(SendOptions { session, ..Host::options() }).await);
                let handle = sent.handle.as_ref().filter(|_| with_handle).map(Handle::as_str);
                let (code, options) = (host.last_code(), VerifyOptions { session, handle, ..options });
                let mut guesses = Vec::new();
                for n in 0..6 {
                    // A request id is good for one guess: another guess under it is told what the first one was.
                    let guess = if n == 5 { code.clone() } else { wrong(&code).to_owned() };
                    guesses.push(host.verify_with(&guess, options).await);
                }
                if options.request.is_some() {
                    let first = Verdict::Incorrect { attempts_left: 4 };
                    assert_eq!(guesses, vec![first; 6], "{name}: one counted, none verified");
                } else {
                    assert!(matches!(guesses[5], Verdict::Exhausted { .. }), "{name}: {guesses:?}");
                }
            }
        }
    }
}
