use super::*;

/// An element with a length of two bytes.
fn element(id: u64, content: &[u8]) -> Vec<u8> {
    let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    [&id[..], &[0x40 | (content.len() >> 8) as u8, content.len() as u8], content].concat()
}

fn file(doc_type: &str, info: &[u8], track_type: u8, live: bool) -> Vec<u8> {
    let header = element(HEADER, &element(DOC_TYPE, doc_type.as_bytes()));
    let audio = [element(SAMPLING_FREQUENCY, &48_000_f32.to_be_bytes()), element(CHANNELS, &[2])].concat();
    let entry =
        |kind: u8, more: &[u8]| element(TRACK_ENTRY, &[&element(TRACK_TYPE, &[kind])[..], more].concat());
    let tracks = [entry(track_type, &[]), entry(2, &element(AUDIO, &audio))].concat();
    let inside = [element(INFO, info), element(TRACKS, &tracks), element(CLUSTER, &[0; 100])].concat();
    let segment = if live {
        [&SEGMENT.to_be_bytes()[4..], &[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], &inside].concat()
    } else {
        element(SEGMENT, &inside)
    };
    [header, segment].concat()
}

fn read_all(file: &[u8]) -> io::Result<(Found, Words)> {
    let mut window = Window::new(file);
    window.allow(100_000);
    let mut words = Words::default();
    read(&mut window, &mut words).map(|found| (found, words))
}

#[test]
fn what_is_before_the_first_cluster_is_known() {
    let ticks = element(DURATION, &2_500.5_f64.to_be_bytes());
    let scaled = [element(TIMESTAMP_SCALE, &[0x0f, 0x42, 0x40 / 2, 0]), ticks.clone()].concat();
    let titled = [ticks.clone(), element(TITLE, "A pond".as_bytes())].concat();
    // doc type, info, type of the first track, live, duration, content type
    let cases = [
        ("webm", &ticks[..], 1, false, 2_500, "video/webm"),
        ("webm", &ticks, 2, false, 2_500, "audio/webm"),
        ("webm", &[], 2, true, 0, "audio/webm"),
        ("webm", &titled, 2, true, 2_500, "audio/webm"),
        ("matroska", &ticks, 1, false, 2_500, "video/x-matroska"),
        ("matroska", &scaled, 2, false, 640_000, "audio/x-matroska"),
    ];
    for (n, (doc_type, info, track_type, live, duration_ms, content_type)) in cases.into_iter().enumerate() {
        let (found, _) = read_all(&file(doc_type, info, track_type, live)).unwrap();
        assert_eq!(found.content_type, content_type, "case {n}");
        assert_eq!((found.sound.sample_rate_hz, found.sound.channels), (48_000, 2), "case {n}");
        let known: u64 = found.sound.duration_ms;
        assert!(known.abs_diff(duration_ms) <= duration_ms / 100, "case {n}: {known} is not {duration_ms}");
    }
    let (_, words) = read_all(&file("webm", &titled, 2, false)).unwrap();
    assert_eq!(words.first(Field::Title).as_deref(), Some("A pond"));
}

/// A tag about such targets.
fn tag(targets: &[u8], texts: &[(&str, &str)]) -> Vec<u8> {
    let simple = |(name, text): &(&str, &str)| {
        let both = [element(TAG_NAME, name.as_bytes()), element(TAG_STRING, text.as_bytes())].concat();
        element(SIMPLE_TAG, &both)
    };
    let all: Vec<u8> = texts.iter().flat_map(simple).collect();
    element(TAG, &[&element(TARGETS, targets)[..], &all].concat())
}

/// A file with these tags before the sound, or behind it.
fn tagged(tags: &[u8], is_late: bool) -> Vec<u8> {
    let tags = element(TAGS, tags);
    let sound = [element(TRACKS, &[]), element(CLUSTER, &[0; 100])].concat();
    let seek_head = |place: usize| {
        let place = element(SEEK_POSITION, &u32::try_from(place).unwrap().to_be_bytes());
        element(SEEK_HEAD, &element(SEEK, &[element(SEEK_ID, &TAGS.to_be_bytes()[4..]), place].concat()))
    };
    let inside = if is_late {
        let place = seek_head(0).len() + sound.len();
        [seek_head(place), sound, tags].concat()
    } else {
        [seek_head(seek_head(0).len()), tags, sound].concat()
    };
    [element(HEADER, &element(DOC_TYPE, b"webm")), element(SEGMENT, &inside)].concat()
}

