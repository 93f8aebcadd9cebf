use budget::limits::{COVER_BYTES_MAX, TAG_TEXT_CHARS_MAX};
use proptest::prelude::*;

use super::*;
use crate::scan::inventory::{CONTENT_TYPES, COVER_TYPES};
use crate::scan::samples;

fn path(text: &str) -> RelPath {
    RelPath::parse(text).unwrap()
}

fn read_bytes(name: &str, file: &[u8]) -> io::Result<Tags> {
    read(&mut Window::new(file), &path(name), None)
}

fn covered<'a>(file: &'a [u8], tags: &Tags) -> Option<&'a [u8]> {
    let cover = tags.cover.as_ref()?;
    let start = usize::try_from(cover.offset).unwrap();
    Some(&file[start..start + usize::try_from(cover.count.unwrap()).unwrap()])
}

#[test]
fn files_are_opened_by_their_extension() {
    for name in [
        "a.mp3",
        "a.MP3",
        "x/a.b.flac",
        "a.oga",
        "a.m4b",
        "a.aif",
        "a.AIFF",
        "a.mp4",
        "a.MKV",
        "a.webm",
        "a.mov",
        "a.aac",
    ] {
        assert!(is_media_name(&path(name)), "{name}");
    }
    for name in ["a.jpg", "mp3", "a.mp3.txt", "x.mp3/readme", "mp4", "a.mp4.part", "a.", "a.ape"] {
        assert!(!is_media_name(&path(name)), "{name}");
    }
}

#[test]
fn a_video_is_told_from_sound_and_its_length_is_known() {
    let atom = |name: &[u8; 4], content: &[&[u8]]| {
        let content = content.concat();
        [&u32::try_from(content.len() + 8).unwrap().to_be_bytes()[..], name, &content].concat()
    };
    let mvhd = |version: u8| {
        let number = |value: u64| {
            let bytes = value.to_be_bytes();
            if version == 1 { bytes.to_vec() } else { bytes[4..].to_vec() }
        };
        let numbers = [&number(0)[..], &number(0), &600_u32.to_be_bytes(), &number(1_500)].concat();
        atom(b"mvhd", &[&[version, 0, 0, 0], &numbers, &[0; 80]])
    };
    let trak =
        |kind: &[u8; 4]| atom(b"trak", &[&atom(b"mdia", &[&atom(b"hdlr", &[&[0; 8], kind, &[0; 13]])])]);
    let file = |brand: Option<&[u8; 4]>, version: u8, kind: &[u8; 4]| {
        let ftyp = brand.map_or_else(Vec::new, |brand| atom(b"ftyp", &[brand, &[0; 4]]));
        let moov = atom(b"moov", &[&mvhd(version), &trak(kind)]);
        [ftyp, atom(b"mdat", &[&[7; 500]]), moov].concat()
    };
    // brand, version of the movie header, handler, media type
    let cases = [
        (Some(b"isom"), 0, b"vide", Some("video/mp4")),
        (Some(b"mp42"), 1, b"vide", Some("video/mp4")),
        (Some(b"qt  "), 0, b"vide", Some("video/quicktime")),
        (None, 1, b"vide", Some("video/quicktime")),
        // Chapters of an audio book, and sound without a sample: no video, so it must be understood as sound.
        (Some(b"M4B "), 0, b"vide", None),
        (Some(b"isom"), 0, b"soun", None),
    ];
    for (brand, version, kind, expected) in cases {
        let tags = read_bytes("a/clip.mov", &file(brand, version, kind));
        let found = tags.as_ref().ok().map(|tags| (tags.content_type, tags.duration_ms, tags.title.as_str()));
        assert_eq!(found, expected.map(|content_type| (content_type, 2_500, "clip")), "{brand:?} {version}");
    }
}

#[test]
fn what_was_sent_is_read_as_a_scan_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let words = samples::Words { title: "Tïtle", artist: "Ärtist", album: "Album" };
    std::fs::write(folder.path().join("sent"), samples::flac(&words, None)).unwrap();
    std::fs::write(folder.path().join("text"), "no music").unwrap();
    let folder = store::LibraryFolder::open(folder.path()).unwrap();
    let source = |name: &str| folder.open_source(&path(name)).unwrap();
    let tags = read_tags(&source("sent"), &path("0123/song.flac")).unwrap();
    assert_eq!(
        (tags.title.as_str(), tags.content_type, tags.suffix.as_str()),
        ("Tïtle", "audio/flac", "flac")
    );
    assert!(read_tags(&source("text"), &path("0123/song.mp3")).is_err());
}

