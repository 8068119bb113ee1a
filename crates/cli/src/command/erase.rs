//! `textproof erase`: shows what is there, and forgets it with `--yes`.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use serde_json::json;
use textproof::{
    PhoneNumber,
    store::{Erased, PhoneStore, Store},
    stream::{ErasedEvents, EventErasure},
};
use textproof_service::{assemble, config::Config};

use crate::{arguments, output};

const AGAIN: &str = "not everything was erased; run it again";

pub(crate) async fn run(
    config: &Config,
    options: arguments::EraseOptions,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let store = assemble::shared_store(config)?;
    let gateways = assemble::gateways(config, &store)?;
    let otp = assemble::otp(config, Arc::clone(&store), gateways)?;
    let phone = super::any_phone(config, &options.phone)?;
    let state = otp.phone_state(&phone).await.context("nothing was erased")?;
    let mut facts = vec![
        ("outcome", json!(if options.yes { "erased" } else { "dry_run" })),
        ("phone", json!(phone.masked())),
        ("codes", json!(state.codes.len())),
        ("sends", json!(state.sends)),
        ("purposes_with_failures", json!(state.failures.len())),
    ];
    let (events, tenants) = (event_erasure(config, &store)?, config.tenants());
    if options.yes {
        let erased = otp.erase(&phone).await.context(AGAIN)?;
        let elsewhere = of_other_tenants(config, &store, &phone).await?;
        facts.push(("keys_erased", json!(erased.keys + elsewhere.keys)));
        // After the marks: what is said about consent in these events leaves no evidence any more.
        let gone = events.erase(&tenants, &phone).await.context(AGAIN)?;
        facts.push(("statements_erased", json!(erased.statements + elsewhere.statements)));
        facts.extend(counted(gone));
    } else {
        facts.extend(counted(events.find(&tenants, &phone).await.context("nothing was erased")?));
        let next =
            "add --yes to forget all of it, and what they said about consent; that they opted out stays";
        facts.push(("next", json!(next)));
    }
    output::facts(json, &facts)?;
    Ok(ExitCode::SUCCESS)
}

fn event_erasure(config: &Config, store: &Arc<dyn Store>) -> anyhow::Result<EventErasure> {
    Ok(EventErasure::new(Arc::clone(store), assemble::consent_ledger(config, store)?))
}

fn counted(events: ErasedEvents) -> [(&'static str, serde_json::Value); 4] {
    [
        ("events", json!(events.events)),
        ("delayed_events", json!(events.delayed)),
        ("dead_letters", json!(events.dead_letters)),
        ("quarantined", json!(events.quarantined)),
    ]
}

/// What the same person said to the other tenants whose endpoints are configured here.
async fn of_other_tenants(
    config: &Config,
    store: &Arc<dyn Store>,
    phone: &PhoneNumber,
) -> anyhow::Result<Erased> {
    let key = config.fingerprint_key()?;
    let ledger = assemble::consent_ledger(config, store)?;
    let mut erased = Erased::default();
    for tenant in config.tenants().iter().filter(|tenant| *tenant != config.tenant()) {
        // The mark first, as for the tenant of the codes.
        let keys = PhoneStore::erase(store.as_ref(), &key.phone(tenant, phone.e164())).await;
        erased.keys += keys.context(AGAIN)?.keys;
        erased.statements += ledger.erase(tenant, phone.e164()).await.context(AGAIN)?;
    }
    Ok(erased)
}
