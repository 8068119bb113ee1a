//! A send before anything is counted: what can be wrong with it, and where its code comes from.

use jiff::Timestamp;

use super::{Sending, Source};
use crate::{
    error::Error,
    gateway::text::code_text_parts,
    otp::{
        CodeSource, Otp, SendOptions, charges::Charges, derivation::Context, fixed::fixed_code,
        idempotent::IdempotencyKey,
    },
    phone::PhoneNumber,
    purpose::Purpose,
    store::RequestId,
};

impl Sending {
    /// Looks at everything that can be wrong before anything is counted.
    pub(in crate::otp) fn prepare(
        otp: &Otp,
        phone: &PhoneNumber,
        purpose: &Purpose,
        company: &str,
        options: SendOptions<'_>,
    ) -> Result<Self, Error> {
        let settings = &otp.settings;
        let context = Context::new(settings, phone, purpose, options.session)?;
        let source = match (fixed_code(&settings.fixed_codes, phone, Timestamp::now()), options.code) {
            _ if options.suppress => Source::Suppressed,
            (Some(fixed), _) => Source::Fixed(fixed.clone()),
            (None, CodeSource::Ours) => Source::Ours,
            (None, CodeSource::Given(code)) => {
                let digits = code.expose().len();
                if !settings.policy.knows_length(digits) {
                    return Err(Error::CodeLength { digits });
                }
                Source::Given(code.clone())
            }
            (None, CodeSource::Gateway) if otp.gateways.iter().any(|gateway| gateway.makes_codes()) => {
                Source::Gateway
            }
            (None, CodeSource::Gateway) => {
                return Err(Error::NoGatewayCodes { gateway: otp.gateways[0].name() });
            }
        };
        let digits = match &source {
            Source::Given(code) | Source::Fixed(code) => code.expose().len(),
            _ => settings.policy.code_length,
        };
        let parts = code_text_parts(digits, company, options.comment, options.web_otp_domain);
        let idempotency = options
            .idempotency_key
            .map(|key| IdempotencyKey::new(&context, key, arguments(&context, company, options)))
            .transpose()?;
        Ok(Self {
            otp: otp.clone(),
            phone: phone.clone(),
            purpose: purpose.clone(),
            session: options.session.map(str::to_owned),
            company: company.to_owned(),
            comment: options.comment.map(str::to_owned),
            web_otp_domain: options.web_otp_domain.map(str::to_owned),
            source,
            parts,
            charges: Charges::of_send(settings, phone, options.address, parts),
            idempotency,
            in_background: options.in_background,
            send: RequestId::random(),
            claimed: None,
        })
    }
}

/// A digest of everything that makes two sends the same.
fn arguments(context: &Context<'_>, company: &str, options: SendOptions<'_>) -> [u8; 16] {
    let code = match options.code {
        CodeSource::Ours => "ours",
        CodeSource::Given(code) => code.expose(),
        CodeSource::Gateway => "gateway",
    };
    let comment = options.comment.unwrap_or_default();
    let domain = options.web_otp_domain.unwrap_or_default();
    let suppressed = if options.suppress { "suppressed" } else { "" };
    context.digest("arguments", &[company, comment, domain, code, suppressed].map(str::as_bytes))
}
