//! The disk is full in mid-upload: 507, what plays goes on, and when there is room again the same upload is finished.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::http::{self, Connection};
use tests::tus::{location, metadata, sha256_hex, told_offset};
use tests::{Library, Server, Tus, sound};

use crate::ground::{Ground, spool};

const DISK_MIB: usize = 96;
const FILE_BYTES: usize = 24 << 20;
const PIECE_BYTES: usize = 4 << 20;

/// A small disk in memory, unmounted at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Result<Self, String> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={DISK_MIB}m"), "tmpfs"]).arg(at);
        match mount.output() {
            Ok(output) if output.status.success() => Ok(SmallDisk(at.to_path_buf())),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Takes all space but so many bytes.
    fn fill(&self, but_bytes: u64) -> PathBuf {
        let free = rustix::fs::statvfs(&self.0).expect("a file system");
        let free = free.f_bavail * free.f_frsize;
        let path = self.0.join("somebody-elses");
        let mut file = File::create(&path).expect("a file");
        let piece = vec![1; 1 << 16];
        for _ in 0..free.saturating_sub(but_bytes) / (1 << 16) {
            file.write_all(&piece).expect("there is space");
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn p11_a_full_disk_refuses_uploads_and_keeps_streaming_and_the_upload_is_finished_later() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let disk = match SmallDisk::mount(temporary.path()) {
        Ok(disk) => disk,
        Err(why) => return println!("NOT CHECKED: no small disk can be mounted: {why}"),
    };
    let data = disk.0.join("data");
    fs::create_dir(&data).expect("a folder");
    let ground = Ground::at(&data);
    let library = Library::small();
    let mut options = ground.options("[store]\nfree_bytes_min = \"8MiB\"\n");
    options.libraries = vec![library.root.clone()];
    options.tracks = library.songs.len();
    let server = Server::start(&options);
    let tus = Tus::of(&server, &server.mira);
    let bytes = sound::wav(5, FILE_BYTES);
    let digest = sha256_hex(&bytes);

    // Half of it, with somebody listening.
    let named = metadata(&[("filename", "big.wav"), ("title", "Big")]);
    let made = tus.create(Some(FILE_BYTES as u64), &named, &[]).expect("an answer");
    assert_eq!(made.status, 201, "{}", made.text());
    let at = location(&made).expect("a Location");
    let mut told = 0;
    for piece in bytes.chunks(PIECE_BYTES).take(3) {
        let answer = tus.patch(&at, told, piece, &[]).expect("an answer");
        assert_eq!(answer.status, 204, "{} {}", answer.head(), answer.text());
        told += piece.len() as u64;
    }
    let song = library.song("Long Water");
    let (mut listener, heard) = listening(&server, &server.link(&server.track(song.title)));

    // Somebody else takes the space: neither what was promised to the upload is there, nor room for a new one.
    let others = disk.fill(1 << 20);
    let refused = tus.create(Some(20 << 20), &metadata(&[("filename", "new.wav")]), &[]).expect("an answer");
    assert_eq!(refused.status, 507, "a new upload: {} {}", refused.head(), refused.text());
    let answer = tus.patch(&at, told, &bytes[told as usize..], &[]).expect("an answer");
    assert_eq!(answer.status, 507, "the running one: {} {}", answer.head(), answer.text());
    let kept = told_offset(&tus.head(&at).expect("an answer")).expect("an offset");
    assert!(kept >= told, "{kept} bytes are left of {told}");
    assert_eq!(server.get("/health", &[]).status, 200);
    heard_to_the_end(&mut listener, heard, &library.bytes(&song));

    // There is room again.
    fs::remove_file(others).expect("a file of ours");
    let mut offset = told_offset(&tus.head(&at).expect("an answer")).expect("an offset");
    assert!(offset >= kept, "the offset fell from {kept} to {offset}");
    for piece in bytes[offset as usize..].chunks(PIECE_BYTES) {
        let answer = tus.patch(&at, offset, piece, &[]).expect("an answer");
        assert_eq!(answer.status, 204, "{} {}", answer.head(), answer.text());
        offset += piece.len() as u64;
    }
    let answer = tus.audio(&digest).expect("an answer");
    assert!(answer.status == 200 && answer.body == bytes, "{}", answer.head());
    assert_eq!(spool(&ground.data), Vec::<String>::new(), "nothing is left in the spool");
    drop(server);
}

/// A connection on which a song has begun.
fn listening(server: &Server, link: &str) -> (Connection, Vec<u8>) {
    let socket = http::socket(None, server.address, Some(16 * 1024)).expect("a connection");
    let mut connection = Connection::over(socket).expect("a connection");
    connection.send("GET", link, &[], b"").expect("a request is taken");
    let head = connection.read_head().expect("a head");
    assert_eq!(head.status, 200);
    let heard = connection.read_some(10_000).expect("bytes");
    (connection, heard)
}

fn heard_to_the_end(listener: &mut Connection, mut heard: Vec<u8>, song: &[u8]) {
    while heard.len() < song.len() {
        let more = listener.read_some(256 * 1024).expect("the song goes on");
        assert!(!more.is_empty(), "the song ended after {} of {} bytes", heard.len(), song.len());
        heard.extend(more);
    }
    assert!(heard == song, "the song as it is");
}
