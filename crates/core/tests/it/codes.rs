//! One-time codes: reserve, settle, check.

use std::{sync::Arc, time::Duration};

use test_support::eventually_true;
use textproof::store::{Checked, CodeOrigin, Denial, NewCode, RequestId, Reserved, Settlement, Store};

use crate::fixture::{Phone, TAG, key, limits, mac, message, millis, sent};

crate::on_every_store!(
    a_right_code_verifies_once_and_only_once,
    five_wrong_guesses_exhaust_a_code,
    the_last_guess_can_be_right,
    a_repeated_check_gets_the_same_answer_and_costs_nothing,
    a_repeated_check_with_another_code_is_not_right,
    guesses_against_a_failing_gateway_are_not_bought_back,
    a_code_of_another_length_is_not_the_same_again,
    hundreds_of_sends_do_not_wear_the_limits_out,
    a_stranger_without_the_handle_cannot_spend_guesses,
    a_code_of_another_purpose_or_phone_is_absent,
    a_code_under_another_pepper_is_absent,
    a_code_expires,
    the_same_code_is_sent_again_without_new_guesses,
    an_exhausted_code_is_replaced_by_a_fresh_one,
    a_given_code_is_recognised_by_its_mac,
    the_cool_down_denies_and_changes_nothing,
    success_resets_the_ladder,
    windows_are_exact,
    a_send_that_did_not_go_out_is_given_back,
    a_resend_that_did_not_go_out_keeps_the_code,
    settling_never_changes_a_used_or_exhausted_code,
    settling_acts_once,
    a_repeated_reservation_gets_the_same_answer,
    a_code_can_be_checked_before_its_send_is_settled,
    a_gateway_code_is_absent_until_the_gateway_has_told_it,
    a_hundred_guesses_at_once_compare_five,
    a_hundred_right_codes_at_once_verify_one,
);

async fn a_right_code_verifies_once_and_only_once(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    phone.send(482_174).await;
    assert_eq!(phone.check(482_174).await, Checked::Right);
    assert_eq!(phone.check(482_174).await, Checked::AlreadyUsed);
    assert_eq!(phone.check(111_111).await, Checked::Absent, "a used code answers to itself only");
}

async fn five_wrong_guesses_exhaust_a_code(store: Arc<dyn Store>) {
    let phone = Phone { limits: limits(&[60_000], 60_000, &[(5, 600_000)]), ..Phone::new(&store) };
    phone.send(482_174).await;
    for left in (0..5).rev() {
        assert_eq!(phone.check(111_111).await, Checked::Wrong { left });
    }
    let Checked::Exhausted { retry_after } = phone.check(482_174).await else { panic!("not exhausted") };
    assert!(retry_after > millis(50_000) && retry_after <= millis(60_000), "{retry_after:?}");
}

async fn the_last_guess_can_be_right(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    phone.send(482_174).await;
    for _ in 0..4 {
        phone.check(111_111).await;
    }
    assert_eq!(phone.check(482_174).await, Checked::Right);
}

async fn a_repeated_check_gets_the_same_answer_and_costs_nothing(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    phone.send(482_174).await;
    let (wrong, right) = (RequestId::random(), RequestId::random());
    for _ in 0..3 {
        assert_eq!(phone.check_as(wrong, 111_111, None).await, Checked::Wrong { left: 4 });
    }
    for _ in 0..3 {
        assert_eq!(phone.check_as(right, 482_174, None).await, Checked::Right);
    }
    assert_eq!(phone.check(482_174).await, Checked::AlreadyUsed);
}

async fn a_stranger_without_the_handle_cannot_spend_guesses(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    phone.send(482_174).await;
    for _ in 0..20 {
        let answer = phone.check_as(RequestId::random(), 482_174, Some([9; 6])).await;
        assert_eq!(answer, Checked::Absent);
    }
    assert_eq!(phone.check_as(RequestId::random(), 482_174, Some([4; 6])).await, Checked::Right);
}

async fn a_code_of_another_purpose_or_phone_is_absent(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    phone.send(482_174).await;
    for other in [key(1, "pay"), key(2, "login")] {
        let other = Phone { key: other, ..Phone::new(&store) };
        assert_eq!(other.check(482_174).await, Checked::Absent);
    }
    assert_eq!(phone.check(482_174).await, Checked::Right);
}

