//! Fixed codes: for a reviewer's number, counted like any other, never in production.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use textproof::{
    Code, Otp, SendOutcome, Verdict,
    otp::{FixedCode, OtpSettings, OtpSetupError, Profile},
    policy::Policy,
    store::{MemoryStore, Store},
};

use crate::{
    fixture::{limits, loose},
    host::{Host, challenge, settings},
};

crate::on_every_store!(
    a_fixed_code_verifies_without_a_text_and_is_counted_like_any_other,
    a_fixed_code_that_has_ended_is_no_code,
);

fn with_fixed(policy: Policy, profile: Profile, ends_in: Duration) -> OtpSettings {
    let settings = settings(policy, &[("a", 2)]);
    let phone = textproof::PhoneNumber::parse("021 123 4567", &settings.countries).expect("a phone");
    let now = Timestamp::now();
    let code = Code::parse("135790").expect("a code");
    let fixed = FixedCode::new(phone, code, now + ends_in, now).expect("not for long");
    OtpSettings { profile, fixed_codes: vec![fixed], ..settings }
}

async fn a_fixed_code_verifies_without_a_text_and_is_counted_like_any_other(store: Arc<dyn Store>) {
    let policy = Policy::default().with_send_limits(limits(&[0], 60_000, &[(2, 60_000)]));
    let host = Host::of(&store, with_fixed(policy, Profile::Test, Duration::from_secs(3600)));
    let answer = challenge(host.send_with(Host::options()).await);
    assert_eq!(host.gateway.calls(), 0, "no text goes out");
    assert_eq!(answer.sends_left, 1);
    for left in (0..4).rev() {
        assert_eq!(host.verify("000000").await, Verdict::Incorrect { attempts_left: left + 1 });
    }
    assert!(host.verify("135790").await.is_verified());
    assert_eq!(host.verify("135790").await, Verdict::AlreadyUsed);
    challenge(host.send_with(Host::options()).await);
    assert!(matches!(host.send_with(Host::options()).await, Ok(SendOutcome::Refused { .. })));

    let other = host.phone(7_654_321);
    challenge(host.otp.send(&other, &host.login, "MyApp", Host::options()).await);
    assert_eq!(host.gateway.calls(), 1, "any other number is texted");
    assert_ne!(host.last_code(), "135790");
}

async fn a_fixed_code_that_has_ended_is_no_code(store: Arc<dyn Store>) {
    let policy = Policy::default().with_send_limits(loose());
    let host = Host::of(&store, with_fixed(policy, Profile::Test, Duration::ZERO));
    host.send().await;
    assert_eq!(host.gateway.calls(), 1, "a text goes out");
    assert_eq!(host.last_code() == "135790", host.verify("135790").await.is_verified());
}

#[test]
fn fixed_codes_in_production_refuse_to_start() {
    let settings = with_fixed(Policy::default(), Profile::Production, Duration::from_secs(3600));
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let refused = Otp::new(settings, store, vec![crate::host::FakeGateway::new("connexus")]);
    assert_eq!(refused.err(), Some(OtpSetupError::FixedCodesInProduction));
}

#[test]
fn limits_above_the_accepted_risk_refuse_to_start() {
    let policy = Policy::default().legacy_short_codes(4).expect("four digits");
    let settings = settings(policy, &[("a", 2)]);
    let Err(OtpSetupError::RiskPerPhone { risk, .. }) = settings.check() else { panic!("too risky") };
    assert!((risk - 0.005).abs() < 1e-9, "{risk}");
    let accepted = textproof::otp::AcceptedRisk { per_phone_day: 0.01, per_fleet_day: None };
    assert_eq!(OtpSettings { risk: accepted, ..settings }.check(), Ok(()), "accepted explicitly");
}

#[test]
fn a_target_for_the_fleet_needs_a_limit_and_is_held_against_it() {
    use textproof::{
        otp::AcceptedRisk,
        policy::{RateLimit, TenantLimits},
    };
    let risk = AcceptedRisk { per_fleet_day: Some(0.01), ..AcceptedRisk::default() };
    let unlimited = OtpSettings { risk, ..settings(Policy::default(), &[("a", 2)]) };
    assert_eq!(unlimited.check(), Err(OtpSetupError::NoFleetLimit));
    for (sends, fits) in [(900, true), (2000, false)] {
        let rate = RateLimit::new(sends, Duration::from_secs(86_400)).expect("a rate");
        let tenant = TenantLimits { sends: Some(rate), parts_a_day: None };
        let policy = Policy::default().with_tenant_limits(tenant);
        let settings = OtpSettings { risk, ..settings(policy, &[("a", 2)]) };
        // Those at once and those of the day, five guesses each, at one in a million.
        assert_eq!(settings.check().is_ok(), fits, "{sends} sends a day");
    }
}
