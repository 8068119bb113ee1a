//! Claims of automatic replies: one text for an event and a rule, and an end to every loop.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use test_support::TestRedis;
use textproof::{
    event::{EventId, Identity},
    reply::{Asked, AutomaticReplies},
    secret::{Fingerprint, FingerprintKey},
    store::{
        MemoryStore, REPLIES_A_DAY, REPLIES_IN_TEN_MINUTES, RedisSettings, RedisStore, ReplyClaim, ReplyEnd,
        ReplyKey, ReplyStore, RequestId, Store, StoreError,
    },
};

crate::on_every_store!(
    a_reply_is_claimed_once_and_only_once,
    a_claim_without_an_outcome_is_unknown_and_told_so_once,
    what_was_certainly_not_sent_can_be_claimed_again,
    only_who_claimed_says_how_it_ended,
    a_repeated_claim_is_counted_once,
    two_numbers_have_five_replies_in_ten_minutes,
    what_is_not_owed_stays_so_and_is_not_counted,
    a_hundred_claims_at_once_are_one_text,
);

fn key(pair: u8, event: u64, rule: &str) -> ReplyKey {
    ReplyKey {
        pair: Fingerprint::from_bytes([pair; 16]),
        event: EventId::of(&Identity::of_body("websms", &event.to_be_bytes())),
        rule: rule.to_owned(),
    }
}

async fn claim<S: ReplyStore + ?Sized>(store: &S, key: &ReplyKey, claim: RequestId) -> ReplyClaim {
    store.claim_reply(key, claim).await.expect("the store answers")
}

async fn record(store: &Arc<dyn Store>, key: &ReplyKey, claim: RequestId, end: ReplyEnd) -> bool {
    store.record_reply(key, claim, end).await.expect("the store answers")
}

async fn release<S: ReplyStore + ?Sized>(store: &S, key: &ReplyKey, claim: RequestId) -> bool {
    store.release_reply(key, claim).await.expect("the store answers")
}

const UNKNOWN: ReplyClaim = ReplyClaim::Unknown { first: false };
const FIRST_UNKNOWN: ReplyClaim = ReplyClaim::Unknown { first: true };

async fn a_reply_is_claimed_once_and_only_once(store: Arc<dyn Store>) {
    let (key_a, mine) = (key(1, 1, "hours"), RequestId::random());
    assert_eq!(claim(&*store, &key_a, mine).await, ReplyClaim::Yours);
    assert!(record(&store, &key_a, mine, ReplyEnd::Sent).await);
    assert_eq!(claim(&*store, &key_a, RequestId::random()).await, ReplyClaim::Sent);
    assert_eq!(claim(&*store, &key_a, mine).await, ReplyClaim::Sent, "not even for who sent it");
    // Another rule, another event and another pair have claims of their own.
    for other in [key(1, 1, "everything else"), key(1, 2, "hours"), key(2, 1, "hours")] {
        assert_eq!(claim(&*store, &other, RequestId::random()).await, ReplyClaim::Yours);
    }
}

async fn a_claim_without_an_outcome_is_unknown_and_told_so_once(store: Arc<dyn Store>) {
    let (key, mine) = (key(1, 1, "hours"), RequestId::random());
    assert_eq!(claim(&*store, &key, mine).await, ReplyClaim::Yours);
    assert_eq!(claim(&*store, &key, RequestId::random()).await, FIRST_UNKNOWN);
    assert_eq!(claim(&*store, &key, RequestId::random()).await, UNKNOWN);
    assert_eq!(claim(&*store, &key, mine).await, UNKNOWN, "others have been told");
    // It was only slow, and knows better in the end.
    assert!(record(&store, &key, mine, ReplyEnd::Sent).await);
    assert_eq!(claim(&*store, &key, RequestId::random()).await, ReplyClaim::Sent);
    assert!(record(&store, &key, mine, ReplyEnd::Unknown).await);
    assert_eq!(claim(&*store, &key, RequestId::random()).await, ReplyClaim::Sent, "what was sent stays sent");
}

async fn what_was_certainly_not_sent_can_be_claimed_again(store: Arc<dyn Store>) {
    let key = key(1, 1, "hours");
    // More often than there may be replies: a release is no longer counted.
    for _ in 0..REPLIES_A_DAY + 5 {
        let mine = RequestId::random();
        assert_eq!(claim(&*store, &key, mine).await, ReplyClaim::Yours);
        assert!(release(&*store, &key, mine).await);
        assert!(!release(&*store, &key, mine).await, "a second release finds nothing");
    }
    let mine = RequestId::random();
    assert_eq!(claim(&*store, &key, mine).await, ReplyClaim::Yours);
    assert!(record(&store, &key, mine, ReplyEnd::Sent).await);
    assert!(!release(&*store, &key, mine).await, "what was sent cannot be released");
    assert_eq!(claim(&*store, &key, RequestId::random()).await, ReplyClaim::Sent);
}

async fn only_who_claimed_says_how_it_ended(store: Arc<dyn Store>) {
    let (key, mine, other) = (key(1, 1, "hours"), RequestId::random(), RequestId::random());
    assert!(!record(&store, &key, mine, ReplyEnd::Sent).await, "nothing is claimed");
    assert_eq!(claim(&*store, &key, mine).await, ReplyClaim::Yours);
    assert!(!record(&store, &key, other, ReplyEnd::Sent).await);
    assert!(!release(&*store, &key, other).await);
    assert_eq!(claim(&*store, &key, other).await, FIRST_UNKNOWN);
    // Told to others as unknown, and certainly not sent after all.
    assert!(release(&*store, &key, mine).await);
    assert_eq!(claim(&*store, &key, other).await, ReplyClaim::Yours);
}

