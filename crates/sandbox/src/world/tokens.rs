//! Bearer tokens that were issued and are still good.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::ids;

const MAX_TOKENS: usize = 1_000;

/// The newest tokens and when each ends.
#[derive(Default)]
pub(crate) struct Tokens {
    ends: HashMap<String, Instant>,
    order: VecDeque<String>,
}

impl Tokens {
    pub(crate) fn issue(&mut self, now: Instant, lifetime: Duration) -> String {
        if self.order.len() >= MAX_TOKENS
            && let Some(oldest) = self.order.pop_front()
        {
            self.ends.remove(&oldest);
        }
        let token = ids::opaque("wst_");
        // A lifetime beyond what the clock can say is as good as for ever.
        let end = now.checked_add(lifetime).unwrap_or(now + Duration::from_secs(u32::MAX.into()));
        self.ends.insert(token.clone(), end);
        self.order.push_back(token.clone());
        token
    }

    pub(crate) fn good(&self, token: &str, now: Instant) -> bool {
        self.ends.get(token).is_some_and(|end| now < *end)
    }

    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_with_its_lifetime() {
        let mut tokens = Tokens::default();
        let now = Instant::now();
        let token = tokens.issue(now, Duration::from_secs(10));
        assert!(token.starts_with("wst_"));
        assert!(tokens.good(&token, now + Duration::from_secs(9)));
        assert!(!tokens.good(&token, now + Duration::from_secs(10)));
        assert!(!tokens.good("wst_other", now));
        let eternal = tokens.issue(now, Duration::from_secs(u64::MAX));
        assert!(tokens.good(&eternal, now + Duration::from_secs(1_000_000)));
    }

    #[test]
    fn the_oldest_token_makes_room() {
        let mut tokens = Tokens::default();
        let now = Instant::now();
        let first = tokens.issue(now, Duration::from_secs(10));
        for _ in 0..MAX_TOKENS {
            tokens.issue(now, Duration::from_secs(10));
        }
        assert!(!tokens.good(&first, now));
        assert_eq!(tokens.ends.len(), MAX_TOKENS);
    }
}
