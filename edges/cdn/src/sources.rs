//! From what an address says of a source to the source: the operator's list, and the catalog for tracks and videos.
//!
//! A path is compared with the beginnings of the list, and what follows is a name beneath a folder, at a server or in a
//! bucket; it is never opened as it came. Of several origins with one path the next is asked when one has no such file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use budget::limits::{ORIGIN_FILES_OPEN_MAX, PROXY_CONNECTIONS_MAX, STALE_MS};
use catalog::{Catalog, Track, TrackId, Viewer};
use data_encoding::HEXLOWER;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use store::{
    ErrorKind, FolderId, Folders, Private, RelPath, RemoteAuth, RemoteBelief, RemoteBeliefs, RemoteOrigin,
    RemotePath, RemoteSettings, Remotes, S3Settings, Shelf,
};
use transform::{Lifetimes, Material, Select};

use crate::address::SourceAt;
use crate::error::Refused;
use crate::options::Asked;
use crate::rights::Rights;
use crate::settings::{Auth, Origin, Place, Settings};

/// A source that was found, and who may see it.
pub(crate) struct Found {
    pub(crate) material: Material,
    /// Whether everybody may see it.
    pub(crate) is_public: bool,
    /// Its media type, for who wants it as it is.
    pub(crate) content_type: String,
    /// What the request may that found it.
    pub(crate) rights: Rights,
    /// Whom to ask whether it is still so, when that was not asked lately and nobody does.
    pub(crate) again: Option<(RemoteOrigin, RemotePath)>,
}

impl Found {
    /// Whether the address alone gives it, so that pages of every origin may read it.
    pub(crate) fn is_open(&self) -> bool {
        self.is_public || self.rights.is_signed
    }

    /// What something is made of, with the tags of how it was asked for.
    pub(crate) fn tagged(&self, asked: &Asked) -> Material {
        let mut material = self.material.clone();
        material.tags.extend(asked.preset.iter().map(|preset| format!("derivative:{preset}")));
        material
    }
}

/// An origin whose every request is passed on.
pub(crate) struct Proxied<'a> {
    pub(crate) origin: &'a Arc<Origin>,
    pub(crate) remote: &'a RemoteOrigin,
    /// What of the path is its own.
    pub(crate) rest: &'a str,
}

/// An origin at another server, ready to be asked.
struct Dialled {
    origin: Arc<Origin>,
    remote: RemoteOrigin,
}

/// All origins of the configuration, ready to be asked.
pub struct Sources {
    settings: Settings,
    folders: Folders,
    dialled: BTreeMap<String, Dialled>,
    catalog: Arc<dyn Catalog>,
    shelf: Shelf,
}

