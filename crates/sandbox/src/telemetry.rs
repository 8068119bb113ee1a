//! Logs of the binary: to stderr, filtered by `RUST_LOG`, as text or JSON lines.

use std::{
    env, fmt,
    io::{self, IsTerminal},
};

use tracing_subscriber::EnvFilter;

/// `TEXTPROOF_LOG_FORMAT` or `RUST_LOG` cannot be understood.
#[derive(Debug)]
pub(crate) struct TelemetryError(&'static str);

impl fmt::Display for TelemetryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Starts logging.
pub(crate) fn init() -> Result<(), TelemetryError> {
    let filter = match env::var("RUST_LOG") {
        Ok(directives) if !directives.is_empty() => EnvFilter::try_new(directives)
            .map_err(|_| TelemetryError("RUST_LOG is not a list of log directives"))?,
        _ => EnvFilter::new("info"),
    };
    let colours = io::stderr().is_terminal();
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(io::stderr);
    match env::var("TEXTPROOF_LOG_FORMAT").as_deref() {
        Ok("json") => logs.json().init(),
        Ok("text" | "") | Err(_) => logs.init(),
        Ok(_) => return Err(TelemetryError("TEXTPROOF_LOG_FORMAT must be text or json")),
    }
    Ok(())
}
