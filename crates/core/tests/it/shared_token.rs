//! One renewal for the whole fleet, whatever the callers do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use secrecy::SecretString;
use test_support::{TestRedis, eventually_true};
use textproof::{
    secret::{Fingerprint, Pepper, Peppers},
    store::{Store, TokenKey, TokenStore},
    token::{IssuedToken, SharedToken, TokenError, TokenRequestError, TokenSource},
};

use tokio::sync::Semaphore;

use crate::fixture::redis;

crate::on_every_store!(
    sixty_four_hosts_ask_once,
    a_refused_token_is_replaced_once,
    refused_credentials_are_remembered_by_the_fleet,
    an_unavailable_endpoint_is_left_alone_by_the_fleet,
    a_token_near_its_end_is_renewed_while_it_is_used,
    a_caller_that_goes_away_leaves_no_lease_behind,
);

/// Issues numbered tokens, or fails.
#[derive(Clone)]
struct Endpoint {
    requests: Arc<AtomicU32>,
    lifetime: Duration,
    fails: Option<fn() -> TokenRequestError>,
    /// Answers when it opens.
    gate: Option<Arc<Semaphore>>,
}

impl Endpoint {
    fn new(lifetime: Duration) -> Self {
        Self { requests: Arc::default(), lifetime, fails: None, gate: None }
    }

    fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenSource for Endpoint {
    async fn request(&self) -> Result<IssuedToken, TokenRequestError> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("the gate is there").forget();
        }
        if let Some(fails) = self.fails {
            return Err(fails());
        }
        Ok(IssuedToken { secret: SecretString::from(format!("wst_{number}")), lifetime: self.lifetime })
    }
}

fn host(store: &Arc<dyn Store>, endpoint: &Endpoint) -> SharedToken {
    let peppers = Peppers::new(vec![Pepper::new("a", &[2; 32]).expect("32 bytes")]).expect("a pepper");
    let key = TokenKey(Fingerprint::from_bytes([1; 16]));
    SharedToken::new(key, endpoint.clone(), Arc::clone(store) as Arc<dyn TokenStore>, peppers)
}

const DAY: Duration = Duration::from_secs(86_400);

async fn sixty_four_hosts_ask_once(store: Arc<dyn Store>) {
    let endpoint = Endpoint::new(DAY);
    let hosts: Vec<_> = (0..64).map(|_| host(&store, &endpoint)).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for host in &hosts {
        for _ in 0..20 {
            let host = host.clone();
            tasks.spawn(async move { host.get().await.expect("a token").expose().to_owned() });
        }
    }
    let tokens = tasks.join_all().await;
    assert!(tokens.iter().all(|token| token == "wst_1"));
    assert_eq!(endpoint.requests(), 1);
}

async fn a_refused_token_is_replaced_once(store: Arc<dyn Store>) {
    let endpoint = Endpoint::new(DAY);
    let hosts: Vec<_> = (0..8).map(|_| host(&store, &endpoint)).collect();
    let mut refused = Vec::new();
    for host in &hosts {
        refused.push(host.get().await.expect("a token"));
    }
    for (host, token) in hosts.iter().zip(&refused) {
        host.discard(token).await.expect("the store answers");
        assert_eq!(host.get().await.expect("a token").expose(), "wst_2");
    }
    assert_eq!(endpoint.requests(), 2, "the seven late ones found the new token and left it alone");
}

async fn refused_credentials_are_remembered_by_the_fleet(store: Arc<dyn Store>) {
    let endpoint = Endpoint { fails: Some(|| TokenRequestError::CredentialsRefused), ..Endpoint::new(DAY) };
    for _ in 0..10 {
        let answer = host(&store, &endpoint).get().await;
        assert!(matches!(answer, Err(TokenError::CredentialsRefused)), "{answer:?}");
    }
    assert_eq!(endpoint.requests(), 1);
}

async fn an_unavailable_endpoint_is_left_alone_by_the_fleet(store: Arc<dyn Store>) {
    let unavailable = || TokenRequestError::Unavailable {
        what: "HTTP 429".into(),
        retry_after: Some(Duration::from_secs(120)),
    };
    let endpoint = Endpoint { fails: Some(unavailable), ..Endpoint::new(DAY) };
    for _ in 0..10 {
        let answer = host(&store, &endpoint).get().await;
        let Err(TokenError::Unavailable { retry_after }) = answer else { panic!("{answer:?}") };
        assert!(retry_after > Duration::from_secs(110), "{retry_after:?}");
    }
    assert_eq!(endpoint.requests(), 1);
}

async fn a_token_near_its_end_is_renewed_while_it_is_used(store: Arc<dyn Store>) {
    let endpoint = Endpoint::new(Duration::from_secs(2));
    let host = host(&store, &endpoint);
    eventually_true(Duration::from_secs(10), "a token is renewed ahead of its end", async || {
        host.get().await.expect("a token is always there").expose() == "wst_2"
    })
    .await;
}

async fn a_caller_that_goes_away_leaves_no_lease_behind(store: Arc<dyn Store>) {
    let gate = Arc::new(Semaphore::new(0));
    let endpoint = Endpoint { gate: Some(Arc::clone(&gate)), ..Endpoint::new(DAY) };
    let (first, second) = (host(&store, &endpoint), host(&store, &endpoint));
    let caller = tokio::spawn(async move { first.get().await.map(drop) });
    let patience = Duration::from_secs(5);
    eventually_true(patience, "a token is asked for", async || endpoint.requests() == 1).await;
    caller.abort();
    assert!(caller.await.expect_err("the caller has gone").is_cancelled());
    gate.add_permits(1);
    let token = tokio::time::timeout(patience, second.get()).await.expect("nobody waits for a dead lease");
    assert_eq!(token.expect("a token").expose(), "wst_1");
    assert_eq!(endpoint.requests(), 1);
}

#[tokio::test]
async fn a_sealed_token_shows_nothing_and_opens_only_with_the_pepper() {
    let server = TestRedis::start().await;
    let store = redis(&server);
    let endpoint = Endpoint::new(DAY);
    host(&store, &endpoint).get().await.expect("a token");
    assert!(server.dump_all().await.find("wst_1").is_empty());

    let other = Peppers::new(vec![Pepper::new("b", &[9; 32]).expect("32 bytes")]).expect("a pepper");
    let key = TokenKey(Fingerprint::from_bytes([1; 16]));
    let stranger = SharedToken::new(key, endpoint.clone(), Arc::clone(&store) as Arc<dyn TokenStore>, other);
    assert_eq!(stranger.get().await.expect("a token").expose(), "wst_2", "it could not open the first");
    assert_eq!(host(&store, &endpoint).get().await.expect("a token").expose(), "wst_3");
}
