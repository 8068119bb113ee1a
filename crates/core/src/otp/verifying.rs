//! Checking a code, and what goes on behind the answer.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    ClientAddress, Otp, Verdict, VerifyOptions, charges, charges::Charges, derivation, derivation::Context,
    receipt::Receipt,
};
use crate::{
    code::Code,
    error::Error,
    phone::PhoneNumber,
    purpose::Purpose,
    store::{Check, Checked, RequestId},
};

/// Checks a guess: malformed, then the address, then the code.
pub(super) async fn judge(
    otp: &Otp,
    phone: &PhoneNumber,
    purpose: &Purpose,
    code: &str,
    options: VerifyOptions<'_>,
) -> Result<Verdict, Error> {
    let settings = &otp.settings;
    let context = Context::new(settings, phone, purpose, options.session)?;
    let Ok(code) = Code::parse(code) else {
        return Ok(Verdict::Malformed);
    };
    if !settings.policy.knows_length(code.expose().len()) {
        return Ok(Verdict::Malformed);
    }
    // Charged as a failure first, so that no check is ahead of its limit.
    let charges = Charges::of_check(settings, options.address);
    if let Err(denied) = charges.charge(otp).await? {
        return Ok(Verdict::Throttled { retry_after: Some(denied.retry_after) });
    }
    let verdict = if settings.policy.require_handle && options.handle.is_none() {
        Verdict::Expired
    } else {
        compare(otp, &context, &code, options).await?
    };
    match &verdict {
        Verdict::Verified { .. } => verified(otp, phone, options.address),
        Verdict::Incorrect { .. } | Verdict::Exhausted { .. } | Verdict::Expired => {
            otp.failed_checks.count(&settings.tenant);
        }
        _ => {}
    }
    if !counts_for_the_address(&verdict) && !charges.is_empty() {
        let refunding = otp.clone();
        otp.behind.run("address refund", async move { charges.refund(&refunding).await });
    }
    Ok(verdict)
}

async fn compare(
    otp: &Otp,
    context: &Context<'_>,
    code: &Code,
    options: VerifyOptions<'_>,
) -> Result<Verdict, Error> {
    let policy = &otp.settings.policy;
    let request = RequestId::or_random(options.request);
    let check = Check {
        key: &context.key(),
        request,
        handle: options.handle.map(derivation::handle_digest),
        macs: context.macs(code),
        limits: &policy.limits,
        failures: &policy.failures,
        remember_used: policy.remember_used,
        receipt_lifetime: policy.receipt_lifetime,
    };
    Ok(match otp.store.check(&check).await? {
        Checked::Right => Verdict::Verified { receipt: Receipt::new(&otp.settings, context, request) },
        Checked::Wrong { left } => Verdict::Incorrect { attempts_left: left },
        Checked::Exhausted { retry_after } => Verdict::Exhausted { retry_after },
        Checked::Throttled { retry_after } => Verdict::Throttled { retry_after },
        Checked::AlreadyUsed => Verdict::AlreadyUsed,
        Checked::Absent => Verdict::Expired,
    })
}

/// Whether the charge of the address stays: it looked like guessing.
fn counts_for_the_address(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Incorrect { .. } | Verdict::Exhausted { .. } | Verdict::Expired)
}

/// Counts a verified send for the guard and the figures, behind the answer: a crash may lose one count, never a
/// verdict.
fn verified(otp: &Otp, phone: &PhoneNumber, address: ClientAddress<'_>) {
    let window = otp.settings.policy.guard.map(|guard| guard.window);
    let subjects = charges::credited(&otp.settings, phone, address);
    let (otp, prefix) = (otp.clone(), phone.prefix().to_owned());
    let behind = otp.behind.clone();
    behind.run("verified count", async move {
        // Buckets of a day need no agreement between hosts, so the host's own clock will do.
        let day = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let mut outcome = otp.store.record_verified(&prefix, day).await;
        for subject in subjects {
            if let Some(window) = window {
                outcome = outcome.and(otp.store.credit_verified(&subject, window).await);
            }
        }
        if let Err(error) = outcome {
            tracing::warn!(%error, "a verified code could not be counted everywhere");
        }
    });
}
