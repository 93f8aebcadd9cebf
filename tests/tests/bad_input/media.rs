//! Files that are not what they were, or never what they say.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tests::http::{self, Connection};
use tests::{Library, Options, Server, eventually};

use crate::{crafted, probe};

const LONG: &str = "Long Water";
/// Memory that no file may make the process need; with a debug build's larger code.
const PEAK_KIB_MAX: u64 = 96 * 1024;

fn scan(server: &Server) {
    let output = server.command(&["scan"], "");
    assert!(output.status.success(), "{output:?}");
}

/// A stream of the long song of which the first bytes were read, by a client whose kernel takes little.
fn begun(server: &Server, library: &Library) -> (Connection, Vec<u8>, Vec<u8>) {
    let file = library.bytes(&library.song(LONG));
    let link = server.link(&server.track(LONG));
    let socket = http::socket(None, server.address, Some(8 * 1024)).expect("a connection");
    let mut connection = Connection::over(socket).expect("a connection");
    connection.send("GET", &link, &[], b"").expect("taken");
    assert_eq!(connection.read_head().expect("a head").status, 200);
    let first = connection.read_some(5_000).expect("bytes");
    (connection, first, file)
}

/// Reads to the end of a body of so many bytes, or to where it breaks off, and says what came altogether.
fn rest(connection: &mut Connection, mut read: Vec<u8>, length: usize) -> Vec<u8> {
    connection.widen();
    while read.len() < length
        && let Ok(bytes) = connection.read_some(256 * 1024)
    {
        if bytes.is_empty() {
            break;
        }
        read.extend(bytes);
    }
    read
}

#[test]
fn p02_a_file_that_shrinks_while_it_plays_breaks_the_stream_off() {
    let library = Library::copy();
    let server = Server::start(&Options::library(&library));
    let (mut connection, first, file) = begun(&server, &library);
    let path = library.path(&library.song(LONG));
    fs::File::options().write(true).open(path).and_then(|file| file.set_len(1_000_000)).expect("truncated");
    let read = rest(&mut connection, first, file.len());
    assert!(read.len() < file.len(), "it cannot have come whole");
    assert!(file.starts_with(&read), "every byte that came was right ({} came)", read.len());
    probe(&server, "a file that shrank");
}

/// How many bytes came after the first wrong one, when the file is overwritten in place while it plays.
fn wrong_bytes_of_an_overwritten_file(config: &str) -> usize {
    let library = Library::copy();
    let server = Server::start(&Options::library(&library).config(config));
    let (mut connection, first, file) = begun(&server, &library);
    let other: Vec<u8> = file.iter().map(|byte| !byte).collect();
    let mut target =
        fs::File::options().write(true).open(library.path(&library.song(LONG))).expect("a file of ours");
    target.write_all(&other).expect("overwritten");
    drop(target);
    let read = rest(&mut connection, first, file.len());
    assert!(read.len() < file.len(), "it cannot have come whole");
    probe(&server, "a file that was overwritten");
    let right = read.iter().zip(&file).take_while(|(came, was)| came == was).count();
    read.len() - right
}

#[test]
fn p02_a_file_that_is_overwritten_while_it_plays_breaks_the_stream_off() {
    assert_eq!(wrong_bytes_of_an_overwritten_file("[stream]\nwire = \"off\"\n"), 0);
}

/// By the wire the kernel sends pages of the file as they are when they leave: what it has taken may still change, no more.
#[test]
fn p02_a_file_that_is_overwritten_while_the_wire_sends_it_breaks_off_within_a_window() {
    let wrong = wrong_bytes_of_an_overwritten_file("");
    assert!(wrong <= 1 << 20, "{wrong} bytes came after the first wrong one");
}

#[test]
fn p02_a_file_that_is_replaced_or_removed_while_it_plays_ends_as_it_began() {
    for replaced in [true, false] {
        let library = Library::copy();
        let server = Server::start(&Options::library(&library));
        let (mut connection, first, file) = begun(&server, &library);
        let path = library.path(&library.song(LONG));
        let tag = server
            .get(&server.link(&server.track(LONG)), &[("Range", "bytes=0-0")])
            .header("etag")
            .to_owned();
        if replaced {
            let beside = path.with_extension("new");
            fs::write(&beside, b"RIFF another file").expect("a file");
            fs::rename(&beside, &path).expect("replaced");
        } else {
            fs::remove_file(&path).expect("removed");
        }
        assert!(rest(&mut connection, first, file.len()) == file, "the open file is read to its end");
        let link = server.link(&server.track(LONG));
        let fields = [("Range", "bytes=5-"), ("If-Range", tag.as_str())];
        if replaced {
            eventually("the new file is seen", Duration::from_secs(3), || {
                let answer = server.get(&link, &fields);
                (answer.status, &answer.body[..]) == (200, b"RIFF another file")
            });
        } else {
            eventually("it is gone", Duration::from_secs(3), || server.get(&link, &fields).status == 404);
            let target = format!("/rest/stream?id={}&{}", server.track(LONG), server.admin.by_key());
            assert_eq!(server.get(&target, &[]).json()["subsonic-response"]["error"]["code"], 70);
        }
        probe(&server, "a file that went");
        scan(&server);
        probe(&server, "a scan after a file went");
    }
}

