//! Wrong guesses in a row: a session waits, a phone is locked, and only a right code or an operator ends it.

use std::time::Duration;

use textproof::{
    Policy, Purpose, Verdict, VerifyOptions,
    secret::Fingerprint,
    store::{Checked, CodeKey, Denial, FailureState, PhoneState, RequestId, Reserved, Settlement},
};

use crate::{
    ageing::World,
    fixture::{Phone, key, loose, millis},
    host::{Host, wrong},
};

crate::in_every_world!(
    ten_failures_make_a_session_wait_and_each_further_one_twice_as_long,
    a_session_is_forgotten_a_day_after_its_last_failure,
    a_throttled_check_compares_and_counts_nothing,
    a_strangers_failures_in_his_own_session_do_not_make_the_victim_wait,
    a_hundred_failures_lock_the_phone_until_an_operator_unlocks_it,
    a_new_code_never_resets_the_failures,
    a_right_code_ends_the_failures_of_its_purpose_and_of_no_other,
    what_is_no_wrong_guess_counts_nothing_for_the_phone,
);

const RIGHT: u32 = 482_174;
const WRONG: u32 = 111_111;
const S: fn(u64) -> Duration = Duration::from_secs;

/// The phone as a session sees it.
fn in_session(world: &World, session: u8) -> Phone {
    Phone { key: session_of(key(1, "login"), session), ..Phone::new(&world.store) }
}

fn session_of(key: CodeKey, session: u8) -> CodeKey {
    CodeKey { session: Some(Fingerprint::from_bytes([session; 16])), ..key }
}

/// Guesses wrong so many times, with new codes as they are needed.
async fn fail(phone: &Phone, times: u32) {
    let mut failed = 0;
    while failed < times {
        match phone.check(WRONG).await {
            Checked::Wrong { .. } => failed += 1,
            Checked::Exhausted { .. } | Checked::Absent => {
                phone.send(RIGHT).await;
            }
            other => panic!("{other:?} after {failed} failures"),
        }
    }
}

async fn state(phone: &Phone) -> PhoneState {
    let answer = phone.store.inspect(&phone.key.phone, &phone.limits, &phone.failures).await;
    answer.expect("the store answers")
}

async fn in_a_row(phone: &Phone) -> u8 {
    let failures = state(phone).await.failures;
    let purpose = phone.key.purpose.as_str();
    failures.iter().find(|failed| failed.purpose == purpose).map_or(0, |failed| failed.in_a_row)
}

/// The wait of a session that has one.
async fn wait(phone: &Phone) -> Duration {
    match phone.check(RIGHT).await {
        Checked::Throttled { retry_after: Some(wait) } => wait,
        other => panic!("{other:?}"),
    }
}

async fn ten_failures_make_a_session_wait_and_each_further_one_twice_as_long(world: &World) {
    let phone = Phone::new(&world.store);
    fail(&phone, 10).await;
    for expected in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600].map(S) {
        let left = wait(&phone).await;
        assert!(left <= expected && left + world.tolerance() >= expected, "{left:?} instead of {expected:?}");
        // Near the end it still waits; then it does not.
        world.advance(left - S(5)).await;
        wait(&phone).await;
        world.advance(S(5)).await;
        fail(&phone, 1).await;
    }
}

async fn a_session_is_forgotten_a_day_after_its_last_failure(world: &World) {
    let phone = Phone::new(&world.store);
    fail(&phone, 10).await;
    world.advance(S(86_400 - 60)).await;
    fail(&phone, 1).await;
    assert!(wait(&phone).await > S(30), "the eleventh: nothing was forgotten");
    world.advance(S(86_400)).await;
    fail(&phone, 10).await;
    assert!(wait(&phone).await <= S(30), "the tenth since it was forgotten");
    assert_eq!(in_a_row(&phone).await, 21, "the count of the phone goes on");
}

async fn a_throttled_check_compares_and_counts_nothing(world: &World) {
    let phone = Phone::new(&world.store);
    fail(&phone, 9).await;
    world.advance(S(300)).await;
    fail(&phone, 1).await;
    let before = state(&phone).await;
    let first = wait(&phone).await;
    for code in [RIGHT, WRONG].repeat(10) {
        let Checked::Throttled { retry_after: Some(again) } = phone.check(code).await else {
            panic!("{code} was compared")
        };
        assert!(again <= first, "a throttled check does not prolong the wait");
    }
    let after = state(&phone).await;
    assert_eq!(after.failures[0].in_a_row, before.failures[0].in_a_row);
    let guesses = |state: &PhoneState| state.codes.iter().map(|code| code.guesses_left).collect::<Vec<_>>();
    assert_eq!(guesses(&after), guesses(&before));
    world.advance(first).await;
    assert_eq!(phone.check(RIGHT).await, Checked::Right, "it was right all the time");
}

async fn a_strangers_failures_in_his_own_session_do_not_make_the_victim_wait(world: &World) {
    let (victim, stranger) = (in_session(world, 1), in_session(world, 2));
    let without_session = Phone::new(&world.store);
    fail(&stranger, 10).await;
    wait(&stranger).await;
    for own in [&victim, &without_session] {
        own.send(RIGHT).await;
        assert_eq!(own.check(WRONG).await, Checked::Wrong { left: 4 });
    }
    wait(&stranger).await;
    assert_eq!(victim.check(RIGHT).await, Checked::Right);
}