async fn a_code_under_another_pepper_is_absent(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    let fresh = NewCode { pepper: textproof::secret::PepperTag([9, 9]), ..Phone::fresh(482_174) };
    phone.reserve_as(RequestId::random(), fresh).await;
    assert_eq!(phone.check(482_174).await, Checked::Absent);
}

async fn a_code_expires(store: Arc<dyn Store>) {
    let phone = Phone { lifetime: millis(60), ..Phone::new(&store) };
    let granted = phone.send(482_174).await;
    assert!(granted.expires_in <= millis(60));
    eventually_true(Duration::from_secs(5), "the code expires", async || {
        phone.check_as(RequestId::random(), 482_174, Some([9; 6])).await;
        phone.send(1).await.same.is_none()
    })
    .await;
}

async fn the_same_code_is_sent_again_without_new_guesses(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    phone.send(482_174).await;
    phone.check(111_111).await;
    let again = phone.send(333_333).await;
    assert_eq!(again.same, Some((TAG, [3; 6])));
    assert!(again.expires_in > Duration::from_secs(290));
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 3 });
    assert_eq!(phone.check(482_174).await, Checked::Right);

    let impatient = Phone { resend_min_left: Duration::from_secs(301), ..Phone::new(&store) };
    impatient.send(444_444).await;
    assert_eq!(impatient.send(555_555).await.same, None, "too little life is left");
    assert_eq!(impatient.check(555_555).await, Checked::Right);
}

async fn an_exhausted_code_is_replaced_by_a_fresh_one(store: Arc<dyn Store>) {
    let phone = Phone { guesses: 1, ..Phone::new(&store) };
    phone.send(482_174).await;
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 0 });
    assert_eq!(phone.send(222_222).await.same, None);
    assert_eq!(phone.check(222_222).await, Checked::Right);
}

async fn a_given_code_is_recognised_by_its_mac(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    let given = |code| NewCode { origin: CodeOrigin::Given, ..Phone::fresh(code) };
    let mut same = Vec::new();
    for code in [482_174, 482_174, 999_999] {
        let Reserved::Granted(granted) = phone.reserve_as(RequestId::random(), given(code)).await else {
            panic!("expected a grant")
        };
        same.push(granted.same.is_some());
    }
    assert_eq!(same, [false, true, false]);
    assert_eq!(phone.send(123_456).await.same, None, "a given code cannot be derived again");
}

async fn the_cool_down_denies_and_changes_nothing(store: Arc<dyn Store>) {
    let phone = Phone { limits: limits(&[30_000, 60_000], 600_000, &[(5, 600_000)]), ..Phone::new(&store) };
    let first = phone.send(482_174).await;
    assert_eq!(first.sends_left, 4);
    assert!(first.next_send_in > millis(29_000) && first.next_send_in <= millis(30_000));
    for _ in 0..10 {
        let denied = phone.reserve_as(RequestId::random(), Phone::fresh(1)).await;
        let Reserved::Denied { retry_after: Some(retry_after), by: Denial::CoolDown } = denied else {
            panic!("{denied:?}")
        };
        assert!(retry_after <= first.next_send_in);
    }
    assert_eq!(phone.check(482_174).await, Checked::Right, "the code in hand is untouched");
}

async fn success_resets_the_ladder(store: Arc<dyn Store>) {
    let phone = Phone { limits: limits(&[1, 40_000], 600_000, &[(5, 600_000)]), ..Phone::new(&store) };
    phone.send(1).await;
    eventually_true(Duration::from_secs(5), "the first wait is over", async || {
        matches!(phone.reserve_as(RequestId::random(), Phone::fresh(1)).await, Reserved::Granted(_))
    })
    .await;
    let denied = phone.reserve_as(RequestId::random(), Phone::fresh(1)).await;
    assert!(matches!(denied, Reserved::Denied { by: Denial::CoolDown, .. }), "{denied:?}");
    assert_eq!(phone.check(1).await, Checked::Right);
    eventually_true(Duration::from_secs(5), "the ladder is back at its first step", async || {
        matches!(phone.reserve_as(RequestId::random(), Phone::fresh(1)).await, Reserved::Granted(_))
    })
    .await;
}

