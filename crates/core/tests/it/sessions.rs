//! Sessions: a code belongs to the one that asked for it, and three may wait at once.

use std::{sync::Arc, time::Duration};

use textproof::{
    Otp, Purpose, SendOptions, Verdict, VerifyOptions,
    policy::Policy,
    secret::Fingerprint,
    store::{Checked, Denial, RequestId, Reserved},
};

use crate::{
    ageing::World,
    fixture::{Phone, loose},
    host::{FakeGateway, Host, challenge, settings},
};

crate::on_every_ageing_store!(
    a_fourth_session_is_refused_until_the_first_expires,
    a_used_code_frees_its_place,
    no_mismatch_of_purpose_and_session_verifies,
);

fn in_session(world: &World, session: u8) -> Phone {
    let mut phone = Phone::new(&world.store);
    phone.key.session = Some(Fingerprint::from_bytes([session; 16]));
    phone
}

async fn a_fourth_session_is_refused_until_the_first_expires(world: World) {
    for session in 1..=3 {
        in_session(&world, session).send(482_174).await;
        world.advance(Duration::from_secs(10)).await;
    }
    let fourth = in_session(&world, 4);
    let denied = fourth.reserve_as(RequestId::random(), Phone::fresh(482_174)).await;
    let Reserved::Denied { by: Denial::Sessions, retry_after: Some(wait) } = denied else {
        panic!("{denied:?}")
    };
    let (wait, tolerance) = (wait.as_millis(), u128::from(world.tolerance_ms()));
    assert!(wait <= 270_000 && wait + tolerance >= 270_000, "{wait} ms until the first expires");
    for session in 1..=3 {
        // None was evicted: each may still be sent to, and its code is the one of before.
        let (_, granted) = in_session(&world, session).open(482_174).await;
        assert!(granted.same.is_some(), "session {session} was evicted");
    }
    let mut other = in_session(&world, 4);
    other.key.purpose = Purpose::new("pay").expect("a purpose");
    other.send(482_174).await;
    world.advance(Duration::from_millis(u64::try_from(wait).expect("a short time"))).await;
    fourth.send(482_174).await;
    assert_eq!(in_session(&world, 2).check(482_174).await, Checked::Right);
    assert_eq!(in_session(&world, 1).check(482_174).await, Checked::Absent, "the first has expired");
}

async fn a_used_code_frees_its_place(world: World) {
    for session in 1..=10 {
        let phone = in_session(&world, session);
        phone.send(482_174).await;
        assert_eq!(phone.check(482_174).await, Checked::Right, "session {session}");
    }
}

/// Every code in its own context and in no other: two tenants, two purposes, no session and two.
async fn no_mismatch_of_purpose_and_session_verifies(world: World) {
    let gateway = FakeGateway::new("connexus");
    let engine = |tenant: &str| {
        let settings = settings(Policy::default().with_send_limits(loose()), &[("a", 2)]);
        let settings = textproof::OtpSettings { tenant: tenant.into(), ..settings };
        Otp::new(settings, Arc::clone(&world.store), vec![Arc::clone(&gateway) as _]).expect("an engine")
    };
    let contexts: Vec<(Otp, Purpose, Option<&str>)> = ["one", "other"]
        .into_iter()
        .flat_map(|tenant| ["login", "pay"].map(|purpose| (tenant, purpose)))
        .flat_map(|(tenant, purpose)| {
            [None, Some("s1"), Some("s2")].map(|session| (tenant, purpose, session))
        })
        .map(|(tenant, purpose, session)| {
            (engine(tenant), Purpose::new(purpose).expect("a purpose"), session)
        })
        .collect();
    let phone = contexts[0].0.phone("021 123 4567").expect("a phone");
    let mut codes = Vec::new();
    for (otp, purpose, session) in &contexts {
        let options = SendOptions { session: *session, ..Host::options() };
        challenge(otp.send(&phone, purpose, "MyApp", options).await);
        codes.push(gateway.texts().pop().expect("a text"));
    }
    let mut checked = 0;
    for (own, code) in codes.iter().enumerate() {
        for (at, (otp, purpose, session)) in contexts.iter().enumerate() {
            if at == own || codes[at] == *code {
                continue;
            }
            let options = VerifyOptions { session: *session, ..Host::check() };
            let verdict = otp.verify(&phone, purpose, code, options).await.expect("an answer");
            assert!(!verdict.is_verified(), "code {own} in context {at}: {verdict:?}");
            checked += 1;
        }
    }
    assert!(checked > 120, "{checked} mismatches");
    // Its own context still has a budget of its own; enough of these codes were not used up by the others.
    let (otp, purpose, session) = &contexts[0];
    let fresh = async {
        world.advance(Duration::from_secs(700)).await;
        let options = SendOptions { session: *session, ..Host::options() };
        challenge(otp.send(&phone, purpose, "MyApp", options).await);
        let code = gateway.texts().pop().expect("a text");
        let options = VerifyOptions { session: *session, ..Host::check() };
        otp.verify(&phone, purpose, &code, options).await.expect("an answer")
    };
    let verdict = fresh.await;
    assert!(matches!(verdict, Verdict::Verified { .. } | Verdict::Throttled { .. }), "{verdict:?}");
}
