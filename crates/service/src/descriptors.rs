//! File descriptors: what the operating system lets a server hold open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is left for everything that is no connection: Redis, files, the runtime, the other listener.
const RESERVED: u64 = 512;

/// Raises the soft limit (`ulimit -n`) to the hard one, and gives how many of `wanted` connections it allows. A
/// soft limit is a courtesy to programs that use `select`, and no decision of an operator.
#[must_use]
pub fn connections(wanted: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    fitting(wanted, if raised.is_ok() { maximum } else { current })
}

/// No limit is written as none.
fn fitting(wanted: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return wanted };
    // Under a limit that leaves nothing, half of it is still something.
    let allowed = limit.saturating_sub(RESERVED).max(limit / 2);
    wanted.min(usize::try_from(allowed).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        assert_eq!(fitting(4096, None), 4096);
        assert_eq!(fitting(4096, Some(1_048_576)), 4096);
        assert_eq!(fitting(4096, Some(4096)), 3584);
        assert_eq!(fitting(4096, Some(256)), 128);
    }

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let lower = current.or(maximum).map(|limit| limit.min(1024));
        setrlimit(Resource::Nofile, Rlimit { current: lower, maximum }).unwrap();
        let _ = connections(1);
        assert_eq!(getrlimit(Resource::Nofile).current, maximum);
    }
}