async fn windows_are_exact(store: Arc<dyn Store>) {
    let phone = Phone { limits: limits(&[0], 60_000, &[(2, 400), (3, 60_000)]), ..Phone::new(&store) };
    assert_eq!(phone.send(1).await.sends_left, 1);
    assert_eq!(phone.send(1).await.sends_left, 0);
    let denied = phone.reserve_as(RequestId::random(), Phone::fresh(1)).await;
    let Reserved::Denied { retry_after: Some(retry_after), by: Denial::Window } = denied else {
        panic!("{denied:?}")
    };
    assert!(retry_after <= millis(400), "{retry_after:?}");
    eventually_true(Duration::from_secs(5), "the short window opens", async || {
        matches!(phone.reserve_as(RequestId::random(), Phone::fresh(1)).await, Reserved::Granted(_))
    })
    .await;
    let denied = phone.reserve_as(RequestId::random(), Phone::fresh(1)).await;
    let Reserved::Denied { retry_after: Some(retry_after), .. } = denied else { panic!("{denied:?}") };
    assert!(retry_after > millis(30_000), "the long window is full: {retry_after:?}");
}

async fn a_send_that_did_not_go_out_is_given_back(store: Arc<dyn Store>) {
    let phone = Phone { limits: limits(&[30_000], 600_000, &[(1, 600_000)]), ..Phone::new(&store) };
    let (send, granted) = phone.open(482_174).await;
    assert_eq!(granted.sends_left, 0);
    assert!(phone.settle(send, Settlement::NotSent).await);
    assert_eq!(phone.check(482_174).await, Checked::Absent, "nobody can have this code");
    assert_eq!(phone.open(1).await.1.sends_left, 0, "the place in the window is free again");
}

async fn a_resend_that_did_not_go_out_keeps_the_code(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    phone.send(482_174).await;
    let (send, granted) = phone.open(1).await;
    assert!(granted.same.is_some());
    phone.settle(send, Settlement::NotSent).await;
    assert_eq!(phone.check(482_174).await, Checked::Right, "the earlier text went out");
}

async fn settling_never_changes_a_used_or_exhausted_code(store: Arc<dyn Store>) {
    let phone = Phone { guesses: 1, ..Phone::new(&store) };
    let (send, _) = phone.open(482_174).await;
    assert_eq!(phone.check(482_174).await, Checked::Right);
    phone.settle(send, Settlement::NotSent).await;
    assert_eq!(phone.check(482_174).await, Checked::AlreadyUsed);

    let phone = Phone { key: key(2, "login"), guesses: 1, ..Phone::new(&store) };
    let (send, _) = phone.open(482_174).await;
    assert_eq!(phone.check(1).await, Checked::Wrong { left: 0 });
    phone.settle(send, Settlement::NotSent).await;
    assert!(matches!(phone.check(482_174).await, Checked::Exhausted { .. }));
}

async fn settling_acts_once(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    let (send, _) = phone.open(482_174).await;
    assert!(phone.settle(send, Settlement::Unknown).await);
    assert!(!phone.settle(send, Settlement::NotSent).await);
    assert_eq!(phone.check(482_174).await, Checked::Right, "an unknown outcome keeps the code");
    assert!(!phone.settle(RequestId::random(), sent(&message("MSG9"))).await);
}

async fn a_repeated_reservation_gets_the_same_answer(store: Arc<dyn Store>) {
    let phone = Phone { limits: limits(&[30_000], 600_000, &[(5, 600_000)]), ..Phone::new(&store) };
    let send = RequestId::random();
    for _ in 0..3 {
        let Reserved::Granted(granted) = phone.reserve_as(send, Phone::fresh(482_174)).await else {
            panic!("a repeat was denied")
        };
        assert_eq!((granted.same, granted.sends_left), (None, 4));
    }
    assert_eq!(phone.check(482_174).await, Checked::Right);
}

async fn a_code_can_be_checked_before_its_send_is_settled(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    let (send, _) = phone.open(482_174).await;
    assert_eq!(phone.check(482_174).await, Checked::Right);
    assert!(phone.settle(send, sent(&message("MSG1"))).await);
    assert_eq!(phone.check(482_174).await, Checked::AlreadyUsed);
}

