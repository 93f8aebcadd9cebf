use budget::limits::{UPLOAD_METADATA_BYTES_MAX, UPLOAD_WORDS_MAX};
use catalog::{Asked, Phase, Viewer};
use futures_util::future::join_all;

use super::house::{House, Kept, ask, digest, png, wav, whole};
use crate::{Ask, Created, ErrorKind, Limits};

#[tokio::test]
async fn what_cannot_be_taken_is_refused_by_name_and_leaves_nothing() {
    let limits = Limits { upload_bytes_max: 1_000, bytes_per_user: 900, ..Limits::default() };
    let house = House::with(Kept::Local, limits).await;
    let tags = vec!["a".to_owned(); UPLOAD_WORDS_MAX + 1];
    let cases = [
        (ask(Some(0), "x.wav"), ErrorKind::Empty),
        (ask(Some(1_001), "x.wav"), ErrorKind::TooLarge { max: 1_000 }),
        (ask(Some(u64::MAX), "x.wav"), ErrorKind::TooLarge { max: 1_000 }),
        (ask(Some(901), "x.wav"), ErrorKind::Quota { max: 900 }),
        (
            Ask { metadata: "m".repeat(UPLOAD_METADATA_BYTES_MAX + 1), ..Ask::default() },
            ErrorKind::BadRequest,
        ),
        (Ask { asked: Asked { tags, ..Asked::default() }, ..Ask::default() }, ErrorKind::BadRequest),
    ];
    for (ask, expected) in cases {
        assert_eq!(house.ingest.create(&house.ann, ask).await.unwrap_err().kind, expected);
    }
    house.is_clean();
    assert_eq!(house.catalog.uploads_of(house.ann.id, 500).await.unwrap(), []);
}

#[tokio::test]
async fn an_empty_file_of_unknown_length_is_refused_at_its_end() {
    let house = House::new().await;
    let id = house.create(None, "nothing.mp3").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(b""), None).await.unwrap();
    assert_eq!(receiving.end().await.unwrap_err().kind, ErrorKind::Empty);
    house.is_clean();
}

#[tokio::test]
async fn a_user_has_so_many_open_uploads_and_another_has_his_own() {
    let limits = Limits { uploads_per_user: 2, ..Limits::default() };
    let house = House::with(Kept::Local, limits).await;
    let first = house.create(Some(100), "a.wav").await;
    house.create(Some(100), "b.wav").await;
    let one_more = || house.ingest.create(&house.ann, ask(Some(100), "c.wav"));
    assert_eq!(one_more().await.unwrap_err().kind, ErrorKind::TooManyUploads);
    house.ingest.create(&house.bob, ask(Some(100), "d.wav")).await.unwrap();
    house.ingest.cancel(&house.ann, first).await.unwrap();
    one_more().await.unwrap();
}

#[tokio::test]
async fn a_users_space_counts_what_is_open_and_what_is_kept() {
    let limits = Limits { bytes_per_user: 10_000, ..Limits::default() };
    let house = House::with(Kept::Local, limits).await;
    house.send(&wav(4_000, 1), "a.wav", 4_000).await;
    let open = house.create(Some(5_000), "b.wav").await;
    let third = house.ingest.create(&house.ann, ask(Some(2_000), "c.wav")).await;
    assert_eq!(third.unwrap_err().kind, ErrorKind::Quota { max: 10_000 });
    let unknown = house.create(None, "d.wav").await;
    let mut receiving = house.take(unknown).await;
    assert_eq!(receiving.set_length(1_500).await.unwrap_err().kind, ErrorKind::Quota { max: 10_000 });
    let refused = receiving.append(whole(&wav(1_500, 2)), None).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Quota { max: 10_000 });
    drop(receiving);
    house.ingest.cancel(&house.ann, open).await.unwrap();
    house.create(Some(2_000), "e.wav").await;
}

#[tokio::test]
async fn of_many_that_begin_at_once_as_many_are_taken_as_fit() {
    let limits = Limits { bytes_per_user: 10_000, ..Limits::default() };
    let house = House::with(Kept::Local, limits).await;
    let quota = ErrorKind::Quota { max: 10_000 };
    let begun = join_all((0..8).map(|_| house.ingest.create(&house.ann, ask(Some(4_000), "a.wav")))).await;
    let refused: Vec<_> = begun.into_iter().filter_map(Result::err).map(|error| error.kind).collect();
    assert_eq!(refused, vec![quota.clone(); 6]);
    assert_eq!(house.ingest.0.table.len(), 2, "nothing is left of the others");
    assert_eq!(house.catalog.bytes_of_user(house.ann.id).await.unwrap(), 8_000);
    // Somebody else's space is his own.
    house.ingest.create(&house.bob, ask(Some(10_000), "b.wav")).await.unwrap();
}

