//! A small house with two libraries and three people, for checks to begin with.

use std::sync::Arc;

use store::{FolderId, RelPath, Stamp};

use crate::access::Viewer;
use crate::database::Catalog;
use crate::model::{Album, AlbumOrder, Artist, Role, Track, TrackChange, User, Visibility};
use crate::scan::{Details, Found, FoundCover, Tags};

/// A catalog with libraries, an admin and two users.
pub(super) struct House {
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) music: FolderId,
    pub(super) talks: FolderId,
    pub(super) admin: User,
    pub(super) ann: User,
    pub(super) bob: User,
}

impl House {
    pub(super) async fn new(catalog: Arc<dyn Catalog>) -> Self {
        let roots = ["/media/music".to_owned(), "/media/talks".to_owned()];
        let libraries = catalog.set_libraries(&roots).await.expect("libraries are set");
        let admin = catalog.add_user("admin", Role::Admin, "hash").await.expect("an admin is added");
        let ann = catalog.add_user("Ann", Role::User, "hash").await.expect("a user is added");
        let bob = catalog.add_user("bob", Role::User, "hash").await.expect("a user is added");
        House { music: libraries[0].id, talks: libraries[1].id, catalog, admin, ann, bob }
    }

    /// A house whose music library holds these files.
    pub(super) async fn with(catalog: Arc<dyn Catalog>, files: &[Found]) -> Self {
        let house = House::new(catalog).await;
        house.record(files).await;
        house
    }

    pub(super) async fn record(&self, files: &[Found]) {
        self.catalog.record(self.music, files).await.expect("files are recorded");
    }

    pub(super) fn ann(&self) -> Viewer {
        Viewer::of(&self.ann)
    }

    pub(super) fn bob(&self) -> Viewer {
        Viewer::of(&self.bob)
    }

    /// All tracks that a viewer sees, by their ids.
    pub(super) async fn tracks(&self, viewer: &Viewer) -> Vec<Track> {
        self.catalog.tracks(viewer, None, 500).await.expect("tracks are listed").rows
    }

    /// The track of that title, as the admin sees it when he manages.
    pub(super) async fn track(&self, title: &str) -> Track {
        let tracks = self.tracks(&Viewer::managing(&self.admin)).await;
        tracks.into_iter().find(|track| track.title == title).expect("the track is there")
    }

    /// The album of that name, as a viewer sees it.
    pub(super) async fn album(&self, viewer: &Viewer, name: &str) -> Option<Album> {
        let albums =
            self.catalog.albums(viewer, &AlbumOrder::ByName, None, 0, 500).await.expect("albums are listed");
        albums.into_iter().find(|album| album.name == name)
    }

    /// Makes a track Ann's own.
    pub(super) async fn hide_for_ann(&self, title: &str) -> Track {
        let id = self.track(title).await.id;
        let changed =
            self.catalog.change_track(&self.ann(), id, &TrackChange::visibility(Visibility::Private)).await;
        changed.expect("a track is made private")
    }
}

/// A file with plain tags: `Artist/Album/nn Title.flac`, three minutes, genre Rock, with an embedded cover.
pub(super) fn file(artist: &str, album: &str, number: u32, title: &str) -> Found {
    let path = path(&format!("{artist}/{album}/{number:02} {title}.flac"));
    let stamp = Stamp { length: 1_000, modified_ns: 1, changed_ns: 1, inode: inode(&path) };
    let cover = FoundCover {
        path: path.clone(),
        offset: 100,
        count: Some(50),
        content_type: "image/jpeg",
        mark: None,
    };
    let tags = Tags {
        title: title.to_owned(),
        album: album.to_owned(),
        artist: artist.to_owned(),
        album_artist: artist.to_owned(),
        genres: vec!["Rock".to_owned()],
        track: Some(number),
        track_total: None,
        disc: None,
        year: Some(1990),
        duration_ms: 180_000,
        bitrate_kbps: 900,
        sample_rate_hz: 44_100,
        bit_depth: Some(16),
        channels: 2,
        suffix: "flac".to_owned(),
        content_type: "audio/flac",
        cover: Some(cover),
        details: Details::default(),
    };
    Found { path, stamp, tags }
}

pub(super) fn path(text: &str) -> RelPath {
    RelPath::parse(text).expect("a path of the suite is one")
}

/// A number of its own for each path.
fn inode(path: &RelPath) -> u64 {
    path.as_str().bytes().fold(14_695_981_039_346_656_037, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211)
    })
}

pub(super) fn titles(tracks: &[Track]) -> Vec<&str> {
    tracks.iter().map(|track| track.title.as_str()).collect()
}

pub(super) fn names(albums: &[Album]) -> Vec<&str> {
    albums.iter().map(|album| album.name.as_str()).collect()
}

pub(super) fn artist_names(artists: &[Artist]) -> Vec<&str> {
    artists.iter().map(|artist| artist.name.as_str()).collect()
}