impl Sources {
    /// Opens the folders and makes ready the servers of the list; no server is asked for anything yet. Blocks for a
    /// moment. `variable` is where keys of buckets come from that the list does not name.
    ///
    /// # Errors
    /// A folder that cannot be opened, or settings of an origin that make no sense, by its name.
    pub fn open(
        settings: Settings,
        remotes: Option<&Remotes>,
        catalog: Arc<dyn Catalog>,
        shelf: Shelf,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Sources, String> {
        let folders = Folders::new(ORIGIN_FILES_OPEN_MAX);
        let roots: Vec<(FolderId, PathBuf)> = (0..)
            .zip(&settings.origin)
            .filter_map(|(number, origin)| match origin.place()? {
                Place::Folder(path) => Some((FolderId(number), path.clone())),
                _ => None,
            })
            .collect();
        if let Some((folder, error)) = folders.set(roots).into_iter().next() {
            let name =
                usize::try_from(folder.0).ok().and_then(|at| settings.origin.get(at)).map(|o| &*o.name);
            return Err(format!("cdn.origin {}: {error}", name.unwrap_or_default()));
        }
        let mut dialled = BTreeMap::new();
        for origin in &settings.origin {
            if let (Some(remote), Some(remotes)) = (remote(origin, &variable)?, remotes) {
                let remote = RemoteOrigin::new(remotes, &remote)
                    .map_err(|e| format!("cdn.origin {}: {e}", origin.name))?;
                let origin = Arc::new(origin.clone());
                dialled.insert(origin.name.clone(), Dialled { origin, remote });
            }
        }
        Ok(Sources { settings, folders, dialled, catalog, shelf })
    }

    /// What the operator says.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The origins that a path's every request is passed on to, in their order.
    pub(crate) fn proxied<'a>(&'a self, path: &'a str) -> Vec<Proxied<'a>> {
        let mut origins: Vec<_> = self.settings.origins_of(path).collect();
        if origins.is_empty() {
            let roots = self.settings.origin.iter().filter(|origin| origin.path == path);
            origins.extend(roots.map(|origin| (origin, "")));
        }
        let proxied = origins.into_iter().map_while(|(origin, rest)| {
            let Dialled { origin, remote } = self.dialled.get(&origin.name).filter(|_| origin.proxy)?;
            Some(Proxied { origin, remote, rest })
        });
        proxied.collect()
    }

    /// Who somebody is, and what he sees.
    pub(crate) fn catalog(&self) -> &dyn Catalog {
        &*self.catalog
    }

    /// Forgets what is believed of the sources that a purge means, so that they are looked at again.
    pub(crate) async fn disbelieve(&self, what: &Select) {
        for (name, Dialled { remote, .. }) in &self.dialled {
            match what {
                Select::Path { origin, path } if origin == name => {
                    if let Ok(path) = RelPath::parse(path) {
                        remote.forget(&RemotePath::of(path)).await;
                    }
                    // Those that differ from it by a query are not known by their names.
                    remote.forget_all();
                }
                Select::Path { .. } | Select::Older(_) => {}
                Select::Prefix { origin, .. } if origin != name => {}
                // Which sources these are is not known here.
                Select::Key(_) | Select::Tag(_) | Select::Prefix { .. } | Select::All => remote.forget_all(),
            }
        }
    }

    /// Finds a source that somebody with these eyes may see.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) async fn find(&self, at: &SourceAt<'_>, who: Option<&Viewer>) -> Result<Found, Refused> {
        self.look(at, who, false).await
    }

