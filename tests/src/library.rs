//! A small library of real files: every format, tags, covers. Encoded once by ffmpeg, kept under `target`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use crate::media::ffmpeg;

/// Raise it whenever the songs below change, so that no old files are found.
const VERSION: u32 = 2;
/// 2024-01-01: old enough for strong validators and for `If-Range` by date.
const MODIFIED_S: u64 = 1_704_067_200;

/// One song as its tags have it.
#[derive(Clone, Copy, Debug)]
pub struct Song {
    /// The file in the library, with `/`.
    pub path: &'static str,
    /// Its title.
    pub title: &'static str,
    /// Its artist, who is also the artist of the album.
    pub artist: &'static str,
    /// Its album.
    pub album: &'static str,
    /// Its genre.
    pub genre: &'static str,
    /// Its number on the album.
    pub track: u32,
    /// How long it plays, in seconds.
    pub seconds: u32,
    /// Its media type as the server must name it.
    pub content_type: &'static str,
    encoder: &'static [&'static str],
}

const MP3: &[&str] = &["-c:a", "libmp3lame", "-b:a", "64k", "-id3v2_version", "3"];
const FLAC: &[&str] = &["-c:a", "flac"];
const OGG: &[&str] = &["-c:a", "libvorbis", "-q:a", "1"];
const OPUS: &[&str] = &["-c:a", "libopus", "-b:a", "48k"];
const M4A: &[&str] = &["-c:a", "aac", "-b:a", "64k"];
const WAV: &[&str] = &["-c:a", "pcm_s16le"];
const AIFF: &[&str] = &["-c:a", "pcm_s16be", "-write_id3v2", "1"];

macro_rules! song {
    ($path:literal, $title:literal, $artist:literal, $album:literal, $genre:literal, $track:literal, $seconds:literal, $type:literal, $encoder:ident) => {
        Song {
            path: $path,
            title: $title,
            artist: $artist,
            album: $album,
            genre: $genre,
            track: $track,
            seconds: $seconds,
            content_type: $type,
            encoder: $encoder,
        }
    };
}

#[rustfmt::skip]
const SONGS: &[Song] = &[
    song!("Ada Pond/Morning Water/01 First Ripple.mp3", "First Ripple", "Ada Pond", "Morning Water", "Ambient", 1, 3, "audio/mpeg", MP3),
    song!("Ada Pond/Morning Water/02 Zweite Welle ä & <ö>.mp3", "Zweite Welle ä & <ö>", "Ada Pond", "Morning Water", "Ambient", 2, 3, "audio/mpeg", MP3),
    song!("Ada Pond/Morning Water/03 Third Ripple.flac", "Third Ripple", "Ada Pond", "Morning Water", "Ambient", 3, 4, "audio/flac", FLAC),
    song!("Ben Reed/Reeds/01 Cattail.ogg", "Cattail", "Ben Reed", "Reeds", "Folk", 1, 3, "audio/ogg", OGG),
    song!("Ben Reed/Reeds/02 Bulrush.opus", "Bulrush", "Ben Reed", "Reeds", "Folk", 2, 3, "audio/ogg", OPUS),
    song!("Ben Reed/Reeds/03 Sweet Flag.m4a", "Sweet Flag", "Ben Reed", "Reeds", "Folk", 3, 3, "audio/mp4", M4A),
    song!("Ben Reed/Stones/01 Pebble.wav", "Pebble", "Ben Reed", "Stones", "Folk", 1, 2, "audio/wav", WAV),
    song!("Ben Reed/Stones/02 Gravel.aiff", "Gravel", "Ben Reed", "Stones", "Folk", 2, 2, "audio/aiff", AIFF),
    song!("Cy Lake/Long Water/01 Long Water.wav", "Long Water", "Cy Lake", "Long Water", "Drone", 1, 20, "audio/wav", WAV),
];

