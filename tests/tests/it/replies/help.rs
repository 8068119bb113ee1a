//! HELP and words of one's own, with a real worker and the sandbox as the gateway.

use serde_json::json;

use super::Deployment;

const PHONE: &str = "+64211234567";
const HELP: &str = "Acme alerts. Call 0800 123 456. Reply STOP to stop.";

#[tokio::test]
async fn help_is_answered_also_after_a_stop_in_words_of_ones_own() {
    let rules = format!(
        "[consent]\nhelp_text = {HELP:?}\nout_words = [\"KATI\"]\nhelp_words = [\"AWHINA\"]\n\
         [[rule]]\nname = \"all\"\nmatch = {{ any = true }}\nreply = \"got it\"\n"
    );
    let deployment = Deployment::start(&rules).await;
    let worker = deployment.worker(deployment.sandbox.address()).listen().await;
    let settled =
        [("hi", "got it"), ("Kati!", ""), ("hi again", ""), ("HELP", HELP), ("āwhina", ""), ("awhina", HELP)];
    for (number, (text, _)) in (1..).zip(settled) {
        deployment.texts(PHONE, "552", text).await;
        deployment.all_settled(number).await;
    }
    let expected: Vec<_> = settled.iter().map(|(_, body)| json!(body)).filter(|body| body != "").collect();
    let bodies: Vec<_> = deployment.inbox(PHONE).await.into_iter().map(|text| text["text"].clone()).collect();
    assert_eq!(bodies, expected, "{worker}");
}

/// What comes by an endpoint that anyone may post to can stop texts, and cannot have an opted-out person texted.
#[tokio::test]
async fn a_forged_start_or_help_texts_nobody_who_has_opted_out() {
    let rules = format!(
        "[consent]\nhelp_text = {HELP:?}\n[[endpoint]]\nname = \"open\"\ndialect = \"connexus\"\ninsecure = true\n\
         [[rule]]\nname = \"all\"\nmatch = {{ any = true }}\nreply = \"got it\"\n"
    );
    let deployment = Deployment::start(&rules).await;
    let worker = deployment.worker(deployment.sandbox.address()).listen().await;
    for (number, text) in (1..).zip(["STOP", "START", "HELP", "hi"]) {
        deployment.posts_to_open_endpoint(&format!("forged{number}"), PHONE, text).await;
        deployment.all_settled(number).await;
    }
    assert_eq!(deployment.inbox(PHONE).await.len(), 0, "{worker}");
    let ledger = deployment.world.ledger();
    assert!(ledger.opted_out("default", PHONE, Some("552")).await.expect("the store answers"));
    let waiting = ledger.reviews("default").await.expect("the store answers");
    assert_eq!(waiting.len(), 1, "the START is for somebody to read");
}