    /// The same, if need be as it was known last.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) async fn find_known(&self, at: &SourceAt<'_>, who: Option<&Viewer>) -> Result<Found, Refused> {
        self.look(at, who, true).await
    }

    async fn look(
        &self,
        at: &SourceAt<'_>,
        who: Option<&Viewer>,
        known_will_do: bool,
    ) -> Result<Found, Refused> {
        match at {
            SourceAt::Media(id) => self.track(&*self.seen(id, who).await?).await,
            SourceAt::Path(path) => self.listed(path, who, known_will_do).await,
            SourceAt::Url(url) => {
                let found =
                    self.settings.origin.iter().find_map(|origin| Some((origin, below(origin, url)?)));
                let (origin, rest) = found.ok_or(Refused::NotListed)?;
                self.of(origin, 0, rest, who, known_will_do).await
            }
        }
    }

    async fn seen(&self, id: &str, who: Option<&Viewer>) -> Result<Arc<Track>, Refused> {
        let who = who.ok_or(Refused::SignInNeeded)?;
        let id: TrackId = id.parse().map_err(|_| Refused::NotFound)?;
        Ok(self.catalog.playing(who, id).await?)
    }

    async fn track(&self, track: &Track) -> Result<Found, Refused> {
        let place = track.place();
        let material = Material::of(self.shelf.open(&place).await?, &place, &track.id.to_string());
        let content_type = track.content_type.to_owned();
        let rights = Rights::default();
        Ok(Found { material, is_public: false, content_type, rights, again: None })
    }

    async fn listed(&self, path: &str, who: Option<&Viewer>, known_will_do: bool) -> Result<Found, Refused> {
        let mut first = None;
        for (origin, rest) in self.settings.origins_of(path) {
            let number = self.settings.origin.iter().position(|other| std::ptr::eq(other, origin));
            let refused = match self.of(origin, number.unwrap_or(0), rest, who, known_will_do).await {
                Err(refused) if refused.lets_another_answer() => refused,
                found => return found,
            };
            // That it is nowhere is known only when all of them said so.
            if first.as_ref().is_none_or(|first| *first == Refused::NotFound) {
                first = Some(refused);
            }
        }
        Err(first.unwrap_or(Refused::NotListed))
    }

    async fn of(
        &self,
        origin: &Origin,
        number: usize,
        rest: &str,
        who: Option<&Viewer>,
        known_will_do: bool,
    ) -> Result<Found, Refused> {
        if !origin.public && who.is_none() {
            return Err(Refused::SignInNeeded);
        }
        // One source has one name, however its address was written.
        let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
        let decoded = percent_decode_str(name).decode_utf8().map_err(|_| Refused::NotFound)?;
        let (mut is_stale, mut again) = (false, None);
        let (source, media_type) = match origin.place().ok_or(Refused::NotListed)? {
            Place::Store => {
                let id = rest.split('/').next().unwrap_or_default();
                // A public origin shows everybody the same: who sent a private file sees it where he signs in.
                let everybody = origin.public.then(Viewer::everybody);
                let track = self.seen(id, everybody.as_ref().or(who)).await?;
                if track.file_id().is_none() {
                    return Err(Refused::NotFound);
                }
                let mut found = self.track(&track).await?;
                found.is_public = origin.public;
                found.material.tags.clone_from(&origin.tags);
                found.material.lifetimes = lifetimes(origin);
                return Ok(found);
            }
            Place::Folder(_) => {
                let path = RelPath::parse(&decoded).map_err(|_| Refused::NotFound)?;
                let folder = FolderId(i64::try_from(number).map_err(|_| Refused::Broken)?);
                (self.folders.open(folder, &path).await?, None)
            }
            Place::Url(_) | Place::S3 { .. } => {
                let remote = &self.dialled.get(&origin.name).ok_or(Refused::OriginUnreachable)?.remote;
                let path = RemotePath::parse(rest)?;
                let known = match known_will_do {
                    true => remote.open_known(&path, Duration::from_millis(STALE_MS)).await,
                    false => None,
                };
                let found = match known {
                    None => remote.open(&path).await?,
                    Some((found, belief)) => {
                        is_stale = belief != RemoteBelief::Sure;
                        again = (belief == RemoteBelief::Stale).then(|| (remote.clone(), path));
                        found
                    }
                };
                (found.source, found.media_type)
            }
        };
        let content_type = media_type.map_or_else(|| by_suffix(name).to_owned(), String::from);
        let mut material = Material::whole(source, &origin.name, &named(&decoded, query));
        material.tags.clone_from(&origin.tags);
        material.lifetimes = lifetimes(origin);
        material.is_stale = is_stale;
        Ok(Found { material, is_public: origin.public, content_type, rights: Rights::default(), again })
    }
}

/// What a source is called where others read it. Sources that differ by their queries have names of their own, and a query
/// may hold what opens a door.
fn named<'a>(path: &'a str, query: &str) -> Cow<'a, str> {
    match query {
        "" => Cow::Borrowed(path),
        _ => Cow::Owned(format!("{path}?{}", HEXLOWER.encode(&Sha256::digest(query)[..8]))),
    }
}

/// What of an absolute address follows the beginning of an origin's.
fn below<'a>(origin: &Origin, url: &'a str) -> Option<&'a str> {
    let Some(Place::Url(template)) = origin.place() else { return None };
    let (before, after) = template.around();
    let rest = url.strip_prefix(before)?.strip_prefix('/')?.strip_suffix(after)?;
    (!rest.is_empty()).then_some(rest)
}

/// How long what is made of an origin's sources is fresh: no time, where nothing is to be kept.
fn lifetimes(origin: &Origin) -> Lifetimes {
    let kept = Lifetimes::from(origin.ttl);
    if origin.cache { kept } else { Lifetimes { ok: Duration::ZERO, ..kept } }
}

