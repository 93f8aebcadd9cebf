//! A byte of a stored blob flips: the block that it is in is never sent, by no way and to nobody.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tests::tus::{metadata, sha256_hex};
use tests::{Server, Tus, eventually, sound};

use crate::ground::{Ground, files};

/// Blocks of the stored file: four and a half.
const BLOCK_BYTES: usize = 1 << 20;
const FILE_BYTES: usize = BLOCK_BYTES * 9 / 2;

struct Case {
    wire: &'static str,
    /// Where the byte flips.
    place: usize,
    /// Whether the server runs meanwhile and has just sent the right bytes.
    while_it_runs: bool,
}

fn blob(data: &Path, digest: &str) -> PathBuf {
    let found = files(&data.join("blobs")).into_iter().find(|path| path.ends_with(digest));
    data.join("blobs").join(found.expect("the blob"))
}

/// Flips one bit, as rot does: neither length nor times change.
fn flip(path: &Path, place: usize) {
    let file = File::options().read(true).write(true).open(path).or_else(|_| {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        File::options().read(true).write(true).open(path)
    });
    let file = file.expect("the blob can be opened");
    let modified = file.metadata().and_then(|data| data.modified()).expect("a time");
    let mut byte = [0];
    file.read_exact_at(&mut byte, place as u64).expect("a byte");
    file.write_all_at(&[byte[0] ^ 0x10], place as u64).expect("a byte");
    file.set_modified(modified).expect("a time");
}

fn check(case: &Case) {
    let what = format!("wire {}, a bit at {}, running {}", case.wire, case.place, case.while_it_runs);
    let ground = Ground::new();
    let config = format!("[stream]\nwire = \"{}\"\n[store]\nfree_bytes_min = \"16MiB\"\n", case.wire);
    let bytes = sound::wav(case.place as u64 + 9, FILE_BYTES);
    let digest = sha256_hex(&bytes);
    let mut server = Server::start(&ground.options(&config));
    let tus = Tus::of(&server, &server.mira);
    tus.upload(&bytes, &metadata(&[("filename", "rot.wav")]), 1 << 20);
    let before = tus.audio(&digest).expect("an answer");
    assert_eq!((before.status, before.body == bytes), (200, true), "{what}: before");
    if !case.while_it_runs {
        server.stop();
    }
    flip(&blob(&ground.data, &digest), case.place);
    if !case.while_it_runs {
        server = Server::start(&ground.options(&config));
    }
    assert_never_sent(&Tus::of(&server, &server.mira), &bytes, &digest, case.place, &what);
    let reported = || server.output().to_lowercase().contains("checksum") || server.output().contains("bad");
    eventually("the bad block is reported", Duration::from_secs(5), reported);
}

fn assert_never_sent(tus: &Tus, bytes: &[u8], digest: &str, place: usize, what: &str) {
    let bad = place / BLOCK_BYTES;
    // Twice: the second time nothing is new any more.
    for turn in 0..2 {
        let answer = match tus.audio(digest) {
            // The first block is the bad one: the connection may break before even the head is on its way.
            Err(_) if bad == 0 => continue,
            answer => answer.expect("an answer"),
        };
        let right = bytes.starts_with(&answer.body) && answer.body.len() <= bad * BLOCK_BYTES;
        let refused = answer.status >= 400;
        assert!(refused || (right && !answer.whole), "{what}, turn {turn}: {} ({right})", answer.head());
    }
    for block in 0..FILE_BYTES.div_ceil(BLOCK_BYTES) {
        let (from, to) = (block * BLOCK_BYTES, ((block + 1) * BLOCK_BYTES).min(FILE_BYTES) - 1);
        let range = format!("bytes={from}-{to}");
        let at = format!("/audio/{}", &digest[..16]);
        let answer = tus.request("GET", &at, &[("Range", &range), ("Tus-Resumable", "")], b"");
        match answer {
            Ok(answer) if block != bad && answer.status == 206 => {
                assert!(answer.whole && answer.body == bytes[from..=to], "{what}, block {block}");
            }
            Ok(answer) if block == bad => {
                let right = bytes[from..].starts_with(&answer.body) && answer.body.len() <= place - from;
                let refused = answer.status >= 400;
                assert!(refused || (right && !answer.whole), "{what}, the bad block: {}", answer.head());
            }
            // A blob known to be bad may be refused as a whole.
            Ok(answer) => assert!(answer.status >= 400, "{what}, block {block}: {}", answer.head()),
            Err(_) => assert_eq!(block, bad, "{what}: a sound block breaks off"),
        }
    }
}

#[test]
fn p02_a_flipped_bit_of_a_stored_blob_is_never_sent() {
    let cases = [
        Case { wire: "auto", place: 2 * BLOCK_BYTES + 500_000, while_it_runs: false },
        Case { wire: "off", place: 2 * BLOCK_BYTES + 500_000, while_it_runs: false },
        Case { wire: "auto", place: FILE_BYTES - 1, while_it_runs: false },
        Case { wire: "auto", place: 100, while_it_runs: false },
        // Through a file system a flip changes the times of the inode, which ends what was checked before.
        Case { wire: "auto", place: BLOCK_BYTES, while_it_runs: true },
        Case { wire: "off", place: BLOCK_BYTES, while_it_runs: true },
    ];
    cases.iter().for_each(check);
}
