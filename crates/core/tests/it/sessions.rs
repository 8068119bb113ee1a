//! A phone has three places for live codes of one purpose, one for each session: none is evicted.

use std::time::Duration;

use textproof::{
    PhoneNumber, Policy, Purpose, SendOptions, Verdict, VerifyOptions,
    secret::Fingerprint,
    store::{Checked, CodeKey, Denial, RequestId, Reserved, Settlement},
};

use crate::{
    ageing::World,
    fixture::{Phone, key, loose},
    host::{Host, challenge},
};

crate::in_every_world!(
    each_session_has_a_code_of_its_own,
    a_fourth_session_is_refused_until_the_first_expires,
    sending_again_in_a_session_takes_no_further_place,
    a_used_or_withdrawn_code_frees_its_place,
    an_erased_phone_forgets_every_session,
);

const S: fn(u64) -> Duration = Duration::from_secs;

pub(crate) fn place(world: &World, purpose: &str, session: Option<u8>) -> Phone {
    let session = session.map(|session| Fingerprint::from_bytes([session; 16]));
    Phone { key: CodeKey { session, ..key(1, purpose) }, ..Phone::new(&world.store) }
}

async fn reserve(phone: &Phone) -> Reserved {
    phone.reserve_as(RequestId::random(), Phone::fresh(1)).await
}

async fn each_session_has_a_code_of_its_own(world: &World) {
    let host = Host::new(&world.store);
    let mut sent = Vec::new();
    for session in [None, Some("one"), Some("two")] {
        let options = SendOptions { session, ..Host::options() };
        let first = challenge(host.send_with(options).await);
        let code = host.last_code();
        let again = challenge(host.send_with(options).await);
        assert!(!first.resent && again.resent && first.handle == again.handle);
        assert_eq!(host.last_code(), code, "sent again in its own session");
        sent.push((session, code, first.handle.expect("a handle")));
    }
    let handles: std::collections::HashSet<_> = sent.iter().map(|(.., handle)| handle.as_str()).collect();
    assert_eq!(handles.len(), 3);
    for (session, code, handle) in &sent {
        let options = VerifyOptions { session: *session, handle: Some(handle.as_str()), ..Host::check() };
        assert!(host.verify_with(code, options).await.is_verified(), "{session:?}");
    }
}

async fn a_fourth_session_is_refused_until_the_first_expires(world: &World) {
    let session = |session| place(world, "login", Some(session));
    for n in 1..=3 {
        session(n).send(482_174).await;
        world.advance(S(30)).await;
    }
    for _ in 0..3 {
        let Reserved::Denied { by: Denial::Sessions, retry_after: Some(wait) } = reserve(&session(4)).await
        else {
            panic!("a fourth session was admitted")
        };
        assert!(wait <= S(210) && wait + world.tolerance() >= S(210), "{wait:?}");
    }
    assert!(
        matches!(reserve(&place(world, "login", None)).await, Reserved::Denied { .. }),
        "nor one without"
    );
    // Another purpose has places of its own, even one whose name is the beginning of this one.
    place(world, "log", Some(4)).send(482_174).await;
    world.advance(S(180)).await;
    assert_eq!(session(4).check(482_174).await, Checked::Absent);
    assert_eq!(session(1).check(111_111).await, Checked::Wrong { left: 4 }, "the first is still there");
    world.advance(S(30)).await;
    session(4).send(482_174).await;
    assert!(matches!(reserve(&session(5)).await, Reserved::Denied { .. }));
    for n in 2..=4 {
        assert_eq!(session(n).check(482_174).await, Checked::Right, "session {n}");
    }
}

async fn sending_again_in_a_session_takes_no_further_place(world: &World) {
    let session = |session| place(world, "login", Some(session));
    for _ in 0..5 {
        for n in 1..=3 {
            session(n).send(482_174).await;
        }
    }
    // Exhausted, a code keeps its place, and a fresh one takes it over.
    while session(1).check(111_111).await != (Checked::Wrong { left: 0 }) {}
    assert!(matches!(reserve(&session(4)).await, Reserved::Denied { .. }));
    assert!(session(1).send(222_222).await.same.is_none());
    assert!(matches!(reserve(&session(4)).await, Reserved::Denied { .. }));
    assert_eq!(session(1).check(222_222).await, Checked::Right);
}

async fn a_used_or_withdrawn_code_frees_its_place(world: &World) {
    let session = |session| place(world, "login", Some(session));
    for n in 1..=3 {
        session(n).send(482_174).await;
    }
    assert_eq!(session(2).check(482_174).await, Checked::Right);
    let (send, _) = session(4).open(482_174).await;
    assert!(matches!(reserve(&session(5)).await, Reserved::Denied { .. }));
    assert!(session(4).settle(send, Settlement::NotSent).await);
    session(5).send(482_174).await;
    assert!(matches!(reserve(&session(6)).await, Reserved::Denied { .. }));
}

async fn an_erased_phone_forgets_every_session(world: &World) {
    let host = Host::with(
        &world.store,
        Policy::default().with_send_limits(loose()).with_fraud_guard(None),
        &[("a", 2)],
    );
    let pay = Purpose::new("pay").expect("a purpose");
    let mut sent = Vec::new();
    for purpose in [&host.login, &pay] {
        for session in [None, Some("one"), Some("two")] {
            let options = SendOptions { session, ..Host::options() };
            challenge(host.otp.send(&host.phone, purpose, "MyApp", options).await);
            sent.push((purpose, session, host.last_code()));
        }
    }
    let verify = async |purpose: &Purpose, session, code: &str, phone: &PhoneNumber| {
        let options = VerifyOptions { session, ..Host::check() };
        host.otp.verify(phone, purpose, code, options).await.expect("an answer")
    };
    // One of each is used, one has failed: the erasure finds them too.
    let (purpose, session, code) = &sent[5];
    assert!(verify(purpose, *session, code, &host.phone).await.is_verified());
    verify(&host.login, None, crate::host::wrong(&sent[0].2), &host.phone).await;
    host.otp.erase(&host.phone).await.expect("an answer");
    for (purpose, session, code) in &sent {
        assert_eq!(verify(purpose, *session, code, &host.phone).await, Verdict::Expired);
    }
    let state = host.otp.phone_state(&host.phone).await.expect("an answer");
    assert!(state.codes.is_empty() && state.failures.is_empty(), "{state:?}");
    if let Some(server) = world.server() {
        let dump = server.dump_all().await;
        let keys = dump.keys.iter().map(|entry| String::from_utf8_lossy(&entry.key));
        // Counters of a day hold no personal data.
        let left: Vec<_> = keys.filter(|key| !key.contains(":n:")).collect();
        assert!(left.len() == 1 && left[0].ends_with(":x"), "{left:?}");
    }
    challenge(host.send_with(SendOptions { session: Some("three"), ..Host::options() }).await);
}