/// How an origin that is no folder is dialled.
fn remote(
    origin: &Origin,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<RemoteSettings>, String> {
    let wrong = |why: String| format!("cdn.origin {}: {why}", origin.name);
    let mut settings = match origin.place() {
        Some(Place::Url(template)) => {
            let (base, after) = template.around();
            let auth = auth(origin, &variable).map_err(wrong)?;
            RemoteSettings { auth, after: after.to_owned(), ..RemoteSettings::new(&origin.name, base) }
        }
        Some(Place::S3 { .. }) => {
            let url = origin.s3.as_deref().unwrap_or_default();
            let said = |name: &str| said(origin, name).or_else(|| variable(name));
            let bucket = S3Settings::read(url, said).map_err(|e| wrong(e.to_string()))?;
            RemoteSettings::bucket(&origin.name, &bucket)
        }
        _ => return Ok(None),
    };
    if !origin.private.is_empty() {
        settings.private = Private::Listed(origin.private.clone());
    }
    if origin.proxy {
        settings.connections_max = PROXY_CONNECTIONS_MAX;
    }
    if let Some(connections) = origin.connections_max {
        settings.connections_max = connections.max(1);
    }
    settings.beliefs = RemoteBeliefs {
        // Of what is not kept, nothing is believed either.
        ok: if origin.cache { settings.beliefs.ok.min(origin.ttl.ok) } else { Duration::ZERO },
        client_error: origin.ttl.client_error,
        server_error: origin.ttl.server_error,
    };
    Ok(Some(settings))
}

/// What the list says of a bucket under the name of a variable.
fn said(origin: &Origin, name: &str) -> Option<String> {
    let region = origin.region.clone();
    match (name, &origin.auth) {
        ("AWS_ENDPOINT_URL_S3", _) => origin.endpoint.as_ref().map(|endpoint| endpoint.as_str().to_owned()),
        ("AWS_REGION", Auth::Sigv4 { region: of_auth, .. }) => of_auth.clone().or(region),
        ("AWS_REGION", _) => region,
        ("AWS_ACCESS_KEY_ID", Auth::Sigv4 { access_key_id, .. }) => access_key_id.clone(),
        ("AWS_SECRET_ACCESS_KEY", Auth::Sigv4 { secret_access_key, .. }) => {
            secret_access_key.as_ref().map(|key| key.reveal().to_owned())
        }
        _ => None,
    }
}

fn auth(origin: &Origin, variable: impl Fn(&str) -> Option<String>) -> Result<RemoteAuth, String> {
    Ok(match &origin.auth {
        Auth::None => RemoteAuth::None,
        Auth::Basic { user, password } => {
            RemoteAuth::Basic { user: user.clone(), password: password.reveal().to_owned() }
        }
        Auth::Bearer { token } => RemoteAuth::Bearer(token.reveal().to_owned()),
        Auth::Header { name, value } => {
            RemoteAuth::Header { name: name.clone(), value: value.reveal().to_owned() }
        }
        Auth::Sigv4 { service, .. } => {
            let needed = |name: &str| {
                let value = said(origin, name).or_else(|| variable(name));
                value.ok_or_else(|| format!("its signature needs the variable {name}"))
            };
            RemoteAuth::SigV4 {
                region: needed("AWS_REGION")?,
                service: service.clone().unwrap_or_else(|| "s3".to_owned()),
                access_key_id: needed("AWS_ACCESS_KEY_ID")?,
                secret_access_key: needed("AWS_SECRET_ACCESS_KEY")?,
                session_token: variable("AWS_SESSION_TOKEN"),
            }
        }
    })
}

/// The media type of an original that only has a name.
pub(crate) fn by_suffix(path: &str) -> &'static str {
    let suffix = path.rsplit_once('.').map(|(_, suffix)| suffix.to_ascii_lowercase());
    match suffix.as_deref() {
        Some("mp4" | "m4v") => "video/mp4",
        Some("mov") => "video/quicktime",
        Some("webm") => "video/webm",
        Some("mkv") => "video/x-matroska",
        Some("mp3") => "audio/mpeg",
        Some("m4a") => "audio/mp4",
        Some("flac") => "audio/flac",
        Some("wav") => "audio/wav",
        Some("ogg" | "oga" | "opus") => "audio/ogg",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        Some("gif") => "image/gif",
        // Whatever else it is, no browser is to take it for a page.
        _ => "application/octet-stream",
    }
}

