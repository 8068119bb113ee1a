//! What a process has used, as the system tells it: `/proc`.

use std::time::Duration;

use anyhow::Context as _;

/// Linux counts CPU time in these, on every machine.
const TICK: Duration = Duration::from_millis(10);

/// The memory of a process in kilobytes, code in use included.
///
/// # Errors
/// When it has ended, or the system has no `/proc`.
pub fn resident_kb(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The CPU time that all threads of a process have had. It tells two builds apart where a busy machine's clock
/// does not.
///
/// # Errors
/// When it has ended, or the system has no `/proc`.
pub fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold blanks; user and system time are the 14th and 15th field.
    let (_, fields) = stat.rsplit_once(") ").context("no name")?;
    let mut fields = fields.split(' ').skip(11);
    let mut ticks = || anyhow::Ok(fields.next().context("too few fields")?.parse::<u32>()?);
    Ok(TICK * (ticks()? + ticks()?))
}
