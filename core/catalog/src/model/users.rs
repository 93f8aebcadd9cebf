//! Users: what they are, may do and see.

use store::FolderId;

use super::{UnixMs, UserId};

/// What a user is to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May do everything but listen to other people's private tracks.
    Admin,
    /// May do what the rights say.
    User,
}

/// What a user may do beyond listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// May send files.
    pub upload: bool,
    /// May ask for renditions.
    pub transform: bool,
    /// May make links for others.
    pub share: bool,
}

impl Default for Rights {
    fn default() -> Self {
        Rights { upload: true, transform: true, share: true }
    }
}

/// Which libraries a user sees.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LibrarySet {
    /// Every library, also those that come later.
    All,
    /// These alone.
    Only(Vec<FolderId>),
}

/// A user without any secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// The name to sign in with; unique without regard to ASCII case.
    pub name: String,
    /// Admin or user.
    pub role: Role,
    /// What else.
    pub rights: Rights,
    /// What is visible.
    pub libraries: LibrarySet,
    /// No sound is sent to this user with more; `None` is no limit.
    pub max_bitrate_kbps: Option<u32>,
    /// Since when.
    pub created: UnixMs,
}

/// What changes of a user; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// Admin or user.
    pub role: Option<Role>,
    /// Whether files may be sent.
    pub upload: Option<bool>,
    /// Whether renditions may be asked for.
    pub transform: Option<bool>,
    /// Whether links may be made for others.
    pub share: Option<bool>,
    /// What is visible.
    pub libraries: Option<LibrarySet>,
    /// The highest bitrate of sound, in thousands of bits per second, at least 1; `Some(None)` takes the limit away.
    pub max_bitrate_kbps: Option<Option<u32>>,
}

impl UserChange {
    /// A change of the role alone.
    pub fn role(role: Role) -> Self {
        UserChange { role: Some(role), ..Self::default() }
    }

    /// A change of the libraries alone.
    pub fn libraries(libraries: LibrarySet) -> Self {
        UserChange { libraries: Some(libraries), ..Self::default() }
    }

    /// The same change, and exactly these rights.
    pub fn with_rights(self, rights: Rights) -> Self {
        let Rights { upload, transform, share } = rights;
        UserChange { upload: Some(upload), transform: Some(transform), share: Some(share), ..self }
    }

    /// The user as the change makes him.
    pub(crate) fn of(&self, user: &User) -> User {
        User {
            role: self.role.unwrap_or(user.role),
            rights: Rights {
                upload: self.upload.unwrap_or(user.rights.upload),
                transform: self.transform.unwrap_or(user.rights.transform),
                share: self.share.unwrap_or(user.rights.share),
            },
            libraries: self.libraries.clone().unwrap_or_else(|| user.libraries.clone()),
            max_bitrate_kbps: self.max_bitrate_kbps.unwrap_or(user.max_bitrate_kbps),
            ..user.clone()
        }
    }
}
