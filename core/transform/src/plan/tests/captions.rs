//! Texts in videos come out as they went in, whatever the video keeps them as.

use std::process::Command;

use super::stage;
use crate::argv::Input;
use crate::plan::plan;
use crate::recipe::{Captions, Recipe};

const SRT: &str =
    "1\n00:00:00,500 --> 00:00:01,500\nAt the <i>pond</i>\nfrogs\n\n2\n00:00:02,000 --> 00:00:03,000\nÄ\n\n";

#[test]
fn the_first_text_of_a_video_comes_out_in_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("texts.srt");
    std::fs::write(&texts, SRT).unwrap();
    for (name, codec) in [("a.mkv", "srt"), ("a.mp4", "mov_text"), ("b.mkv", "ass"), ("c.mkv", "webvtt")] {
        let path = folder.path().join(name);
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args([
            "-nostdin",
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=64x36:rate=5:duration=4",
            "-i",
        ]);
        ffmpeg.arg(&texts).args(["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:s", codec]).arg(&path);
        assert!(ffmpeg.status().unwrap().success(), "{name}");
        for (captions, first, comma) in [(Captions::WebVtt, "WEBVTT", '.'), (Captions::SubRip, "1", ',')] {
            let plan = plan(&Recipe::Captions(captions), &stage::probe(&path), Input::Descriptor).unwrap();
            let ran = stage::run("ffmpeg", &plan.argv, &path);
            assert!(ran.is_success, "{name}: {}", ran.words);
            let text = String::from_utf8(ran.written).unwrap();
            assert_eq!(text.lines().next(), Some(first), "{name}: {text}");
            let spoken: Vec<&str> = text.lines().filter(|line| ["frogs", "Ä"].contains(line)).collect();
            assert_eq!(spoken, ["frogs", "Ä"], "{name}: {text}");
            assert!(text.contains(&format!("00:02{comma}000 --> ")), "{name}: {text}");
        }
    }
}
