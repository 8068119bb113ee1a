//! The token that a fleet shares.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::eventually_true;

use crate::fleet::{Fleet, HOSTS, Tally};

const SHARED_TOKENS: usize = 16;
const TASKS: usize = 100;
const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn sixty_four_tokens_times_a_hundred_tasks_ask_once() {
    let mut fleet = Fleet::start().await;
    let short = json!({ "kind": "token_lifetime", "on": "token", "expires_in_seconds": 2 });
    fleet.sandbox.fault(short).await;
    for host in &mut fleet.hosts {
        let open = host.ask(json!({ "do": "open_gateways", "count": SHARED_TOKENS })).await;
        assert_eq!(open["open"], SHARED_TOKENS);
    }
    // Every one of them holds the token, and then it ends under all of them.
    assert_all_ok(fleet.together(&check(1)).await, HOSTS * SHARED_TOKENS);
    eventually_true(DEADLINE, "the token has ended, and nobody renews it", async || {
        let keys = fleet.redis.dump_all().await.keys;
        !keys.iter().any(|key| key.key.ends_with(b":token") || key.key.ends_with(b":lease"))
    })
    .await;
    fleet.sandbox.end_faults().await;
    let before = fleet.sandbox.token_requests().await;
    assert!(before >= 1, "the short token was asked for");

    assert_all_ok(fleet.together(&check(TASKS)).await, HOSTS * SHARED_TOKENS * TASKS);
    assert_eq!(fleet.sandbox.token_requests().await - before, 1);
}

#[tokio::test]
async fn a_permanent_401_is_two_calls_and_a_typed_error() {
    let mut fleet = Fleet::start().await;
    fleet.sandbox.fault(json!({ "kind": "unauthorized", "on": "otp" })).await;
    let send = json!({ "do": "send", "phone": "+64211840275" });
    let refused = fleet.hosts[0].ask(send).await;
    assert_eq!(refused, json!({ "outcome": "fault", "fault": "unauthorized" }));
    let stats = fleet.sandbox.stats().await;
    assert_eq!(stats["requests"]["connexus"]["otp"], 2);
    assert_eq!(stats["token_requests"], 2);

    // The rest of the fleet has been told: for a while nobody asks at all.
    for (host, phone) in fleet.hosts.iter_mut().zip(211_840_280..) {
        let send = json!({ "do": "send", "phone": format!("+64{phone}") });
        let refused = host.ask(send).await;
        assert_eq!(refused, json!({ "outcome": "fault", "fault": "credentials_refused" }));
    }
    let stats = fleet.sandbox.stats().await;
    assert_eq!(stats["requests"]["connexus"]["otp"], 2);
    assert_eq!(stats["token_requests"], 2);
}

#[tokio::test]
async fn refused_credentials_are_one_call_for_the_whole_fleet() {
    let mut fleet = Fleet::start().await;
    let refused = json!({ "kind": "unauthorized", "on": "token" });
    fleet.sandbox.fault(refused).await;
    for host in &mut fleet.hosts {
        host.ask(json!({ "do": "open_gateways", "count": SHARED_TOKENS })).await;
    }
    let answers = Tally(fleet.together(&check(TASKS)).await);
    assert_eq!(answers.of("credentials_refused"), answers.all(), "one typed error: {answers:?}");
    assert_eq!(fleet.sandbox.token_requests().await, 1);
}

fn check(tasks: usize) -> [Value; HOSTS] {
    std::array::from_fn(|_| json!({ "do": "check_gateways", "tasks": tasks }))
}

fn assert_all_ok(answers: Vec<Value>, count: usize) {
    let answers = Tally(answers);
    assert_eq!(answers.of("ok"), count as u64, "{answers:?}");
    assert_eq!(answers.all(), count as u64, "{answers:?}");
}
