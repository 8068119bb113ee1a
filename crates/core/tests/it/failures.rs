//! Wrong guesses in a row: a session waits, the phone is locked, and no new code resets anything.

use std::time::Duration;

use textproof::{
    policy::FailureLimits,
    secret::Fingerprint,
    store::{Checked, Denial, RequestId, Reserved},
};

use crate::{
    ageing::World,
    fixture::{Phone, key},
};

crate::on_every_ageing_store!(
    a_session_waits_after_ten_failures_and_twice_as_long_after_each_more,
    a_new_code_never_resets_the_failures,
    a_right_code_forgets_the_failures,
    a_sessions_failures_are_forgotten_a_day_after_the_last,
    a_strangers_failures_in_his_own_session_do_not_make_the_victim_wait,
    a_hundred_failures_over_codes_and_sessions_lock_the_phone_until_an_operator_unlocks_it,
    what_compares_nothing_counts_nothing,
);

const RIGHT: u32 = 482_174;
const WRONG: u32 = 111_111;

fn phone(world: &World) -> Phone {
    // Ten guesses a code: waits are then the session's and not the code's.
    Phone { guesses: 10, ..Phone::new(&world.store) }
}

fn in_session(world: &World, session: u8) -> Phone {
    let mut phone = phone(world);
    phone.key.session = Some(Fingerprint::from_bytes([session; 16]));
    phone
}

/// A fresh code, and so many wrong guesses at it.
async fn fail(phone: &Phone, times: usize) {
    phone.check(RIGHT).await;
    phone.send(RIGHT).await;
    for _ in 0..times {
        let answer = phone.check(WRONG).await;
        assert!(matches!(answer, Checked::Wrong { .. }), "{answer:?}");
    }
}

async fn wait(phone: &Phone, code: u32) -> Option<Option<Duration>> {
    match phone.check(code).await {
        Checked::Throttled { retry_after } => Some(retry_after),
        _ => None,
    }
}

fn close(world: &World, wait: Option<Option<Duration>>, seconds: u64) {
    let wait = wait.expect("throttled").expect("a time").as_millis();
    let (most, tolerance) = (u128::from(seconds * 1000), u128::from(world.tolerance_ms()));
    assert!(wait <= most && wait + tolerance >= most, "{wait} ms, expected {most}");
}

async fn a_session_waits_after_ten_failures_and_twice_as_long_after_each_more(world: World) {
    let phone = phone(&world);
    phone.send(RIGHT).await;
    for _ in 0..10 {
        assert_eq!(wait(&phone, WRONG).await, None);
    }
    for seconds in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
        for _ in 0..3 {
            close(&world, wait(&phone, RIGHT).await, seconds);
        }
        world.advance(Duration::from_secs(seconds)).await;
        phone.send(RIGHT).await;
        assert!(matches!(phone.check(WRONG).await, Checked::Wrong { .. }));
    }
    let state =
        world.store.inspect(&phone.key.phone, &phone.limits, &phone.failures).await.expect("an answer");
    assert_eq!(state.failures[0].in_a_row, 19, "what was throttled was not counted");
}

async fn a_new_code_never_resets_the_failures(world: World) {
    let phone = Phone { guesses: 2, ..Phone::new(&world.store) };
    for _ in 0..5 {
        // The live code is used up: the next send makes a fresh one.
        phone.send(RIGHT).await;
        for _ in 0..2 {
            assert!(matches!(phone.check(WRONG).await, Checked::Wrong { .. }));
        }
    }
    phone.send(RIGHT).await;
    close(&world, wait(&phone, RIGHT).await, 30);
}

async fn a_right_code_forgets_the_failures(world: World) {
    let phone = phone(&world);
    phone.send(RIGHT).await;
    for _ in 0..3 {
        for _ in 0..9 {
            assert!(matches!(phone.check(WRONG).await, Checked::Wrong { .. }));
        }
        assert_eq!(phone.check(RIGHT).await, Checked::Right);
        phone.send(RIGHT).await;
    }
    assert_eq!(wait(&phone, WRONG).await, None);
}

async fn a_sessions_failures_are_forgotten_a_day_after_the_last(world: World) {
    let phone = phone(&world);
    phone.send(RIGHT).await;
    for _ in 0..9 {
        phone.check(WRONG).await;
    }
    world.advance(Duration::from_secs(86_400)).await;
    phone.send(RIGHT).await;
    for _ in 0..9 {
        assert_eq!(wait(&phone, WRONG).await, None);
    }
    phone.check(WRONG).await;
    close(&world, wait(&phone, RIGHT).await, 30);
}

async fn a_strangers_failures_in_his_own_session_do_not_make_the_victim_wait(world: World) {
    let (stranger, victim) = (in_session(&world, 1), in_session(&world, 2));
    stranger.send(RIGHT).await;
    victim.send(RIGHT).await;
    for _ in 0..10 {
        stranger.check(WRONG).await;
    }
    close(&world, wait(&stranger, RIGHT).await, 30);
    assert_eq!(victim.check(RIGHT).await, Checked::Right);
}

async fn a_hundred_failures_over_codes_and_sessions_lock_the_phone_until_an_operator_unlocks_it(
    world: World,
) {
    let mut failed = 0;
    for session in 1..=20 {
        let phone = in_session(&world, session);
        phone.send(RIGHT).await;
        for _ in 0..9 {
            if failed < 100 {
                assert!(matches!(phone.check(WRONG).await, Checked::Wrong { .. }), "after {failed}");
                failed += 1;
            }
        }
        if failed == 100 {
            assert_eq!(wait(&phone, RIGHT).await, Some(None), "the right code, until an operator unlocks");
            break;
        }
        world.advance(Duration::from_secs(301)).await;
    }
    let other = phone(&world);
    assert_eq!(wait(&other, RIGHT).await, Some(None), "in every session");
    let denied = other.reserve_as(RequestId::random(), Phone::fresh(RIGHT)).await;
    assert_eq!(denied, Reserved::Denied { by: Denial::Locked, retry_after: None });
    world.advance(Duration::from_secs(30 * 86_400)).await;
    assert_eq!(wait(&other, RIGHT).await, Some(None), "time does not unlock it");
    let pay = Phone { key: key(1, "pay"), ..phone(&world) };
    pay.send(RIGHT).await;
    assert_eq!(pay.check(RIGHT).await, Checked::Right, "another purpose is another count");

    let unlocked = world.store.unlock(&other.key.phone, Some(&other.key.purpose)).await;
    assert!(unlocked.expect("the store answers"));
    other.send(RIGHT).await;
    assert_eq!(other.check(RIGHT).await, Checked::Right);
}

async fn what_compares_nothing_counts_nothing(world: World) {
    let phone = phone(&world);
    let failures = FailureLimits::default();
    let state =
        async || world.store.inspect(&phone.key.phone, &phone.limits, &failures).await.expect("an answer");
    for _ in 0..20 {
        assert_eq!(phone.check(WRONG).await, Checked::Absent, "never sent");
    }
    fail(&phone, 1).await;
    for _ in 0..20 {
        let strangers = phone.check_as(RequestId::random(), WRONG, Some([9; 6])).await;
        assert_eq!(strangers, Checked::Absent, "another handle");
        let elsewhere = Phone { key: key(1, "pay"), ..self::phone(&world) };
        assert_eq!(elsewhere.check(WRONG).await, Checked::Absent, "another purpose");
    }
    let state = state().await;
    assert_eq!(state.failures.iter().map(|failed| failed.in_a_row).sum::<u8>(), 1, "{state:?}");
    assert_eq!(state.codes[0].guesses_left, 9);
}
