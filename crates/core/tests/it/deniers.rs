//! Every limit that can deny a send, each narrow in turn.

use std::time::Duration;

use textproof::{
    Policy,
    otp::RefusalReason,
    policy::{AddressLimits, FailureLimits, FraudGuard, GuardMode, RateLimit, SpendCap, TenantLimits},
};

use crate::fixture::{limits, loose};

const DAY: Duration = Duration::from_secs(86_400);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Denier {
    CoolDown,
    Window,
    Locked,
    Sessions,
    Address,
    UnknownAddress,
    TenantSends,
    PartsCap,
    GuardOfAddress,
    GuardOfPrefix,
    GuardOfCountry,
}

use Denier::{
    Address, CoolDown, GuardOfAddress, GuardOfCountry, GuardOfPrefix, Locked, PartsCap, Sessions,
    TenantSends, UnknownAddress, Window,
};

pub(crate) const DENIERS: [Denier; 11] = [
    CoolDown,
    Window,
    Locked,
    Sessions,
    Address,
    UnknownAddress,
    TenantSends,
    PartsCap,
    GuardOfAddress,
    GuardOfPrefix,
    GuardOfCountry,
];

impl Denier {
    /// Every limit there is, all wide but the one that shall deny. The wide ones have room for two dozen sends: what is
    /// not given back is soon missed.
    pub(crate) fn policy(self) -> Policy {
        let rate = |narrow: bool, wide| RateLimit::new(if narrow { 1 } else { wide }, DAY).expect("a rate");
        let phone = match self {
            CoolDown => limits(&[3_600_000], 3_600_000, &[(5, 3_600_000)]),
            Window => limits(&[0], 3_600_000, &[(1, 3_600_000)]),
            _ => loose(),
        };
        let ceiling = if self == Locked { 1 } else { 100 };
        let s = Duration::from_secs;
        let credit = |guard| if self == guard { 1 } else { 20 };
        let guard = FraudGuard::default().with_mode(GuardMode::Deny).with_window(DAY).expect("a window");
        let (country, prefix) = (credit(GuardOfCountry), credit(GuardOfPrefix));
        Policy::default()
            .with_send_limits(phone)
            .with_failure_limits(FailureLimits::new(ceiling, 1, s(1), s(1), s(60)).expect("limits"))
            .with_address_limits(AddressLimits {
                sends: rate(self == Address, 20),
                unknown_sends: rate(self == UnknownAddress, 20),
                ..AddressLimits::default()
            })
            .with_tenant_limits(TenantLimits {
                sends: Some(rate(self == TenantSends, 20)),
                parts_a_day: Some(SpendCap::new(if self == PartsCap { 2 } else { 24 }).expect("a cap")),
            })
            .with_fraud_guard(Some(
                guard.with_credit(country, prefix, credit(GuardOfAddress), 1).expect("credit"),
            ))
    }

    pub(crate) fn reason(self) -> RefusalReason {
        match self {
            CoolDown => RefusalReason::CoolDown,
            Window => RefusalReason::TooManySends,
            Locked => RefusalReason::Locked,
            Sessions => RefusalReason::TooManySessions,
            Address | UnknownAddress => RefusalReason::AddressLimit,
            TenantSends => RefusalReason::TenantLimit,
            PartsCap => RefusalReason::SpendCap,
            GuardOfAddress | GuardOfPrefix | GuardOfCountry => RefusalReason::FraudGuard,
        }
    }
}
