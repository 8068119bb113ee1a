//! The gateway's bearer token: one renewal for the whole fleet.
//!
//! Reading it costs nothing while the local copy is good. When fewer than five minutes are left, one
//! host of the fleet renews behind the scenes and nobody waits; when none is valid, one host renews
//! and the others wait for it, with a deadline. A 401 discards exactly the token that was refused.

mod local_copy;
mod seal;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use data_encoding::HEXLOWER;
use rand::RngExt;
use secrecy::SecretString;
use tokio::time::Instant;

pub use local_copy::BearerToken;

use self::local_copy::LocalCopy;
use crate::{
    secret::Peppers,
    store::{Acquired, RequestId, SealedToken, StoreError, TokenKey, TokenProblem, TokenStore},
};

/// Renewal starts when this much is left (WebSMS Connexus guide: refresh when under 5 minutes remain).
const RENEW_BELOW: Duration = Duration::from_secs(300);
/// How long a host may take to renew: above the connect and request timeouts of the HTTP client.
const LEASE: Duration = Duration::from_secs(20);
/// How long a caller waits for another host's renewal: a dead winner's lease plus one more renewal.
const WAIT_DEADLINE: Duration = Duration::from_secs(40);
/// How long refused credentials are remembered by the whole fleet.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// Bounds on how long the fleet leaves a failing token endpoint alone.
const UNAVAILABLE_FOR: Duration = Duration::from_secs(2);
const UNAVAILABLE_AT_MOST: Duration = Duration::from_secs(300);
/// A longer lifetime is a misunderstanding between us and the gateway.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 86_400);

/// Obtains a token from the gateway.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// Asks the gateway for a new token, once.
    ///
    /// # Errors
    /// [`TokenRequestError`] says whether it is worth asking again.
    async fn request(&self) -> Result<IssuedToken, TokenRequestError>;
}

/// A token as the gateway issued it.
#[derive(Debug)]
pub struct IssuedToken {
    /// The secret.
    pub secret: SecretString,
    /// Its lifetime from now.
    pub lifetime: Duration,
}

/// The gateway gave no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenRequestError {
    /// The credentials were refused: asking again cannot help.
    #[error("the gateway refused the credentials")]
    CredentialsRefused,
    /// 429, 5xx, no connection, or an answer that could not be read.
    #[error("the token endpoint is unavailable: {what}")]
    Unavailable {
        /// What happened, without URLs or bodies.
        what: String,
        /// The gateway's `Retry-After`, when it gave one.
        retry_after: Option<Duration>,
    },
}

/// No token could be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The credentials, or tokens just issued for them, are refused. The fleet remembers it for a few
    /// seconds, so that a wrong secret cannot become a request loop.
    #[error("the gateway refuses the credentials; check client id and secret")]
    CredentialsRefused,
    /// The token endpoint failed; the fleet leaves it alone until `retry_after`.
    #[error("the gateway issues no tokens just now; try again in {} ms", retry_after.as_millis())]
    Unavailable {
        /// Time until the next attempt is allowed.
        retry_after: Duration,
    },
    /// Another host was renewing and did not finish in time.
    #[error("no host of the fleet obtained a token within {} s", WAIT_DEADLINE.as_secs())]
    Deadline,
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The bearer token of one gateway account, shared by every host that uses the same store.
#[derive(Clone)]
pub struct SharedToken(Arc<Inner>);

