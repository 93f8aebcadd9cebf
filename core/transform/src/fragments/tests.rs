use super::*;

fn boxes(kinds: &[(&[u8; 4], u8)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, filling) in kinds {
        bytes.extend_from_slice(&(8 + u32::from(*filling)).to_be_bytes());
        bytes.extend_from_slice(*kind);
        bytes.extend(std::iter::repeat_n(*filling, usize::from(*filling)));
    }
    bytes
}

/// What is kept of these bytes when they come in pieces of this size.
fn kept(finish: Finish, bytes: &[u8], piece: usize) -> Result<Vec<u8>, ErrorKind> {
    let (mut cut, mut kept) = (Cut::of(finish), Vec::new());
    for chunk in bytes.chunks(piece) {
        kept.extend_from_slice(&cut.take(Bytes::copy_from_slice(chunk)).map_err(|e| e.kind)?);
    }
    Ok(kept)
}

#[test]
fn front_and_fragments_come_apart_however_the_bytes_arrive() {
    let front = boxes(&[(b"ftyp", 20), (b"moov", 200)]);
    let fragments = boxes(&[(b"moof", 30), (b"mdat", 90), (b"moof", 31), (b"mdat", 0)]);
    let whole = [front.clone(), fragments.clone()].concat();
    for piece in 1..=whole.len() {
        assert_eq!(kept(Finish::Front, &whole, piece).as_ref(), Ok(&front), "{piece}");
        assert_eq!(kept(Finish::Fragments, &whole, piece).as_ref(), Ok(&fragments), "{piece}");
        assert_eq!(kept(Finish::Publish, &whole, piece).as_ref(), Ok(&whole), "{piece}");
    }
}

#[test]
fn what_never_becomes_fragments_is_not_held() {
    let zeros = vec![0; FRONT_BYTES_MAX + 1];
    for finish in [Finish::Front, Finish::Fragments] {
        assert_eq!(kept(finish, &zeros, 4_096), Err(ErrorKind::Failed));
        assert_eq!(kept(finish, &zeros[..FRONT_BYTES_MAX], 4_096), Ok(Vec::new()));
    }
}
