//! Instrumentals: songs of their own beside the songs whose accompaniments they are.

use std::sync::Arc;

use store::{FolderId, Place, RenditionKey};

use super::house::{House, file, titles};
use super::sent::send;
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{
    INSTRUMENTALS, Item, JobBounds, JobId, JobPriority, JobSource, LibrarySet, MadeSet, MaskExtension,
    NewJob, RandomFilter, StemCount, StemFile, StemFormat, StemName, StemsWish, Track, TrackChange, TrackId,
    UPLOADS, Visibility, WorkerId,
};

const ME: WorkerId = WorkerId([1; 16]);

/// Has a song taken apart into files of these keys.
async fn split(house: &House, track: TrackId, key: u8) {
    let wish = StemsWish {
        count: StemCount::Two,
        engine: None,
        extension: MaskExtension::Average,
        format: StemFormat::Wav,
    };
    let (id, source) = (JobId([key; 16]), JobSource::Track(track));
    let job = NewJob { id, owner: None, source, wish, priority: JobPriority::Asked };
    let bounds = JobBounds { of_owner_max: 100, all_max: 100 };
    house.catalog.add_job(&job, bounds).await.expect("a job");
    house.catalog.claim_job(ME, id, i64::MAX).await.expect("an answer").expect("it waits");
    let stems = [(StemName::Vocals, key), (StemName::Accompaniment, key + 1)];
    let file =
        |(stem, key)| StemFile { stem, key: [key; 32], length_bytes: 90_000 + u64::from(key), crc32: 7 };
    let set = MadeSet {
        source_tag: "tag".to_owned(),
        engine: "spectral".to_owned(),
        notes: Vec::new(),
        samples: 88_200,
        files: stems.map(file).into(),
    };
    assert!(house.catalog.finish_job(ME, id, &set).await.expect("an answer"));
}

/// The instrumentals that a viewer sees, in the order of their ids.
async fn seen(house: &House, viewer: &Viewer) -> Vec<Track> {
    let found = house.catalog.search_tracks(viewer, "", Some(INSTRUMENTALS), 0, 500).await;
    found.expect("a search")
}

/// The folders that a viewer sees, behind those of the configuration.
async fn folders(house: &House, viewer: &Viewer) -> Vec<(String, u64)> {
    let rows = house.catalog.libraries(viewer).await.expect("a list");
    rows.into_iter().filter(|row| row.id.0 <= 0).map(|row| (row.name, row.tracks)).collect()
}

async fn house(catalog: Arc<dyn Catalog>) -> (House, TrackId) {
    let songs = [file("Frogs", "Pond", 1, "Croak"), file("Frogs", "Pond", 2, "Splash")];
    let house = House::with(catalog, &songs).await;
    let track = house.track("Croak").await.id;
    (house, track)
}

pub(super) async fn an_accompaniment_is_a_song_of_its_own(catalog: Arc<dyn Catalog>) {
    let (house, track) = house(catalog).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    assert_eq!(folders(&house, &ann).await, [("Uploads".to_owned(), 0)], "no song has stems");
    split(&house, track, 10).await;
    assert_eq!(folders(&house, &ann).await, [("Uploads".to_owned(), 0), ("Instrumentals".to_owned(), 1)]);
    let found = seen(&house, &ann).await;
    let [song] = &found[..] else { panic!("{found:?}") };
    assert_eq!(song.title, "Croak (Instrumental)");
    assert_eq!((song.album.as_str(), song.artist.as_str()), ("Pond (Instrumentals)", "Frogs"));
    assert_eq!((song.track, song.duration_ms, song.size_bytes), (Some(1), 2_000, 90_011));
    assert_eq!((song.suffix.as_str(), song.content_type), ("wav", "audio/wav"));
    assert_eq!(song.path.file_name(), "01 Croak (Instrumental).wav");
    assert_eq!(song.place(), Place::Rendition(RenditionKey::from_bytes([11; 32])));
    let own = catalog.cover(&ann, Item::Track(track)).await.expect("a cover");
    for item in [Item::Track(song.id), Item::Album(song.album_id)] {
        assert_eq!(catalog.cover(&ann, item).await.expect("a cover"), own, "{item:?} looks like its song");
    }
    // It is found like any other, in its folder and without one, and not in the folder of its song.
    for (folder, expected) in [
        (None, &["Croak", "Croak (Instrumental)"][..]),
        (Some(house.music), &["Croak"]),
        (Some(INSTRUMENTALS), &["Croak (Instrumental)"]),
        (Some(house.talks), &[]),
    ] {
        let found = catalog.search_tracks(&ann, "croak", folder, 0, 10).await.expect("a search");
        let mut found = titles(&found);
        found.sort_unstable();
        assert_eq!(found, expected, "{folder:?}");
    }
    let filter = RandomFilter { folder: Some(INSTRUMENTALS), ..RandomFilter::default() };
    assert_eq!(catalog.random_tracks(&ann, &filter, 9).await.expect("a list"), [song.id]);
    let artists = catalog.artists(&ann, Some(INSTRUMENTALS), None, 9).await.expect("a list").rows;
    assert_eq!(artists.iter().map(|artist| artist.name.as_str()).collect::<Vec<_>>(), ["Frogs"]);
    let album = catalog.album(&ann, song.album_id).await.expect("an album");
    assert_eq!((album.tracks, album.duration_ms), (1, 2_000));

    // Made again, it is the same song with other bytes.
    catalog.star(&ann, &[Item::Track(song.id)], Some(5)).await.expect("a star");
    split(&house, track, 20).await;
    let found = seen(&house, &ann).await;
    let [again] = &found[..] else { panic!("{found:?}") };
    assert_eq!((again.id, again.play.starred, again.size_bytes), (song.id, Some(5), 90_021));
    assert_eq!(again.place(), Place::Rendition(RenditionKey::from_bytes([21; 32])));
    // Two of an album are one album, and what is an instrumental already has none.
    split(&house, house.track("Splash").await.id, 30).await;
    split(&house, song.id, 40).await;
    let albums: Vec<_> = seen(&house, &ann).await.iter().map(|song| song.album_id).collect();
    assert_eq!(albums, [song.album_id; 2]);
}