async fn a_hundred_failures_lock_the_phone_until_an_operator_unlocks_it(world: &World) {
    for session in 0..11 {
        fail(&in_session(world, session), 9).await;
        // Its code expires, so that there is a place for the next session.
        world.advance(S(300)).await;
    }
    let last = in_session(world, 50);
    last.send(RIGHT).await;
    assert_eq!(last.check(WRONG).await, Checked::Wrong { left: 4 }, "the hundredth");
    let (old, new) = (in_session(world, 0), in_session(world, 99));
    let pay = Phone { key: key(1, "pay"), ..Phone::new(&world.store) };
    for _ in 0..3 {
        for phone in [&last, &old, &new, &Phone::new(&world.store)] {
            assert_eq!(phone.check(RIGHT).await, Checked::Throttled { retry_after: None });
            let denied = phone.reserve_as(RequestId::random(), Phone::fresh(RIGHT)).await;
            assert_eq!(denied, Reserved::Denied { by: Denial::Locked, retry_after: None });
        }
        pay.send(RIGHT).await;
        assert_eq!(pay.check(RIGHT).await, Checked::Right, "another purpose goes on");
        world.advance(S(30 * 86_400)).await;
    }
    let login = Purpose::new("login").expect("a purpose");
    assert!(new.store.unlock(&new.key.phone, Some(&login)).await.expect("the store answers"));
    new.send(RIGHT).await;
    assert_eq!(new.check(RIGHT).await, Checked::Right);
}

async fn a_new_code_never_resets_the_failures(world: &World) {
    let phone = Phone::new(&world.store);
    fail(&phone, 4).await;
    phone.send(RIGHT).await;
    assert_eq!(in_a_row(&phone).await, 4, "the same code again");
    fail(&phone, 1).await;
    phone.send(RIGHT).await;
    assert_eq!(in_a_row(&phone).await, 5, "a fresh code");
    world.advance(S(300)).await;
    let (send, _) = phone.open(RIGHT).await;
    assert_eq!(in_a_row(&phone).await, 5, "a fresh code after the first expired");
    assert!(phone.settle(send, Settlement::NotSent).await);
    assert_eq!(in_a_row(&phone).await, 5, "one that was withdrawn");
    let elsewhere = in_session(world, 7);
    elsewhere.send(RIGHT).await;
    assert_eq!(in_a_row(&phone).await, 5, "one in another session");
    fail(&phone, 5).await;
    wait(&phone).await;
    phone.send(RIGHT).await;
    wait(&phone).await;
    fail(&elsewhere, 1).await;
    assert_eq!(in_a_row(&phone).await, 11, "over all codes and sessions");
}

async fn a_right_code_ends_the_failures_of_its_purpose_and_of_no_other(world: &World) {
    let login = Phone::new(&world.store);
    let pay = Phone { key: key(1, "pay"), ..Phone::new(&world.store) };
    fail(&login, 9).await;
    fail(&pay, 10).await;
    login.send(RIGHT).await;
    assert_eq!(login.check(RIGHT).await, Checked::Right);
    assert_eq!((in_a_row(&login).await, in_a_row(&pay).await), (0, 10));
    wait(&pay).await;
    fail(&login, 9).await;
    assert_eq!(in_a_row(&login).await, 9, "it starts again");
}

async fn what_is_no_wrong_guess_counts_nothing_for_the_phone(world: &World) {
    let policy = Policy::default().with_send_limits(loose()).with_fraud_guard(None);
    let host = Host::with(&world.store, policy, &[("a", 2)]);
    let own = VerifyOptions { handle: None, ..Host::check() };
    assert_eq!(host.verify_with("111111", own).await, Verdict::Expired, "never sent");
    host.send().await;
    let code = host.last_code();
    let failures = async || -> Vec<FailureState> {
        host.otp.phone_state(&host.phone).await.expect("an answer").failures
    };
    for options in [
        VerifyOptions { handle: Some("AAAAAAAAAAAAAAAAAAAAAA"), ..own },
        VerifyOptions { handle: Some(""), ..own },
        VerifyOptions { session: Some("another"), ..own },
    ] {
        for guess in [&code, wrong(&code)] {
            assert_eq!(host.verify_with(guess, options).await, Verdict::Expired);
        }
    }
    for malformed in ["", "12345", "123456789", "12345a", "１２３４５"] {
        assert_eq!(host.verify(malformed).await, Verdict::Malformed, "{malformed:?}");
    }
    assert_eq!(failures().await, []);
    assert!(host.verify(&code).await.is_verified());
    assert_eq!(host.verify(&code).await, Verdict::AlreadyUsed);
    assert_eq!(host.verify(wrong(&code)).await, Verdict::Expired, "a used code answers to itself only");
    assert_eq!(failures().await, []);
    host.send().await;
    assert_eq!(host.verify(wrong(&host.last_code())).await, Verdict::Incorrect { attempts_left: 4 });
    let counted = failures().await;
    assert_eq!((counted[0].in_a_row, counted[0].longest_wait), (1, millis(0)));
    world.advance(S(300)).await;
    assert_eq!(host.verify(&host.last_code()).await, Verdict::Expired);
    assert_eq!(failures().await, counted);
}
