//! Small files of every container, made by hand for tests.

/// What is written into a file.
#[derive(Clone, Copy, Default)]
pub(super) struct Words<'a> {
    pub(super) title: &'a str,
    pub(super) artist: &'a str,
    pub(super) album: &'a str,
}

/// Bytes that begin like a JPEG.
pub(super) fn jpeg(bytes: usize) -> Vec<u8> {
    let mut picture = vec![0x5a; bytes];
    picture[..4].copy_from_slice(b"\xff\xd8\xff\xe0");
    picture
}

/// One file of each kind, six in all.
pub(super) fn all(words: &Words<'_>, picture: Option<&[u8]>) -> Vec<Vec<u8>> {
    vec![
        mp3(words, picture),
        flac(words, picture),
        m4a(words, picture),
        wav(words, picture),
        aiff(words, picture),
        wav_with_info(words),
    ]
}

fn be(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_be_bytes()
}

fn le(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_le_bytes()
}

/// An ID3v2.3 tag.
fn id3(words: &Words<'_>, picture: Option<&[u8]>) -> Vec<u8> {
    let mut body = Vec::new();
    for (id, text) in [("TIT2", words.title), ("TPE1", words.artist), ("TALB", words.album)] {
        if !text.is_empty() {
            body.extend([id.as_bytes(), &be(text.len() + 1), &[0, 0, 3], text.as_bytes()].concat());
        }
    }
    if let Some(picture) = picture {
        let head = b"\0image/jpeg\0\x03\0";
        body.extend([b"APIC", &be(head.len() + picture.len())[..], &[0, 0], head, picture].concat());
    }
    let size = [21, 14, 7, 0].map(|shift| u8::try_from(body.len() >> shift & 0x7f).unwrap());
    [b"ID3\x03\0\0", &size[..], &body].concat()
}

/// Thirty-nine frames of silence: MPEG 1, layer 3, 128 kbit/s, 44.1 kHz, stereo.
pub(super) fn mp3(words: &Words<'_>, picture: Option<&[u8]>) -> Vec<u8> {
    let mut file = id3(words, picture);
    for _ in 0..39 {
        file.extend([0xff, 0xfb, 0x90, 0x00]);
        file.extend([0; 413]);
    }
    file
}

/// A second of 44.1 kHz stereo, as far as STREAMINFO knows.
pub(super) fn flac(words: &Words<'_>, picture: Option<&[u8]>) -> Vec<u8> {
    let packed = 44_100_u64 << 44 | 1 << 41 | 15 << 36 | 44_100;
    let info = [&[0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0][..], &packed.to_be_bytes(), &[0; 16]].concat();
    let mut comments = [&le(4)[..], b"test"].concat();
    let values = [("TITLE", words.title), ("ARTIST", words.artist), ("ALBUM", words.album)];
    let values = values.map(|(name, value)| format!("{name}={value}"));
    comments.extend(le(values.len()));
    for value in &values {
        comments.extend([&le(value.len())[..], value.as_bytes()].concat());
    }
    let mut blocks = vec![(0, info), (4, comments)];
    if let Some(picture) = picture {
        let shape = [0, 0, 0xff, 0xff].repeat(4);
        let head = [&be(3)[..], &be(10), b"image/jpeg", &be(1), b"d", &shape, &be(picture.len())].concat();
        blocks.push((6, [&head[..], picture].concat()));
    }
    blocks.push((0x81, vec![0; 10]));
    let mut file = b"fLaC".to_vec();
    for (kind, block) in blocks {
        file.push(kind);
        file.extend(&be(block.len())[1..]);
        file.extend(block);
    }
    file.extend([0xff, 0xf8, 0, 0].repeat(20));
    file
}

fn atom(name: &[u8; 4], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&be(content.len() + 8)[..], name, &content].concat()
}