pub(super) async fn an_instrumental_follows_its_song(catalog: Arc<dyn Catalog>) {
    let (house, track) = house(catalog).await;
    let (catalog, ann, admin) = (&house.catalog, house.ann(), Viewer::managing(&house.admin));
    split(&house, track, 10).await;
    let song = seen(&house, &ann).await.remove(0);
    let before = catalog.changed().await.expect("a moment");
    catalog.change_track(&admin, track, &TrackChange::title("Quack")).await.expect("a change");
    let renamed = catalog.track(&ann, song.id).await.expect("the same song");
    assert_eq!(renamed.title, "Quack (Instrumental)");
    assert!(catalog.changed().await.expect("a moment") > before);
    let found = catalog.search_tracks(&ann, "quack", Some(INSTRUMENTALS), 0, 9).await.expect("a search");
    assert_eq!(found.len(), 1, "it is found by its new name");
    catalog.change_track(&ann, track, &TrackChange::visibility(Visibility::Private)).await.expect("a change");
    assert_eq!(seen(&house, &ann).await.len(), 1, "it is hers alone");
    assert_eq!(seen(&house, &house.bob()).await.len(), 0, "and nobody else's");
    assert_eq!(folders(&house, &house.bob()).await, [("Uploads".to_owned(), 0)]);
    catalog.change_track(&ann, track, &TrackChange::visibility(Visibility::Library)).await.expect("a change");
    assert_eq!(seen(&house, &house.bob()).await.len(), 1);
    // It goes when its file does, and comes back as the same song.
    catalog.star(&ann, &[Item::Track(song.id)], Some(5)).await.expect("a star");
    catalog.mark_missing(house.music, &[track]).await.expect("a scan");
    assert_eq!((seen(&house, &ann).await.len(), folders(&house, &ann).await.len()), (0, 1));
    catalog.mark_present(house.music, &[track]).await.expect("a scan");
    let back = seen(&house, &ann).await;
    assert_eq!((back.len(), back[0].id, back[0].play.starred), (1, song.id, Some(5)));
    // Without its stems there is none, and with them, made anew, it is the same song again.
    for id in catalog.stems_of(track).await.expect("sets").iter().map(|set| set.id) {
        catalog.drop_stem_set(id).await.expect("a set");
    }
    assert_eq!(catalog.track(&ann, song.id).await.expect_err("gone").kind(), ErrorKind::NotFound);
    assert_eq!(catalog.album(&ann, song.album_id).await.expect_err("gone").kind(), ErrorKind::NotFound);
    assert_eq!(folders(&house, &ann).await, [("Uploads".to_owned(), 0)]);
    split(&house, track, 20).await;
    let back = seen(&house, &ann).await;
    assert_eq!(titles(&back), ["Quack (Instrumental)"]);
    assert_eq!((back[0].id, back[0].play.starred), (song.id, Some(5)));
    for (folder, stars) in [(Some(INSTRUMENTALS), 1), (Some(house.music), 0), (None, 1)] {
        let starred = catalog.starred_tracks(&ann, folder, 0, 9).await.expect("a list");
        assert_eq!(starred.len(), stars, "{folder:?}");
    }
    // It goes and comes with the library of its song.
    let [talks, both] = [&["talks"][..], &["music", "talks"]]
        .map(|names| names.iter().map(|name| format!("/media/{name}")).collect::<Vec<_>>());
    catalog.set_libraries(&talks).await.expect("libraries");
    assert_eq!((seen(&house, &ann).await.len(), folders(&house, &ann).await.len()), (0, 1));
    let set = catalog.set_libraries(&both).await.expect("libraries");
    assert_eq!(
        set.iter().map(|row| row.id).collect::<Vec<_>>(),
        [house.music, house.talks],
        "twins are no folders"
    );
    assert_eq!(seen(&house, &ann).await.len(), 1);
}