async fn a_gateway_code_is_absent_until_the_gateway_has_told_it(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    let awaiting = || NewCode { origin: CodeOrigin::Gateway, mac: [0; 16], ..Phone::fresh(0) };
    let send = RequestId::random();
    phone.reserve_as(send, awaiting()).await;
    assert_eq!(phone.check(482_174).await, Checked::Absent);
    let made = Settlement::Sent { message: Some(&message("MSG1")), made: Some(mac(482_174)) };
    assert!(phone.settle(send, made).await);
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 4 });
    assert_eq!(phone.check(482_174).await, Checked::Right);

    let lost = RequestId::random();
    phone.reserve_as(lost, awaiting()).await;
    phone.settle(lost, Settlement::Unknown).await;
    assert_eq!(phone.check(482_174).await, Checked::Absent, "nobody knows that code");
}

async fn a_hundred_guesses_at_once_compare_five(store: Arc<dyn Store>) {
    let phone = Arc::new(Phone::new(&store));
    phone.send(482_174).await;
    let answers = at_once(&phone, |_| 111_111).await;
    let wrong = answers.iter().filter(|answer| matches!(answer, Checked::Wrong { .. })).count();
    let exhausted = answers.iter().filter(|answer| matches!(answer, Checked::Exhausted { .. })).count();
    assert_eq!((wrong, exhausted), (5, 95));
}

async fn a_hundred_right_codes_at_once_verify_one(store: Arc<dyn Store>) {
    let phone = Arc::new(Phone::new(&store));
    phone.send(482_174).await;
    let answers = at_once(&phone, |_| 482_174).await;
    let right = answers.iter().filter(|answer| **answer == Checked::Right).count();
    let used = answers.iter().filter(|answer| **answer == Checked::AlreadyUsed).count();
    assert_eq!((right, used), (1, 99));
}

async fn at_once(phone: &Arc<Phone>, code: impl Fn(u32) -> u32) -> Vec<Checked> {
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..100 {
        let (phone, code) = (Arc::clone(phone), code(i));
        tasks.spawn(async move { phone.check(code).await });
    }
    tasks.join_all().await
}

async fn a_repeated_check_with_another_code_is_not_right(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    phone.send(482_174).await;
    let request = RequestId::random();
    assert_eq!(phone.check_as(request, 482_174, None).await, Checked::Right);
    assert_eq!(phone.check_as(request, 111_111, None).await, Checked::Absent);
}

async fn guesses_against_a_failing_gateway_are_not_bought_back(store: Arc<dyn Store>) {
    let phone = Phone { limits: limits(&[30_000], 600_000, &[(1, 600_000)]), ..Phone::new(&store) };
    let (send, _) = phone.open(482_174).await;
    assert_eq!(phone.check(111_111).await, Checked::Wrong { left: 4 });
    assert!(phone.settle(send, Settlement::NotSent).await);
    assert_eq!(phone.check(482_174).await, Checked::Absent, "the code is withdrawn all the same");
    let denied = phone.reserve_as(RequestId::random(), Phone::fresh(1)).await;
    assert!(matches!(denied, Reserved::Denied { .. }), "{denied:?}");
}

async fn a_code_of_another_length_is_not_the_same_again(store: Arc<dyn Store>) {
    let phone = Phone::new(&store);
    phone.send(482_174).await;
    let longer = NewCode { digits: 8, ..Phone::fresh(48_217_412) };
    let granted = phone.reserve_as(RequestId::random(), longer).await;
    assert!(matches!(&granted, Reserved::Granted(granted) if granted.same.is_none()), "{granted:?}");
}

async fn hundreds_of_sends_do_not_wear_the_limits_out(store: Arc<dyn Store>) {
    let phone = Phone { limits: limits(&[0], 60_000, &[(3, 1), (4, 3)]), ..Phone::new(&store) };
    let mut sends = 0;
    eventually_true(Duration::from_secs(20), "300 sends", async || {
        let reserved = phone.reserve_as(RequestId::random(), Phone::fresh(1)).await;
        sends += u32::from(matches!(reserved, Reserved::Granted(_)));
        sends == 300
    })
    .await;
    let strict =
        Phone { limits: limits(&[30_000], 60_000, &[(3, 60_000), (4, 600_000)]), ..Phone::new(&store) };
    let denied = strict.reserve_as(RequestId::random(), Phone::fresh(1)).await;
    assert!(matches!(denied, Reserved::Denied { .. }), "{denied:?}");
}
