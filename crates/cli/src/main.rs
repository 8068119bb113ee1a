//! The `textproof` command: all of it in one process, and the operator's tools.

mod arguments;
mod command;
mod dev;
mod local;
mod output;
mod tour;

use std::process::ExitCode;

use textproof_service::{
    exit,
    telemetry::{self, LogFormat},
};

use crate::arguments::{Arguments, Command, ConfigCommand};

fn main() -> ExitCode {
    exit::main(run)
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { common, json, command } = arguments;
    // A person at a terminal wants the answer; the servers of `dev` speak up when something is wrong.
    let default_filter = if matches!(command, Command::Dev(_)) { "warn" } else { "error" };
    telemetry::init(LogFormat::from_env()?, default_filter)?;
    match command {
        Command::Tour(options) => tour::run(options, json).await,
        Command::Dev(options) => dev::run(options).await,
        Command::Send(options) => command::send::run(&common.load_config()?, options, json).await,
        Command::Text(options) => command::text::run(&common.load_config()?, options, json).await,
        Command::Verify(options) => command::verify::run(&common.load_config()?, options, json).await,
        // Needs no configuration, and must not stumble over a broken one.
        Command::Lint(options) => command::lint::run(&options, json),
        Command::Redeem(options) => command::redeem::run(&common.load_config()?, options, json).await,
        Command::Phone(options) => command::phone::run(&common.load_config()?, options, json).await,
        Command::Unlock(options) => command::unlock::run(&common.load_config()?, options, json).await,
        Command::Erase(options) => command::erase::run(&common.load_config()?, options, json).await,
        Command::Risk(options) => command::risk::run(&common.load_config()?, &options, json),
        Command::Quarantine(quarantine) => {
            command::quarantine::run(&common.load_config()?, quarantine, json).await
        }
        Command::Token => command::token::run(&common.load_config()?, json).await,
        Command::VerifySignature(options) => {
            command::verify_signature::run(&common.load_config()?, &options, json)
        }
        Command::Doctor => command::doctor::run(&common.load_config()?, json).await,
        Command::Consent(command) => command::consent::run(&common.load_config()?, command, json).await,
        Command::Shards(command) => command::shards::run(&common.load_config()?, command, json).await,
        Command::DeadLetters(command) => {
            command::dead_letters::run(&common.load_config()?, command, json).await
        }
        Command::Status(options) => command::status::run(&common.load_config()?, options, json).await,
        Command::Spool(command) => command::spool::run(&common.load_config()?, command, json).await,
        Command::Config(ConfigCommand::Check) => command::config_check::run(&common.load_config()?, json),
    }
}
