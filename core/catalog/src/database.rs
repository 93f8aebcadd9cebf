//! What a database must answer. SQLite does; the [`crate::conformance`] suite says what "does" means.

use std::sync::Arc;

use async_trait::async_trait;
use store::{FolderId, Stamp};

use crate::access::Viewer;
use crate::error::Error;
use crate::model::{
    Album, AlbumId, AlbumOrder, AppPasswordId, Artist, ArtistId, Cover, CredentialRow, DiscTitle, Genre,
    Item, KeyId, Lettered, LibraryRow, Look, RandomFilter, Role, SessionId, SessionRow, Track, TrackChange,
    TrackId, UnixMs, UnseenVideo, User, UserChange, UserId, Video,
};
use crate::scan::Inventory;

mod discovery;
mod jobs;
mod kept;
mod podcasts;
mod scrobbles;
mod shares;
mod under_way;
mod uploads;

pub use discovery::Discovery;
pub use jobs::{Jobs, Stems};
pub use kept::{LeftOff, Playlists, Stations};
pub use podcasts::{Feeds, Podcasts};
pub use scrobbles::Scrobbles;
pub use shares::Shares;
pub use under_way::UnderWay;
pub use uploads::Uploads;

type Result<T> = std::result::Result<T, Error>;

/// At most 500 rows and where the next page starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<Row, Cursor> {
    /// The rows in order.
    pub rows: Vec<Row>,
    /// The key of the last row, if there may be more behind it.
    pub next: Option<Cursor>,
}

/// Everything that faces and programs need of the database.
pub trait Catalog:
    Users
    + Credentials
    + Library
    + Discovery
    + Looks
    + Annotations
    + Playlists
    + LeftOff
    + Stations
    + Scrobbles
    + Podcasts
    + Feeds
    + Shares
    + Jobs
    + Stems
    + UnderWay
    + Inventory
    + Uploads
{
}

impl<T> Catalog for T where
    T: Users
        + Credentials
        + Library
        + Discovery
        + Looks
        + Annotations
        + Playlists
        + LeftOff
        + Stations
        + Scrobbles
        + Podcasts
        + Feeds
        + Shares
        + Jobs
        + Stems
        + Inventory
        + UnderWay
        + Uploads
{
}

/// Users and what they see.
#[async_trait]
pub trait Users: Send + Sync + 'static {
    /// Users by name, after that name, without regard to ASCII case.
    async fn users(&self, after: Option<&str>, rows_max: usize) -> Result<Page<User, String>>;
    /// One user; `ErrorKind::NotFound` otherwise.
    async fn user(&self, id: UserId) -> Result<User>;
    /// The user of that name, without regard to ASCII case.
    async fn user_named(&self, name: &str) -> Result<Option<User>>;
    /// Adds a user with an argon2id hash (PHC text); `Exists` when the name is taken, `Invalid` when it is no name.
    async fn add_user(&self, name: &str, role: Role, password_hash: &str) -> Result<User> {
        self.add_user_who(name, password_hash, &UserChange::role(role)).await
    }
    /// The same for a user who begins with less, or more, than others: a user with every right who sees every library.
    async fn add_user_who(&self, name: &str, password_hash: &str, first: &UserChange) -> Result<User>;
    /// Changes a user, at once or not at all; `NotAllowed` when no admin would be left, `Invalid` for a bitrate of 0.
    async fn change_user(&self, id: UserId, change: &UserChange) -> Result<User> {
        self.change_user_and_password(id, change, None).await
    }
    /// The same, and with an argon2id hash another login password, which ends the user's sessions.
    async fn change_user_and_password(
        &self,
        id: UserId,
        change: &UserChange,
        password_hash: Option<&str>,
    ) -> Result<User>;
    /// Removes a user with everything that is his alone; `NotAllowed` for the last admin.
    async fn remove_user(&self, id: UserId) -> Result<()>;
}

