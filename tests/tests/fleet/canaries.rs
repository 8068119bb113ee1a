//! After a whole walk through real binaries at trace level: nothing that is secret stands anywhere.

mod recorder;
mod search;
mod secrets;
mod walk;

use std::time::Duration;

use search::{Place, assert_absent, assert_present};
use secrets::Canary;
use test_support::{Process, TestRedis, binary};
use walk::{Traces, walk};

const TOUR_DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn no_code_token_secret_or_number_is_left_behind() {
    let traces = walk().await;
    let Traces { codes, receipts, tokens, phones, .. } = &traces;
    assert_eq!(receipts.len(), 1, "there is a receipt to look for");
    let secrets = secrets::all();
    let password = [secrets::redis_password()];
    let replies = [Canary::new("a reply", secrets::REPLY)];
    let guess = [Canary::new("a wrong guess", secrets::GUESS)];

    let logs: Vec<_> = traces.processes.iter().map(Place::log).collect();
    let monitor = Place::monitor("MONITOR", &traces.monitor);
    let sending = Place::monitor("MONITOR while codes were sent and verified", &traces.sending);
    let wire = Place::new("the wire to the gateway", traces.wire.clone());

    // The search itself: what must not be in the one place is found in the other.
    let (last, texted) = phones.split_last().expect("phones");
    assert_present(&wire, codes.iter().chain(tokens).chain(texted));
    assert_present(&wire, [&secrets::client_secret()]);
    assert_present(&monitor, replies.iter().chain([last]));
    assert_present(&sending, [&Canary::new("a script", "EVALSHA")]);
    let line =
        Canary { what: "a line".to_owned(), spellings: [" INFO ", " DEBUG "].map(str::to_owned).to_vec() };
    for log in &logs {
        assert_present(log, [&line]);
    }

    let never: Vec<_> = codes.iter().chain(receipts).chain(tokens).chain(&secrets).chain(&guess).collect();
    for place in logs.iter().chain([&monitor]) {
        assert_absent(place, never.iter().copied());
    }
    assert_absent(&sending, phones);
    for log in &logs {
        assert_absent(log, phones.iter().chain(&replies).chain(&password));
    }
    for canary in never.into_iter().chain(phones).chain(&replies).chain(&password) {
        for spelling in &canary.spellings {
            let keys = traces.dump.find(spelling);
            assert!(keys.is_empty(), "{} is in Redis, in {keys:?}", canary.what);
        }
    }
    assert!(!traces.dump.keys.is_empty(), "there was something to search");
}

/// The tour draws its secrets itself, but their beginnings, its phone and the words of its texts are known.
#[tokio::test]
async fn a_tour_at_trace_level_tells_nothing() {
    let redis = TestRedis::start().await;
    let monitor = redis.monitor().await;
    let mut tour = Process::new(binary("textproof"))
        .args(["tour", "--redis", &redis.url()])
        .env("RUST_LOG", "trace")
        .spawn();
    let status = tour.wait(TOUR_DEADLINE).await;
    assert!(status.success(), "{tour}");
    let monitor = Place::monitor("MONITOR", &monitor.stop().await);
    let tour = Place::log(&("the tour", tour));
    let phone = Canary::phone("+64211234567");
    let secrets = [
        Canary::new("a token", "wst_"),
        Canary::new("the client secret", "csk_"),
        Canary::new("the signing secret", "whsec_"),
        Canary::new("a text with a code", "verification code"),
    ];
    assert_present(&monitor, [&phone]);
    assert_present(&tour, [&Canary::new("the level", " TRACE ")]);
    assert_absent(&monitor, &secrets);
    assert_absent(&tour, secrets.iter().chain([&phone]));
    let dump = redis.dump_all().await;
    for canary in secrets.iter().chain([&phone]) {
        for spelling in &canary.spellings {
            assert!(dump.find(spelling).is_empty(), "{} is in Redis", canary.what);
        }
    }
}
