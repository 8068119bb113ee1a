//! Wrong guesses in a row of one phone and purpose. The same rules as `lua/failures.lua`.

use std::{collections::HashMap, time::Duration};

use crate::store::{Check, send_times::ms};

/// Sessions whose failures are remembered; each has cost a send.
const SESSIONS_AT_MOST: usize = 100;

#[derive(Clone, Default)]
pub(super) struct PhoneFailures {
    /// Over all sessions.
    pub(super) in_a_row: u8,
    sessions: HashMap<[u8; 6], SessionFailures>,
}

#[derive(Clone, Copy)]
struct SessionFailures {
    in_a_row: u8,
    last: u64,
}

/// A check has to wait.
pub(super) struct Wait {
    /// None: until an operator unlocks.
    pub(super) ends_in: Option<Duration>,
}

impl PhoneFailures {
    pub(super) fn wait(&self, request: &Check<'_>, now: u64) -> Option<Wait> {
        if self.in_a_row >= request.failures.ceiling() {
            return Some(Wait { ends_in: None });
        }
        let session = self.sessions.get(&request.key.session_tag())?;
        if now - session.last >= ms(request.failures.forget_after()) {
            return None;
        }
        let ends = session.last + ms(request.failures.wait(session.in_a_row));
        (ends > now).then(|| Wait { ends_in: Some(Duration::from_millis(ends - now)) })
    }

    pub(super) fn count(&mut self, request: &Check<'_>, now: u64) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        let forget_after = ms(request.failures.forget_after());
        self.sessions.retain(|_, session| now - session.last < forget_after);
        let tag = request.key.session_tag();
        let in_a_row = self.sessions.remove(&tag).map_or(0, |session| session.in_a_row).saturating_add(1);
        while self.sessions.len() >= SESSIONS_AT_MOST {
            let oldest = self.sessions.iter().min_by_key(|(_, session)| session.last).map(|(tag, _)| *tag);
            oldest.map(|tag| self.sessions.remove(&tag));
        }
        self.sessions.insert(tag, SessionFailures { in_a_row, last: now });
    }

    /// The longest wait of any session, in milliseconds.
    pub(super) fn longest_wait(&self, limits: &crate::policy::FailureLimits, now: u64) -> u64 {
        let remembered = |session: &&SessionFailures| now - session.last < ms(limits.forget_after());
        let waits = self.sessions.values().filter(remembered);
        waits.map(|s| (s.last + ms(limits.wait(s.in_a_row))).saturating_sub(now)).max().unwrap_or_default()
    }
}
