//! The limits that are not the phone's, for one send or one check: charged before the phone is asked, given back
//! when something later denies.

use std::time::Duration;

use futures_util::future::join_all;

use super::{ClientAddress, Otp, OtpSettings, RefusalReason};
use crate::{
    error::Error,
    phone::PhoneNumber,
    policy::GuardMode,
    secret::Fingerprint,
    store::{Charge, Charged, Limit},
};

/// What one send or check is charged to: each entry is a subject with its limits.
#[derive(Clone, Debug, Default)]
pub(super) struct Charges(Vec<Subject>);

#[derive(Clone, Debug)]
struct Subject {
    what: &'static str,
    name: Fingerprint,
    limits: Vec<Limit>,
}

/// A limit said no; nothing stays charged.
#[derive(Debug)]
pub(super) struct ChargeDenied {
    pub(super) reason: RefusalReason,
    pub(super) retry_after: Duration,
}

impl Charges {
    /// What a send of so many parts is charged to.
    pub(super) fn of_send(
        settings: &OtpSettings,
        phone: &PhoneNumber,
        address: ClientAddress<'_>,
        parts: u32,
    ) -> Self {
        let policy = &settings.policy;
        let unverified = |credit| {
            policy.guard.map(|guard| Limit::Unverified {
                credit,
                per_verified: guard.per_verified,
                window: guard.window,
                deny: guard.mode == GuardMode::Deny,
            })
        };
        let credit = policy.guard.unwrap_or_default();
        let mut subjects = Vec::new();
        if let Some(bucket) = address.bucket() {
            let limits = match address {
                ClientAddress::Ip(_) => {
                    let mut limits = vec![Limit::Sends(policy.addresses.sends)];
                    limits.extend(unverified(credit.address));
                    limits
                }
                _ => vec![Limit::Sends(policy.addresses.unknown_sends)],
            };
            subjects.push(Subject { what: "address", name: settings.subject("address", &bucket), limits });
        }
        let mut limits: Vec<Limit> = policy.tenant.sends.map(Limit::Sends).into_iter().collect();
        limits.extend(policy.tenant.parts_a_day.map(|cap| Limit::Parts { cap, parts }));
        if !limits.is_empty() {
            subjects.push(Subject { what: "tenant", name: settings.subject("tenant", ""), limits });
        }
        for (what, value, credit) in
            [("country", phone.calling_code(), credit.country), ("prefix", phone.prefix(), credit.prefix)]
        {
            if let Some(limit) = unverified(credit) {
                subjects.push(Subject { what, name: settings.subject(what, value), limits: vec![limit] });
            }
        }
        Self(subjects)
    }

    /// What a failed check is charged to.
    pub(super) fn of_check(settings: &OtpSettings, address: ClientAddress<'_>) -> Self {
        let limits = &settings.policy.addresses;
        let rate = match address {
            ClientAddress::Ip(_) => limits.failed_checks,
            _ => limits.unknown_failed_checks,
        };
        let subject = address.bucket().map(|bucket| Subject {
            what: "address",
            name: settings.subject("address", &bucket),
            limits: vec![Limit::FailedChecks(rate)],
        });
        Self(subject.into_iter().collect())
    }

    /// Charges every subject at once, since each lives in a place of its own; on a denial or a fault, what was
    /// charged for certain is given back.
    pub(super) async fn charge(&self, otp: &Otp) -> Result<Result<(), ChargeDenied>, Error> {
        let answers = join_all(self.0.iter().map(|subject| async move {
            let charge = Charge { subject: &subject.name, limits: &subject.limits };
            (subject, otp.store.charge(&charge).await)
        }));
        let (mut granted, mut denied, mut fault) = (Vec::new(), None, None);
        for (subject, answer) in answers.await {
            match answer {
                Ok(Charged::Granted { noticed }) => {
                    if noticed {
                        notice(subject.what);
                    }
                    granted.push(subject.clone());
                }
                Ok(Charged::Denied { limit, retry_after }) => {
                    let reason = reason(subject.limits.get(limit), subject.what);
                    denied.get_or_insert(ChargeDenied { reason, retry_after });
                }
                Err(error) => fault = Some(error),
            }
        }
        if denied.is_some() || fault.is_some() {
            Self(granted).refund(otp).await;
        }
        match (fault, denied) {
            (Some(fault), _) => Err(fault.into()),
            (None, Some(denied)) => Ok(Err(denied)),
            (None, None) => Ok(Ok(())),
        }
    }

    /// Gives everything back. What cannot be given back for certain stays charged.
    pub(super) async fn refund(&self, otp: &Otp) {
        let refunds = self.0.iter().map(|subject| async move {
            let charge = Charge { subject: &subject.name, limits: &subject.limits };
            if let Err(error) = otp.store.refund(&charge).await {
                tracing::warn!(%error, limit = subject.what, "a charge may not have been given back");
            }
        });
        join_all(refunds).await;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The subjects whose unverified sends a verified one makes up for.
pub(super) fn credited(
    settings: &OtpSettings,
    phone: &PhoneNumber,
    address: ClientAddress<'_>,
) -> Vec<Fingerprint> {
    let mut subjects =
        vec![settings.subject("country", phone.calling_code()), settings.subject("prefix", phone.prefix())];
    if let (ClientAddress::Ip(_), Some(bucket)) = (address, address.bucket()) {
        subjects.push(settings.subject("address", &bucket));
    }
    subjects
}

impl OtpSettings {
    /// The keyed name of something that has limits.
    fn subject(&self, kind: &str, value: &str) -> Fingerprint {
        self.fingerprint_key.name(kind, &[&self.tenant, value])
    }
}

fn reason(limit: Option<&Limit>, what: &'static str) -> RefusalReason {
    match limit {
        Some(Limit::Unverified { .. }) => {
            metrics::counter!("textproof_otp_guard_total", "bucket" => what, "action" => "deny").increment(1);
            RefusalReason::FraudGuard
        }
        Some(Limit::Parts { .. }) => RefusalReason::SpendCap,
        _ if what == "tenant" => RefusalReason::TenantLimit,
        _ => RefusalReason::AddressLimit,
    }
}

fn notice(what: &'static str) {
    metrics::counter!("textproof_otp_guard_total", "bucket" => what, "action" => "observe").increment(1);
    tracing::warn!(
        bucket = what,
        "too few sends are verified; in mode deny this one would have been refused"
    );
}
