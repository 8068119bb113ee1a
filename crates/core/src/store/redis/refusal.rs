//! Refusals by which a server says that it has not run a command, or that it is not what it was.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// True when a cluster puts the call off or sends it elsewhere, or a server is no primary, or not yet: it has surely
/// not run.
pub(super) fn has_not_run(error: &RedisError) -> bool {
    use ServerErrorKind::{Ask, ClusterDown, Moved, TryAgain};
    let elsewhere = matches!(error.kind(), ErrorKind::Server(Moved | Ask | TryAgain | ClusterDown));
    elsewhere || is_loading(error) || is_read_only(error)
}

/// True when the server reads its data from disk.
pub(super) fn is_loading(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::BusyLoading)
}

/// True when the server is a replica: it refuses writes, or has lost its primary.
pub(super) fn is_read_only(error: &RedisError) -> bool {
    // Redis 6.2 tells of a script that was not allowed to write in the text of a general error.
    let in_a_script = || error.detail().is_some_and(|detail| detail.contains("-READONLY "));
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
        || in_a_script()
}

/// True when the server was a primary and is one no longer: it is read only, or ended a wait because it became so.
pub(super) fn is_demoted(error: &RedisError) -> bool {
    is_read_only(error) || error.code() == Some("UNBLOCKED")
}

/// The server is no primary, though it should be.
pub(super) fn no_primary(role: &str) -> RedisError {
    let text = "this server is no primary; it calls itself";
    (ErrorKind::Server(ServerErrorKind::ReadOnly), text, role.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(kind: ErrorKind, detail: &str) -> RedisError {
        (kind, "refused", detail.to_owned()).into()
    }

    #[test]
    fn a_replica_is_told_from_a_script_that_failed() {
        let general = ErrorKind::Server(ServerErrorKind::ResponseError);
        let script = "Error running script (call to f_1): @user_script:3: -READONLY You can't write";
        assert!(is_read_only(&refused(general, script)) && has_not_run(&refused(general, script)));
        assert!(!has_not_run(&refused(general, "Error running script: WRONGTYPE")));
        assert!(!has_not_run(&refused(ErrorKind::Io, "broken pipe")), "a lost reply says nothing");
        assert!(is_demoted(&no_primary("slave")));
    }
}
