//! A house to which things were sent, for checks of uploads to begin with.

use std::sync::Arc;

use store::{BlobId, BlobKey, SpoolId, Suffix};

use super::house::{House, file};
use crate::database::Catalog;
use crate::model::{Asked, BlobRow, MediaKind, Phase, Track, TrackId, UploadId, UploadRow, User};
use crate::scan::Tags;

/// Where uploads expire that nobody lets expire.
pub(super) const LATER: i64 = 4_000_000_000_000;

/// An upload of that number, whose bytes are told by a number too.
pub(super) fn upload(owner: &User, n: u8) -> UploadRow {
    UploadRow {
        id: UploadId(SpoolId::from_bytes([n; 16])),
        owner: owner.id,
        phase: Phase::Receiving,
        is_part: false,
        length: Some(1_000),
        metadata: "filename c29uZw==".to_owned(),
        ask: Asked { filename: format!("song {n}.WAV"), ..Asked::default() },
        created: i64::from(n),
        expires: LATER,
        blob: None,
        track: None,
        failure: None,
        suffix: None,
        content_type: None,
    }
}

pub(super) fn hash(n: u8) -> BlobId {
    BlobId::from_bytes([n; 32])
}

pub(super) fn key(n: u8) -> BlobKey {
    BlobKey::of_digest(&hash(n))
}

/// Bytes of sound.
pub(super) fn sound(n: u8) -> BlobRow {
    BlobRow {
        id: hash(n),
        key: None,
        length: 1_000,
        suffix: Suffix::parse("wav").expect("a suffix"),
        content_type: "audio/wav",
        kind: MediaKind::Audio,
        created: 0,
        bad: false,
    }
}

/// Bytes of a picture.
pub(super) fn picture(n: u8) -> BlobRow {
    BlobRow {
        length: 70,
        suffix: Suffix::parse("png").expect("a suffix"),
        content_type: "image/png",
        kind: MediaKind::Image,
        ..sound(n)
    }
}

/// What a file says about itself, read under the name of its upload.
pub(super) fn tags(row: &UploadRow) -> Tags {
    let mut tags = file("Sender", "Sent", 1, &format!("title of {}", row.created)).tags;
    tags.cover = None;
    tags
}

/// Sends something to its end; gives the track, if it became one.
pub(super) async fn send_as(house: &House, row: UploadRow, blob: &BlobRow) -> Option<TrackId> {
    let catalog = &house.catalog;
    let (id, tags) = (row.id, tags(&row));
    catalog.add_upload(&row).await.expect("an upload is added");
    catalog.begin_blob(id, blob).await.expect("its bytes are named");
    let found = (blob.kind != MediaKind::Image).then_some(&tags);
    catalog.commit_upload(id, &BlobKey::of_digest(&blob.id), found).await.expect("it is committed")
}

/// Sends sound whose upload and bytes have these numbers.
pub(super) async fn send(house: &House, owner: &User, upload_n: u8, blob_n: u8) -> Track {
    let id = send_as(house, upload(owner, upload_n), &sound(blob_n)).await.expect("a track");
    track(&house.catalog, owner, id).await
}

pub(super) async fn track(catalog: &Arc<dyn Catalog>, owner: &User, id: TrackId) -> Track {
    catalog.track(&crate::access::Viewer::of(owner), id).await.expect("its owner sees it")
}

/// All that is doomed, which from now on is being removed.
pub(super) async fn doomed(catalog: &Arc<dyn Catalog>) -> Vec<BlobKey> {
    let mut keys = Vec::new();
    for blob in catalog.doomed_blobs(None, 500).await.expect("a list") {
        assert!(catalog.begin_removal(&blob.key).await.expect("an answer"), "it is doomed");
        keys.push(blob.key);
    }
    keys
}
