//! The token as this process holds it: no I/O while it is good.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

/// A bearer token in use. `Debug` shows the id only.
pub struct BearerToken {
    pub(super) id: String,
    secret: SecretString,
    fresh_until: Instant,
    valid_until: Instant,
}

impl BearerToken {
    /// A token that is valid for `remaining` from now, and due for renewal `renew_below` before its end, or in
    /// its last quarter if it lives shorter.
    pub(super) fn new(id: String, secret: SecretString, remaining: Duration, renew_below: Duration) -> Self {
        let now = Instant::now();
        let fresh = remaining - renew_below.min(remaining / 4);
        Self { id, secret, fresh_until: now + fresh, valid_until: now + remaining }
    }

    /// The secret, for the `Authorization` header only.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose_secret()
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BearerToken(id {}, hidden)", self.id)
    }
}

/// The copy of this process.
#[derive(Default)]
pub(super) struct LocalCopy(Mutex<State>);

#[derive(Default)]
struct State {
    token: Option<Arc<BearerToken>>,
    /// The last token that a 401 discarded: a copy of it that was still on its way must not come back.
    discarded: Option<String>,
}

impl LocalCopy {
    /// The token, unless its renewal is due.
    pub(super) fn fresh(&self) -> Option<Arc<BearerToken>> {
        self.lock().token.as_ref().filter(|token| token.fresh_until > Instant::now()).cloned()
    }

    /// Makes it the local copy, unless it was discarded in the meantime.
    pub(super) fn hold(&self, token: BearerToken) -> Option<Arc<BearerToken>> {
        let token = Arc::new(token);
        let mut state = self.lock();
        if state.discarded.as_ref() == Some(&token.id) {
            return None;
        }
        // A renewal behind the scenes may have brought a newer one while this one was being opened.
        if state.token.as_ref().is_none_or(|held| held.valid_until <= token.valid_until) {
            state.token = Some(Arc::clone(&token));
        }
        Some(token)
    }

    /// Forgets the token with this id for good.
    pub(super) fn discard(&self, id: &str) {
        let mut state = self.lock();
        state.token.take_if(|held| held.id == id);
        state.discarded = Some(id.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: &str, seconds: u64) -> BearerToken {
        let (remaining, renew_below) = (Duration::from_secs(seconds), Duration::from_secs(300));
        BearerToken::new(id.into(), SecretString::from("wst_canary"), remaining, renew_below)
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_fresh_until_its_renewal_is_due() {
        let copy = LocalCopy::default();
        copy.hold(token("aa", 86_400)).unwrap();
        tokio::time::advance(Duration::from_secs(86_099)).await;
        assert!(copy.fresh().is_some());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(copy.fresh().is_none());
    }

    #[test]
    fn a_discarded_token_does_not_come_back() {
        let copy = LocalCopy::default();
        copy.hold(token("aa", 86_400)).unwrap();
        copy.discard("aa");
        assert!(copy.fresh().is_none());
        assert!(copy.hold(token("aa", 86_400)).is_none(), "a copy that was on its way");
        assert!(copy.hold(token("bb", 86_400)).is_some());
    }

    #[test]
    fn an_older_token_does_not_replace_a_newer_one() {
        let copy = LocalCopy::default();
        copy.hold(token("new", 86_400)).unwrap();
        assert_eq!(copy.hold(token("old", 200)).unwrap().id, "old", "the caller may use it");
        assert_eq!(copy.fresh().unwrap().id, "new");
    }

    #[test]
    fn a_token_never_prints_its_secret() {
        assert_eq!(format!("{:?}", token("aa", 1)), "BearerToken(id aa, hidden)");
    }
}
