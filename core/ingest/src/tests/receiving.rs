use budget::limits::MIB;
use bytes::Bytes;
use catalog::Phase;

use super::house::{House, Kept, STORES, digest, line, png, wav, whole};
use crate::sniff::Format;
use crate::{Checksum, ErrorKind, Limits};

#[tokio::test]
async fn what_is_sent_becomes_a_track_whatever_the_pieces() {
    for kept in STORES {
        let house = House::of(kept).await;
        for (seed, (length, piece)) in
            [(44, 44), (5_000, 1_000), (70_000, 70_000), (3 << 20, 1 << 20), (300_001, 131_072)]
                .into_iter()
                .enumerate()
        {
            let bytes = wav(length, seed as u8);
            let id = house.send(&bytes, "A song.wav", piece).await;
            house.settle().await;
            let track = house.is_track(id, &bytes).await;
            assert_eq!((track.suffix.as_str(), track.title.as_str()), ("wav", "A song"), "{kept:?}");
            assert_eq!(track.owner, Some(house.ann.id));
        }
    }
}

#[tokio::test]
async fn a_file_of_unknown_length_ends_where_its_sender_says() {
    let house = House::new().await;
    let bytes = wav(200_000, 1);
    let id = house.create(None, "x.wav").await;
    let mut receiving = house.take(id).await;
    assert_eq!(receiving.append(whole(&bytes[..7]), None).await.unwrap(), 7);
    assert_eq!(receiving.format(), None);
    let (send, body) = line();
    for frame in bytes[7..].chunks(999) {
        let frame = Ok(Bytes::copy_from_slice(frame));
        let sent = send.try_send(frame);
        if sent.is_err() {
            break;
        }
    }
    drop(send);
    let offset = receiving.append(body, None).await.unwrap();
    assert_eq!(receiving.format(), Some(Format::Wav));
    receiving.append(whole(&bytes[offset as usize..]), None).await.unwrap();
    let row = receiving.end().await.unwrap();
    assert_eq!((row.phase, row.length), (Phase::Ready, Some(200_000)));
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn lengths_that_lie_are_named_and_keep_what_is_right() {
    let limits = Limits { upload_bytes_max: 10_000, ..Limits::default() };
    let house = House::with(Kept::Local, limits).await;
    let bytes = wav(10_001, 0);
    // The declared length, bytes in the request, whether the body says how long it is: the error, and what is kept.
    let cases = [
        (Some(9_000), 9_001, true, ErrorKind::LengthConflict, 0),
        (Some(9_000), 9_001, false, ErrorKind::LengthConflict, 9_000),
        (None, 10_001, true, ErrorKind::TooLarge { max: 10_000 }, 0),
        (None, 10_001, false, ErrorKind::TooLarge { max: 10_000 }, 10_000),
    ];
    for (length, count, told, expected, kept) in cases {
        let id = house.create(length, "x.wav").await;
        let mut receiving = house.take(id).await;
        let done = if told {
            receiving.append(whole(&bytes[..count]), None).await
        } else {
            let (send, body) = line();
            send.try_send(Ok(Bytes::copy_from_slice(&bytes[..count]))).unwrap();
            drop(send);
            receiving.append(body, None).await
        };
        assert_eq!(done.unwrap_err().kind, expected, "{length:?} {told}");
        drop(receiving);
        assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().offset, kept, "{length:?} {told}");
        house.ingest.cancel(&house.ann, id).await.unwrap();
    }
    house.is_clean();
}

#[tokio::test]
async fn a_length_is_said_once_and_not_below_what_is_there() {
    let house = House::new().await;
    let id = house.create(None, "x.wav").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(&wav(5_000, 0)), None).await.unwrap();
    for (length, expected) in [
        (4_999, ErrorKind::LengthConflict),
        (u64::MAX, ErrorKind::TooLarge { max: house.limits.upload_bytes_max }),
    ] {
        assert_eq!(receiving.set_length(length).await.unwrap_err().kind, expected);
    }
    receiving.set_length(6_000).await.unwrap();
    receiving.set_length(6_000).await.unwrap();
    assert_eq!(receiving.set_length(6_001).await.unwrap_err().kind, ErrorKind::LengthConflict);
    let early = receiving.end().await.unwrap_err();
    assert_eq!(early.kind, ErrorKind::Conflict { offset: 5_000 });
}