async fn a_repeated_claim_is_counted_once(store: Arc<dyn Store>) {
    for event in 0..REPLIES_IN_TEN_MINUTES {
        let (key, mine) = (key(1, event, "hours"), RequestId::random());
        for _ in 0..3 {
            assert_eq!(claim(&*store, &key, mine).await, ReplyClaim::Yours);
        }
    }
    assert_eq!(claim(&*store, &key(1, 99, "hours"), RequestId::random()).await, ReplyClaim::TooMany);
}

async fn two_numbers_have_five_replies_in_ten_minutes(store: Arc<dyn Store>) {
    let (last, mine) = (key(1, 0, "hours"), RequestId::random());
    for event in 1..REPLIES_IN_TEN_MINUTES {
        assert_eq!(claim(&*store, &key(1, event, "hours"), RequestId::random()).await, ReplyClaim::Yours);
    }
    assert_eq!(claim(&*store, &last, mine).await, ReplyClaim::Yours);
    let next = key(1, 99, "hours");
    assert_eq!(claim(&*store, &next, RequestId::random()).await, ReplyClaim::TooMany);
    assert_eq!(
        claim(&*store, &key(2, 99, "hours"), RequestId::random()).await,
        ReplyClaim::Yours,
        "others may"
    );
    // What is known about a claim is told, whatever the limits say.
    assert_eq!(claim(&*store, &last, RequestId::random()).await, FIRST_UNKNOWN);
    // A release makes room, though not for what was too many: nobody wants an answer hours later.
    assert!(release(&*store, &last, mine).await);
    assert_eq!(claim(&*store, &next, RequestId::random()).await, ReplyClaim::NotOwed);
    assert_eq!(claim(&*store, &key(1, 100, "hours"), RequestId::random()).await, ReplyClaim::Yours);
}

async fn what_is_not_owed_stays_so_and_is_not_counted(store: Arc<dyn Store>) {
    for event in 0..REPLIES_A_DAY + 5 {
        let (key, mine) = (key(1, event, "hours"), RequestId::random());
        assert_eq!(claim(&*store, &key, mine).await, ReplyClaim::Yours);
        assert!(record(&store, &key, mine, ReplyEnd::NotOwed).await);
        assert!(record(&store, &key, mine, ReplyEnd::NotOwed).await, "again");
        assert!(!release(&*store, &key, mine).await);
        assert_eq!(claim(&*store, &key, RequestId::random()).await, ReplyClaim::NotOwed);
        assert_eq!(claim(&*store, &key, mine).await, ReplyClaim::NotOwed);
    }
}

async fn a_hundred_claims_at_once_are_one_text(store: Arc<dyn Store>) {
    let claims = (0..100).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { claim(&*store, &key(1, 1, "hours"), RequestId::random()).await })
    });
    let mut answers = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        answers.push(claim.await.expect("no panic"));
    }
    for (answer, times) in [(ReplyClaim::Yours, 1), (FIRST_UNKNOWN, 1), (UNKNOWN, 98)] {
        assert_eq!(answers.iter().filter(|known| **known == answer).count(), times, "{answer:?}");
    }
}

/// The windows are exact, to the millisecond; on Redis the same sums are in `claim_reply.lua`.
#[tokio::test]
async fn windows_of_replies_are_exact() {
    const START: u64 = 1_700_000_000_000;
    let clock = Arc::new(AtomicU64::new(START));
    let reading = Arc::clone(&clock);
    let store = MemoryStore::with_clock(move || reading.load(Ordering::SeqCst));
    let mut event = 0;
    let mut at = async |ms: u64| {
        clock.store(START + ms, Ordering::SeqCst);
        event += 1;
        match claim(&store, &key(1, event, "hours"), RequestId::random()).await {
            ReplyClaim::Yours => true,
            ReplyClaim::TooMany => false,
            other => panic!("{other:?}"),
        }
    };
    for ms in 0..5 {
        assert!(at(ms).await);
    }
    assert!(!at(599_999).await);
    assert!(at(600_000).await);
    assert!(!at(600_000).await);
    // Fourteen more make twenty in a day.
    for number in 1..=14 {
        assert!(at(number * 3_600_000).await, "{number}");
    }
    assert!(!at(86_399_999).await);
    assert!(at(86_400_000).await);
    assert!(!at(86_400_000).await);
}

/// The primary has the claim, and says that too few replicas have it: nothing was sent, so nothing is unknown.
#[tokio::test]
async fn a_claim_that_could_not_be_confirmed_is_given_up() {
    let server = TestRedis::start().await;
    let replica = server.replica().await;
    let mut settings = RedisSettings::new(server.url());
    settings.min_replicas = 1;
    let store = Arc::new(RedisStore::new(&settings).expect("the URL is usable"));
    let replies = AutomaticReplies::new(store, FingerprintKey::new(&[7; 32]).expect("32 bytes"));
    let (event, text) = crate::consents::reply("hello", None);
    replica.freeze();
    let error = replies.ask(&event, &text, "hours").await.expect_err("nobody confirms");
    assert!(matches!(error, StoreError::Unconfirmed { .. }), "{error}");
    replica.thaw();
    let asked = replies.ask(&event, &text, "hours").await.expect("it is confirmed");
    assert!(matches!(asked, Asked::Granted(_)), "{asked:?}");
}