struct Inner {
    key: TokenKey,
    source: Box<dyn TokenSource>,
    store: Arc<dyn TokenStore>,
    peppers: Peppers,
    local: LocalCopy,
    /// One asker per process goes to the store; the others wait here and then find the local copy.
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl SharedToken {
    /// Shares the token that `source` issues, under `key`, through `store`.
    pub fn new(
        key: TokenKey,
        source: impl TokenSource + 'static,
        store: Arc<dyn TokenStore>,
        peppers: Peppers,
    ) -> Self {
        Self(Arc::new(Inner {
            key,
            source: Box::new(source),
            store,
            peppers,
            local: LocalCopy::default(),
            asking: Arc::default(),
        }))
    }

    /// A token that is valid now: the local copy without any I/O, else the fleet's, else a new one.
    ///
    /// # Errors
    /// [`TokenError`]; bounded by a deadline of 40 s.
    pub async fn get(&self) -> Result<Arc<BearerToken>, TokenError> {
        if let Some(token) = self.0.local.fresh() {
            return Ok(token);
        }
        let deadline = Instant::now() + WAIT_DEADLINE;
        tokio::time::timeout_at(deadline, self.ask_apart(deadline)).await.map_err(|_| TokenError::Deadline)?
    }

    /// Tells the fleet that the gateway answered 401 to this token. A newer token is left alone.
    ///
    /// # Errors
    /// [`TokenError::Store`] when the store does not answer.
    pub async fn discard(&self, token: &BearerToken) -> Result<(), TokenError> {
        self.0.local.discard(&token.id);
        metrics::counter!("textproof_token_discarded_total").increment(1);
        Ok(self.0.store.discard(&self.0.key, &token.id).await?)
    }

    /// Tells the fleet that a token obtained after a 401 was refused too: nobody asks for a while.
    ///
    /// # Errors
    /// [`TokenError::Store`] when the store does not answer.
    pub async fn give_up(&self, token: &BearerToken) -> Result<(), TokenError> {
        self.discard(token).await?;
        let owner = RequestId::random();
        let problem = TokenProblem::CredentialsRefused;
        Ok(self.0.store.block(&self.0.key, &owner, problem, REFUSED_FOR).await?)
    }

    /// Asks in a task of its own: a caller that goes away does not leave the fleet waiting for its lease.
    async fn ask_apart(&self, deadline: Instant) -> Result<Arc<BearerToken>, TokenError> {
        let turn = Arc::clone(&self.0.asking).lock_owned().await;
        if let Some(token) = self.0.local.fresh() {
            return Ok(token);
        }
        let shared = self.clone();
        let asked = tokio::spawn(async move {
            let _turn = turn;
            shared.ask(deadline).await
        });
        asked.await.unwrap_or(Err(TokenError::Deadline))
    }

    async fn ask(&self, deadline: Instant) -> Result<Arc<BearerToken>, TokenError> {
        let owner = RequestId::random();
        while Instant::now() < deadline {
            match self.0.store.acquire(&self.0.key, &owner, LEASE, jittered(RENEW_BELOW)).await? {
                Acquired::Token { token, renew } => {
                    let opened = self.open(&token).and_then(|opened| self.0.local.hold(opened));
                    match (opened, renew) {
                        (Some(token), true) => {
                            self.renew_behind(owner);
                            return Ok(token);
                        }
                        (Some(token), false) => return Ok(token),
                        (None, true) => return self.renew(&owner).await,
                        // Refused by the gateway, or sealed under a pepper that this host does not have.
                        (None, false) => {
                            tracing::info!(token.id, "the shared token is of no use here and is replaced");
                            self.0.store.discard(&self.0.key, &token.id).await?;
                        }
                    }
                }
                Acquired::Renew => return self.renew(&owner).await,
                Acquired::Wait => tokio::time::sleep(jittered(Duration::from_millis(60))).await,
                Acquired::Blocked { problem: TokenProblem::CredentialsRefused, .. } => {
                    return Err(TokenError::CredentialsRefused);
                }
                Acquired::Blocked { problem: TokenProblem::Unavailable, retry_after } => {
                    return Err(TokenError::Unavailable { retry_after });
                }
            }
        }
        Err(TokenError::Deadline)
    }

    /// Renews while everybody goes on with the token they have.
    fn renew_behind(&self, owner: RequestId) {
        let shared = self.clone();
        tokio::spawn(async move {
            // What went wrong has been logged and told to the fleet; the present token is still good.
            let _ = shared.renew(&owner).await;
        });
    }

    /// Obtains a token under the lease. Bounded by the lease: after it, another host may be at it.
    async fn renew(&self, owner: &RequestId) -> Result<Arc<BearerToken>, TokenError> {
        metrics::counter!("textproof_token_requests_total").increment(1);
        let answer = tokio::time::timeout(LEASE, self.0.source.request()).await.unwrap_or_else(|_| {
            Err(TokenRequestError::Unavailable { what: "no answer in time".into(), retry_after: None })
        });
        let error = match answer {
            Ok(issued) => return self.keep(owner, &issued).await,
            Err(error) => error,
        };
        let (problem, retry_after) = match &error {
            TokenRequestError::CredentialsRefused => (TokenProblem::CredentialsRefused, REFUSED_FOR),
            TokenRequestError::Unavailable { retry_after, .. } => {
                let wait = retry_after.unwrap_or_default().clamp(UNAVAILABLE_FOR, UNAVAILABLE_AT_MOST);
                (TokenProblem::Unavailable, jittered(wait))
            }
        };
        tracing::warn!(%error, retry_after_ms = retry_after.as_millis(), "no token from the gateway");
        self.0.store.block(&self.0.key, owner, problem, retry_after).await?;
        Err(match problem {
            TokenProblem::CredentialsRefused => TokenError::CredentialsRefused,
            TokenProblem::Unavailable => TokenError::Unavailable { retry_after },
        })
    }

    async fn keep(&self, owner: &RequestId, issued: &IssuedToken) -> Result<Arc<BearerToken>, TokenError> {
        let remaining = issued.lifetime.min(MAX_LIFETIME);
        let id = HEXLOWER.encode(&rand::rng().random::<[u8; 8]>());
        let sealed = seal::seal(&self.0.peppers, &self.0.key, &id, &issued.secret);
        let sealed = SealedToken { id, sealed, remaining };
        match self.0.store.keep(&self.0.key, owner, &sealed).await {
            Ok(true) => {}
            // Ours is valid all the same.
            Ok(false) => tracing::info!("the renewal lease had ended; the token is used on this host only"),
            Err(error) => {
                tracing::warn!(%error, "a new token could not be shared; it is used on this host only");
            }
        }
        let token = BearerToken::new(sealed.id, issued.secret.clone(), remaining, RENEW_BELOW);
        self.0.local.hold(token).ok_or(TokenError::Deadline)
    }

    fn open(&self, token: &SealedToken) -> Option<BearerToken> {
        let secret = seal::open(&self.0.peppers, &self.0.key, token)?;
        Some(BearerToken::new(token.id.clone(), secret, token.remaining, RENEW_BELOW))
    }
}

impl fmt::Debug for SharedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedToken").field("key", &self.0.key).finish_non_exhaustive()
    }
}

/// Between one and one and a quarter times `base`, so that hosts do not move in step.
fn jittered(base: Duration) -> Duration {
    base + base.mul_f64(rand::rng().random_range(0.0..0.25))
}
