//! Edges of the state machine: ids that name nothing, codes that ended before their send did, and keys without end.

use std::{sync::Arc, time::Duration};

use textproof::{
    Policy, RedeemOptions, Redemption, SendOptions, SendOutcome, Verdict, VerifyOptions,
    policy::FailureLimits,
    store::{Checked, CodeOrigin, NewCode, RequestId, Reserved, Settlement},
};

use crate::{
    ageing::World,
    fixture::{Phone, key, limits, loose},
    host::{Host, Mood},
    sessions::place,
};

crate::in_every_world!(
    an_id_of_zeros_names_no_check,
    an_id_of_zeros_redeems_no_receipt_twice,
    guesses_are_not_bought_back_when_the_code_ends_before_its_send,
    a_phone_names_a_bounded_number_of_idempotency_keys,
    giving_a_send_back_does_not_take_a_success_back,
    a_code_that_no_gateway_made_takes_no_place,
);

const ZEROS: Option<RequestId> = Some(RequestId([0; 12]));

fn host(world: &World) -> Arc<Host> {
    let policy = Policy::default().with_send_limits(loose()).with_fraud_guard(None);
    Arc::new(Host::with(&world.another_connection(), policy, &[("a", 2)]))
}

async fn an_id_of_zeros_names_no_check(world: &World) {
    let host = host(world);
    host.send().await;
    let zeros = VerifyOptions { request: ZEROS, ..Host::check() };
    let code = host.last_code();
    let other = if code == "111111" { "222222" } else { "111111" };
    for left in [4, 3] {
        assert_eq!(host.verify_with(other, zeros).await, Verdict::Incorrect { attempts_left: left });
    }
    assert!(host.verify_with(&code, zeros).await.is_verified());
    assert_eq!(host.verify_with(&code, zeros).await, Verdict::AlreadyUsed, "it is no repeat");
}

async fn an_id_of_zeros_redeems_no_receipt_twice(world: &World) {
    let host = host(world);
    host.send().await;
    let Verdict::Verified { receipt, .. } = host.verify(&host.last_code()).await else { panic!("verified") };
    let options = RedeemOptions { session: None, request: ZEROS };
    let redeem = async || host.otp.redeem(&host.phone, &host.login, receipt.as_str(), options).await;
    assert_eq!(redeem().await.expect("an answer"), Redemption::Redeemed);
    assert_eq!(redeem().await.expect("an answer"), Redemption::Refused);
    let plain = RedeemOptions::default();
    let again = host.otp.redeem(&host.phone, &host.login, receipt.as_str(), plain).await;
    assert_eq!(again.expect("an answer"), Redemption::Refused);
}

/// As long as the code is there, its record says whether somebody guessed. When it has ended, nobody knows.
async fn guesses_are_not_bought_back_when_the_code_ends_before_its_send(world: &World) {
    let phone = Phone {
        limits: limits(&[600_000], 1_200_000, &[(1, 1_200_000)]),
        lifetime: Duration::from_secs(60),
        ..Phone::new(&world.store)
    };
    let (send, _) = phone.open(482_174).await;
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 4 });
    world.advance(Duration::from_secs(61)).await;
    assert_eq!(phone.check(482_174).await, Checked::Absent, "it has ended");
    assert!(phone.settle(send, Settlement::NotSent).await);
    let denied = phone.reserve_as(RequestId::random(), Phone::fresh(1)).await;
    assert!(matches!(denied, Reserved::Denied { .. }), "{denied:?}");
}

/// A refusal of the gateway costs the phone nothing, so that it must not leave anything that grows.
async fn a_phone_names_a_bounded_number_of_idempotency_keys(world: &World) {
    let host = host(world);
    host.both(Mood::RefuseNumber);
    for n in 0..400 {
        let key = format!("k{n}");
        let options = SendOptions { idempotency_key: Some(&key), ..Host::options() };
        let refused = host.send_with(options).await.expect("an outcome");
        assert!(matches!(refused, SendOutcome::Refused { .. }), "{refused:?}");
    }
    let erased = host.otp.erase(&host.phone).await.expect("an answer");
    assert_eq!(erased.keys, 129, "the sends, and the newest 128 keys");
}

/// A right code puts the ladder back to its first step, whatever becomes of the text that was on its way meanwhile.
async fn giving_a_send_back_does_not_take_a_success_back(world: &World) {
    let minute = 60_000;
    let ladder = limits(&[0, 0, 0, 5 * minute], 60 * minute, &[(100, 60 * minute)]);
    let phone = Phone { limits: ladder, ..Phone::new(&world.store) };
    for _ in 0..3 {
        phone.send(482_174).await;
    }
    let (send, granted) = phone.open(111_111).await;
    assert!(granted.same.is_some(), "{granted:?}");
    assert_eq!(phone.check(482_174).await, Checked::Right);
    assert!(phone.settle(send, Settlement::NotSent).await);
    for code in [1, 2] {
        assert_eq!(phone.send(code).await.next_send_in, Duration::ZERO, "the first steps are free again");
    }
}

async fn a_code_that_no_gateway_made_takes_no_place(world: &World) {
    let awaited = NewCode { origin: CodeOrigin::Gateway, mac: [0; 16], ..Phone::fresh(0) };
    for (session, settlement) in
        [(1, Settlement::NotSent), (2, Settlement::Unknown), (3, Settlement::NotSent)]
    {
        let phone = place(world, "login", Some(session));
        let send = RequestId::random();
        let reserved = phone.reserve_as(send, awaited.clone()).await;
        assert!(matches!(reserved, Reserved::Granted(_)), "{reserved:?}");
        assert!(phone.settle(send, settlement).await);
    }
    let state = world.store.inspect(&key(1, "login").phone, &loose(), &FailureLimits::default()).await;
    assert_eq!(state.expect("an answer").codes, []);
    place(world, "login", Some(4)).send(482_174).await;
}