pub(super) async fn p08_an_instrumental_is_seen_by_who_sees_its_song(catalog: Arc<dyn Catalog>) {
    let (house, track) = house(catalog).await;
    split(&house, track, 10).await;
    let song = seen(&house, &house.ann()).await.remove(0);
    let only = |ids: &[FolderId]| Viewer { libraries: LibrarySet::Only(ids.to_vec()), ..house.bob() };
    let twin = song.folder;
    for (libraries, sees) in [
        (&[house.music][..], true),
        (&[house.talks, house.music], true),
        (&[house.talks], false),
        (&[], false),
        // The folder itself is given to nobody, nor is a twin.
        (&[INSTRUMENTALS], false),
        (&[house.talks, INSTRUMENTALS, twin], false),
    ] {
        let viewer = only(libraries);
        assert_eq!(house.catalog.track(&viewer, song.id).await.is_ok(), sees, "{libraries:?}");
        assert_eq!(seen(&house, &viewer).await.len(), usize::from(sees), "{libraries:?}");
        let all = house.catalog.search_tracks(&viewer, "instrumental", None, 0, 9).await.expect("a search");
        assert_eq!(all.len(), usize::from(sees), "{libraries:?}");
        let shown = folders(&house, &viewer).await.iter().any(|(name, _)| name == "Instrumentals");
        assert_eq!(shown, sees, "{libraries:?}");
        let by_twin = house.catalog.search_tracks(&viewer, "", Some(twin), 0, 9).await.expect("a search");
        assert_eq!(by_twin.len(), 0, "{libraries:?}: a twin is no folder that anybody names");
    }
}

/// The ids of what a viewer finds without words in a folder, or everywhere.
async fn found(house: &House, viewer: &Viewer, folder: Option<FolderId>) -> Vec<TrackId> {
    let tracks = house.catalog.search_tracks(viewer, "", folder, 0, 500).await.expect("a search");
    tracks.iter().map(|track| track.id).collect()
}

/// Whether a viewer finds a track: wherever he can look for it, he finds the same.
async fn is_seen(house: &House, viewer: &Viewer, track: &Track, home: FolderId) -> bool {
    let catalog = &house.catalog;
    let seen = catalog.track(viewer, track.id).await.is_ok();
    let what = format!("{} by {viewer:?}", track.title);
    assert_eq!(catalog.playing(viewer, track.id).await.is_ok(), seen, "{what}");
    assert_eq!(catalog.these_tracks(viewer, &[track.id]).await.expect("a list").len(), usize::from(seen));
    for (folder, finds) in [
        (None, seen),
        (Some(house.music), seen && home == house.music),
        (Some(house.talks), false),
        (Some(UPLOADS), seen && home == UPLOADS),
        (Some(INSTRUMENTALS), seen && home == INSTRUMENTALS),
    ] {
        assert_eq!(found(house, viewer, folder).await.contains(&track.id), finds, "{what} in {folder:?}");
        let filter = RandomFilter { folder, ..RandomFilter::default() };
        let drawn = catalog.random_tracks(viewer, &filter, 500).await.expect("a list");
        assert_eq!(drawn.contains(&track.id), finds, "{what} drawn of {folder:?}");
    }
    let of_album = catalog.album_tracks(viewer, track.album_id, 0, 500).await.expect("a list");
    assert_eq!(of_album.iter().any(|other| other.id == track.id), seen, "{what}");
    let counted = catalog.album(viewer, track.album_id).await.map_or(0, |album| album.tracks);
    assert_eq!(counted, of_album.len() as u64, "{what}: its album counts what is seen of it");
    seen
}