#[test]
fn every_container_gives_its_words_its_sound_and_its_picture() {
    let words = samples::Words { title: "Tïtle", artist: "Ärtist", album: "Album" };
    let picture = samples::jpeg(400);
    // file, type, rate, channels, length in ms, whether a slice of it can be its picture
    let cases = [
        (samples::mp3(&words, Some(&picture)), "audio/mpeg", 44_100, 2, 1_018, true),
        (samples::flac(&words, Some(&picture)), "audio/flac", 44_100, 2, 1_000, true),
        (samples::m4a(&words, Some(&picture)), "audio/mp4", 44_100, 2, 1_000, true),
        (samples::wav(&words, Some(&picture)), "audio/wav", 8_000, 1, 500, true),
        (samples::aiff(&words, Some(&picture)), "audio/aiff", 44_100, 2, 500, true),
        (samples::wav_with_info(&words), "audio/wav", 8_000, 1, 500, false),
    ];
    for (file, content_type, rate, channels, duration_ms, has_cover) in cases {
        // The name says something else: content decides.
        let tags = read_bytes("Folder/name.ogg", &file).unwrap();
        assert_eq!(
            (tags.title.as_str(), tags.artist.as_str(), tags.album.as_str(), tags.album_artist.as_str()),
            ("Tïtle", "Ärtist", "Album", "Ärtist"),
            "{content_type}"
        );
        assert_eq!((tags.content_type, tags.suffix.as_str()), (content_type, "ogg"));
        assert_eq!((tags.sample_rate_hz, tags.channels), (rate, channels), "{content_type}");
        assert!(tags.duration_ms.abs_diff(duration_ms) <= 30, "{content_type}: {} ms", tags.duration_ms);
        assert_eq!(covered(&file, &tags), has_cover.then_some(&picture[..]), "{content_type}");
    }
}

#[test]
fn a_picture_beside_the_file_comes_before_one_within() {
    let file = samples::mp3(&samples::Words::default(), Some(&samples::jpeg(64)));
    let beside = FoundCover {
        path: path("a/cover.png"),
        offset: 0,
        count: None,
        content_type: "image/png",
        mark: None,
    };
    let tags = read(&mut Window::new(&file[..]), &path("a/b.mp3"), Some(beside.clone())).unwrap();
    assert_eq!(tags.cover, Some(beside));
}

#[test]
fn names_stand_in_for_words_that_are_not_there() {
    let file = samples::flac(&samples::Words::default(), None);
    for (name, title, album) in [
        ("Some Album/01 Song.flac", "01 Song", "Some Album"),
        ("x/y/a.b.flac", "a.b", "y"),
        ("Song.flac", "Song", "[Unknown Album]"),
    ] {
        let tags = read_bytes(name, &file).unwrap();
        assert_eq!((tags.title.as_str(), tags.album.as_str()), (title, album));
        assert_eq!(
            (tags.artist.as_str(), tags.album_artist.as_str()),
            ("[Unknown Artist]", "[Unknown Artist]")
        );
    }
}

#[test]
fn a_picture_larger_than_all_tags_may_be_does_not_hide_the_words() {
    let words = samples::Words { title: "t", artist: "a", album: "b" };
    let picture = samples::jpeg(3 * usize::try_from(TAG_BYTES_MAX).unwrap());
    for file in [
        samples::mp3(&words, Some(&picture)),
        samples::flac(&words, Some(&picture)),
        samples::m4a(&words, Some(&picture)),
        samples::wav(&words, Some(&picture)),
    ] {
        let tags = read_bytes("x", &file).unwrap();
        assert_eq!(
            (tags.title.as_str(), covered(&file, &tags)),
            ("t", Some(&picture[..])),
            "{}",
            tags.content_type
        );
    }
    let too_large = samples::jpeg(usize::try_from(COVER_BYTES_MAX).unwrap() + 1);
    assert_eq!(read_bytes("x", &samples::mp3(&words, Some(&too_large))).unwrap().cover, None);
}

#[test]
fn tags_that_claim_gigabytes_leave_a_track() {
    let words = samples::Words { title: "t", artist: "a", album: "b" };
    let mut compressed = samples::mp3(&words, None);
    // The title's frame says that it is compressed, and to what size.
    let at = compressed.windows(4).position(|id| id == b"TIT2").unwrap();
    compressed[at + 9] = 0x80;
    assert_eq!(read_bytes("name.mp3", &compressed).unwrap().title, "name");

    let mut atom = samples::m4a(&words, None);
    let at = atom.windows(4).position(|id| id == b"\xa9nam").unwrap();
    atom[at - 4..at].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    assert!(read_bytes("name.m4a", &atom).is_ok());

    let mut comment = samples::flac(&words, None);
    let at = comment.windows(6).position(|bytes| bytes == b"TITLE=").unwrap();
    comment[at - 4..at].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
    assert_eq!(read_bytes("name.flac", &comment).unwrap().title, "name");

    let long = "x".repeat(300_000);
    let tags = read_bytes("x", &samples::flac(&samples::Words { title: &long, ..words }, None)).unwrap();
    assert_eq!(tags.title.chars().count(), TAG_TEXT_CHARS_MAX);
}

