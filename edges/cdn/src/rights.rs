//! Who may see a source, and who may have something made of it.
//!
//! Somebody who signed in sees what the catalog and the list show him, and may have made what the access table allows.
//! A signed address acts as who signed it, for exactly that address: as the user, with the rights that he has now, or as
//! the operator, who may everything. A stream of a track's sound he needs the right to listen for, and no more: players have
//! as much of it made as they like. What is made already is given to whoever may see the source.

use catalog::{Action, ErrorKind, Identity, User, UserId, Verdict, Viewer, access};

use crate::error::Refused;
use crate::face::{Face, now_ms};
use crate::settings::Sign;
use crate::sign::{BadSignature, Signed};

/// What a request may; by default nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rights {
    /// Through whose eyes sources are looked for.
    pub(crate) viewer: Option<Viewer>,
    /// Whether the address alone gave that, so that any page may use it.
    pub(crate) is_signed: bool,
    /// Whether it may have everything made.
    may_make: bool,
    /// What is wrong with the signature of the address, where there is one that does not count.
    bad: Option<BadSignature>,
}

impl Rights {
    /// What whoever signed in may.
    fn of(who: Option<&Identity>) -> Rights {
        Rights {
            viewer: who.map(Identity::viewer),
            is_signed: false,
            may_make: may(who.map(|who| &*who.user), Action::Transform),
            bad: None,
        }
    }

    /// Whether this may be made.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn to_make(
        &self,
        settings: &crate::Settings,
        is_free: bool,
        is_public: bool,
    ) -> Result<(), Refused> {
        if self.may_make || !Sign::is_needed(settings.sign, is_free, is_public) {
            return Ok(());
        }
        Err(self.bad.map_or_else(|| Refused::Unsigned(settings.ladder.clone()), Refused::Signature))
    }

    /// What somebody is told who may not see a source: what is wrong with his signature, if that is the reason.
    pub(crate) fn explain(&self, refused: Refused) -> Refused {
        match (refused, self.bad) {
            (Refused::SignInNeeded, Some(bad)) => Refused::Signature(bad),
            (refused, _) => refused,
        }
    }
}

fn may(user: Option<&User>, action: Action) -> bool {
    access::judge(user, action) == Verdict::Allowed
}

impl Face {
    /// What a request for this address may. A signature that counts goes before a sign-in, since the address names it; to
    /// count, it must be of somebody who is allowed the `signers` action.
    pub(crate) async fn rights(
        &self,
        path: &str,
        query: &str,
        who: Option<&Identity>,
        signers: Action,
    ) -> Result<Rights, Refused> {
        let checked = match self.parts.signer.check(path, query, now_ms()) {
            Ok(Signed { by: None, .. }) => Ok(Viewer::server()),
            Ok(Signed { by: Some(user), .. }) => self.signer(user, signers).await?,
            Err(BadSignature::Missing) => return Ok(Rights::of(who)),
            Err(bad) => Err(bad),
        };
        Ok(match checked {
            Ok(viewer) => Rights { viewer: Some(viewer), is_signed: true, may_make: true, bad: None },
            Err(bad) => Rights { bad: Some(bad), ..Rights::of(who) },
        })
    }

    /// The eyes of a user who signed, while he may.
    async fn signer(&self, user: UserId, action: Action) -> Result<Result<Viewer, BadSignature>, Refused> {
        match self.parts.sources.catalog().user(user).await {
            Ok(user) if may(Some(&user), action) => Ok(Ok(Viewer::of(&user))),
            Ok(_) => Ok(Err(BadSignature::SignerLost)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Err(BadSignature::SignerLost)),
            Err(e) => Err(e.into()),
        }
    }
}
