//! The operator's tools, one file each.

pub(crate) mod config_check;
pub(crate) mod consent;
pub(crate) mod dead_letters;
pub(crate) mod doctor;
pub(crate) mod erase;
pub(crate) mod lint;
pub(crate) mod phone;
pub(crate) mod printable;
pub(crate) mod quarantine;
pub(crate) mod redeem;
pub(crate) mod risk;
pub(crate) mod send;
pub(crate) mod shards;
pub(crate) mod spool;
pub(crate) mod status;
pub(crate) mod text;
pub(crate) mod token;
pub(crate) mod unlock;
pub(crate) mod verify;
pub(crate) mod verify_signature;

use textproof::{ClientAddress, Otp, PhoneNumber, Purpose};
use textproof_service::{
    assemble,
    config::{Config, ConfigError},
};

/// Nobody's address: whoever has this command has the configuration, too.
const OPERATOR: ClientAddress<'static> = ClientAddress::None { why: "an operator's command" };

/// The code engine of the configuration, on a store that other processes share.
fn otp(config: &Config) -> Result<Otp, ConfigError> {
    let store = assemble::shared_store(config)?;
    let gateways = assemble::gateways(config, &store)?;
    assemble::otp(config, store, gateways)
}

/// What the command line says is wrong there, not in the configuration file.
fn usage(key: &str, problem: impl std::fmt::Display) -> ConfigError {
    ConfigError::invalid(key, "the command line", problem.to_string())
}

/// A phone of the command line that something may be known of, whatever countries codes are sent to: people elsewhere
/// text, too, and from landlines. Without a plus it is read as for codes first, as people write it at home.
fn any_phone(config: &Config, text: &str) -> Result<PhoneNumber, ConfigError> {
    let international = PhoneNumber::parse_international(text);
    if text.trim_start().starts_with('+') {
        return international.map_err(|error| usage("PHONE", error));
    }
    let countries = config.countries();
    let at_home = countries
        .and_then(|countries| PhoneNumber::parse(text, &countries).map_err(|error| usage("PHONE", error)));
    at_home.or_else(|error| international.map_err(|_| error))
}

/// The phone and the purpose of the command line.
fn parsed(otp: &Otp, phone: &str, purpose: &str) -> Result<(PhoneNumber, Purpose), ConfigError> {
    let phone = otp.phone(phone).map_err(|error| usage("PHONE", error))?;
    let purpose = Purpose::new(purpose).map_err(|error| usage("--purpose", error))?;
    Ok((phone, purpose))
}

/// Seconds, rounded up: who waits that long has waited long enough.
fn whole_seconds(wait: std::time::Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