#[test]
fn atoms_without_a_size_end() {
    let mut file = samples::m4a(&samples::Words::default(), None);
    let free = [0, 0, 0, 8, b'f', b'r', b'e', b'e'];
    for filling in [[0; 8], [0, 0, 0, 1, 0, 0, 0, 0], free] {
        let endless: Vec<u8> =
            file.iter().copied().take(24).chain(filling.into_iter().cycle().take(800_000)).collect();
        assert!(read_bytes("a.m4a", &endless).is_err());
    }
    file.truncate(24);
    assert!(read_bytes("a.m4a", &file).is_err());
}

#[test]
fn what_is_no_audio_is_refused_with_a_reason() {
    for (file, reason) in [
        (&b""[..], ""),
        (b"hello, I am a text", "Mpeg"),
        (b"\x89PNG\r\n\x1a\n and so on, a picture", "Mpeg"),
        (b"fLaC\x04\0\0\0 no stream info here", "STREAMINFO"),
        (b"RIFF\0\0\0\0WAVE", "format"),
        (b"OggS\0 too short", ""),
        (b"ID3\x04\0\0\0\0\0\0OggS\0", "all that it begins with"),
    ] {
        let error = read_bytes("a.mp3", file).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn a_file_that_breaks_off_anywhere_is_a_track_or_refused() {
    let words = samples::Words { title: "t", artist: "a", album: "b" };
    let picture = samples::jpeg(64);
    for file in samples::all(&words, Some(&picture)) {
        for end in (0..file.len().min(900)).chain([file.len() / 2, file.len() - 1]) {
            check(&file[..end]);
        }
    }
}

/// What must hold for any bytes: no panic, and nothing that lies outside of the file.
fn check(file: &[u8]) {
    let Ok(tags) = read_bytes("a/b.mp3", file) else { return };
    assert!(CONTENT_TYPES.contains(&tags.content_type));
    for text in [&tags.title, &tags.album, &tags.artist, &tags.album_artist].into_iter().chain(&tags.genres) {
        assert!(
            !text.is_empty()
                && text.chars().count() <= TAG_TEXT_CHARS_MAX
                && !text.chars().any(char::is_control)
        );
    }
    if let Some(cover) = &tags.cover {
        assert!(COVER_TYPES.contains(&cover.content_type));
        assert!(cover.offset + cover.count.unwrap() <= file.len() as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_behind_any_beginning_are_harmless(
        start in prop::sample::select(vec![
            &b""[..], b"ID3\x03\0\0\0\0\x02\0", b"ID3\x04\0\x80\0\0\x02\0", b"ID3\x02\0\0\0\0\x02\0", b"fLaC\0\0\0\x22",
            b"OggS\0\0", b"RIFF\0\0\0\0WAVE", b"FORM\0\0\0\0AIFF", b"\0\0\0\x18ftypM4A ", b"\xff\xfb\x90\0",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        check(&[start, &rest].concat());
    }

    #[test]
    fn a_real_file_with_any_bytes_changed_is_harmless(
        which in 0usize..6,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        numbers in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec![0u32, 1, 7, 0x7f7f_7f7f, u32::MAX])), 0..3),
    ) {
        let words = samples::Words { title: "t", artist: "a", album: "b" };
        let mut file = samples::all(&words, Some(&samples::jpeg(64))).swap_remove(which);
        // Headers are where it hurts.
        let head = file.len().min(700);
        for (place, byte) in changes {
            file[place.index(head)] = byte;
        }
        for (place, number) in numbers {
            let at = place.index(head - 4);
            file[at..at + 4].copy_from_slice(&number.to_be_bytes());
        }
        check(&file);
    }
}

#[test]
fn what_ffmpeg_wrote_in_other_formats_is_read() {
    type Written<'a> = (&'a str, &'a [u8]);
    // file, type, rate in Hz, depth, whether it has words
    let cases: [(Written<'_>, &str, u32, Option<u32>, bool); 7] = [
        (("tone.wv", include_bytes!("../samples/tone.wv")), "audio/x-wavpack", 8_000, Some(16), true),
        (("tone.aac", include_bytes!("../samples/tone.aac")), "audio/aac", 8_000, None, false),
        (("tone.mp2", include_bytes!("../samples/tone.mp2")), "audio/mpeg", 16_000, None, false),
        (("tone.oga", include_bytes!("../samples/tone.oga")), "audio/ogg", 8_000, Some(16), true),
        (("tone.spx", include_bytes!("../samples/tone.spx")), "audio/ogg", 8_000, None, true),
        (("tone.webm", include_bytes!("../samples/tone.webm")), "audio/webm", 8_000, None, true),
        (("tone.mka", include_bytes!("../samples/tone.mka")), "audio/x-matroska", 8_000, Some(16), true),
    ];
    for ((name, file), content_type, rate, depth, has_words) in cases {
        assert!(is_media_name(&path(name)), "{name}");
        let tags = read_bytes(&format!("Folder/{name}"), file).unwrap();
        let words = [tags.title.as_str(), tags.artist.as_str(), tags.album.as_str()];
        let expected =
            if has_words { ["Tone", "Somebody", "Tones"] } else { ["tone", "[Unknown Artist]", "Folder"] };
        assert_eq!(words, expected, "{name}");
        assert_eq!(
            (tags.content_type, tags.sample_rate_hz, tags.channels),
            (content_type, rate, 1),
            "{name}"
        );
        assert_eq!(tags.bit_depth, depth, "{name}");
        // What encoders put before and behind the sound is part of it where nothing tells them apart.
        assert!((480..=800).contains(&tags.duration_ms), "{name}: {} ms", tags.duration_ms);
        assert!(CONTENT_TYPES.contains(&tags.content_type));
    }
}

#[test]
fn an_ape_tag_says_what_no_other_tag_does() {
    let item = |flags: u8, key: &str, value: &[u8]| {
        let size = u32::try_from(value.len()).unwrap().to_le_bytes();
        [&size[..], &[flags, 0, 0, 0], key.as_bytes(), b"\0", value].concat()
    };
    let picture = samples::jpeg(400);
    let items = [
        item(0, "Title", b"Ape title"),
        item(0, "Artist", "One\0Tw\u{f6}".as_bytes()),
        item(0, "Album Artist", b"Both"),
        item(0, "Track", b"3/12"),
        item(0, "REPLAYGAIN_TRACK_GAIN", b"-6,50 dB"),
        item(2, "Cover Art (Front)", &[b"front.jpg\0", &picture[..]].concat()),
        item(0, "Year", b"1999"),
    ];
    let tag = |count: u32, claimed: usize| {
        let footer =
            [&[0xd0, 7, 0, 0], &u32::try_from(claimed + 32).unwrap().to_le_bytes()[..], &count.to_le_bytes()];
        [&items.concat()[..], b"APETAGEX", &footer.concat(), &[0; 12]].concat()
    };
    let whole = tag(7, items.concat().len());
    let sound = samples::mp3(&samples::Words::default(), None);
    let titled = samples::mp3(&samples::Words { title: "ID3 title", ..samples::Words::default() }, None);
    let version_1 = [&b"TAG"[..], b"V1 title", &[0; 117]].concat();
    for (file, title) in [
        ([&sound[..], &whole].concat(), "Ape title"),
        ([&sound[..], &whole, &version_1].concat(), "Ape title"),
        ([&titled[..], &whole].concat(), "ID3 title"),
    ] {
        let tags = read_bytes("Folder/name.mp3", &file).unwrap();
        assert_eq!((&*tags.title, &*tags.artist, &*tags.album_artist), (title, "One, Tw\u{f6}", "Both"));
        assert_eq!((tags.track, tags.track_total, tags.year), (Some(3), Some(12), Some(1999)));
        assert_eq!(tags.details.track.gain.unwrap().track_gain_udb, Some(-6_500_000));
        let cover = tags.cover.unwrap();
        let start = usize::try_from(cover.offset).unwrap();
        assert_eq!((&file[start..start + 400], cover.count), (&picture[..], Some(400)));
    }
    // One that lies about itself is none, or is read as far as it is one.
    for (count, claimed, title) in
        [(7, usize::pow(2, 31), "name"), (u32::MAX, items.concat().len(), "Ape title"), (7, 3, "name")]
    {
        let tags = read_bytes("Folder/name.mp3", &[&sound[..], &tag(count, claimed)].concat()).unwrap();
        assert_eq!(tags.title, title, "{count} items in {claimed} bytes");
    }
}