#[tokio::test]
async fn of_many_that_name_their_length_at_once_as_many_are_taken_as_fit() {
    let limits = Limits { bytes_per_user: 10_000, ..Limits::default() };
    let house = House::with(Kept::Local, limits).await;
    let mut receiving = Vec::new();
    for seed in 0..8 {
        let id = house.create(None, "a.wav").await;
        receiving.push(house.take(id).await);
        let last = receiving.last_mut().unwrap();
        last.append(whole(&wav(100, seed)), None).await.unwrap();
    }
    // What came counts, and what is named counts it once.
    let named = join_all(receiving.iter_mut().map(|receiving| receiving.set_length(4_000))).await;
    let refused: Vec<_> = named.into_iter().filter_map(Result::err).map(|error| error.kind).collect();
    assert_eq!(refused, vec![ErrorKind::Quota { max: 10_000 }; 6]);
    assert_eq!(house.catalog.bytes_of_user(house.ann.id).await.unwrap(), 8_000);
}

#[tokio::test]
async fn bytes_that_a_user_has_twice_count_once_when_they_are_completed() {
    for (again, expected) in [(1, Phase::Ready), (2, Phase::Failed)] {
        let mut house = House::new().await;
        house.send(&wav(4_000, 1), "a.wav", 4_000).await;
        let id = house.create(Some(4_000), "b.wav").await;
        let mut receiving = house.take(id).await;
        receiving.append(whole(&wav(4_000, again)), None).await.unwrap();
        drop(receiving);
        assert_eq!(house.catalog.upload(None, id).await.unwrap().phase, Phase::Receiving);
        // He may have less than when he began it.
        house.limits.bytes_per_user = 5_000;
        let house = house.restarted().await;
        house.settle().await;
        assert_eq!(house.catalog.upload(None, id).await.unwrap().phase, expected);
    }
}

#[tokio::test]
async fn bytes_that_the_asker_has_need_not_be_sent_and_those_of_others_must() {
    let house = House::new().await;
    let bytes = wav(9_000, 1);
    let named = |length| {
        let mut ask = ask(length, "again.wav");
        ask.asked.sha256 = Some(digest(&bytes));
        ask
    };
    let before = house.ingest.create(&house.ann, named(Some(9_000))).await.unwrap();
    let Created::Open(id, _) = before else { panic!("nobody has it yet") };
    let mut receiving = house.take(id).await;
    receiving.append(whole(&bytes), None).await.unwrap();
    let track = receiving.end().await.unwrap().track;

    for length in [Some(9_000), None] {
        let Created::Ready(row) = house.ingest.create(&house.ann, named(length)).await.unwrap() else {
            panic!("ann has it")
        };
        assert_eq!((row.phase, row.track, row.length), (Phase::Ready, track, Some(9_000)));
        assert_eq!(house.ingest.status(&house.ann, row.id).await.unwrap().offset, 9_000);
    }
    for (who, length) in [(&house.bob, Some(9_000)), (&house.ann, Some(9_001))] {
        let asked = house.ingest.create(who, named(length)).await.unwrap();
        assert!(matches!(asked, Created::Open(..)), "{} {length:?}", who.name);
    }
}

#[tokio::test]
async fn names_come_in_harmless_and_wishes_come_true() {
    let house = House::new().await;
    let cover = house.send(&png(3_000), "c.png", 3_000).await;
    let cover = house.ingest.status(&house.ann, cover).await.unwrap().row.blob;
    let bytes = wav(9_000, 3);
    let id = house.create(Some(9_000), "../../evil\r\nX: y.wav").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(&bytes), None).await.unwrap();
    // The fields of a form may come behind its file.
    let asked = Asked {
        filename: "../../evil\r\nX: y.wav".to_owned(),
        title: Some(" A\ntitle ".to_owned()),
        artist: Some("Somebody".to_owned()),
        album: Some("Something".to_owned()),
        tags: vec!["ambient".to_owned()],
        image: cover,
        ..Asked::default()
    };
    receiving.describe(asked).await.unwrap();
    receiving.end().await.unwrap();
    let track = house.is_track(id, &bytes).await;
    assert_eq!(
        (track.title.as_str(), track.artist.as_str(), track.album.as_str(), track.image),
        ("A title", "Somebody", "Something", cover)
    );
    assert_eq!(track.genres, ["ambient"]);
    assert_eq!(track.path.file_name(), "evilX: y.wav");
    let cover = house.catalog.cover(&Viewer::of(&house.ann), catalog::Item::Track(track.id)).await.unwrap();
    assert_eq!(cover.content_type, "image/png");
}