/// Secrets, as hashes or sealed, and the epoch that every loss of one raises.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// The argon2id hash of a user's login password.
    async fn password_hash(&self, id: UserId) -> Result<String>;
    /// Replaces it and ends the user's sessions.
    async fn set_password_hash(&self, id: UserId, hash: &str) -> Result<()>;
    /// Replaces it by another hash of the same password, where it is still the one that was checked; sessions go on.
    async fn renew_password_hash(&self, id: UserId, checked: &str, hash: &str) -> Result<()>;
    /// The API keys of a user.
    async fn keys(&self, id: UserId) -> Result<Vec<CredentialRow<KeyId>>>;
    /// Remembers a key by its hash.
    async fn add_key(&self, id: UserId, label: &str, hash: [u8; 32]) -> Result<CredentialRow<KeyId>>;
    /// Revokes a key of that user; `NotFound` when it is not his.
    async fn remove_key(&self, id: UserId, key: KeyId) -> Result<()>;
    /// Whose key it is.
    async fn user_of_key(&self, hash: [u8; 32]) -> Result<Option<UserId>>;
    /// The app passwords of a user.
    async fn app_passwords(&self, id: UserId) -> Result<Vec<CredentialRow<AppPasswordId>>>;
    /// Their sealed texts.
    async fn sealed_app_passwords(&self, id: UserId) -> Result<Vec<(AppPasswordId, Vec<u8>)>>;
    /// Keeps a sealed app password.
    async fn add_app_password(
        &self,
        id: UserId,
        label: &str,
        sealed: &[u8],
    ) -> Result<CredentialRow<AppPasswordId>>;
    /// Remembers the day on which an app password was used.
    async fn app_password_used(&self, id: AppPasswordId) -> Result<()>;
    /// Revokes an app password of that user; `NotFound` when it is not his.
    async fn remove_app_password(&self, id: UserId, password: AppPasswordId) -> Result<()>;
    /// Opens a session under the hash of its token.
    async fn add_session(&self, id: UserId, hash: [u8; 32], expires: UnixMs, agent: &str) -> Result<()>;
    /// A user's sessions that have not ended by now, used last first. Of what opened each, the first
    /// [`SESSION_AGENT_CHARS_MAX`](budget::limits::SESSION_AGENT_CHARS_MAX) characters were kept.
    async fn sessions(&self, id: UserId, now: UnixMs) -> Result<Vec<SessionRow>>;
    /// Ends one of a user's sessions; `NotFound` when he has none of that id.
    async fn end_session(&self, id: UserId, session: SessionId) -> Result<()>;
    /// Whose live session it is. Its use is remembered once a day at most: the session then lives
    /// [`SESSION_MS`](budget::limits::SESSION_MS) from `now`, if that is longer than before.
    async fn user_of_session(&self, hash: [u8; 32], now: UnixMs) -> Result<Option<UserId>>;
    /// Ends a session and says whose it was; ending none is fine.
    async fn remove_session(&self, hash: [u8; 32]) -> Result<Option<UserId>>;
    /// A number that grows with every change of a user and with every credential that is taken back, whichever process
    /// does it.
    async fn credential_epoch(&self) -> Result<i64>;
    /// The users to whom that happened after this epoch, each with the epoch of the last time, in the order of the
    /// epochs; at most 500, so a full page means that there may be more.
    async fn credential_changes(&self, after: i64) -> Result<Vec<(UserId, i64)>>;
}

