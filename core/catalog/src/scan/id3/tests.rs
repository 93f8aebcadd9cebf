use super::*;
use crate::scan::picture::Slice;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and sixteen bytes at least";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture that is long enough";

/// A frame of version 3 or 4; sizes under 128 are the same in both.
fn frame(id: &str, flags: u8, content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).unwrap().to_be_bytes();
    [id.as_bytes(), &size, &[0, flags], content].concat()
}

fn frame_2(id: &str, content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).unwrap().to_be_bytes();
    [id.as_bytes(), &size[1..], content].concat()
}

fn text(id: &str, text: &str) -> Vec<u8> {
    frame(id, 0, &[b"\x03", text.as_bytes()].concat())
}

fn tag(version: u8, flags: u8, frames: &[Vec<u8>]) -> Vec<u8> {
    let body = frames.concat();
    let size = u32::try_from(body.len()).unwrap();
    let safe = [size >> 21, size >> 14, size >> 7, size].map(|part| u8::try_from(part & 0x7f).unwrap());
    [b"ID3", &[version, 0, flags][..], &safe, &body].concat()
}

fn picture(kind: u8, bytes: &[u8]) -> Vec<u8> {
    frame("APIC", 0, &[b"\0image/png\0", &[kind][..], b"front\0", bytes].concat())
}

struct Read {
    end: Option<u64>,
    words: Words,
    picture: Option<Slice>,
}

fn read_bytes(file: &[u8]) -> Read {
    let mut window = Window::new(file);
    window.allow(1 << 20);
    let (mut words, mut pictures) = (Words::default(), Pictures::default());
    let end = read(&mut window, 0, file.len() as u64, &mut words, &mut pictures).unwrap();
    Read { end, words, picture: pictures.best() }
}

fn slice<'a>(file: &'a [u8], read: &Read) -> Option<&'a [u8]> {
    read.picture.map(|slice| {
        let start = usize::try_from(slice.offset).unwrap();
        &file[start..start + usize::try_from(slice.count).unwrap()]
    })
}

#[test]
fn a_title_is_read_in_every_version_and_encoding() {
    let utf_16 =
        |order: fn(u16) -> [u8; 2]| "\u{feff}Tïtle ✓".encode_utf16().flat_map(order).collect::<Vec<u8>>();
    let cases = [
        tag(2, 0, &[frame_2("TT2", b"\x00T\xeftle")]),
        tag(3, 0, &[frame("TIT2", 0, b"\x00T\xeftle\0\0\0")]),
        tag(3, 0, &[frame("TIT2", 0, &[&b"\x01"[..], &utf_16(u16::to_le_bytes)].concat())]),
        tag(3, 0, &[frame("TIT2", 0, &[&b"\x01"[..], &utf_16(u16::to_be_bytes)].concat())]),
        tag(4, 0, &[frame("TIT2", 0, &[&b"\x02"[..], &utf_16(u16::to_be_bytes)[2..]].concat())]),
        tag(4, 0, &[text("TIT2", "Tïtle ✓")]),
        // Behind frames that nobody asked for, with a group and a length in front.
        tag(4, 0, &[frame("PRIV", 0, &[9; 40]), frame("TIT2", 0x41, b"\x07\0\0\0\x07\x03T\xc3\xaftle")]),
        // An extended header: in 2.3 its size is what follows, in 2.4 it counts itself.
        tag(3, 0x40, &[b"\0\0\0\x06\0\0\0\0\0\0".to_vec(), text("TIT2", "Tïtle")]),
        tag(4, 0x40, &[b"\0\0\0\x06\x01\0".to_vec(), text("TIT2", "Tïtle")]),
    ];
    for file in cases {
        let read = read_bytes(&file);
        let title = read.words.first(Field::Title).unwrap_or_default();
        assert!(title == "Tïtle" || title == "Tïtle ✓", "{title:?} in {file:?}");
        assert_eq!(read.end, Some(file.len() as u64));
    }
}

#[test]
fn words_behind_zeros_that_were_put_in_are_read_but_pictures_there_have_no_slice() {
    // In 2.3 the whole tag: the title "ÿ\0" of Latin-1 has a zero put in, and so has what comes before it.
    let unsynchronised = [frame("PRIV", 0, b"\xff\0"), frame("TIT2", 0, b"\0\xff"), picture(3, JPEG)];
    let mut body = Vec::new();
    for byte in unsynchronised.concat() {
        body.push(byte);
        if byte == 0xff {
            body.push(0);
        }
    }
    let read = read_bytes(&tag(3, 0x80, &[body]));
    assert_eq!((read.words.first(Field::Title).as_deref(), read.picture), (Some("ÿ"), None));

    // In 2.4 each frame by itself.
    let frames =
        [frame("TIT2", 0x02, b"\0\xff\0a"), frame("APIC", 0x02, &picture(3, JPEG)[10..]), text("TALB", "b")];
    let read = read_bytes(&tag(4, 0, &frames));
    assert_eq!((read.words.first(Field::Title).as_deref(), read.picture), (Some("ÿa"), None));
    assert_eq!(read.words.first(Field::Album).as_deref(), Some("b"));
}

