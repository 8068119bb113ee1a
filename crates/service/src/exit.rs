//! Exit statuses: 0 done, 1 refused, 2 fault, 64 configuration.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use crate::args;
use crate::config::ConfigError;

/// The request was understood and refused: a wrong code, a send that was not allowed.
pub const REFUSED: u8 = 1;
/// Something that was needed failed: Redis, a gateway, a port.
pub const FAULT: u8 = 2;
/// The configuration or the command line is wrong (`EX_USAGE` of sysexits.h).
pub const CONFIGURATION: u8 = 64;

/// Blocking work that is still running when `main` has ended is left behind after this time.
const BACKGROUND_DEADLINE: Duration = Duration::from_secs(1);

/// Parses the command line and runs `body` with it; a mistake there is said by the parser.
pub fn main<A, F>(body: impl FnOnce(A) -> F) -> ExitCode
where
    A: clap::Parser,
    F: Future<Output = anyhow::Result<ExitCode>>,
{
    match args::parse::<A>() {
        Ok(arguments) => run(body(arguments)),
        Err(code) => code,
    }
}

/// Runs `main` on a multi-threaded runtime. An error becomes one line on stderr, and the status 64 when a
/// [`ConfigError`] is anywhere in its chain, else 2.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     textproof_service::exit::run(async { Ok(ExitCode::SUCCESS) })
/// }
/// ```
pub fn run(main: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&anyhow::Error::from(error).context("the runtime does not start")),
    };
    let ended = runtime.block_on(main);
    runtime.shutdown_timeout(BACKGROUND_DEADLINE);
    ended.unwrap_or_else(|error| report(&error))
}

/// Writes the error to stderr as one line, whatever its sources hold, and gives its exit status.
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("{}", one_line(&format!("{error:#}")));
    ExitCode::from(status(error))
}

fn status(error: &anyhow::Error) -> u8 {
    match error.chain().any(<dyn Error>::is::<ConfigError>) {
        true => CONFIGURATION,
        false => FAULT,
    }
}

pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_configuration_error_is_known_under_any_context() {
        let error = ConfigError::invalid("otp.ttl_seconds", "textproof.toml", "must be a whole number");
        let wrapped = Err::<(), _>(error).context("starting").context("worker").unwrap_err();
        assert_eq!(status(&wrapped), CONFIGURATION);
        assert_eq!(status(&anyhow::anyhow!("no Redis")), FAULT);
    }

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(one_line("first\n  second\r\nthird"), "first second third");
    }

    #[test]
    fn the_status_of_main_is_passed_on() {
        let code = run(async { Ok(ExitCode::from(REFUSED)) });
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(REFUSED)));
    }
}