/// Libraries, tracks, albums, artists, genres.
///
/// A page has fewer rows than were asked for when there are no more, or when it holds as much as a page may:
/// [`is_cut`](crate::is_cut) tells which.
#[async_trait]
pub trait Library: Send + Sync + 'static {
    /// The libraries that the viewer sees, [`UPLOADS`](crate::UPLOADS) last; behind it
    /// [`INSTRUMENTALS`](crate::INSTRUMENTALS), if he sees a song that has one.
    async fn libraries(&self, viewer: &Viewer) -> Result<Vec<LibraryRow>>;
    /// Makes the libraries of folders be these roots, in this order: known roots keep their id, others are added,
    /// missing ones are hidden with their tracks and come back when the root does. Gives these alone:
    /// [`UPLOADS`](crate::UPLOADS) has no folder and stays as it is. `Invalid` when a root is empty.
    async fn set_libraries(&self, roots: &[String]) -> Result<Vec<LibraryRow>>;

    /// Tracks in the order of their ids, after `after`.
    async fn tracks(
        &self,
        viewer: &Viewer,
        after: Option<TrackId>,
        rows_max: usize,
    ) -> Result<Page<Track, TrackId>>;
    /// Those of them that are videos, likewise.
    async fn videos(
        &self,
        viewer: &Viewer,
        after: Option<TrackId>,
        rows_max: usize,
    ) -> Result<Page<Video, TrackId>>;
    /// One of these; `NotFound` also for a track that is none.
    async fn video(&self, viewer: &Viewer, id: TrackId) -> Result<Video>;
    /// One track; `NotFound` also when the viewer may not see it.
    async fn track(&self, viewer: &Viewer, id: TrackId) -> Result<Track>;
    /// The same for sending its bytes, of which players ask one range after another: never older than a change that was
    /// made through this catalog, and at most [`PLAYING_MS`](budget::limits::PLAYING_MS) older than one that another
    /// process made.
    async fn playing(&self, viewer: &Viewer, id: TrackId) -> Result<Arc<Track>>;
    /// Changes a track, at once or not at all; what is set outlives changes of its file. A picture that nothing shows any
    /// more goes.
    ///
    /// # Errors
    /// `NotFound` also when somebody else owns it and the viewer does not manage, and when the picture is neither the
    /// viewer's nor the owner's; `Invalid` when a text is none or the picture is no picture.
    async fn change_track(&self, viewer: &Viewer, id: TrackId, change: &TrackChange) -> Result<Track>;
    /// The tracks of an album in playing order, a page after so many rows.
    async fn album_tracks(
        &self,
        viewer: &Viewer,
        id: AlbumId,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>>;
    /// Random ids that tracks may have, each once, at most [`PAGE_ROWS_MAX`](budget::limits::PAGE_ROWS_MAX) and as many again:
    /// whether there is such a track and the viewer sees it is told by reading it, with [`these_tracks`](Self::these_tracks).
    async fn guess_tracks(&self, ids_max: usize) -> Result<Vec<TrackId>>;
    /// Random tracks, each once, by their ids.
    async fn random_tracks(
        &self,
        viewer: &Viewer,
        filter: &RandomFilter,
        ids_max: usize,
    ) -> Result<Vec<TrackId>>;
    /// Those of these tracks that the viewer sees, in this order.
    async fn these_tracks(&self, viewer: &Viewer, ids: &[TrackId]) -> Result<Vec<Track>>;
    /// Starred tracks of one library or all, last starred first.
    async fn starred_tracks(
        &self,
        viewer: &Viewer,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>>;

    /// What the discs of an album are called that have names, in their order; at most
    /// [`DISC_TITLES_MAX`](budget::limits::DISC_TITLES_MAX).
    async fn disc_titles(&self, viewer: &Viewer, id: AlbumId) -> Result<Vec<DiscTitle>>;
    /// One album.
    async fn album(&self, viewer: &Viewer, id: AlbumId) -> Result<Album>;
    /// Albums in an order, of one library or all that the viewer sees.
    async fn albums(
        &self,
        viewer: &Viewer,
        order: &AlbumOrder,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>>;
    /// Random ids that albums may have, as [`guess_tracks`](Self::guess_tracks) gives those of tracks; for
    /// [`these_albums`](Self::these_albums).
    async fn guess_albums(&self, ids_max: usize) -> Result<Vec<AlbumId>>;
    /// Random albums, each once, by their ids.
    async fn random_albums(
        &self,
        viewer: &Viewer,
        folder: Option<FolderId>,
        ids_max: usize,
    ) -> Result<Vec<AlbumId>>;
    /// Those of these albums that stand in lists for the viewer, in this order.
    async fn these_albums(&self, viewer: &Viewer, ids: &[AlbumId]) -> Result<Vec<Album>>;
    /// Albums on which this artist has a part, whichever it is, by year.
    async fn artist_albums(
        &self,
        viewer: &Viewer,
        id: ArtistId,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>>;

    /// One artist.
    async fn artist(&self, viewer: &Viewer, id: ArtistId) -> Result<Artist>;
    /// Album artists by `(sort_name, id)`, after that key.
    async fn artists(
        &self,
        viewer: &Viewer,
        folder: Option<FolderId>,
        after: Option<(String, ArtistId)>,
        rows_max: usize,
    ) -> Result<Page<Artist, (String, ArtistId)>>;
    /// Starred artists with something in one library or any, last starred first.
    async fn starred_artists(
        &self,
        viewer: &Viewer,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Artist>>;
    /// With which letters the rows of a long list begin that the viewer sees, by the names that they are sorted by, and how
    /// many with each, in the order of the list; at most so many letters. A name that is empty has none, and comes first.
    async fn letters(&self, viewer: &Viewer, list: Lettered, rows_max: usize) -> Result<Vec<(String, u64)>>;

    /// Genres by name.
    async fn genres(&self, viewer: &Viewer, offset: u64, rows_max: usize) -> Result<Vec<Genre>>;
    /// Tracks whose words begin with the words of the query, diacritics and case folded; an empty query is all.
    async fn search_tracks(
        &self,
        viewer: &Viewer,
        query: &str,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>>;
    /// Albums likewise.
    async fn search_albums(
        &self,
        viewer: &Viewer,
        query: &str,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>>;
    /// Artists likewise.
    async fn search_artists(
        &self,
        viewer: &Viewer,
        query: &str,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Artist>>;

    /// Where the cover of a track, an album (its own or its first track's) or an artist (of an album of his) lies.
    async fn cover(&self, viewer: &Viewer, item: Item) -> Result<Cover>;
    /// When anything that lists show changed last.
    async fn changed(&self) -> Result<UnixMs>;
    /// A number that is another one after each change by this process of what pages are told by themselves: what lists show,
    /// sessions, uploads, jobs. A write that finds nothing to change is none. Whoever took it before he read, and finds the
    /// same, has missed nothing that this process wrote. It costs no statement.
    fn news(&self) -> u64;
}

/// What is in videos, as somebody told who looked at the files.
#[async_trait]
pub trait Looks: Send + Sync + 'static {
    /// The next video behind `after` at which nobody has looked since it came or changed. None is given whose file is
    /// missing, or whose library is hidden.
    async fn unseen_video(&self, after: Option<TrackId>) -> Result<Option<UnseenVideo>>;
    /// Remembers what a look told of the bytes with this stamp. `false`, and nothing is kept, when the track has others by
    /// now, or is gone.
    async fn looked(&self, id: TrackId, stamp: &Stamp, look: &Look) -> Result<bool>;
}

/// Stars, ratings, plays.
#[async_trait]
pub trait Annotations: Send + Sync + 'static {
    /// Stars or unstars all of these, or none: `NotFound` when the viewer does not see one of them.
    async fn star(&self, viewer: &Viewer, items: &[Item], at: Option<UnixMs>) -> Result<()>;
    /// Rates 1 to 5; 0 removes.
    async fn rate(&self, viewer: &Viewer, item: Item, rating: u8) -> Result<()>;
    /// Counts plays of tracks, and of their albums, of those that the viewer sees: an app that was away may tell of one that was
    /// deleted since. `NotFound` when he sees none of them. The same transaction puts them in line for the services that are told
    /// what the viewer plays.
    async fn play(&self, viewer: &Viewer, plays: &[(TrackId, UnixMs)]) -> Result<()>;
}
