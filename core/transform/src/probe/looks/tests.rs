use super::*;
use crate::probe::{Matrix, Rate};
use crate::sniff::Demuxer;

fn phone() -> Probe {
    let sound = |index, language: Option<&str>| AudioTrack {
        index,
        codec: "aac".into(),
        language: language.map(Into::into),
        channels: 2,
        sample_rate_hz: 48_000,
    };
    Probe {
        demuxer: Demuxer::Mov,
        duration_ms: Some(7_500),
        video: Some(VideoTrack {
            index: 0,
            codec: "hevc".into(),
            width: 1_920,
            height: 1_080,
            pixel_aspect: (1, 1),
            fps: Rate::new(30_000, 1_001),
            is_variable: false,
            is_interlaced: false,
            matrix: Matrix::Bt709,
            rotation_degrees: 90,
            bit_depth: 8,
            light: None,
            duration_ms: None,
        }),
        audio: None,
        sounds: vec![sound(1, None), sound(2, Some("deu"))],
        texts: vec![TextTrack { index: 3, codec: "mov text".into(), language: None }],
        size_bytes: 1,
        is_picture_refused: false,
    }
}

#[test]
fn what_is_kept_is_what_is_shown() {
    let Ok(Look::Told(facts)) = told(Ok(&phone())) else { panic!("it was read") };
    let picture = facts.picture.unwrap();
    assert_eq!((picture.width, picture.height, picture.fps), (1_080, 1_920, Some((30_000, 1_001))));
    assert_eq!(facts.duration_ms, Some(7_500));
    let languages: Vec<_> = facts.sounds.iter().map(|sound| sound.language.as_deref()).collect();
    assert_eq!(languages, [None, Some("deu")]);
    assert_eq!(facts.captions[0].codec, "movtext", "words have no blanks");
}

#[test]
fn what_is_the_videos_own_fault_is_remembered_and_nothing_else() {
    let failed = |kind| told(Err(Error::new(kind, "why")));
    for kind in [ErrorKind::Unsupported, ErrorKind::TooLarge, ErrorKind::Stalled, ErrorKind::Failed] {
        assert_eq!(failed(kind).unwrap(), Look::Unreadable("why".to_owned()));
    }
    let busy = ErrorKind::Busy { retry_after: Duration::ZERO, is_callers: false };
    for kind in [busy, ErrorKind::Source, ErrorKind::Io, ErrorKind::Gone, ErrorKind::NoFfmpeg] {
        assert_eq!(failed(kind.clone()).unwrap_err().kind, kind);
    }
    let vast = told(Ok(&Probe { is_picture_refused: true, ..phone() })).unwrap();
    assert!(matches!(vast, Look::Unreadable(why) if why.contains("40000000")));
}
