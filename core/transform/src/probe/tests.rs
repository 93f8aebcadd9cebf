use super::*;
use crate::ErrorKind;

const PHONE: &str = r#"{"programs":[],"streams":[
 {"index":0,"codec_name":"mjpeg","codec_type":"video","width":300,"height":300,"disposition":{"attached_pic":1},"tags":{}},
 {"index":1,"codec_name":"hevc","codec_type":"video","width":1920,"height":1080,"sample_aspect_ratio":"1:1",
  "pix_fmt":"yuv420p10le","r_frame_rate":"60/1","avg_frame_rate":"30000/1001","color_transfer":"arib-std-b67",
  "duration":"7.500000","bits_per_raw_sample":"N/A","disposition":{"attached_pic":0},"tags":{},
  "side_data_list":[{},{"rotation":-90}]},
 {"index":2,"codec_name":"aac","codec_type":"audio","sample_rate":"48000","channels":2,"r_frame_rate":"0/0",
  "avg_frame_rate":"0/0","duration":"8.000000","disposition":{"attached_pic":0},"tags":{}}],
 "format":{"nb_streams":3,"duration":"8.000000","size":"1234"}}"#;

#[test]
fn a_video_of_a_phone_is_read() {
    let probe = Probe::read_json(Demuxer::Mov, PHONE.as_bytes()).unwrap();
    let video = probe.video.clone().unwrap();
    assert_eq!((video.index, &*video.codec, video.width, video.height), (1, "hevc", 1920, 1080));
    assert_eq!((video.rotation_degrees, video.bit_depth, video.light), (90, 10, Some(Light::Hlg)));
    assert_eq!(video.fps, Rate::new(30_000, 1_001));
    assert_eq!((video.shown(), video.upright()), ((1080, 1920), (1080, 1920)));
    let audio = probe.audio.clone().unwrap();
    assert_eq!((audio.index, &*audio.codec, audio.channels, audio.sample_rate_hz), (2, "aac", 2, 48_000));
    assert_eq!((probe.duration_ms, probe.picture_ms(), probe.size_bytes), (Some(8_000), Some(7_500), 1_234));
}

#[test]
fn pixels_that_are_not_square_make_it_longer_one_way() {
    let track = |pixel_aspect, rotation_degrees| VideoTrack {
        index: 0,
        codec: "mpeg2video".into(),
        width: 720,
        height: 576,
        pixel_aspect,
        fps: None,
        is_variable: false,
        is_interlaced: false,
        matrix: Matrix::Bt601,
        rotation_degrees,
        bit_depth: 8,
        light: None,
        duration_ms: None,
    };
    assert_eq!(track((64, 45), 0).shown(), (1024, 576));
    assert_eq!(track((64, 45), 90).shown(), (576, 1024));
    assert_eq!(track((1, 2), 0).shown(), (720, 1152));
    assert_eq!(track((1, 1), 180).shown(), (720, 576));
}

#[test]
fn what_is_broken_or_too_much_is_refused() {
    let refused = |text: &str| Probe::read_json(Demuxer::Mov, text.as_bytes()).unwrap_err().kind;
    assert_eq!(refused(""), ErrorKind::Unsupported);
    assert_eq!(refused("{}"), ErrorKind::Unsupported);
    assert_eq!(refused(&" ".repeat(1 << 20)), ErrorKind::Unsupported);
    assert_eq!(refused(r#"{"streams":[],"format":{"nb_streams":33}}"#), ErrorKind::Unsupported);
    let empty = Probe::read_json(Demuxer::Mov, br#"{"streams":[],"format":{"duration":"N/A"}}"#).unwrap();
    assert_eq!((empty.video, empty.audio, empty.duration_ms), (None, None, None));
}

#[test]
fn a_picture_that_is_too_large_to_decode_is_told_apart_from_none() {
    let bomb = br#"{"streams":[{"index":0,"codec_name":"mjpeg","codec_type":"video","width":0,"height":0,
        "disposition":{"attached_pic":0}}],"format":{"nb_streams":1,"duration":"1.0"}}"#;
    let probe = Probe::read_json(Demuxer::Matroska, bomb).unwrap();
    assert!(probe.video.is_none() && probe.is_picture_refused);
}

#[test]
fn odd_numbers_of_a_source_become_ordinary_ones() {
    let odd = br#"{"streams":[{"index":7,"codec_name":"vp8","codec_type":"video","width":640,"height":360,
        "sample_aspect_ratio":"0:1","avg_frame_rate":"0/0","r_frame_rate":"90000/1","pix_fmt":"gbrp12be",
        "side_data_list":[{"rotation":1e300}],"duration":"-3"}],"format":{"duration":"inf"}}"#;
    let probe = Probe::read_json(Demuxer::Matroska, odd).unwrap();
    let video = probe.video.unwrap();
    assert_eq!((video.pixel_aspect, video.fps, video.bit_depth), ((1, 1), None, 12));
    assert_eq!((video.duration_ms, probe.duration_ms, video.index), (None, None, 7));
}

proptest::proptest! {
    #[test]
    fn any_print_is_read_or_refused(text in "[ -~]{0,200}") {
        let _ = Probe::read_json(Demuxer::Mov, text.as_bytes());
    }
}
