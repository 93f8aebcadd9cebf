//! Files that claim what they do not have, written byte by byte.

/// An ID3v2.4 tag whose size field says 256 MiB, and a frame that says as much.
pub(crate) fn id3_that_claims_gigabytes(song: &[u8]) -> Vec<u8> {
    let mut file = b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f".to_vec();
    file.extend(b"APIC\x7f\x7f\x7f\x00\x00\x00\x00image/png\x00\x03\x00");
    file.extend(song);
    file
}

/// A tag of its real size with a picture that says 200 MiB.
pub(crate) fn id3_with_a_frame_too_long(song: &[u8]) -> Vec<u8> {
    let mut file = b"ID3\x03\x00\x00\x00\x00\x00\x40".to_vec();
    let mut frame = b"APIC\x0c\x80\x00\x00\x00\x00\x00image/png\x00\x03\x00".to_vec();
    frame.resize(64, 0);
    file.extend(frame);
    file.extend(song);
    file
}

/// FLAC with a picture block of 16 MiB whose lengths inside say 4 GiB.
pub(crate) fn flac_with_a_picture_too_long() -> Vec<u8> {
    let mut file = b"fLaC\x00\x00\x00\x22".to_vec();
    file.extend(b"\x10\x00\x10\x00\x00\x00\x00\x00\x00\x00\x0a\xc4\x42\xf0\x00\x00\x00\x64");
    file.extend([0; 16]);
    // Block 6 is a picture: type 3, then a media type of 4 GiB.
    file.extend(b"\x86\xff\xff\xff\x00\x00\x00\x03\xff\xff\xff\xff");
    file.extend([0; 64]);
    file
}

/// FLAC with comments: a vendor of 4 GiB.
pub(crate) fn flac_with_a_vendor_too_long() -> Vec<u8> {
    let mut file = b"fLaC\x00\x00\x00\x22".to_vec();
    file.extend(b"\x10\x00\x10\x00\x00\x00\x00\x00\x00\x00\x0a\xc4\x42\xf0\x00\x00\x00\x64");
    file.extend([0; 16]);
    file.extend(b"\x84\x00\x00\x20\xff\xff\xff\xff");
    file.extend([0x41; 28]);
    file
}

/// RIFF whose chunks say 4 GiB.
pub(crate) fn wav_that_claims_gigabytes() -> Vec<u8> {
    let mut file = b"RIFF\xff\xff\xff\xffWAVE".to_vec();
    file.extend(b"fmt \x10\x00\x00\x00\x01\x00\x02\x00\x44\xac\x00\x00\x10\xb1\x02\x00\x04\x00\x10\x00");
    file.extend(b"LIST\xff\xff\xff\xf0INFOINAM\xf0\xff\xff\xff");
    file.extend(b"hello");
    file
}

/// AIFF whose text chunk says 2 GiB.
pub(crate) fn aiff_that_claims_gigabytes() -> Vec<u8> {
    let mut file = b"FORM\x7f\xff\xff\xffAIFF".to_vec();
    file.extend(
        b"COMM\x00\x00\x00\x12\x00\x02\x00\x00\x10\x00\x00\x10\x40\x0e\xac\x44\x00\x00\x00\x00\x00\x00",
    );
    file.extend(b"NAME\x7f\xff\xff\xf0hello");
    file
}

/// MP4 whose metadata says 4 GiB, and with 64-bit sizes far beyond.
pub(crate) fn m4a_that_claims_gigabytes() -> Vec<u8> {
    let mut file = b"\x00\x00\x00\x18ftypM4A \x00\x00\x00\x00M4A mp42".to_vec();
    file.extend(b"\xff\xff\xff\xf0moov\xff\xff\xff\xe0udta\xff\xff\xff\xd0meta\x00\x00\x00\x00");
    file.extend(b"\x00\x00\x00\x01ilst\x7f\xff\xff\xff\xff\xff\xff\xff");
    file.extend([0; 64]);
    file
}

/// Ogg Opus whose comment header says 4 billion comments.
pub(crate) fn opus_with_billions_of_comments() -> Vec<u8> {
    let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00";
    let tags = b"OpusTags\x04\x00\x00\x00test\xff\xff\xff\xff\xff\xff\xff\x7fTITLE=x";
    let mut file = ogg_page(2, 0, head);
    file.extend(ogg_page(0, 1, tags));
    file
}

/// One page of one packet (RFC 3533), with its checksum.
fn ogg_page(flags: u8, number: u8, packet: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\x00".to_vec();
    page.push(flags);
    page.extend([0; 8]);
    page.extend([1, 0, 0, 0, number, 0, 0, 0, 0, 0, 0, 0, 1, packet.len() as u8]);
    page.extend(packet);
    let mut sum = 0_u32;
    for byte in &page {
        sum ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            sum = if sum & 0x8000_0000 == 0 { sum << 1 } else { sum << 1 ^ 0x04C1_1DB7 };
        }
    }
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    page
}

/// A PNG of 65,535 by 65,535 pixels in a few bytes: 16 GiB when somebody decodes it.
pub(crate) fn png_of_65535_px() -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        let named = [&kind[..], data].concat();
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(&named);
        file.extend(crc32(&named).to_be_bytes());
    };
    chunk(b"IHDR", &[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff, 8, 6, 0, 0, 0]);
    chunk(b"IDAT", &[0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01]);
    chunk(b"IEND", &[]);
    file
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 },
        )
    })
}

/// A JPEG head of 65,535 by 65,535 pixels without a picture.
pub(crate) fn jpeg_of_65535_px() -> Vec<u8> {
    let mut file = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00".to_vec();
    file.extend(b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x11\x00\x02\x11\x01\x03\x11\x01");
    file.extend(b"\xff\xd9");
    file
}
