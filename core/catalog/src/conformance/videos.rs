//! Videos, and what is remembered of a look at them.

use std::sync::Arc;

use budget::limits::VIDEO_FAILURE_BYTES_MAX;
use store::Place;

use super::house::{House, file, titles};
use crate::access::Viewer;
use crate::database::{Catalog, Page};
use crate::error::ErrorKind;
use crate::model::{
    Caption, Look, MovingPicture, Sound, Track, TrackChange, TrackId, UnseenVideo, Video, VideoFacts,
    Visibility,
};
use crate::scan::Found;

/// A file of that number that says it is a video.
fn video(number: u32) -> Found {
    let mut found = file("A", "One", number, &format!("piece {number}"));
    found.tags.content_type = "video/mp4";
    found
}

fn facts() -> VideoFacts {
    VideoFacts {
        duration_ms: Some(12_345),
        picture: Some(MovingPicture {
            width: 1_080,
            height: 1_920,
            codec: "hevc".to_owned(),
            fps: Some((30_000, 1_001)),
        }),
        sounds: vec![
            Sound {
                stream: 1,
                codec: "aac".to_owned(),
                language: Some("eng".to_owned()),
                channels: 6,
                sample_rate_hz: 48_000,
            },
            Sound { stream: 2, codec: "ac3".to_owned(), language: None, channels: 2, sample_rate_hz: 44_100 },
        ],
        captions: vec![Caption {
            stream: 3,
            codec: "subrip".to_owned(),
            language: Some("sr-Latn".to_owned()),
        }],
    }
}

fn tracks(page: &Page<Video, TrackId>) -> Vec<Track> {
    page.rows.iter().map(|video| video.track.clone()).collect()
}

async fn look(house: &House, title: &str) -> Look {
    let id = house.track(title).await.id;
    house.catalog.video(&house.ann(), id).await.expect("a video").look
}

async fn unseen(house: &House, after: Option<TrackId>) -> Option<UnseenVideo> {
    house.catalog.unseen_video(after).await.expect("the catalog answers")
}

pub(super) async fn they_are_listed_by_themselves(catalog: Arc<dyn Catalog>) {
    let mut files: Vec<_> = (1..=9).map(|n| file("A", "One", n, &format!("piece {n}"))).collect();
    for (file, content_type) in
        files.iter_mut().step_by(2).zip(["video/mp4", "audio/mp4", "video/x-matroska", "video/webm"])
    {
        file.tags.content_type = content_type;
    }
    let house = House::with(catalog, &files).await;
    let (catalog, ann) = (&house.catalog, house.ann());
    let first = catalog.videos(&ann, None, 2).await.expect("a page");
    assert_eq!(titles(&tracks(&first)), ["piece 1", "piece 5"]);
    let rest = catalog.videos(&ann, first.next, 2).await.expect("a page");
    assert_eq!((titles(&tracks(&rest)), rest.next), (vec!["piece 7"], None));
    let hidden = rest.rows[0].track.id;
    let mine = TrackChange { visibility: Some(Visibility::Private), ..TrackChange::default() };
    let managing = Viewer::managing(&house.admin);
    catalog.change_track(&managing, hidden, &mine).await.expect("it is hidden");
    let seen = catalog.videos(&ann, None, 9).await.expect("a page");
    assert_eq!(titles(&tracks(&seen)), ["piece 1", "piece 5"], "what is private is not in it");
    for id in [hidden, house.track("piece 2").await.id, TrackId(999_999)] {
        let one = catalog.video(&ann, id).await.map_err(|e| e.kind());
        assert_eq!(one, Err(ErrorKind::NotFound), "{id} is no video that Ann sees");
    }
    assert_eq!(catalog.video(&ann, seen.rows[0].track.id).await.expect("one"), seen.rows[0]);
}

