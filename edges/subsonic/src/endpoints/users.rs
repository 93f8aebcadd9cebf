//! Users, as an admin keeps them.
//!
//! What this protocol says of a user and we do not have is passed over: an address for letters, and the rights to do
//! what nobody is offered, or what listening brings with it (download, comment, playlist, cover). Two things are refused,
//! because a client that was told "ok" would rely on them: users who may not listen, and passwords that LDAP knows.

use std::sync::Arc;

use catalog::{Action, LibrarySet, Role, User, UserChange};
use store::FolderId;

use crate::auth::decoded;
use crate::call::{Answer, Call, Reader};
use crate::endpoints::account::all_libraries;
use crate::error::{Error, ErrorKind};
use crate::list::Keyed;
use crate::model::{Account, Bare};
use crate::reply::Writer;

/// `getUsers`: everybody.
pub(crate) async fn users(call: Call) -> Answer {
    let libraries: Arc<[_]> = all_libraries(&call).await?.into();
    let read = |reader: Reader, after: Option<String>, rows| async move {
        reader.catalog.users(after.as_deref(), rows).await
    };
    let show = move |out: &mut Writer, user: &User| out.row(&Account::of(user, &libraries));
    let rows = Keyed::new(&call.reader()?, read, |user: &User| user.name.clone(), show);
    call.list("users", &Bare {})?.part("user", rows).answer().await
}

/// `createUser`: a user who may what the parameters say, and no more.
pub(crate) async fn create(call: Call) -> Answer {
    let (name, password) = (call.params.text("username")?, decoded(call.params.text("password")?));
    let change = change(&call).await?;
    // What is not said is not given, but for the libraries, of which all are seen.
    let first = UserChange {
        role: change.role.or(Some(Role::User)),
        upload: change.upload.or(Some(false)),
        transform: change.transform.or(Some(false)),
        share: change.share.or(Some(false)),
        ..change
    };
    let hash = call.face.parts.sign_in.hash_password(&password).await?;
    call.catalog().add_user_who(&name, &hash, &first).await?;
    call.format.empty()
}

/// `updateUser`: changes what is given, all of it or nothing, and leaves the rest.
pub(crate) async fn update(call: Call) -> Answer {
    let user = anybody(&call, &call.params.text("username")?).await?;
    let change = change(&call).await?;
    let sign_in = &call.face.parts.sign_in;
    let hash = match call.params.get("password") {
        Some(password) => Some(sign_in.hash_password(&decoded(password)).await?),
        None => None,
    };
    call.catalog().change_user_and_password(user.id, &change, hash.as_deref()).await?;
    sign_in.forget_user(user.id);
    call.format.empty()
}

/// `deleteUser`: a user with everything that is his alone. Nobody removes himself.
pub(crate) async fn delete(call: Call) -> Answer {
    let user = anybody(&call, &call.params.text("username")?).await?;
    if user.id == call.user()?.id {
        return Err(Error::new(ErrorKind::NotAllowed, "Nobody can remove himself"));
    }
    call.catalog().remove_user(user.id).await?;
    call.face.parts.sign_in.forget_user(user.id);
    call.format.empty()
}

/// The user of that name, who for all but admins is oneself: others are not told who there is.
pub(crate) async fn anybody(call: &Call, name: &str) -> Result<User, Error> {
    let asking = call.user()?;
    if name.eq_ignore_ascii_case(&asking.name) {
        return Ok(asking.clone());
    }
    call.require(Action::Administer)?;
    call.catalog().user_named(name).await?.ok_or_else(|| Error::not_found("No such user"))
}

/// What the parameters say of a user.
async fn change(call: &Call) -> Result<UserChange, Error> {
    let params = &call.params;
    if params.optional_flag("ldapAuthenticated")? == Some(true) {
        return Err(Error::bad("ldapAuthenticated", "false: passwords are known here and nowhere else"));
    }
    if params.optional_flag("streamRole")? == Some(false) {
        return Err(Error::bad("streamRole", "true: every user of this server may listen"));
    }
    let role = |is_admin| if is_admin { Role::Admin } else { Role::User };
    let limit = |kbps| u32::try_from(kbps).ok().filter(|kbps| *kbps > 0);
    Ok(UserChange {
        role: params.optional_flag("adminRole")?.map(role),
        upload: params.optional_flag("uploadRole")?,
        transform: params.optional_flag("videoConversionRole")?,
        share: params.optional_flag("shareRole")?,
        libraries: libraries(call).await?,
        max_bitrate_kbps: params.optional_number("maxBitRate")?.map(limit),
    })
}

/// The libraries that the parameters name. Who is given each of them sees all, also those that come later: clients send
/// back what they were shown, and that is how somebody who sees all is shown.
async fn libraries(call: &Call) -> Result<Option<LibrarySet>, Error> {
    let bad = |_| Error::bad("musicFolderId", "the number of a library");
    let named = call.params.bounded("musicFolderId", |text| text.parse().map(FolderId).map_err(bad))?;
    if named.is_empty() {
        return Ok(None);
    }
    let all = all_libraries(call).await?;
    if named.iter().any(|id| all.iter().all(|library| library.id != *id)) {
        return Err(Error::not_found("No such library"));
    }
    let is_all = all.iter().all(|library| named.contains(&library.id));
    Ok(Some(if is_all { LibrarySet::All } else { LibrarySet::Only(named) }))
}