#[tokio::test]
async fn a_checksum_decides_whether_the_offset_moves() {
    let house = House::new().await;
    let bytes = wav(400_000, 3);
    let id = house.create(Some(400_000), "x.wav").await;
    let right = |piece: &[u8]| Some(Checksum::Sha256(*digest(piece).as_bytes()));
    let (first, second) = bytes.split_at(150_000);

    let mut receiving = house.take(id).await;
    assert_eq!(receiving.append(whole(first), right(second)).await.unwrap_err().kind, ErrorKind::Mismatch);
    assert_eq!(receiving.offset(), 0);
    assert_eq!(receiving.append(whole(first), right(first)).await.unwrap(), 150_000);
    drop(receiving);

    // A request that breaks off has no checksum at all.
    let mut receiving = house.take(id).await;
    let (send, body) = line();
    send.try_send(Ok(Bytes::copy_from_slice(second))).unwrap();
    send.try_send(Err(())).unwrap();
    assert_eq!(receiving.append(body, right(second)).await.unwrap_err().kind, ErrorKind::BrokenOff);
    assert_eq!(receiving.offset(), 150_000);
    assert_eq!(receiving.append(whole(second), right(second)).await.unwrap(), 400_000);
    receiving.end().await.unwrap();
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn a_body_that_is_not_media_is_refused_by_its_checksum_first() {
    let house = House::new().await;
    let id = house.create(Some(100), "x.mp3").await;
    let mut receiving = house.take(id).await;
    let text = [b'a'; 100];
    let wrong = Some(Checksum::Sha256([0; 32]));
    assert_eq!(receiving.append(whole(&text), wrong).await.unwrap_err().kind, ErrorKind::Mismatch);
    let right = Some(Checksum::Sha256(*digest(&text).as_bytes()));
    assert_eq!(receiving.append(whole(&text), right).await.unwrap_err().kind, ErrorKind::NotMedia);
    drop(receiving);
    house.is_clean();
}

#[tokio::test]
async fn what_is_not_media_is_refused_after_the_first_bytes() {
    let house = House::new().await;
    let id = house.create(Some(100_000_000), "song.mp3").await;
    let mut receiving = house.take(id).await;
    let (send, body) = line();
    let text = Bytes::from("A text that is called a song.\n".repeat(10_000));
    send.try_send(Ok(text)).unwrap();
    // The line stays open: whoever waited for its end would wait for ever.
    let refused = receiving.append(body, None).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotMedia);
    assert!(refused.said.contains("it is a text"), "{}", refused.said);
    drop((receiving, send));
    house.is_clean();
    let gone = house.ingest.status(&house.ann, id).await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::Gone);
    assert!(gone.said.contains("it is a text"), "{}", gone.said);
}

#[tokio::test]
async fn a_picture_has_a_limit_of_its_own_and_is_no_track() {
    let limits = Limits { image_bytes_max: 50_000, ..Limits::default() };
    let house = House::with(Kept::Local, limits).await;
    let small = png(20_000);
    let id = house.send(&small, "cover.png", 20_000).await;
    let row = house.ingest.status(&house.ann, id).await.unwrap().row;
    assert_eq!((row.phase, row.track, row.blob), (Phase::Ready, None, Some(digest(&small))));

    for length in [Some(60_000), None] {
        let id = house.create(length, "cover.png").await;
        let mut receiving = house.take(id).await;
        let refused = receiving.append(whole(&png(60_000)), None).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::TooLarge { max: 50_000 }, "{length:?}");
        drop(receiving);
        assert_eq!(
            house.ingest.status(&house.ann, id).await.unwrap_err().kind,
            ErrorKind::Gone,
            "{length:?}"
        );
    }
    house.is_clean();
}

#[tokio::test]
async fn a_line_that_breaks_keeps_what_came() {
    let house = House::new().await;
    let bytes = wav(300_000, 9);
    let id = house.create(Some(300_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    let (send, body) = line();
    for piece in bytes[..200_001].chunks(40_000) {
        send.try_send(Ok(Bytes::copy_from_slice(piece))).unwrap();
    }
    send.try_send(Err(())).unwrap();
    assert_eq!(receiving.append(body, None).await.unwrap_err().kind, ErrorKind::BrokenOff);
    assert_eq!(receiving.offset(), 200_001);
    drop(receiving);
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().offset, 200_001);
    let mut receiving = house.take(id).await;
    receiving.append(whole(&bytes[200_001..]), None).await.unwrap();
    receiving.end().await.unwrap();
    house.is_track(id, &bytes).await;
}

#[tokio::test]
async fn a_request_that_sends_too_little_ends_and_keeps_what_came() {
    let house = House::new().await;
    let id = house.create(Some(100_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    let (send, body) = line();
    send.try_send(Ok(Bytes::from(wav(5_000, 0)))).unwrap();
    tokio::time::pause();
    let slow = receiving.append(body, None).await.unwrap_err();
    tokio::time::resume();
    assert_eq!((slow.kind, receiving.offset()), (ErrorKind::TooSlow, 5_000));
    drop(send);
}

#[tokio::test]
async fn p11_a_full_disk_refuses_and_the_upload_goes_on_when_there_is_room() {
    let house = House::new().await;
    let bytes = wav(100_000, 4);
    let id = house.create(Some(100_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(&bytes[..40_000]), None).await.unwrap();
    drop(receiving);
    // Somebody else gets all that is left, and more is wanted than was promised.
    let entry = house.ingest.0.table.get(id).unwrap();
    entry.desk().reserved = None;
    let hog = all_of(&house.room);
    let mut receiving = house.take(id).await;
    let full = receiving.append(whole(&bytes[40_000..]), None).await.unwrap_err();
    assert!(matches!(full.kind, ErrorKind::Full { .. }), "{full:?}");
    drop(receiving);
    let none = house.ingest.create(&house.ann, super::house::ask(Some(100 * MIB), "y.wav")).await;
    assert!(matches!(none.unwrap_err().kind, ErrorKind::Full { .. }));
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap().offset, 40_000);
    drop((hog, entry));
    let mut receiving = house.take(id).await;
    receiving.append(whole(&bytes[40_000..]), None).await.unwrap();
    receiving.end().await.unwrap();
    house.is_track(id, &bytes).await;
}

/// All room that there is; the disk may be in use by others, so that a moment later there may be a little more.
fn all_of(room: &store::Room) -> Vec<store::Reserved> {
    let mut hog = Vec::new();
    while let Ok(free @ 1..) = room.free_bytes() {
        hog.extend(room.reserve(free));
        if hog.len() > 100 {
            break;
        }
    }
    // What others free meanwhile is not to be had either.
    hog
}