pub(super) async fn p08_song_and_instrumental_are_seen_by_the_same(catalog: Arc<dyn Catalog>) {
    let (house, open) = house(catalog).await;
    let (catalog, ann, bob) = (&house.catalog, &house.ann(), &house.bob());
    let hidden = house.hide_for_ann("Splash").await.id;
    let (sent, kept) = (send(&house, &house.ann, 1, 1).await.id, send(&house, &house.ann, 2, 2).await.id);
    catalog.change_track(ann, kept, &TrackChange::visibility(Visibility::Private)).await.expect("a change");
    let managing = &Viewer::managing(&house.admin);
    let songs = [(open, house.music), (hidden, house.music), (sent, UPLOADS), (kept, UPLOADS)];
    let mut pairs = Vec::new();
    for ((id, home), key) in songs.into_iter().zip([10, 20, 30, 40]) {
        let before = found(&house, managing, Some(INSTRUMENTALS)).await;
        split(&house, id, key).await;
        let all = seen(&house, managing).await;
        let twin = all.into_iter().find(|twin| !before.contains(&twin.id)).expect("an instrumental");
        pairs.push((catalog.track(managing, id).await.expect("a song"), home, twin));
    }
    let admin = &Viewer::of(&house.admin);
    let (music, talks) = (house.music, house.talks);
    let only = |viewer: &Viewer, ids: &[FolderId]| {
        let libraries = LibrarySet::Only(ids.to_vec());
        Viewer { libraries, ..viewer.clone() }
    };
    for (viewer, sees) in [
        // Of a library; of a library and Ann's alone; sent by Ann; sent by Ann and hers alone.
        (ann.clone(), [true, true, true, true]),
        (only(ann, &[music]), [true, true, true, true]),
        (only(ann, &[music, UPLOADS]), [true, true, true, true]),
        (only(ann, &[talks]), [false, false, true, true]),
        (only(ann, &[UPLOADS]), [false, false, true, true]),
        (only(ann, &[]), [false, false, true, true]),
        (bob.clone(), [true, false, true, false]),
        (only(bob, &[music]), [true, false, false, false]),
        (only(bob, &[music, UPLOADS]), [true, false, true, false]),
        (only(bob, &[talks]), [false, false, false, false]),
        (only(bob, &[UPLOADS]), [false, false, true, false]),
        (only(bob, &[]), [false, false, false, false]),
        (admin.clone(), [true, false, true, false]),
        (only(admin, &[music]), [true, false, false, false]),
        (managing.clone(), [true, true, true, true]),
        (only(managing, &[music]), [true, true, false, false]),
        (only(managing, &[UPLOADS]), [false, false, true, true]),
        (Viewer::everybody(), [false, false, true, false]),
    ] {
        for ((song, home, twin), sees) in pairs.iter().zip(sees) {
            assert_eq!(is_seen(&house, &viewer, song, *home).await, sees, "{} by {viewer:?}", song.title);
            assert_eq!(
                is_seen(&house, &viewer, twin, INSTRUMENTALS).await,
                sees,
                "{} by {viewer:?}",
                twin.title
            );
        }
        let shown = folders(&house, &viewer).await;
        let shown = shown.iter().find_map(|(name, tracks)| (name == "Instrumentals").then_some(*tracks));
        let count = sees.into_iter().filter(|sees| *sees).count() as u64;
        assert_eq!(shown, (count > 0).then_some(count), "the folder and how many are in it, by {viewer:?}");
    }
    is_hidden_with_its_song_alone(&house, &pairs[2].2, &pairs[3].2).await;
}

/// Neither the owner nor an admin hides or shows an instrumental by itself.
async fn is_hidden_with_its_song_alone(house: &House, open: &Track, hidden: &Track) {
    let (catalog, bob) = (&house.catalog, &house.bob());
    for (twin, visibility, changes) in [
        (open, Visibility::Library, false),
        (open, Visibility::Private, true),
        (hidden, Visibility::Private, false),
        (hidden, Visibility::Library, true),
    ] {
        for viewer in [house.ann(), Viewer::managing(&house.admin)] {
            let answer = catalog.change_track(&viewer, twin.id, &TrackChange::visibility(visibility)).await;
            let refused = answer.err().map(|e| e.kind());
            assert_eq!(refused, changes.then_some(ErrorKind::NotAllowed), "{} {visibility:?}", twin.title);
        }
    }
    assert!(catalog.track(bob, open.id).await.is_ok() && catalog.track(bob, hidden.id).await.is_err());
}
