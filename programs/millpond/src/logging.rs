//! Logs go to standard error: lines for people, or one JSON object per line.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::settings::{Log, LogFormat};

/// Starts logging for the rest of the process.
pub(crate) fn start(log: &Log) {
    // The key was checked when the settings were read.
    let filter = EnvFilter::builder().parse_lossy(&log.level);
    // Whoever read the log may be gone. The complaint about that would go to the same place, and end the task that logged.
    let builder = tracing_subscriber::fmt().log_internal_errors(false);
    let builder = builder.with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => builder.json().init(),
    }
}