impl From<store::Error> for Refused {
    fn from(error: store::Error) -> Refused {
        use store::TroubleKind as Trouble;
        if let Some(trouble) = error.trouble() {
            return match trouble.kind {
                Trouble::Status(404 | 410) => Refused::NotFound,
                Trouble::Status(status) if status < 500 => Refused::OriginRefused,
                Trouble::Status(_) => Refused::OriginFailed,
                Trouble::Name => Refused::OriginName,
                Trouble::Address | Trouble::Redirect => Refused::NotListed,
                Trouble::Connect | Trouble::Time | Trouble::Closed => Refused::OriginUnreachable,
                Trouble::Garbled | Trouble::Broken | Trouble::Lie | Trouble::NoRanges => Refused::OriginLied,
                Trouble::TooLarge => {
                    Refused::NeverFits("the source is larger than is read from elsewhere".to_owned())
                }
                Trouble::Changed => Refused::SourceChanged,
                Trouble::Busy => Refused::Busy {
                    retry_after: trouble.refused().map_or(budget::limits::RETRY_AFTER, |r| r.retry_after),
                },
            };
        }
        match error.kind {
            ErrorKind::NotFound | ErrorKind::Escapes | ErrorKind::NotAFile => Refused::NotFound,
            ErrorKind::Changed => Refused::SourceChanged,
            ErrorKind::Unreachable => Refused::OriginUnreachable,
            _ => Refused::Broken,
        }
    }
}

impl From<catalog::Error> for Refused {
    fn from(error: catalog::Error) -> Refused {
        match error.kind() {
            catalog::ErrorKind::NotFound => Refused::NotFound,
            catalog::ErrorKind::Busy => Refused::Busy { retry_after: budget::limits::RETRY_AFTER },
            _ => Refused::Broken,
        }
    }
}

impl From<transform::Error> for Refused {
    fn from(error: transform::Error) -> Refused {
        use transform::ErrorKind as Kind;
        match error.kind {
            Kind::Unsupported => Refused::NotMedia,
            Kind::NoPicture => Refused::NoPicture,
            Kind::NoSound => Refused::NoSound,
            Kind::BehindTheEnd => Refused::BehindTheEnd(error.context),
            Kind::TooLarge => Refused::NeverFits(error.context),
            Kind::Busy { retry_after, is_callers: true } => Refused::TooMany { retry_after },
            Kind::Busy { retry_after, is_callers: false } => Refused::Busy { retry_after },
            Kind::Stalled => Refused::Stalled,
            Kind::Failed => Refused::Failed(error.context),
            Kind::NoFfmpeg => Refused::NoFfmpeg,
            Kind::Source => Refused::OriginUnreachable,
            Kind::Lied => Refused::OriginLied,
            Kind::Changed => Refused::SourceChanged,
            Kind::Gone | Kind::Killed => Refused::Busy { retry_after: budget::limits::RETRY_AFTER },
            Kind::Io => Refused::Broken,
        }
    }
}

impl From<budget::Refused> for Refused {
    fn from(refused: budget::Refused) -> Refused {
        match refused.fault {
            budget::Fault::Caller => Refused::TooMany { retry_after: refused.retry_after },
            budget::Fault::Server => Refused::Busy { retry_after: refused.retry_after },
            budget::Fault::Never => Refused::NeverFits(refused.to_string()),
        }
    }
}
