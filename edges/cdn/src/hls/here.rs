//! Where a playlist is, and the addresses of what it lists.

use crate::address::CLOUDFLARE;
use crate::options::Spelling;
use crate::sign::{Signed, Signer, unsigned};

/// The place of a playlist. Addresses of its children are relative to it, so that they hold behind any prefix, and say the
/// same options. Where its own address is signed, each of theirs is signed too, by the same and to the same end: the signature
/// of one address is good for no other.
#[derive(Clone)]
pub(crate) struct Here {
    /// Options with commas, and what follows them up to the last slash, in Cloudflare's spelling.
    cloudflare: Option<(String, String)>,
    /// Path of the folder, as clients send it, with its slash at the end.
    folder: String,
    /// From the playlist to that folder.
    up: String,
    query: String,
    signed: Option<(Signer, Signed)>,
}

impl Here {
    /// The place of a playlist with this path and query, as they were sent, and what its address is signed with.
    pub(super) fn of(path: &str, query: &str, signed: Option<(Signer, Signed)>) -> Here {
        let folder = path.get(..path.rfind('/').map_or(0, |at| at + 1)).unwrap_or_default();
        let cloudflare = folder.strip_prefix(CLOUDFLARE).and_then(|rest| rest.split_once('/'));
        Here {
            cloudflare: cloudflare.map(|(options, rest)| (options.to_owned(), rest.to_owned())),
            folder: folder.to_owned(),
            up: String::new(),
            // An address stands between these marks in a playlist.
            query: unsigned(query).replace('"', "%22"),
            signed,
        }
    }

    /// The same for the video of another width.
    pub(super) fn with_width(&self, width: u64) -> Here {
        let with = |options: &str, separator: &str| {
            let separator = if options.is_empty() { "" } else { separator };
            format!("{options}{separator}width={width}")
        };
        let Some((options, rest)) = &self.cloudflare else {
            return Here { query: with(&self.query, "&"), ..self.clone() };
        };
        let options = with(options, ",");
        let beneath = format!("{options}/{rest}");
        Here {
            folder: format!("{CLOUDFLARE}{beneath}"),
            up: format!("{}{beneath}", "../".repeat(beneath.matches('/').count())),
            cloudflare: Some((options, rest.clone())),
            ..self.clone()
        }
    }

    /// Which table of options holds here.
    pub(super) fn spelling(&self) -> Spelling {
        if self.cloudflare.is_some() { Spelling::Cloudflare } else { Spelling::Query }
    }

    /// The options as they are written here.
    pub(super) fn options(&self) -> &str {
        self.cloudflare.as_ref().map_or(&self.query, |(options, _)| options)
    }

    /// The path of a file beside the playlist, from the root.
    pub(super) fn place(&self, name: &str) -> String {
        format!("{}{}", self.folder, self.child(name))
    }

    /// The address of a file beside the playlist.
    pub(crate) fn child(&self, name: &str) -> String {
        let separator = if self.query.is_empty() { "" } else { "?" };
        let Some((signer, signed)) = &self.signed else {
            return format!("{}{name}{separator}{}", self.up, self.query);
        };
        let whole = signer.sign_as(&format!("{}{name}{separator}{}", self.folder, self.query), *signed);
        format!("{}{}", self.up, whole.get(self.folder.len()..).unwrap_or_default())
    }
}
