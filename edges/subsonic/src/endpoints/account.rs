//! Users, as far as this protocol may see them.

use catalog::{Action, LibrarySet, Role, User, Viewer};
use serde::Serialize;

use crate::call::{Answer, Call};
use crate::error::Error;

/// What a user may do, in the protocol's words. Only what works over this protocol is said to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    username: &'a str,
    scrobbling_enabled: bool,
    admin_role: bool,
    settings_role: bool,
    download_role: bool,
    upload_role: bool,
    playlist_role: bool,
    cover_art_role: bool,
    comment_role: bool,
    podcast_role: bool,
    stream_role: bool,
    jukebox_role: bool,
    share_role: bool,
    video_conversion_role: bool,
    folder: Vec<i64>,
}

/// `getUser`: oneself, or for an admin anybody. Without a name it is oneself.
pub(crate) async fn user(call: Call) -> Answer {
    let asking = call.user()?;
    let other;
    let user = match call.params.get("username") {
        Some(name) if !name.eq_ignore_ascii_case(&asking.name) => {
            call.require(Action::Administer)?;
            let found = call.catalog().user_named(&name).await?;
            other = found.ok_or_else(|| Error::not_found("No such user"))?;
            &other
        }
        _ => asking,
    };
    let folder = folders(&call, user).await?;
    let shown = Shown {
        username: &user.name,
        scrobbling_enabled: true,
        admin_role: user.role == Role::Admin,
        settings_role: false,
        download_role: true,
        upload_role: user.role == Role::Admin || user.rights.upload,
        playlist_role: false,
        cover_art_role: false,
        comment_role: true,
        podcast_role: false,
        stream_role: true,
        jukebox_role: false,
        share_role: false,
        video_conversion_role: false,
        folder,
    };
    call.one("user", &shown)
}

async fn folders(call: &Call, user: &User) -> Result<Vec<i64>, Error> {
    match &user.libraries {
        LibrarySet::Only(folders) => Ok(folders.iter().map(|folder| folder.0).collect()),
        LibrarySet::All => {
            let libraries = call.catalog().libraries(&Viewer::of(user)).await?;
            Ok(libraries.iter().map(|library| library.id.0).collect())
        }
    }
}

/// `tokenInfo`: whose API key it is; part of `apiKeyAuthentication`.
pub(crate) async fn token_info(call: Call) -> Answer {
    #[derive(Serialize)]
    struct TokenInfo<'a> {
        username: &'a str,
    }
    call.one("tokenInfo", &TokenInfo { username: &call.user()?.name })
}
