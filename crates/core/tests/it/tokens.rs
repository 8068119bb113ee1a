//! The port of the shared token.

use std::{sync::Arc, time::Duration};

use test_support::eventually_true;
use textproof::{
    secret::Fingerprint,
    store::{Acquired, RequestId, SealedToken, Store, TokenKey, TokenProblem},
};

use crate::fixture::millis;

crate::on_every_store!(
    one_asker_renews_and_the_others_wait,
    a_token_is_shared_until_it_ends,
    a_token_in_its_last_quarter_is_renewed_by_one,
    a_lost_lease_keeps_nothing,
    a_repeated_call_gets_the_same_answer,
    a_discard_names_its_token,
    a_block_is_seen_by_all_and_ends,
);

const LEASE: Duration = Duration::from_secs(20);
const RENEW_BELOW: Duration = Duration::from_secs(300);

fn account() -> TokenKey {
    TokenKey(Fingerprint::from_bytes([1; 16]))
}

fn token(id: &str, remaining: Duration) -> SealedToken {
    SealedToken { id: id.into(), sealed: b"a|b\0sealed".to_vec(), remaining }
}

async fn acquire(store: &Arc<dyn Store>, owner: RequestId) -> Acquired {
    store.acquire(&account(), &owner, LEASE, RENEW_BELOW).await.expect("the store answers")
}

async fn kept(store: &Arc<dyn Store>, token: &SealedToken) {
    let owner = RequestId::random();
    assert_eq!(acquire(store, owner).await, Acquired::Renew);
    assert!(store.keep(&account(), &owner, token).await.expect("the store answers"));
}

async fn one_asker_renews_and_the_others_wait(store: Arc<dyn Store>) {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let store = Arc::clone(&store);
        tasks.spawn(async move { acquire(&store, RequestId::random()).await });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == Acquired::Renew).count(), 1);
    assert_eq!(answers.iter().filter(|answer| **answer == Acquired::Wait).count(), 49);
}

async fn a_token_is_shared_until_it_ends(store: Arc<dyn Store>) {
    kept(&store, &token("aa", millis(300))).await;
    let Acquired::Token { token, .. } = acquire(&store, RequestId::random()).await else {
        panic!("no token")
    };
    assert_eq!((token.id.as_str(), token.sealed.as_slice()), ("aa", b"a|b\0sealed".as_slice()));
    assert!(token.remaining <= millis(300) && token.remaining > Duration::ZERO);
    eventually_true(Duration::from_secs(5), "the token ends", async || {
        !matches!(acquire(&store, RequestId::random()).await, Acquired::Token { .. })
    })
    .await;
}

async fn a_token_in_its_last_quarter_is_renewed_by_one(store: Arc<dyn Store>) {
    kept(&store, &token("aa", Duration::from_secs(86_400))).await;
    let young = acquire(&store, RequestId::random()).await;
    assert!(matches!(young, Acquired::Token { renew: false, .. }), "{young:?}");

    store.discard(&account(), "aa").await.expect("the store answers");
    kept(&store, &token("bb", Duration::from_secs(2))).await;
    let mut renewals = 0;
    eventually_true(Duration::from_secs(5), "renewal falls due", async || {
        for _ in 0..5 {
            if matches!(acquire(&store, RequestId::random()).await, Acquired::Token { renew: true, .. }) {
                renewals += 1;
            }
        }
        renewals > 0
    })
    .await;
    assert_eq!(renewals, 1);
}

async fn a_lost_lease_keeps_nothing(store: Arc<dyn Store>) {
    let (slow, quick) = (RequestId::random(), RequestId::random());
    let lease = millis(30);
    let first = store.acquire(&account(), &slow, lease, RENEW_BELOW).await.expect("the store answers");
    assert_eq!(first, Acquired::Renew);
    eventually_true(Duration::from_secs(5), "the lease ends", async || {
        acquire(&store, quick).await == Acquired::Renew
    })
    .await;
    let late = token("aa", LEASE);
    assert!(!store.keep(&account(), &slow, &late).await.expect("the store answers"));
    assert!(store.keep(&account(), &quick, &late).await.expect("the store answers"));
}

async fn a_discard_names_its_token(store: Arc<dyn Store>) {
    kept(&store, &token("bb", LEASE)).await;
    store.discard(&account(), "b").await.expect("the store answers");
    store.discard(&account(), "aa").await.expect("the store answers");
    assert!(matches!(acquire(&store, RequestId::random()).await, Acquired::Token { .. }));
    store.discard(&account(), "bb").await.expect("the store answers");
    assert_eq!(acquire(&store, RequestId::random()).await, Acquired::Renew);
}

async fn a_block_is_seen_by_all_and_ends(store: Arc<dyn Store>) {
    let owner = RequestId::random();
    assert_eq!(acquire(&store, owner).await, Acquired::Renew);
    let problem = TokenProblem::CredentialsRefused;
    store.block(&account(), &owner, problem, millis(300)).await.expect("the store answers");
    let seen = acquire(&store, RequestId::random()).await;
    let Acquired::Blocked { problem, retry_after } = seen else { panic!("{seen:?}") };
    assert_eq!(problem, TokenProblem::CredentialsRefused);
    assert!(retry_after <= millis(300));
    eventually_true(Duration::from_secs(5), "the block ends", async || {
        acquire(&store, RequestId::random()).await == Acquired::Renew
    })
    .await;
}

async fn a_repeated_call_gets_the_same_answer(store: Arc<dyn Store>) {
    let owner = RequestId::random();
    let token = token("aa", LEASE);
    for _ in 0..2 {
        assert_eq!(acquire(&store, owner).await, Acquired::Renew);
    }
    for _ in 0..2 {
        assert!(store.keep(&account(), &owner, &token).await.expect("the store answers"));
    }
}