pub(super) async fn what_a_look_told_is_kept_until_the_file_changes(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[video(1), file("A", "One", 2, "piece 2"), video(3)]).await;
    assert_eq!(look(&house, "piece 1").await, Look::Coming);
    let first = unseen(&house, None).await.expect("nobody looked");
    assert_eq!(first.id, house.track("piece 1").await.id);
    let Place::File(folder, path) = &first.place else { panic!("a file of a folder") };
    assert_eq!((*folder, path.as_str()), (house.music, "A/One/01 piece 1.flac"));
    assert_eq!(first.stamp, video(1).stamp);
    let told = Look::Told(facts());
    assert!(house.catalog.looked(first.id, &first.stamp, &told).await.expect("it is kept"));
    assert_eq!(look(&house, "piece 1").await, told);
    let second = unseen(&house, None).await.expect("the other one");
    assert_eq!(second.id, house.track("piece 3").await.id);
    let length = house.track("piece 1").await.duration_ms;
    assert_eq!(length, 12_345, "every list has the length that the look told");
    let total = house.album(&house.ann(), "One").await.expect("the album").duration_ms;
    assert_eq!(total, 12_345 + 2 * 180_000, "and so has what counts lengths");
    let long = Look::Unreadable("é".repeat(VIDEO_FAILURE_BYTES_MAX));
    assert!(house.catalog.looked(second.id, &second.stamp, &long).await.expect("it is kept"));
    let kept = Look::Unreadable("é".repeat(VIDEO_FAILURE_BYTES_MAX / 2));
    assert_eq!(look(&house, "piece 3").await, kept, "of many words the first are kept");
    let unreadable = Look::Unreadable("its codec `cinepak` is not read".to_owned());
    assert!(house.catalog.looked(second.id, &second.stamp, &unreadable).await.expect("it is kept"));
    assert_eq!((look(&house, "piece 3").await, unseen(&house, None).await), (unreadable, None));

    // Read again without other bytes, as when a picture beside it changed.
    house.record(&[video(1)]).await;
    assert_eq!((look(&house, "piece 1").await, unseen(&house, None).await), (told, None));
    assert_eq!(house.track("piece 1").await.duration_ms, 12_345, "reading it again takes nothing back");
    let mut changed = [video(1), video(3)];
    changed.iter_mut().for_each(|found| found.stamp.modified_ns += 1);
    house.record(&changed).await;
    for title in ["piece 1", "piece 3"] {
        assert_eq!(look(&house, title).await, Look::Coming, "{title} has other bytes");
    }
    let again = unseen(&house, None).await.expect("it changed");
    assert_eq!((again.id, again.stamp.modified_ns), (first.id, first.stamp.modified_ns + 1));
    assert_eq!(unseen(&house, Some(again.id)).await.map(|next| next.id), Some(second.id));

    // What turns out to be no video is none, and what turns out to be one is.
    let mut other = [video(1), video(2)];
    other[0].tags.content_type = "audio/mp4";
    other.iter_mut().for_each(|found| found.stamp.modified_ns += 9);
    house.record(&other).await;
    let next = unseen(&house, None).await.expect("it is a video by now");
    assert_eq!(next.id, house.track("piece 2").await.id);
}

pub(super) async fn what_is_told_of_other_bytes_is_not_kept(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[video(1)]).await;
    let seen = unseen(&house, None).await.expect("nobody looked");
    let mut changed = video(1);
    changed.stamp.length += 1;
    house.record(&[changed]).await;
    let told = Look::Told(facts());
    assert!(!house.catalog.looked(seen.id, &seen.stamp, &told).await.expect("it is not kept"));
    assert_eq!(look(&house, "piece 1").await, Look::Coming);
    assert!(!house.catalog.looked(TrackId(999_999), &seen.stamp, &told).await.expect("nothing is kept"));
    let nothing = house.catalog.looked(seen.id, &seen.stamp, &Look::Coming).await;
    assert_eq!(nothing.map_err(|e| e.kind()), Err(ErrorKind::Invalid));
}

pub(super) async fn nobody_is_sent_to_look_at_what_is_not_there(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[video(1)]).await;
    let id = house.track("piece 1").await.id;
    house.catalog.mark_missing(house.music, &[id]).await.expect("it is marked");
    assert_eq!(unseen(&house, None).await, None, "its file is missing");
    house.catalog.mark_present(house.music, &[id]).await.expect("it is marked");
    assert_eq!(unseen(&house, None).await.map(|video| video.id), Some(id));
    house.catalog.set_libraries(&["/media/talks".to_owned()]).await.expect("libraries are set");
    assert_eq!(unseen(&house, None).await, None, "its library is hidden");
}
