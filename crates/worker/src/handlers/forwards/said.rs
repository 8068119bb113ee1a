//! What came of an attempt, and what that says of the place and of the event.

use std::time::Duration;

use textproof::store::CallOutcome;

/// What a destination said, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It answered.
    Answer {
        /// HTTP status.
        status: u16,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// Its name leads to no public address.
    PrivateAddress,
    /// No connection could be made.
    NotReached,
    /// The time was over.
    NothingInTime,
    /// The connection broke before there was an answer.
    BrokenOff,
}

/// What a status is about.
enum Verdict {
    Taken,
    /// Redirects are not followed.
    Elsewhere,
    /// Whoever sends, and where to: it is the same for every event.
    Sender,
    /// It has too much to do, or is broken.
    Failing,
    /// This event.
    Event,
}

impl Said {
    /// A stable word for metrics.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Answer { status, .. } => match verdict(*status) {
                Verdict::Taken => "taken",
                Verdict::Elsewhere => "redirected",
                Verdict::Sender => "sender_refused",
                Verdict::Failing => "failing",
                Verdict::Event => "event_refused",
            },
            Self::PrivateAddress => "private_address",
            Self::NotReached => "not_reached",
            Self::NothingInTime => "nothing_in_time",
            Self::BrokenOff => "broken_off",
        }
    }

    /// What it says of the place. A refusal of one event is an answer; what would be said to every event is not.
    pub(super) fn health(&self) -> CallOutcome {
        match self {
            Self::Answer { status, retry_after } => match (verdict(*status), retry_after) {
                (Verdict::Taken | Verdict::Event, _) => CallOutcome::Answered,
                (Verdict::Failing, Some(wait)) => CallOutcome::ToldToWait(*wait),
                _ => CallOutcome::Failed,
            },
            _ => CallOutcome::Failed,
        }
    }

    /// What is wrong, if anything is: goes on with "the forward NAME ".
    pub(super) fn problem(&self) -> Option<String> {
        Some(match self {
            Self::Answer { status, .. } => match verdict(*status) {
                Verdict::Taken => return None,
                Verdict::Elsewhere => {
                    format!("redirects ({status}), which is not followed: its url must be the final one")
                }
                _ => format!("answered {status}"),
            },
            Self::PrivateAddress => {
                "leads to no public address; allow_private = true says that this is meant".to_owned()
            }
            Self::NotReached => "cannot be reached".to_owned(),
            Self::NothingInTime => "did not answer in time".to_owned(),
            Self::BrokenOff => "broke off before it answered".to_owned(),
        })
    }
}

/// Whatever is not 2xx is tried again: a receiver that says 404 or 410 today may have lost its route in a deploy, and an
/// event that it never takes ends among the dead letters, where somebody sees it.
fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Taken,
        300..=399 => Verdict::Elsewhere,
        401..=405 | 407 | 410 | 421 | 426 => Verdict::Sender,
        408 | 425 | 429 => Verdict::Failing,
        400..=499 => Verdict::Event,
        // 1xx never ends an exchange, and there is nothing above 599.
        _ => Verdict::Failing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<u64>) -> Said {
        Said::Answer { status, retry_after: retry_after.map(Duration::from_secs) }
    }

    #[test]
    fn only_2xx_is_an_end() {
        for status in 100..700 {
            let taken = (200..300).contains(&status);
            assert_eq!(answer(status, None).problem().is_none(), taken, "{status}");
        }
    }

    #[test]
    fn a_refusal_of_one_event_says_nothing_of_the_place() {
        for status in [200, 204, 299, 400, 406, 409, 411, 413, 415, 422, 451, 499] {
            assert_eq!(answer(status, Some(9)).health(), CallOutcome::Answered, "{status}");
        }
        for status in
            [301, 302, 307, 308, 401, 402, 403, 404, 405, 407, 408, 410, 421, 425, 426, 429, 500, 503, 599]
        {
            assert_eq!(answer(status, None).health(), CallOutcome::Failed, "{status}");
        }
        for said in [Said::PrivateAddress, Said::NotReached, Said::NothingInTime, Said::BrokenOff] {
            assert_eq!((said.health(), said.problem().is_some()), (CallOutcome::Failed, true));
        }
    }

    #[test]
    fn who_asks_for_time_gets_it() {
        for status in [408, 425, 429, 500, 503] {
            let wait = CallOutcome::ToldToWait(Duration::from_secs(9));
            assert_eq!(answer(status, Some(9)).health(), wait, "{status}");
        }
        assert_eq!(answer(404, Some(9)).health(), CallOutcome::Failed);
    }
}
