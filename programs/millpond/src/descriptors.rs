//! How many files and sockets this process may have open, and how that number is shared out.

use budget::limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one and returns what holds then.
pub(crate) fn raise() -> u64 {
    let before = getrlimit(Resource::Nofile);
    if before.current != before.maximum {
        // A system that refuses leaves the old limit, which is what is returned then.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: before.maximum, maximum: before.maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Who may have how many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Files kept open for the next request.
    pub(crate) open_files: usize,
    /// Connections, each of which may read one file.
    pub(crate) connections: usize,
}

/// Shares out `limit` descriptors; `connections` and `streams` are the keys `limits.connections` and `limits.streams`, of
/// which 0 is no limit. A connection can have a file for itself, but no more of them than there may be streams. What is kept
/// open otherwise is set aside, and a quarter at most, so that a small limit has connections too.
pub(crate) fn share(limit: u64, connections: usize, streams: usize) -> Shares {
    let open_files = limits::OPEN_FILES_MAX.min(usize::try_from(limit / 4).unwrap_or(usize::MAX));
    let cached = limits::DESCRIPTORS_CACHED.min(limit / 4);
    let rest = limit.saturating_sub(limits::DESCRIPTORS_RESERVED + cached).saturating_sub(open_files as u64);
    let files = if streams == 0 { rest / 2 } else { (rest / 2).min(streams as u64) };
    let bound = usize::try_from(rest - files).unwrap_or(usize::MAX).max(1);
    let connections = if connections == 0 { bound } else { connections.min(bound) };
    Shares { open_files, connections }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_starts_whatever_the_ceilings_are() {
        let check = |limit, (connections, streams), expected| {
            let shares = share(limit, connections, streams);
            assert_eq!((shares.open_files, shares.connections), expected, "{connections} of {limit}");
        };
        check(1_048_576, (16_384, 8_192), (1_024, 16_384));
        check(1_048_576, (0, 0), (1_024, 522_483));
        check(20_000, (16_384, 0), (1_024, 8_195));
        check(20_000, (16_384, 8_192), (1_024, 8_198));
        check(20_000, (16_384, 100), (1_024, 16_290));
        check(1_024, (16_384, 8_192), (256, 224));
        check(1_024, (100, 100), (256, 100));
        check(10, (1_000_000, 1), (2, 1));
        assert!(raise() > 0);
    }
}