#[test]
fn p07_links_out_of_the_library_are_not_followed() {
    let library = Library::copy();
    let outside = tempfile::tempdir().expect("a folder");
    let secret = outside.path().join("01 Cattail.ogg");
    fs::copy(library.path(&library.song("Bulrush")), &secret).expect("a copy");
    fs::create_dir(library.root.join("New")).expect("a folder");
    symlink(&secret, library.root.join("New/link.opus")).expect("a link");
    symlink(outside.path(), library.root.join("New/folder")).expect("a link");
    symlink("/", library.root.join("New/root")).expect("a link");
    symlink("..", library.root.join("New/loop")).expect("a link");
    let server = Server::start(&Options::library(&library));
    let all = server.subsonic("search3", "query=&songCount=500");
    let songs = all["searchResult3"]["song"].as_array().expect("songs").clone();
    assert_eq!(songs.len(), library.songs.len(), "nothing behind a link is listed: {all}");

    // What was scanned as a file, and its folder, become links to something outside.
    let bytes = fs::read(&secret).expect("a file");
    let song = library.song("Cattail");
    let target = format!("/tracks/{}/audio", server.track(song.title));
    let leaks = || {
        let answer = server.get(&target, &[("Authorization", &server.mira.bearer())]);
        assert_ne!(answer.body, bytes, "the file outside was sent");
        answer.status
    };
    assert_eq!(leaks(), 200);
    fs::remove_file(library.path(&song)).expect("removed");
    symlink(&secret, library.path(&song)).expect("a link");
    eventually("a link in place of a file is refused", Duration::from_secs(3), || leaks() == 404);
    let folder = library.path(&song).parent().expect("an album").to_path_buf();
    fs::remove_dir_all(&folder).expect("removed");
    symlink(outside.path(), &folder).expect("a link");
    eventually("a link in place of a folder is refused", Duration::from_secs(3), || leaks() == 404);
    scan(&server);
    assert_eq!(leaks(), 404);
    probe(&server, "links out of the library");
}

fn write(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, bytes).expect("a file");
}

#[test]
fn p04_tags_that_claim_gigabytes_cost_nothing() {
    let library = Library::copy();
    let song = library.bytes(&library.song("First Ripple"));
    let evil: [(&str, Vec<u8>); 9] = [
        ("Evil/id3.mp3", crafted::id3_that_claims_gigabytes(&song)),
        ("Evil/frame.mp3", crafted::id3_with_a_frame_too_long(&song)),
        ("Evil/picture.flac", crafted::flac_with_a_picture_too_long()),
        ("Evil/vendor.flac", crafted::flac_with_a_vendor_too_long()),
        ("Evil/chunks.wav", crafted::wav_that_claims_gigabytes()),
        ("Evil/chunks.aiff", crafted::aiff_that_claims_gigabytes()),
        ("Evil/atoms.m4a", crafted::m4a_that_claims_gigabytes()),
        ("Evil/comments.opus", crafted::opus_with_billions_of_comments()),
        ("Evil/empty.ogg", Vec::new()),
    ];
    for (name, bytes) in &evil {
        write(&library.root, name, bytes);
    }
    // A sparse file of 8 GiB that is nothing, and a pipe that nobody writes to.
    write(&library.root, "Evil/sparse.mp3", b"");
    let sparse = fs::File::options().write(true).open(library.root.join("Evil/sparse.mp3")).expect("a file");
    sparse.set_len(8 << 30).expect("a long file");
    let made = Command::new("mkfifo").arg(library.root.join("Evil/pipe.mp3")).status().expect("mkfifo");
    assert!(made.success());
    let server = Server::start(&Options::library(&library));
    scan(&server);
    for song in &library.songs {
        server.track(song.title);
    }
    let peak = server.figures().peak_kib;
    println!("peak {peak} KiB");
    assert!(peak < PEAK_KIB_MAX, "tags made the process need {peak} KiB");
    probe(&server, "tags that claim gigabytes");
}

#[test]
fn p04_covers_of_65535_px_are_sent_as_they_are() {
    let cases = [("cover.png", crafted::png_of_65535_px()), ("cover.jpg", crafted::jpeg_of_65535_px())];
    for (name, bytes) in cases {
        let library = Library::copy();
        fs::remove_file(library.cover()).expect("removed");
        let folder = library.cover().parent().expect("an album").to_path_buf();
        fs::write(folder.join(name), &bytes).expect("a cover");
        let server = Server::start(&Options::library(&library));
        let track = server.track("First Ripple");
        for target in [
            format!("/rest/getCoverArt?id={track}&size=300&{}", server.mira.by_key()),
            format!("/tracks/{track}/cover"),
        ] {
            let answer = server.get(&target, &[("Authorization", &server.mira.bearer())]);
            assert_eq!((answer.status, &answer.body), (200, &bytes), "{name}: {}", answer.text());
        }
        let peak = server.figures().peak_kib;
        assert!(peak < PEAK_KIB_MAX, "{name} made the process need {peak} KiB");
        probe(&server, name);
    }
}

#[test]
fn p04_a_cover_that_is_too_large_is_none() {
    let library = Library::copy();
    let cover = fs::File::options().write(true).open(library.cover()).expect("a file");
    cover.set_len(25 << 20).expect("a long file");
    let server = Server::start(&Options::library(&library));
    let track = server.track("First Ripple");
    let answer = server.get(&format!("/tracks/{track}/cover"), &[("Authorization", &server.mira.bearer())]);
    assert_eq!(answer.status, 404, "{:?}", answer.headers);
    probe(&server, "a cover that is too large");
}
