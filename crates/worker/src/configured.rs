//! The rules and forwards of a configuration, with what they need to be applied.

use std::{collections::HashMap, sync::Arc};

use textproof::{
    consent::ConsentLedger,
    gateway::Gateway,
    reply::{AutomaticReplies, OwnNumbers},
    store::{BreakerStore, ForwardedStore, ReplyStore, Store},
};
use textproof_service::{
    assemble,
    config::{Config, ConfigError},
};

use crate::handlers::{AnswerRoutes, Answers, ApplyRules, Forwarding, Forwards, HelpAnswer};

/// The handler of `[[rule]]` and `[[forward]]`. A gateway is needed only where a rule replies.
pub(crate) fn rules(
    config: &Config,
    store: &Arc<dyn Store>,
    ledger: &ConsentLedger,
) -> Result<ApplyRules, ConfigError> {
    let rules = config.rules()?;
    let replies = rules.iter().any(|rule| rule.reply().is_some());
    let answers = replies.then(|| answers(config, store, ledger)).transpose()?;
    let forwarding = forwarding(config, store)?;
    let rules = ApplyRules::new(rules, answers, forwarding)
        .map_err(|error| config.refused_rule(error.rule(), &error))?;
    let Some(text) = config.consent()?.help_text else { return Ok(rules) };
    Ok(rules.with_help(HelpAnswer::new(ledger.clone(), self::answers(config, store, ledger)?, text)))
}

fn forwarding(config: &Config, store: &Arc<dyn Store>) -> Result<Option<Forwarding>, ConfigError> {
    let destinations = config.forwards()?;
    if destinations.is_empty() {
        return Ok(None);
    }
    for destination in &destinations {
        if let Some(warning) = destination.warning() {
            tracing::warn!("forward {}: {warning}", destination.name());
        }
    }
    let breakers = Arc::clone(store) as Arc<dyn BreakerStore>;
    let forwards = Forwards::new(destinations, &breakers, &config.fingerprint_key()?)
        .map_err(|error| ConfigError::invalid("forward", "the configuration", error.to_string()))?;
    Ok(Some(Forwarding::new(Arc::new(forwards), Arc::clone(store) as Arc<dyn ForwardedStore>)))
}

fn answers(config: &Config, store: &Arc<dyn Store>, ledger: &ConsentLedger) -> Result<Answers, ConfigError> {
    let replies = AutomaticReplies::new(Arc::clone(store) as Arc<dyn ReplyStore>, config.fingerprint_key()?);
    let gateways = assemble::gateways(config, store)?;
    // Gateways and dialects have one name: a text is answered through the gateway that it came by.
    let of_endpoint = |(endpoint, dialect): (&str, &str)| {
        let gateway = gateways.iter().find(|gateway| gateway.name() == dialect)?;
        Some((endpoint.to_owned(), Arc::clone(gateway)))
    };
    let by_endpoint: HashMap<String, Arc<dyn Gateway>> =
        config.endpoint_dialects().filter_map(of_endpoint).collect();
    let first = gateways.first().ok_or_else(|| {
        ConfigError::invalid("rule", "the configuration", "texts are answered, and no gateway is on")
    })?;
    let breakers = Arc::clone(store) as Arc<dyn BreakerStore>;
    let routes = AnswerRoutes::new(Arc::clone(first), by_endpoint, &breakers, &config.fingerprint_key()?);
    Ok(Answers::new(replies, ledger.clone(), OwnNumbers::new(config.own_numbers()), routes))
}
