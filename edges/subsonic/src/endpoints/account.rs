//! One's own account: who one is, the password, whose key it is.

use catalog::{INSTRUMENTALS, LibraryRow, LibrarySet, Viewer};
use serde::Serialize;

use crate::auth::decoded;
use crate::call::{Answer, Call};
use crate::endpoints::users::anybody;
use crate::error::Error;
use crate::model::Account;

/// `getUser`: oneself, or for an admin anybody. Without a name it is oneself.
pub(crate) async fn user(call: Call) -> Answer {
    let user = match call.params.get("username") {
        Some(name) => anybody(&call, &name).await?,
        None => call.user()?.clone(),
    };
    let libraries = all_libraries(&call).await?;
    call.one("user", &Account::of(&user, &libraries))
}

/// Every library, whoever sees it: their numbers say what a user who sees all of them sees.
pub(crate) async fn all_libraries(call: &Call) -> Result<Vec<LibraryRow>, Error> {
    let viewer = Viewer { libraries: LibrarySet::All, ..call.viewer()? };
    let mut libraries = call.catalog().libraries(&viewer).await?;
    // It is given to nobody: who sees a song sees its instrumental.
    libraries.retain(|library| library.id != INSTRUMENTALS);
    Ok(libraries)
}

/// `changePassword`: one's own, or for an admin anybody's. It ends the user's sessions; keys and app passwords stay.
pub(crate) async fn change_password(call: Call) -> Answer {
    let name = call.params.text("username")?;
    let password = decoded(call.params.text("password")?);
    let user = anybody(&call, &name).await?;
    let sign_in = &call.face.parts.sign_in;
    let hash = sign_in.hash_password(&password).await?;
    call.catalog().set_password_hash(user.id, &hash).await?;
    sign_in.forget_user(user.id);
    call.format.empty()
}

/// `tokenInfo`: whose API key it is; part of `apiKeyAuthentication`.
pub(crate) async fn token_info(call: Call) -> Answer {
    #[derive(Serialize)]
    struct TokenInfo<'a> {
        username: &'a str,
    }
    call.one("tokenInfo", &TokenInfo { username: &call.user()?.name })
}
