//! Uploaded files, of which only what was checked is sent; and sources that are no file, of which nothing is offered.

use std::fs::File;

use store::{Blobs, DataFolder, Io, LocalBlobs, MemoryBlobs, Publication, Spool, SpoolId, Suffix};

use super::*;

const BLOCK: u64 = budget::limits::BLOB_BLOCK_BYTES;

/// An uploaded file in a new data folder, the path of its bytes, and the same in memory.
async fn uploaded(bytes: &[u8]) -> (tempfile::TempDir, Source, File, Source) {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::share(folder.path()).unwrap();
    let spool = Spool::open(&data, Io::new(1)).unwrap();
    let id = SpoolId::random().unwrap();
    let mut upload = spool.create(id).unwrap();
    upload.write(bytes).unwrap();
    let whole = upload.finish().unwrap();
    let suffix = Suffix::parse("flac").unwrap();
    let job = Publication { spool: id, suffix, content_type: "audio/flac", length: None, names: Vec::new() };
    let local = LocalBlobs::open(&data, spool.clone(), None).unwrap();
    let key = local.publish(&job, &whole).await.unwrap();
    let memory = MemoryBlobs::new(spool.clone());
    memory.publish(&job, &whole).await.unwrap();
    // A second name of the same file, whose removal would make it another.
    let path = spool.folder().join(id.to_string());
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    (folder, local.open(&key).await.unwrap(), file, memory.open(&key).await.unwrap())
}

#[tokio::test]
async fn p02_each_block_of_an_upload_is_checked_before_the_wire_sends_of_it() {
    let bytes = pattern(2 * BLOCK as usize + 5_000);
    for manner in BOTH {
        let (_folder, source, _, _) = uploaded(&bytes).await;
        let (streams, budget) = streams(WINDOW);
        for expected in [3, 3] {
            let mut sending = sending(&streams, &source, manner);
            sending.finish().await.unwrap();
            assert!(sending.outlet.out[HEAD.len()..] == bytes);
            let misses = streams.inner.metrics.count_misses();
            assert_eq!(misses, expected, "a miss for each block the first time, and none the second");
        }
        assert_at_rest(&streams, &budget);
    }
}

#[tokio::test]
async fn p02_a_flipped_byte_of_an_upload_breaks_the_answer_before_its_block() {
    let bytes = pattern(3 * BLOCK as usize);
    for manner in BOTH {
        let (_folder, source, file, _) = uploaded(&bytes).await;
        let (modified, flipped) = (source.modified(), BLOCK as usize + 77_777);
        file.write_all_at(&[bytes[flipped] ^ 2], flipped as u64).unwrap();
        // Rot leaves no trace.
        file.set_modified(modified).unwrap();
        let (streams, budget) = streams(WINDOW);
        let mut sending = sending(&streams, &source, manner);
        let error = sending.finish().await.unwrap_err();
        assert!(error.to_string().contains("checksum"), "{error}");
        assert!(
            sending.outlet.out[HEAD.len()..] == bytes[..BLOCK as usize],
            "all before the block, and no more"
        );
        drop(sending);
        assert_eq!(streams.inner.metrics.count_ended(Outcome::Failed), 1);
        assert_at_rest(&streams, &budget);
    }
}

#[tokio::test]
async fn p02_what_is_no_file_is_not_offered_to_the_wire_and_comes_out_all_the_same() {
    let bytes = pattern(BLOCK as usize + 9);
    let (_folder, local, _, remote) = uploaded(&bytes).await;
    let (streams, budget) = streams(WINDOW);
    for (source, is_offered) in [(&local, true), (&remote, false)] {
        let mut answer = answer(&streams, source, (0, source.len()));
        assert_eq!(Offer::fits(&Method::GET, Version::HTTP_11, &mut answer).is_some(), is_offered);
        let mut body = answer.into_body();
        let mut out = Vec::new();
        while let Some(piece) = fixture::piece(&mut body).await {
            out.extend(piece.unwrap());
        }
        assert!(out == bytes);
    }
    assert_at_rest(&streams, &budget);
    let no_file = sendfile(io::stderr(), &remote, 0, 1).unwrap_err();
    assert_eq!(no_file.kind(), ErrorKind::Unsupported);
}
