//! Suppressed sends: nothing goes out, and nothing tells.

use std::{sync::Arc, time::Duration};

use textproof::{
    SendOptions, SendOutcome, Verdict,
    otp::{Challenge, OtpSettings},
    policy::Policy,
    store::Store,
};
use tokio::time::Instant;

use crate::{
    consents,
    fixture::{limits, loose},
    host::{Host, Mood, challenge, settings},
};

crate::on_every_store!(
    a_suppressed_send_answers_like_any_other_and_sends_nothing,
    a_suppressed_code_never_verifies_and_counts_guesses,
    suppressed_and_real_sends_share_every_limit,
    a_real_send_after_a_suppressed_one_verifies,
    a_stop_suppresses_where_the_tenant_says_so,
);

fn suppressed<'a>() -> SendOptions<'a> {
    SendOptions { suppress: true, ..Host::options() }
}

/// Everything that a client may see, times left out.
fn seen(challenge: &Challenge) -> (bool, u32, bool, u32) {
    (
        challenge.handle.as_ref().is_some_and(|handle| handle.as_str().len() == 22),
        challenge.sends_left,
        challenge.resent,
        challenge.parts,
    )
}

/// The same time, but for what passes between two sends.
fn assert_alike(one: Duration, other: Duration) {
    assert!(one.abs_diff(other) < Duration::from_secs(5), "{one:?} and {other:?}");
}

async fn a_suppressed_send_answers_like_any_other_and_sends_nothing(store: Arc<dyn Store>) {
    let policy = || Policy::default().with_send_limits(limits(&[0, 0, 30_000], 60_000, &[(5, 60_000)]));
    let (real, quiet) =
        (Host::with(&store, policy(), &[("a", 2)]), Host::with(&store, policy(), &[("a", 2)]));
    let unknown = quiet.phone(7_654_321);
    for _ in 0..3 {
        let one = challenge(real.send_with(Host::options()).await);
        let other = challenge(quiet.otp.send(&unknown, &quiet.login, "MyApp", suppressed()).await);
        assert_eq!(seen(&one), seen(&other));
        assert_alike(one.expires_in, other.expires_in);
        assert_alike(one.next_send_in, other.next_send_in);
    }
    let one = real.send_with(Host::options()).await.expect("an outcome");
    let other = quiet.otp.send(&unknown, &quiet.login, "MyApp", suppressed()).await.expect("an outcome");
    let reasons = [one, other].map(|outcome| match outcome {
        SendOutcome::Refused { reason, retry_after: Some(_) } => reason,
        outcome => panic!("{outcome:?}"),
    });
    assert_eq!(reasons[0], reasons[1]);
    assert_eq!((quiet.gateway.calls(), quiet.second.calls()), (0, 0));
}

async fn a_suppressed_code_never_verifies_and_counts_guesses(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    challenge(host.send_with(suppressed()).await);
    for left in (0..5).rev() {
        assert_eq!(host.verify("482174").await, Verdict::Incorrect { attempts_left: left });
    }
    assert!(matches!(host.verify("482174").await, Verdict::Exhausted { .. }));
}

async fn suppressed_and_real_sends_share_every_limit(store: Arc<dyn Store>) {
    let policy = Policy::default().with_send_limits(limits(&[0], 60_000, &[(2, 60_000)]));
    let host = Host::with(&store, policy, &[("a", 2)]);
    challenge(host.send_with(suppressed()).await);
    challenge(host.send_with(Host::options()).await);
    for options in [suppressed(), Host::options()] {
        assert!(matches!(host.send_with(options).await, Ok(SendOutcome::Refused { .. })));
    }
}

async fn a_real_send_after_a_suppressed_one_verifies(store: Arc<dyn Store>) {
    let host = Host::new(&store);
    challenge(host.send_with(suppressed()).await);
    host.send().await;
    assert!(host.verify(&host.last_code()).await.is_verified(), "the code of the text is the one in force");
}

async fn a_stop_suppresses_where_the_tenant_says_so(store: Arc<dyn Store>) {
    let policy = || Policy::default().with_send_limits(loose());
    let asked = Host::of(
        &store,
        OtpSettings { opt_out_senders: vec!["552".into()], ..settings(policy(), &[("a", 2)]) },
    );
    asked.send().await;
    assert_eq!(asked.gateway.calls(), 1);
    consents::say(&consents::ledger(&store), "STOP", 1_700_000_000_000).await;
    challenge(asked.send_with(Host::options()).await);
    assert_eq!(asked.gateway.calls(), 1, "nothing goes out");
    let other = Host::with(&store, policy(), &[("a", 2)]);
    other.send().await;
    assert_eq!(other.gateway.calls(), 1, "by default, a code that was asked for is sent");
    // Of any of our numbers, listed or not.
    let strict = Host::of(&store, OtpSettings { codes_after_stop: false, ..settings(policy(), &[("a", 2)]) });
    challenge(strict.send_with(Host::options()).await);
    assert_eq!(strict.gateway.calls(), 0, "nothing goes out");
    let never_stopped = strict.phone(7_654_321);
    challenge(strict.otp.send(&never_stopped, &strict.login, "MyApp", Host::options()).await);
    assert_eq!(strict.gateway.calls(), 1);
}

/// On a clock that jumps to the next thing to wait for: nothing here takes ten seconds.
#[tokio::test(start_paused = true)]
async fn a_suppressed_send_lasts_as_long_as_one_that_was_just_made() {
    let host = Host::new(&crate::fixture::memory());
    host.gateway.set(Mood::Slow);
    let took = async |options| {
        let begun = Instant::now();
        challenge(host.send_with(options).await);
        begun.elapsed()
    };
    let real = took(Host::options()).await;
    let quiet = took(suppressed()).await;
    assert!(real >= Duration::from_secs(10), "{real:?}");
    // The last milliseconds are slept on a thread, whose clock is the real one.
    assert!(real.abs_diff(quiet) <= Duration::from_millis(10), "{real:?} and {quiet:?}");
}