/// A folder of songs.
#[derive(Debug)]
pub struct Library {
    /// The folder to serve.
    pub root: PathBuf,
    /// The songs in it.
    pub songs: Vec<Song>,
    _temporary: Option<tempfile::TempDir>,
}

impl Library {
    /// The shared library. Nobody may change its files.
    pub fn small() -> Self {
        static MADE: OnceLock<PathBuf> = OnceLock::new();
        let root = MADE.get_or_init(made).clone();
        Library { root, songs: SONGS.to_vec(), _temporary: None }
    }

    /// A copy that a test may break.
    ///
    /// # Panics
    /// When the disk is full.
    pub fn copy() -> Self {
        let from = Self::small();
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let root = temporary.path().join("music");
        for song in SONGS {
            copy_dated(&from.root.join(song.path), &root.join(song.path));
        }
        copy_dated(&from.root.join(COVER), &root.join(COVER));
        Library { root, songs: SONGS.to_vec(), _temporary: Some(temporary) }
    }

    /// An empty folder that a test fills.
    ///
    /// # Panics
    /// When the disk is full.
    pub fn empty() -> Self {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let root = temporary.path().join("music");
        fs::create_dir_all(&root).expect("a folder");
        Library { root, songs: Vec::new(), _temporary: Some(temporary) }
    }

    /// The song of that title.
    ///
    /// # Panics
    /// When there is none.
    pub fn song(&self, title: &str) -> Song {
        *self.songs.iter().find(|song| song.title == title).expect("a song of the fixture")
    }

    /// Where the file of a song lies.
    pub fn path(&self, song: &Song) -> PathBuf {
        self.root.join(song.path)
    }

    /// The bytes of a song.
    ///
    /// # Panics
    /// When it is not there.
    pub fn bytes(&self, song: &Song) -> Vec<u8> {
        fs::read(self.path(song)).expect("the song's file")
    }

    /// Where the cover of the first album lies, beside its songs.
    pub fn cover(&self) -> PathBuf {
        self.root.join(COVER)
    }
}

const COVER: &str = "Ada Pond/Morning Water/cover.jpg";

fn made() -> PathBuf {
    let kept = xtask::files::target().join("tests").join(format!("library-{VERSION}"));
    if kept.is_dir() {
        return kept;
    }
    let parent = kept.parent().expect("a parent");
    fs::create_dir_all(parent).expect("target/tests");
    let making = tempfile::tempdir_in(parent).expect("a temporary folder").keep();
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=300x300:rate=1:duration=1", "-frames:v", "1"];
    make(&picture, &making.join(COVER));
    for song in SONGS {
        encode(song, &making);
    }
    // Somebody else may have been faster; then his files are as good.
    if fs::rename(&making, &kept).is_err() {
        let _ = fs::remove_dir_all(&making);
    }
    kept
}

fn encode(song: &Song, root: &Path) {
    let pitch_hz = 200 + 40 * song.title.len();
    let sound = format!("sine=frequency={pitch_hz}:sample_rate=44100:duration={}", song.seconds);
    let tags = [
        format!("title={}", song.title),
        format!("artist={}", song.artist),
        format!("album_artist={}", song.artist),
        format!("album={}", song.album),
        format!("genre={}", song.genre),
        format!("track={}", song.track),
        "date=2001".to_owned(),
    ];
    let mut arguments = vec!["-f", "lavfi", "-i", &sound, "-map_metadata", "-1", "-ac", "2"];
    for tag in &tags {
        arguments.extend(["-metadata", tag]);
    }
    arguments.extend(song.encoder);
    make(&arguments, &root.join(song.path));
}

fn make(words: &[&str], to: &Path) {
    ffmpeg([words, &["-fflags", "+bitexact"]].concat(), to);
    date(to);
}

fn copy_dated(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
    fs::copy(from, to).expect("a copy");
    date(to);
}

fn date(path: &Path) {
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED_S);
    let file = fs::File::options().write(true).open(path).expect("a file of the fixture");
    file.set_modified(modified).expect("a modification time");
}
