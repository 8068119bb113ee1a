//! `risk`, and what refuses to start.

use serde_json::json;

use super::{Desk, Ended};

#[tokio::test]
async fn risk_prints_what_the_limits_come_to() {
    let desk = Desk::start().await;
    let ended = desk.run(&["--json", "risk"]).await;
    assert_eq!(ended.status, 0, "{}", ended.output());
    let risk = ended.json();
    assert_eq!(risk["per_code"], json!(5e-6));
    assert_eq!(risk["guesses_per_phone_and_day"], 50);
    assert_eq!(risk["per_phone_and_day"], json!(5e-5));
    assert_eq!(risk["per_phone_until_locked"], json!(1e-4));
    assert_eq!(risk["per_thousand_sends"], json!(5e-3));
    let fleet = desk.run(&["--json", "risk", "--sends-per-day", "10000"]).await.json();
    assert_eq!(fleet["per_fleet_and_day"], json!(5e-2));
}

#[tokio::test]
async fn risk_needs_no_secret_and_says_when_it_is_too_high() {
    let desk = Desk::start().await;
    let risky = desk
        .textproof(&["risk"])
        .env("TEXTPROOF_PEPPER", "")
        .env("TEXTPROOF_OTP_ACCEPTED_RISK_PER_MILLION", "10");
    let ended = Ended::of(risky).await;
    assert_eq!(ended.status, 1, "{}", ended.output());
    assert!(ended.stdout.contains("above what is accepted"), "{}", ended.output());
}

/// What refuses to start must not be called accepted here.
#[tokio::test]
async fn a_target_for_the_fleet_needs_to_know_what_the_fleet_sends() {
    let desk = Desk::start().await;
    let with = |arguments: &[&str]| {
        desk.textproof(arguments).env("TEXTPROOF_OTP_ACCEPTED_FLEET_RISK_PER_MILLION", "10000")
    };
    for arguments in [["risk"].as_slice(), &["config", "check"]] {
        Ended::of(with(arguments)).await.assert_refused("needs a limit of the tenant's sends");
    }
    for (sends, status, verdict) in [("2000", 0, "accepted"), ("2001", 1, "above what is accepted")] {
        let ended = Ended::of(with(&["--json", "risk", "--sends-per-day", sends])).await;
        assert_eq!((ended.status, &ended.json()["verdict"]), (status, &json!(verdict)), "{}", ended.output());
    }
    // A limit lets as many again through within its first day.
    for (limit, status) in [("1000", 0), ("1001", 1)] {
        let ended = Ended::of(with(&["--json", "risk"]).env("TEXTPROOF_OTP_SENDS_PER_DAY", limit)).await;
        assert_eq!(ended.status, status, "{}", ended.output());
        let checked = with(&["config", "check"]).env("TEXTPROOF_OTP_SENDS_PER_DAY", limit);
        assert_eq!(Ended::of(checked).await.status == 0, status == 0, "start and `risk` agree at {limit}");
    }
}

#[tokio::test]
async fn a_configuration_above_the_risk_target_refuses_to_start() {
    let desk = Desk::start().await;
    for arguments in [["config", "check"].as_slice(), &["send", "021 123 4567", "--company", "MyApp"]] {
        let risky = desk.textproof(arguments).env("TEXTPROOF_OTP_ACCEPTED_RISK_PER_MILLION", "10");
        Ended::of(risky).await.assert_refused("5.0e-5");
        let accepted = desk.textproof(arguments).env("TEXTPROOF_OTP_ACCEPTED_RISK_PER_MILLION", "50");
        assert_eq!(Ended::of(accepted).await.status, 0);
    }
}

#[tokio::test]
async fn fixed_codes_refuse_to_start_in_production() {
    let desk = Desk::start().await;
    let ends = jiff::Timestamp::now() + std::time::Duration::from_secs(3600);
    let fixed = format!("[{{ phone = \"+64211234567\", code = \"135790\", ends = \"{ends}\" }}]");
    let with = |arguments: &[&str], profile: &str| {
        let command = desk.textproof(arguments).env("TEXTPROOF_OTP_FIXED_CODES", &fixed);
        command.env("TEXTPROOF_OTP_PROFILE", profile)
    };
    let send = ["send", "021 123 4567", "--company", "MyApp"];
    Ended::of(with(&["config", "check"], "production")).await.assert_refused("production profile");
    Ended::of(with(&send, "production")).await.assert_refused("production profile");
    let sent = Ended::of(with(&send, "test")).await;
    assert_eq!(sent.status, 0, "{}", sent.output());
    assert!(!sent.output().contains("135790") && sent.stderr.contains("fixed code"), "{}", sent.output());
    assert!(desk.texts("+64211234567").await.is_empty(), "no text goes out");
    let verified = Ended::of(with(&["verify", "021 123 4567", "135790"], "test")).await;
    assert_eq!(verified.status, 0, "{}", verified.output());
}
