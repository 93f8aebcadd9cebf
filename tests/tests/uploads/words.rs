//! What an uploaded file says about itself: every format comes out as the track that a scan would have made of it.

use tests::tus::{metadata, sha256_hex};
use tests::{Library, Options, Server, Tus};

#[test]
fn an_uploaded_file_of_every_format_has_its_own_words_and_its_own_bytes() {
    let library = Library::small();
    let server = Server::start(&Options::default().config("[store]\nfree_bytes_min = \"16MiB\"\n"));
    let tus = Tus::of(&server, &server.mira);
    let mut wrong = Vec::new();
    for song in &library.songs {
        let bytes = library.bytes(song);
        // A name that says nothing, not even the format.
        tus.upload(&bytes, &metadata(&[("filename", "something.bin")]), 64 * 1024);
        let stored = tus.audio(&sha256_hex(&bytes)).expect("an answer");
        if stored.body != bytes || stored.header("content-type") != song.content_type {
            wrong.push(format!("{}: {}", song.path, stored.head()));
        }
        let query = format!("query={}&songCount=50", tests::http::escaped(song.title));
        let found = server.subsonic("search3", &query);
        let songs = found["searchResult3"]["song"].as_array().cloned().unwrap_or_default();
        let Some(track) = songs.iter().find(|found| found["title"] == song.title) else {
            wrong.push(format!("{}: no track has its title", song.path));
            continue;
        };
        let seconds = track["duration"].as_u64().unwrap_or_default();
        let suffix = song.path.rsplit('.').next().unwrap_or_default();
        let right = track["artist"] == song.artist
            && track["album"] == song.album
            && seconds.abs_diff(u64::from(song.seconds)) <= 1
            && track["suffix"] == suffix;
        if !right {
            wrong.push(format!("{}: {track}", song.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
