//! What the name of a server means: asked once for each connection, on threads of its own.

use std::net::{IpAddr, ToSocketAddrs};

use budget::limits::{NAME_ADDRESSES_MAX, NAME_THREADS_MAX};

use super::threads::Threads;
use super::trouble::{Trouble, TroubleKind};
use crate::error::Error;

/// Who knows the addresses of names.
pub(crate) struct Names(Who);

enum Who {
    /// The system, whose answer a thread must wait for.
    System(Threads),
    #[cfg(test)]
    Test(Box<MadeUp>),
}

/// Names of a test.
#[cfg(test)]
type MadeUp = dyn Fn(&str) -> Vec<IpAddr> + Send + Sync;

impl Names {
    /// The names that the system knows.
    pub(crate) fn system() -> Result<Self, Error> {
        Ok(Names(Who::System(Threads::new("millpond-names", NAME_THREADS_MAX)?)))
    }

    /// The names that a test makes up.
    #[cfg(test)]
    pub(crate) fn test(names: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Self {
        Names(Who::Test(Box::new(names)))
    }

    /// The first [`NAME_ADDRESSES_MAX`] addresses of a name, at least one.
    pub(crate) async fn find(&self, name: &str) -> Result<Vec<IpAddr>, Trouble> {
        let found = match &self.0 {
            Who::System(threads) => {
                let asked = name.to_owned();
                let find = move || -> std::io::Result<Vec<IpAddr>> {
                    let found = (asked, 0).to_socket_addrs()?;
                    Ok(found.map(|found| found.ip()).take(NAME_ADDRESSES_MAX).collect())
                };
                let found = threads.handle().spawn_blocking(find).await.map_err(std::io::Error::other);
                found.flatten().map_err(|e| {
                    Trouble::caused(TroubleKind::Name, &format!("the name {name} is not found"), &e)
                })?
            }
            #[cfg(test)]
            Who::Test(names) => names(name),
        };
        if found.is_empty() {
            return Err(Trouble::new(TroubleKind::Name, format!("the name {name} has no address")));
        }
        Ok(found)
    }
}