#[test]
fn a_picture_is_found_where_it_lies_and_a_front_cover_before_others() {
    let utf_16 = frame("APIC", 0, &[&b"\x01image/jpeg\0\x03\xff\xfea\0\0\0"[..], JPEG].concat());
    let cases: &[(Vec<u8>, Option<&[u8]>)] = &[
        (tag(4, 0, &[picture(3, PNG)]), Some(PNG)),
        (tag(3, 0, &[text("TIT2", "x"), picture(0, PNG), picture(3, JPEG), picture(3, PNG)]), Some(JPEG)),
        (tag(3, 0, &[picture(4, JPEG), picture(0, PNG)]), Some(JPEG)),
        (tag(3, 0, &[utf_16]), Some(JPEG)),
        (tag(2, 0, &[frame_2("PIC", &[&b"\0PNG\x03d\0"[..], PNG].concat())]), Some(PNG)),
        // A link, no picture, too short, compressed, encrypted, without an end of its description.
        (tag(3, 0, &[frame("APIC", 0, b"\0-->\0\x03\0http://example.org/a.png")]), None),
        (tag(3, 0, &[picture(3, b"BM is no type that we serve...")]), None),
        (tag(3, 0, &[picture(3, &PNG[..12])]), None),
        (tag(3, 0, &[frame("APIC", 0x80, &picture(3, PNG)[10..])]), None),
        (tag(4, 0, &[frame("APIC", 0x0c, &picture(3, PNG)[10..])]), None),
        (tag(3, 0, &[frame("APIC", 0, &[b'a'; 60])]), None),
        (tag(3, 0, &[frame("APIC", 0, b"")]), None),
    ];
    for (file, expected) in cases {
        let read = read_bytes(file);
        assert_eq!(slice(file, &read), *expected, "{file:?}");
    }
}

#[test]
fn sizes_of_old_itunes_in_2_4_are_understood() {
    // 200 bytes as a plain number, which synchsafe would be 72.
    let long = frame("PRIV", 0, &[7; 200]);
    let read = read_bytes(&tag(4, 0, &[long, text("TIT2", "behind")]));
    assert_eq!(read.words.first(Field::Title).as_deref(), Some("behind"));
}

#[test]
fn a_tag_that_lies_about_its_sizes_gives_what_can_be_read() {
    let mut huge_frame = tag(3, 0, &[text("TIT2", "first"), text("TALB", "second")]);
    let at = huge_frame.windows(4).position(|id| id == b"TALB").unwrap();
    huge_frame[at + 4..at + 8].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);

    let mut huge_tag = tag(3, 0, &[text("TIT2", "first")]);
    huge_tag[6..10].copy_from_slice(&[0x7f; 4]);

    let endless_text = tag(3, 0x80, &[text("TIT2", "first"), frame("PRIV", 0, &[1; 9])]);
    for file in [huge_frame, huge_tag, endless_text, tag(4, 0, &[text("TIT2", "first"), vec![0; 64]])] {
        for end in 0..file.len() {
            read_bytes(&file[..end]);
        }
        assert_eq!(read_bytes(&file).words.first(Field::Title).as_deref(), Some("first"));
    }
}

#[test]
fn genres_by_number_have_names() {
    for (value, expected) in [
        ("17", &["Rock"][..]),
        ("(17)", &["Rock"]),
        ("(17)(8)", &["Rock", "Jazz"]),
        ("(17)Hard Rock", &["Rock", "Hard Rock"]),
        ("(hello)", &["(hello)"]),
        ("Rock\u{0}Jazz\u{0}17", &["Rock", "Jazz"]),
        ("999", &["999"]),
    ] {
        assert_eq!(read_bytes(&tag(4, 0, &[text("TCON", value)])).words.genres(), expected, "{value}");
    }
}

#[test]
fn what_is_no_tag_is_none() {
    for file in
        [&b""[..], b"ID3", b"ID3\x05\0\0\0\0\0\0", b"\xff\xfb\x90\0aaaaaaaaaaa", b"TAG and more than ten"]
    {
        assert_eq!(read_bytes(file).end, None);
    }
}

#[test]
fn version_1_stands_at_the_end() {
    let mut file = vec![0; 128];
    file[..3].copy_from_slice(b"TAG");
    file[3..8].copy_from_slice(b"title");
    file[33..39].copy_from_slice(b"artist");
    file[63..93].copy_from_slice(&[b'a'; 30]);
    file[93..97].copy_from_slice(b"1999");
    file[126] = 7;
    file[127] = 17;
    let file: &[u8] = &[vec![1; 50], file].concat();
    let mut window = Window::new(file);
    window.allow(1 << 20);
    let words = read_version_1(&mut window).unwrap();
    let fields = [Field::Title, Field::Artist, Field::Album, Field::Date, Field::Track, Field::Genre];
    let values = fields.map(|field| words.first(field).unwrap());
    assert_eq!(values, ["title", "artist", &"a".repeat(30), "1999", "7", "Rock"]);
}
