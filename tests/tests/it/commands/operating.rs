//! `redeem`, `phone`, `unlock` and `erase`: what an operator, or the next step of an application, does.

use serde_json::{Value, json};
use textproof::store::Consent;

use super::Desk;
use crate::fixture::{EVENTS, QUARANTINE, http, post, reply, websms};

const PHONE: &str = "021 123 4567";
const E164: &str = "+64211234567";
const CODE: &str = "402915";

async fn send(desk: &Desk, more: &[&str]) {
    let mut arguments = vec!["send", PHONE, "--company", "MyApp", "--code", CODE];
    arguments.extend(more);
    let sent = desk.run(&arguments).await;
    assert_eq!(sent.status, 0, "{}", sent.output());
}

#[tokio::test]
async fn a_receipt_is_printed_once_and_redeemed_once() {
    let desk = Desk::start().await;
    send(&desk, &["--session", "s1"]).await;
    let elsewhere = desk.run(&["--json", "verify", PHONE, CODE]).await;
    assert_eq!((elsewhere.status, elsewhere.json()), (1, json!({ "verdict": "expired" })));
    let verified = desk.run(&["--json", "verify", PHONE, CODE, "--session", "s1"]).await;
    assert_eq!(verified.status, 0, "{}", verified.output());
    let receipt = verified.json()["receipt"].as_str().expect("a receipt").to_owned();
    assert_eq!(receipt.len(), 40);
    for (session, status, outcome) in
        [(None, 1, "refused"), (Some("s1"), 0, "redeemed"), (Some("s1"), 1, "refused")]
    {
        let mut arguments = vec!["--json", "redeem", PHONE, &receipt];
        arguments.extend(session.iter().flat_map(|session| ["--session", session]));
        let ended = desk.run(&arguments).await;
        assert_eq!((ended.status, &ended.json()["outcome"]), (status, &json!(outcome)), "{}", ended.output());
        assert!(!ended.stderr.contains(&receipt), "a receipt is not logged");
    }
}

/// Handles and receipts are base64url: one in 64 begins with a hyphen, and is no flag.
#[tokio::test]
async fn what_begins_with_a_hyphen_is_a_value() {
    let desk = Desk::start().await;
    send(&desk, &["--session", "-s1", "--idempotency-key", "-k1"]).await;
    let handle = "-AAAAAAAAAAAAAAAAAAAAA";
    let verdict = desk.run(&["--json", "verify", PHONE, CODE, "--handle", handle, "--session", "-s1"]).await;
    assert_eq!(
        (verdict.status, verdict.json()),
        (1, json!({ "verdict": "expired" })),
        "{}",
        verdict.output()
    );
    let receipt = "-".to_owned() + &"A".repeat(39);
    let refused = desk.run(&["--json", "redeem", PHONE, &receipt]).await;
    assert_eq!((refused.status, &refused.json()["outcome"]), (1, &json!("refused")), "{}", refused.output());
}

#[tokio::test]
async fn one_idempotency_key_is_one_text() {
    let desk = Desk::start().await;
    for _ in 0..2 {
        send(&desk, &["--idempotency-key", "order 7"]).await;
    }
    assert_eq!(desk.texts(E164).await.len(), 1);
    let other = ["send", PHONE, "--company", "Other", "--idempotency-key", "order 7"];
    let refused = desk.run(&other).await;
    assert_eq!(refused.status, 64, "{}", refused.output());
    assert!(refused.stderr.contains("--idempotency-key"), "{}", refused.output());
}

#[tokio::test]
async fn a_phone_is_shown_masked_unlocked_and_erased_when_asked_twice() {
    let desk = Desk::start().await;
    send(&desk, &["--idempotency-key", "order 7"]).await;
    for _ in 0..3 {
        desk.run(&["verify", PHONE, "000000"]).await;
    }
    let shown = desk.run(&["--json", "phone", PHONE]).await;
    assert_eq!(shown.status, 0, "{}", shown.output());
    let state = shown.json();
    assert_eq!(state["phone"], "+64…67");
    assert_eq!((&state["sends"], &state["sends_left"]), (&json!(1), &json!(4)));
    assert_eq!(state["codes"][0]["guesses_left"], 2);
    assert_eq!(state["failures"][0]["in_a_row"], 3);
    assert_eq!(state["last_gateway"], "connexus");
    for secret in [CODE, E164, "order 7"] {
        assert!(!shown.output().contains(secret), "{secret} was printed");
    }
    let table = desk.run(&["phone", PHONE]).await;
    assert!(table.stdout.contains("guesses_left"), "{}", table.output());
    assert!(!table.stdout.contains(['{', '"']), "words for people: {}", table.output());

    for (status, outcome) in [(0, "unlocked"), (1, "no_failures")] {
        let ended = desk.run(&["--json", "unlock", PHONE, "--purpose", "login"]).await;
        assert_eq!((ended.status, &ended.json()["outcome"]), (status, &json!(outcome)), "{}", ended.output());
    }

    let dry = desk.run(&["--json", "erase", PHONE]).await;
    assert_eq!((dry.status, &dry.json()["outcome"]), (0, &json!("dry_run")), "{}", dry.output());
    let still = desk.run(&["--json", "phone", PHONE]).await.json();
    assert_eq!(still["codes"][0]["guesses_left"], 2, "a dry run changes nothing");
    let done = desk.run(&["--json", "erase", PHONE, "--yes"]).await;
    assert_eq!(done.status, 0, "{}", done.output());
    // Sends, messages, the code, the idempotency record and the delivery record.
    assert_eq!(done.json()["keys_erased"], 5, "{}", done.output());
    let gone = desk.run(&["--json", "phone", PHONE]).await.json();
    assert_eq!((&gone["codes"], &gone["sends"]), (&json!([]), &json!(0)));
    assert!(gone["erased_at_ms"].is_u64(), "{gone}");
}

#[tokio::test]
async fn events_of_an_erased_phone_are_erased_and_a_stop_among_them_holds() {
    let desk = Desk::start().await;
    let world = &desk.world;
    let ingest = world.binary("webhook-ingest").listen().await;
    for body in [
        reply("m1", E164, "canary: my secret", 1),
        reply("m2", E164, "STOP", 2),
        reply("m3", "+64217654321", "hello", 3),
        format!(r#"{{"type":"unheard-of","about":"{E164}"}}"#),
    ] {
        assert_eq!(post(&http(), &websms(&ingest), body).await.0, 200);
    }
    let counted = |ended: &Value| (ended["events"].as_u64(), ended["quarantined"].as_u64());
    let dry = desk.run(&["--json", "erase", PHONE]).await;
    assert_eq!((dry.status, counted(&dry.json())), (0, (Some(2), Some(1))), "{}", dry.output());
    assert_eq!((world.depth(EVENTS).await, world.depth(QUARANTINE).await), (3, 1));
    let done = desk.run(&["--json", "erase", PHONE, "--yes"]).await;
    assert_eq!((done.status, counted(&done.json())), (0, (Some(2), Some(1))), "{}", done.output());
    assert_eq!((world.depth(EVENTS).await, world.depth(QUARANTINE).await), (1, 0));
    let said = world.ledger().read("default", E164, "552").await.expect("Redis answers");
    assert_eq!(said.map(|said| said.consent), Some(Consent::Out));
}