/// A second of AAC in the shape that `moov` gives it; `mdat` is empty of sense.
pub(super) fn m4a(words: &Words<'_>, picture: Option<&[u8]>) -> Vec<u8> {
    let data = |kind: u32, bytes: &[u8]| atom(b"data", &[&kind.to_be_bytes(), &[0; 4], bytes]);
    let mut items = Vec::new();
    for (name, text) in [(b"\xa9nam", words.title), (b"\xa9ART", words.artist), (b"\xa9alb", words.album)] {
        if !text.is_empty() {
            items.extend(atom(name, &[&data(1, text.as_bytes())]));
        }
    }
    if let Some(picture) = picture {
        // Between the words, so that what is cut out has something behind it.
        let rest = items.split_off(0);
        items.extend(atom(b"covr", &[&data(13, picture)]));
        items.extend(rest);
    }
    let handler = |kind: &[u8; 4]| atom(b"hdlr", &[&[0; 8], kind, &[0; 12], b"\0"]);
    let meta = atom(b"meta", &[&[0; 4], &handler(b"mdir"), &atom(b"ilst", &[&items])]);

    let sample =
        [&[0; 6][..], &[0, 1], &[0; 8], &[0, 2, 0, 16], &[0; 4], &(44_100_u32 << 16).to_be_bytes()].concat();
    let descriptor =
        b"\0\0\0\0\x03\x19\0\0\0\x04\x11\x40\x15\0\0\0\0\0\xfa\0\0\0\xfa\0\x05\x02\x12\x10\x06\x01\x02";
    let sounds = atom(b"mp4a", &[&sample, &atom(b"esds", &[descriptor])]);
    let table = atom(
        b"stbl",
        &[
            &atom(b"stsd", &[&[0; 4], &be(1), &sounds]),
            &atom(b"stts", &[&[0; 4], &be(1), &be(43), &be(1_024)]),
        ],
    );
    let header = atom(b"mdhd", &[&[0; 12], &be(44_100), &be(44_100), &[0; 4]]);
    let media =
        atom(b"mdia", &[&header, &handler(b"soun"), &atom(b"minf", &[&atom(b"smhd", &[&[0; 8]]), &table])]);
    let moov =
        atom(b"moov", &[&atom(b"mvhd", &[&[0; 100]]), &atom(b"trak", &[&media]), &atom(b"udta", &[&meta])]);
    [atom(b"ftyp", &[b"M4A \0\0\0\0M4A mp42"]), moov, atom(b"mdat", &[&[0; 2_000]])].concat()
}

/// Half a second of silence: 8 kHz, 16 bits, mono; the words in an ID3 chunk behind it.
pub(super) fn wav(words: &Words<'_>, picture: Option<&[u8]>) -> Vec<u8> {
    riff(&[(b"fmt ", WAVE_FORM.to_vec()), (b"data", vec![0; 8_000]), (b"id3 ", id3(words, picture))])
}

/// The same with the words in a list before it.
pub(super) fn wav_with_info(words: &Words<'_>) -> Vec<u8> {
    let mut list = b"INFO".to_vec();
    for (name, text) in [(b"INAM", words.title), (b"IART", words.artist), (b"IPRD", words.album)] {
        let padding = vec![0; 1 + (text.len() + 1) % 2];
        list.extend([&name[..], &le(text.len() + 1), text.as_bytes(), &padding].concat());
    }
    riff(&[(b"fmt ", WAVE_FORM.to_vec()), (b"LIST", list), (b"data", vec![0; 8_000])])
}

const WAVE_FORM: &[u8] = b"\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0";

fn riff(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut body = b"WAVE".to_vec();
    for (name, content) in chunks {
        body.extend([&name[..], &le(content.len()), content, &vec![0; content.len() % 2]].concat());
    }
    [b"RIFF", &le(body.len())[..], &body].concat()
}

/// Half a second of silence: 44.1 kHz, 16 bits, stereo.
pub(super) fn aiff(words: &Words<'_>, picture: Option<&[u8]>) -> Vec<u8> {
    let form = b"\0\x02\0\0\x56\x22\0\x10\x40\x0e\xac\x44\0\0\0\0\0\0".to_vec();
    let mut body = b"AIFF".to_vec();
    for (name, content) in [(b"COMM", form), (b"SSND", vec![0; 88_208]), (b"ID3 ", id3(words, picture))] {
        body.extend([&name[..], &be(content.len()), &content, &vec![0; content.len() % 2]].concat());
    }
    [b"FORM", &be(body.len())[..], &body].concat()
}
