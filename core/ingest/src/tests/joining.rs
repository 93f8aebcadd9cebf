use catalog::UploadId;

use super::house::{House, Kept, STORES, ask, polled, wav, whole};
use crate::{Ask, Created, ErrorKind};

impl House {
    pub(crate) async fn part_of(&self, bytes: &[u8]) -> UploadId {
        self.part(bytes, bytes.len()).await
    }

    async fn part(&self, bytes: &[u8], length: usize) -> UploadId {
        let part = Ask { length: Some(length as u64), is_part: true, ..Ask::default() };
        let Created::Open(id, _) = self.ingest.create(&self.ann, part).await.unwrap() else { panic!() };
        let mut receiving = self.take(id).await;
        receiving.append(whole(bytes), None).await.unwrap();
        if bytes.len() == length {
            receiving.end().await.unwrap();
        }
        id
    }

    async fn parts(&self, bytes: &[u8]) -> Vec<UploadId> {
        let mut parts = Vec::new();
        for piece in bytes.chunks(bytes.len().div_ceil(3)) {
            parts.push(self.part(piece, piece.len()).await);
        }
        parts
    }
}

#[tokio::test]
async fn parts_become_one_track_and_go() {
    for kept in STORES {
        let house = House::of(kept).await;
        let bytes = wav(400_000, 1);
        let parts = house.parts(&bytes).await;
        let joined = house.ingest.join(&house.ann, parts.clone(), ask(None, "x.wav")).await.unwrap();
        let Created::Ready(row) = joined else { panic!() };
        house.settle().await;
        house.is_track(row.id, &bytes).await;
        // The same again gives the same.
        let again = house.ingest.join(&house.ann, parts, ask(None, "x.wav")).await.unwrap();
        assert!(matches!(again, Created::Ready(again) if again.id == row.id), "{kept:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_joined_is_refused_and_the_parts_stay() {
    let house = House::new().await;
    let whole_part = house.part(&wav(9_000, 0), 9_000).await;
    let half = house.part(&wav(9_000, 0)[..100], 9_000).await;
    let no_part = house.create(Some(10), "x.wav").await;
    let text = house.part(&[b'a'; 9_000], 9_000).await;
    let cases = [
        (vec![], None, ErrorKind::BadRequest),
        (vec![whole_part; 65], None, ErrorKind::BadRequest),
        (vec![whole_part, half], None, ErrorKind::Conflict { offset: 100 }),
        (vec![no_part], None, ErrorKind::BadRequest),
        (vec![whole_part], Some(8_999), ErrorKind::LengthConflict),
        (vec![text, whole_part], None, ErrorKind::NotMedia),
    ];
    for (parts, length, expected) in cases {
        let refused = house.ingest.join(&house.ann, parts, ask(length, "x.wav")).await.unwrap_err();
        assert_eq!(refused.kind, expected);
    }
    let foreign = house.ingest.join(&house.bob, vec![whole_part], ask(None, "x.wav")).await.unwrap_err();
    assert_eq!(foreign.kind, ErrorKind::NotFound);
    assert_eq!(house.ingest.status(&house.ann, whole_part).await.unwrap().offset, 9_000);
    assert_eq!(house.spool.list(None, 10).unwrap().len(), 4);
}

#[tokio::test]
async fn joining_may_be_dropped_anywhere_and_done_again() {
    let house = House::of(Kept::Local).await;
    for polls in 1..60 {
        let bytes = wav(300_000 + polls, 1);
        let parts = house.parts(&bytes).await;
        let first = polled(polls, house.ingest.join(&house.ann, parts.clone(), ask(None, "x.wav"))).await;
        house.settle().await;
        let second = house.ingest.join(&house.ann, parts, ask(None, "x.wav")).await;
        let Created::Ready(row) = second.unwrap() else { panic!() };
        house.settle().await;
        let row = house.ingest.status(&house.ann, row.id).await.unwrap().row;
        assert_eq!(row.blob, Some(super::house::digest(&bytes)));
        // Whenever the first was dropped, the parts are gone now.
        house.is_clean();
        if first.is_some() {
            return;
        }
    }
}
