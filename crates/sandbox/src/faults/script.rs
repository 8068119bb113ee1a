//! The faults that are waiting to strike.

use std::time::Duration;

use super::{Door, Fault, Kind, Target};
use crate::{phone::Gateway, webhooks::EventKind};

const MAX_FAULTS: usize = 100;

/// Kinds that answer before anybody looks at the request.
const AT_THE_DOOR: [Kind; 5] =
    [Kind::Unauthorized, Kind::Forbidden, Kind::RateLimited, Kind::ServerError, Kind::NotJson];
/// Kinds that change how an accepted request ends.
const ON_ACCEPTANCE: [Kind; 5] =
    [Kind::Refused200, Kind::AcceptThenDrop, Kind::NoMessageId, Kind::AsSeen, Kind::TokenLifetime];

/// The active faults, in the order they were posted.
#[derive(Default)]
pub(crate) struct Script {
    faults: Vec<Fault>,
}

impl Script {
    /// Adds all of them or none.
    pub(crate) fn add(&mut self, faults: Vec<Fault>) -> Result<(), String> {
        faults.iter().try_for_each(Fault::check)?;
        if self.faults.len() + faults.len() > MAX_FAULTS {
            return Err(format!("at most {MAX_FAULTS} faults at a time"));
        }
        // Expiring tokens is done the moment it is said: nothing is left to strike.
        self.faults.extend(faults.into_iter().filter(|fault| fault.kind != Kind::ExpireTokens));
        Ok(())
    }

    pub(crate) fn active(&self) -> &[Fault] {
        &self.faults
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    /// What a request meets on arrival.
    pub(crate) fn at_the_door(&mut self, gateway: Gateway, target: Target) -> Door {
        let delay = self.take(gateway, target, &[Kind::Slow]).map(|fault| fault.delay(5_000));
        Door { gateway, target, delay, refusal: self.take(gateway, target, &AT_THE_DOOR) }
    }

    /// What a request meets that passed every check.
    pub(crate) fn on_acceptance(&mut self, gateway: Gateway, target: Target) -> Option<Fault> {
        self.take(gateway, target, &ON_ACCEPTANCE)
    }

    /// What the events of one text or reply meet on their way out.
    pub(crate) fn on_webhook(&mut self, gateway: Gateway, event: EventKind) -> WebhookPlan {
        let mut take = |kind| self.take(gateway, Target::Webhook, &[kind]);
        WebhookPlan {
            duplicate: take(Kind::Duplicate).is_some(),
            reorder: take(Kind::Reorder).map(|fault| fault.delay(2_000)),
            forge: take(Kind::Forge).is_some(),
            late: take(Kind::Late).map(|fault| fault.delay(5_000)),
            as_seen: take(Kind::AsSeen).is_some(),
            final_code: match event {
                EventKind::Report => take(Kind::Undelivered).map(|fault| fault.status_code.unwrap_or(2)),
                EventKind::Reply => None,
            },
        }
    }

    fn take(&mut self, gateway: Gateway, target: Target, kinds: &[Kind]) -> Option<Fault> {
        let fits = |fault: &Fault| kinds.contains(&fault.kind) && fault.fits(gateway, target);
        let index = self.faults.iter().position(fits)?;
        match &mut self.faults[index].times {
            Some(1) => Some(self.faults.remove(index)),
            times => {
                *times = times.map(|left| left - 1);
                Some(self.faults[index].clone())
            }
        }
    }
}

/// How the webhook events of one text or reply are bent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WebhookPlan {
    pub(crate) duplicate: bool,
    /// The longest time a reply waits for the event that overtakes it.
    pub(crate) reorder: Option<Duration>,
    pub(crate) forge: bool,
    pub(crate) late: Option<Duration>,
    pub(crate) as_seen: bool,
    pub(crate) final_code: Option<i32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(faults: &str) -> Script {
        let mut script = Script::default();
        script.add(serde_json::from_str(faults).unwrap()).unwrap();
        script
    }

    #[test]
    fn a_counted_fault_strikes_that_often_and_only_where_it_belongs() {
        let mut script = script(r#"[{"kind":"server_error","on":"otp","times":2}]"#);
        assert!(script.at_the_door(Gateway::Connexus, Target::Out).refusal.is_none());
        assert!(script.at_the_door(Gateway::Connexus, Target::Otp).refusal.is_some());
        assert_eq!(script.active()[0].times, Some(1));
        assert!(script.at_the_door(Gateway::Connexus, Target::Otp).refusal.is_some());
        assert!(script.at_the_door(Gateway::Connexus, Target::Otp).refusal.is_none());
        assert!(script.active().is_empty());
    }

    #[test]
    fn a_fault_without_times_strikes_for_ever() {
        let mut script = script(r#"[{"kind":"unauthorized","times":null},{"kind":"slow","delay_ms":7}]"#);
        for _ in 0..1_000 {
            let door = script.at_the_door(Gateway::MobileApiConnect, Target::Messages);
            assert_eq!(door.delay, Some(Duration::from_millis(7)));
            assert!(door.refusal.is_some());
        }
    }

    #[test]
    fn what_could_never_strike_is_refused_and_nothing_is_kept() {
        for wrong in [
            r#"{"kind":"forge","on":"otp"}"#,
            r#"{"kind":"refused_200","gateway":"mobile-api-connect"}"#,
            r#"{"kind":"server_error","status":404}"#,
            r#"{"kind":"slow","times":0}"#,
            r#"{"kind":"slow","delay_ms":999999999}"#,
            r#"{"kind":"expire_tokens","gateway":"mobile-api-connect"}"#,
        ] {
            let mut script = Script::default();
            let wrong = serde_json::from_str(wrong).unwrap();
            assert!(script.add(vec![Fault::new(Kind::Slow), wrong]).is_err());
            assert!(script.active().is_empty());
        }
    }

    #[test]
    fn the_script_is_bounded() {
        let mut script = Script::default();
        assert!(script.add(vec![Fault::new(Kind::Slow); MAX_FAULTS]).is_ok());
        assert!(script.add(vec![Fault::new(Kind::Slow)]).is_err());
    }
}
