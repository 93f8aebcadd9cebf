//! The one table of who may do what. Every route of every face names its [`Action`]; [`judge`] is asked before the
//! handler runs. What a reader sees within a list is the [`Viewer`]'s, applied inside each query.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::model::{LibrarySet, Rights, Role, UPLOADS, User, UserId};

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// See that the server is there: `/`, `/health`, the API description, sign-in itself.
    Knock,
    /// Browse, search, play and annotate what the viewer sees.
    Listen,
    /// Read and change one's own account: keys, app passwords, sessions.
    OwnAccount,
    /// Change a track: its owner, else an admin.
    ChangeTrack {
        /// The owner, if it has one.
        owner: Option<UserId>,
    },
    /// Change or remove a playlist: its owner, else an admin, of those that he sees.
    ChangePlaylist {
        /// The owner.
        owner: UserId,
    },
    /// Follow a podcast no longer, or remove what came of it: who asked for the podcast, else an admin.
    ChangePodcast {
        /// Who asked for it, if he is still there.
        owner: Option<UserId>,
    },
    /// Send files.
    Upload,
    /// Ask for renditions.
    Transform,
    /// Make links for others.
    Share,
    /// Metrics, users, scans, settings.
    Administer,
}

/// What the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Allowed,
    /// Prove who you are first: 401.
    SignIn,
    /// Known, and not allowed: 403.
    Denied,
}

/// What a route asks for, as its row in a face's table. Owners are known only once the track is read.
pub type Access = Action;

/// Whether `who` may do `action`.
pub fn judge(who: Option<&User>, action: Action) -> Verdict {
    let Some(user) = who else {
        return if action == Action::Knock { Verdict::Allowed } else { Verdict::SignIn };
    };
    let admin = user.role == Role::Admin;
    let Rights { upload, transform, share } = user.rights;
    let allowed = match action {
        Action::Knock | Action::Listen | Action::OwnAccount => true,
        Action::ChangeTrack { owner } => admin || owner == Some(user.id),
        Action::ChangePlaylist { owner } => admin || owner == user.id,
        Action::ChangePodcast { owner } => admin || (upload && owner == Some(user.id)),
        Action::Upload => admin || upload,
        Action::Transform => admin || transform,
        Action::Share => admin || share,
        Action::Administer => admin,
    };
    if allowed { Verdict::Allowed } else { Verdict::Denied }
}

/// Through whose eyes a query looks: it sees tracks of these libraries that are visible to all or his own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Viewer {
    /// Whose play state is joined in.
    pub user: UserId,
    /// Which libraries are visible.
    pub libraries: LibrarySet,
    /// Whether other people's private tracks are visible too: only to an admin who manages one track, never in lists.
    pub manages: bool,
    /// By which of his apps he looks.
    pub app: App,
}

/// One of the apps of a user, as far as one is told from another. It decides nothing of what he sees: two that page through
/// one list at the same time have each a place in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct App(u64);

impl App {
    /// The app that calls itself so.
    pub fn named(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        App(hasher.finish())
    }
}

impl Viewer {
    /// The eyes of a listener, admins included.
    pub fn of(user: &User) -> Self {
        Viewer { user: user.id, libraries: user.libraries.clone(), manages: false, app: App::default() }
    }

    /// The eyes of everybody, whom nobody knows: what users sent and did not make private. No user has this id.
    pub fn everybody() -> Self {
        let libraries = LibrarySet::Only(vec![UPLOADS]);
        Viewer { user: UserId(0), libraries, manages: false, app: App::default() }
    }

    /// The eyes of the server itself and of who has its key, which see all that is in it. No user has this id.
    pub fn server() -> Self {
        Viewer { user: UserId(0), libraries: LibrarySet::All, manages: true, app: App::default() }
    }

    /// The eyes of somebody who manages a track: for an admin, private tracks of others exist.
    pub fn managing(user: &User) -> Self {
        Viewer { manages: user.role == Role::Admin, ..Self::of(user) }
    }

    /// The same eyes by the app of that name.
    #[must_use]
    pub fn by_app(self, name: &str) -> Self {
        Viewer { app: App::named(name), ..self }
    }
}

#[cfg(test)]
mod tests;
