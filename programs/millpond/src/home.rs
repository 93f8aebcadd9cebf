//! One installation, opened: the data folder, the law, the database, and the keeper of credentials.

use std::path::Path;
use std::sync::Arc;

use budget::{Budget, memory};
use catalog::scan::Inventory;
use catalog::sqlite::Sqlite;
use catalog::{Catalog, SignIn};
use store::{DataFolder, ErrorKind};

use crate::error::{Error, Result};
use crate::settings::Settings;

/// What every command that touches an installation needs.
pub(crate) struct Home {
    /// The data folder; of a server with its lock, which goes with this value.
    pub(crate) data: DataFolder,
    /// The law.
    pub(crate) budget: Budget,
    /// The database, for what only a database of its kind can do.
    pub(crate) sqlite: Arc<Sqlite>,
    /// The same as the faces see it.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// Who somebody is.
    pub(crate) sign_in: SignIn,
}

/// Whether this process wants the data folder for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// To serve it: a second server is refused by name.
    Alone,
    /// To work on it beside a server that may be running.
    Shared,
    /// The same on an installation that is there already: nothing is made.
    Existing,
}

impl Home {
    /// Opens the data folder, then the database.
    ///
    /// # Errors
    /// Each names the folder or key that is wrong and what to do.
    pub(crate) async fn open(settings: &Settings, claim: Claim) -> Result<Home> {
        let limit_bytes = memory::limit_bytes(settings.memory.limit);
        let budget = Budget::new(limit_bytes)
            .map_err(|e| Error::usage(e.to_string()).hint("give the server more: --memory-limit 256MiB"))?;
        let path = settings.data.clone();
        if claim == Claim::Existing && !DataFolder::is_there(&path) {
            let shown = path.display();
            return Err(Error::failed(format!("there is no installation in the data folder {shown}")).hint(format!(
                "`--data DIR` names another; `millpond user add NAME --admin --data {shown}` makes one there"
            )));
        }
        let data =
            tokio::task::spawn_blocking(move || open_data(&path, claim)).await.map_err(task_ended)??;
        let database = data.database();
        let unusable = |e: catalog::Error| {
            Error::failed(format!("the database {} cannot be used: {e}", database.display()))
                .hint("`millpond doctor` looks closer")
        };
        if claim != Claim::Alone && Sqlite::is_behind(&database).await.map_err(unusable)? {
            must_be_unserved(&data)?;
        }
        let sqlite = Sqlite::open(&database).await.map_err(unusable)?;
        let sqlite = Arc::new(sqlite);
        let catalog: Arc<dyn Catalog> = Arc::<Sqlite>::clone(&sqlite);
        let sign_in = SignIn::new(Arc::clone(&catalog), &data.secret(), budget.clone());
        Ok(Home { data, budget, sqlite, catalog, sign_in })
    }

    /// The database as a scan sees it.
    pub(crate) fn inventory(&self) -> Arc<dyn Inventory> {
        Arc::<Sqlite>::clone(&self.sqlite)
    }

    /// Closes the database, so that its write-ahead log is folded in.
    pub(crate) async fn close(self) {
        self.sqlite.close().await;
    }
}

/// A database of an earlier release is brought to this one only while no server uses it: the one that runs was built for
/// the tables as they are.
fn must_be_unserved(data: &DataFolder) -> Result<()> {
    if !data.is_served().map_err(|e| explain(data.path(), &e))? {
        return Ok(());
    }
    Err(Error::failed(format!(
        "the server that runs on data folder {} is of an earlier release, and this command would change its database",
        data.path().display()
    ))
    .hint("restart the server with this release first, or use the command of its release"))
}

/// Opens the data folder. Blocks.
pub(crate) fn open_data(path: &Path, claim: Claim) -> Result<DataFolder> {
    let opened = match claim {
        Claim::Alone => DataFolder::serve(path),
        Claim::Shared | Claim::Existing => DataFolder::share(path),
    };
    opened.map_err(|e| explain(path, &e))
}

/// What a failure of the data folder means to whoever set it up.
fn explain(path: &Path, e: &store::Error) -> Error {
    let error = Error::failed(e.to_string());
    match e.kind {
        ErrorKind::Locked => {
            error.hint("stop that server first, or give this one a data folder of its own: --data DIR")
        }
        ErrorKind::ReadOnly => error.hint(format!(
            "the user that runs millpond must own {}; `--data DIR` names another folder",
            path.display()
        )),
        ErrorKind::Full => error.hint("make room on the disk of the data folder"),
        ErrorKind::NotFound | ErrorKind::NotAFile => error.hint("`--data DIR` names the data folder"),
        ErrorKind::Io
            if e.source.as_ref().is_some_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied) =>
        {
            error.hint(format!("the user that runs millpond must own {}", path.display()))
        }
        ErrorKind::Format
        | ErrorKind::Escapes
        | ErrorKind::Changed
        | ErrorKind::Lost
        | ErrorKind::Broken
        | ErrorKind::Corrupt
        | ErrorKind::Unreachable
        | ErrorKind::Io => error,
    }
}

/// A task that panicked or was cancelled: never expected, and still no reason to panic too.
pub(crate) fn task_ended(e: tokio::task::JoinError) -> Error {
    Error::failed(format!("a task ended early: {e}"))
}