#[test]
fn tags_are_read_wherever_they_lie_and_mean_what_they_are_about() {
    let flat = tag(&[], &[("ARTIST", "Heron"), ("ALBUM", "Pond"), ("PART_NUMBER", "3"), ("DATE", "1999")]);
    let album = [("TITLE", "Pond"), ("ARTIST", "Heron"), ("TOTAL_PARTS", "9"), ("PART_NUMBER", "7")];
    let levels = [
        tag(&element(TARGET_TYPE_VALUE, &[50]), &album),
        tag(&element(TARGET_TYPE_VALUE, &[40]), &[("PART_NUMBER", "2"), ("TITLE", "Evening")]),
        tag(
            &element(TARGET_TYPE_VALUE, &[30]),
            &[("TITLE", "Reed"), ("PART_NUMBER", "3"), ("ARTIST", "Coot")],
        ),
        tag(&element(CHAPTER_UID, &[7]), &[("TITLE", "A chapter"), ("ARTIST", "Nobody")]),
        tag(&element(EDITION_UID, &[0]), &[("GENRE", "Drone"), ("DATE_RELEASED", "1999-03-01")]),
    ]
    .concat();
    for is_late in [false, true] {
        let (_, words) = read_all(&tagged(&flat, is_late)).unwrap();
        let known = [Field::Artist, Field::Album].map(|field| words.joined(field));
        assert_eq!(known, ["Heron", "Pond"].map(|text| Some(text.to_owned())), "late: {is_late}");
        assert_eq!((words.track(), words.year()), ((Some(3), None), Some(1999)), "late: {is_late}");

        let (_, words) = read_all(&tagged(&levels, is_late)).unwrap();
        let fields = [Field::Title, Field::Artist, Field::Album, Field::AlbumArtist, Field::DiscTitle];
        let expected = ["Reed", "Coot", "Pond", "Heron", "Evening"].map(|text| Some(text.to_owned()));
        assert_eq!(fields.map(|field| words.joined(field)), expected, "late: {is_late}");
        assert_eq!((words.track(), words.disc()), ((Some(3), Some(9)), Some(2)), "late: {is_late}");
        assert_eq!((words.genres(), words.year()), (vec!["Drone".to_owned()], Some(1999)));
    }
}

#[test]
fn tags_that_break_off_cost_no_track() {
    for is_late in [false, true] {
        let whole = tagged(&tag(&[], &[("ARTIST", "Heron"), ("ALBUM", "Pond")]), is_late);
        for end in 0..whole.len() {
            let _ = read_all(&whole[..end]);
        }
        let mut broken = whole.clone();
        let place = whole.windows(5).position(|bytes| bytes == b"ALBUM").unwrap();
        // What was the length of the second name's tag is none.
        broken[place - 5..place].fill(0);
        let (_, words) = read_all(&broken).unwrap();
        assert_eq!(words.joined(Field::Artist).as_deref(), Some("Heron"), "late: {is_late}");
    }
    let mut late = tagged(&tag(&[], &[("ARTIST", "Heron")]), true);
    late.truncate(late.len() - 20);
    assert!(read_all(&late).is_ok(), "a download that broke off is a track all the same");
}

#[test]
fn what_is_sung_is_read_when_somebody_wants_it() {
    let file = tagged(&tag(&[], &[("LYRICS", "still water"), ("ARTIST", "Heron")]), false);
    let mut window = Window::new(&file[..]);
    window.allow(100_000);
    let mut words = Words::with_lyrics();
    read(&mut window, &mut words).unwrap();
    let lyrics = words.into_lyrics();
    assert_eq!(lyrics[0].lines[0].text, "still water");
}

#[test]
fn what_breaks_off_is_an_error_and_never_a_loop() {
    let ticks = element(DURATION, &2_500.5_f64.to_be_bytes());
    let whole = file("webm", &ticks, 1, false);
    for end in 0..whole.len() {
        let _ = read_all(&whole[..end]);
    }
    for bad in [&b""[..], &[0x1a, 0x45, 0xdf, 0xa3, 0], &[0; 50], &[0x1a, 0x45, 0xdf, 0xa3, 0xff]] {
        assert!(read_all(bad).is_err(), "{bad:?}");
    }
    let endless = [&whole[..20], &[0xec, 0x80].repeat(100_000)].concat();
    let _ = read_all(&endless);
}
