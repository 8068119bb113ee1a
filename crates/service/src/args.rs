//! The command line, as far as all binaries agree.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::config::{Config, ConfigError, environment};
use crate::exit;

/// What every binary takes; put it into its own arguments with `#[command(flatten)]`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CommonArgs {
    /// The configuration file [default: $TEXTPROOF_CONFIG, else ./textproof.toml if there is one]
    // Not `env = …`: an empty variable counts as unset, and Config::load looks at it anyway.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

impl CommonArgs {
    /// Loads the configuration from the file that was named, and from the process's environment.
    ///
    /// # Errors
    /// [`ConfigError`] as of [`Config::load`].
    pub fn load_config(&self) -> Result<Config, ConfigError> {
        Config::load(self.config.as_deref(), environment())
    }
}

/// Parses the process's arguments. `Err` holds the status to exit with at once: 0 after `--help` and
/// `--version`, 64 after a mistake; what there is to say has been said.
///
/// # Errors
/// The exit status.
pub fn parse<A: Parser>() -> Result<A, ExitCode> {
    parse_from(std::env::args_os())
}

fn parse_from<A: Parser>(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<A, ExitCode> {
    A::try_parse_from(arguments).map_err(|error| {
        // Nobody is left to tell when stdout or stderr is closed.
        let _ = error.print();
        ExitCode::from(status(error.kind()))
    })
}

fn status(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
        _ => exit::CONFIGURATION,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    #[command(version)]
    struct Arguments {
        #[command(flatten)]
        common: CommonArgs,
    }

    fn parsed(arguments: &[&str]) -> Result<Arguments, String> {
        let arguments = ["binary"].iter().chain(arguments).map(Into::into);
        parse_from(arguments).map_err(|code| format!("{code:?}"))
    }

    #[test]
    fn help_and_version_are_no_mistakes() {
        for asked in ["--help", "--version"] {
            assert_eq!(parsed(&[asked]).unwrap_err(), format!("{:?}", ExitCode::SUCCESS));
        }
    }

    #[test]
    fn a_mistake_is_a_configuration_error() {
        for wrong in ["--confg", "--config", "surplus"] {
            assert_eq!(parsed(&[wrong]).unwrap_err(), format!("{:?}", ExitCode::from(64)));
        }
    }

    #[test]
    fn a_configuration_file_can_be_named() {
        let arguments = parsed(&["--config", "a.toml"]).unwrap();
        assert_eq!(arguments.common.config, Some("a.toml".into()));
        assert!(arguments.common.load_config().is_err());
    }
}
