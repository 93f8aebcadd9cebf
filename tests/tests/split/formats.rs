//! Songs that come, and stems that go, in formats with packets: nothing is late, and nothing is left of what failed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tests::{child_ids, eventually, media};

use crate::{done, names, song_of, split, text};

const RATE_HZ: usize = 44_100;
/// How far apart two sounds are looked for: no encoder begins with more than 2,112 samples of its own.
const SHIFT_MAX: usize = 2_400;

/// Both sides of a sound added up, as ffmpeg decodes it.
fn decoded(file: &Path) -> Vec<f32> {
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(file)
        .args(["-ac", "1", "-ar", "44100", "-f", "f32le", "pipe:1"])
        .output()
        .expect("ffmpeg is installed");
    assert!(made.status.success(), "{}: {}", file.display(), text(&made.stderr));
    made.stdout.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// By how many samples a sound is late, where it is most like another.
fn late_by(sound: &[f32], than: &[f32]) -> isize {
    // A tenth of a second from the middle of the shorter one.
    let begin = sound.len().min(than.len()) / 2;
    let than = &than[begin..begin + RATE_HZ / 10];
    let likeness = |shift: usize| -> f32 {
        let from = begin + shift - SHIFT_MAX;
        than.iter().zip(&sound[from..]).map(|(a, b)| a * b).sum()
    };
    let best = (0..2 * SHIFT_MAX).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b))).expect("shifts");
    best.cast_signed() - SHIFT_MAX.cast_signed()
}

/// Noise that coders keep, as stereo of 44.1 kHz.
fn noise(to: &Path, seconds: &str) {
    let noise = format!("anoisesrc=color=pink:sample_rate=44100:duration={seconds}:seed=5:amplitude=0.4");
    media::ffmpeg(["-f", "lavfi", "-i", &noise, "-ac", "2", "-c:a", "pcm_s16le"], to);
}

#[test]
fn stems_of_a_coded_song_begin_and_end_with_the_song() {
    let folder = tempfile::tempdir().expect("a folder");
    let song = folder.path().join("song.wav");
    noise(&song, "3.217");
    let whole = decoded(&song);
    for (name, coded) in [
        ("a.m4a", &["-c:a", "aac", "-b:a", "192k"][..]),
        ("48.m4a", &["-c:a", "aac", "-b:a", "192k", "-ar", "48000"]),
        ("growing.mp4", &["-c:a", "aac", "-b:a", "192k", "-movflags", "+frag_keyframe+delay_moov"]),
        ("alac.m4a", &["-c:a", "alac"]),
        ("a.mp3", &["-c:a", "libmp3lame", "-b:a", "256k"]),
        ("a.ogg", &["-c:a", "libvorbis", "-q:a", "7"]),
    ] {
        let coded_song = folder.path().join(name);
        media::ffmpeg([&["-i", song.to_str().expect("a name")], coded].concat(), &coded_song);
        let out = folder.path().join(format!("{name}-stems"));
        let made = done(&coded_song, &out, &["--engine", "spectral"]);
        assert!(made.status.success(), "{name}: {}", text(&made.stderr));
        let [accompaniment, vocals] =
            ["accompaniment", "vocals"].map(|stem| decoded(&out.join(format!("{stem}.wav"))));
        let mix: Vec<f32> = accompaniment.iter().zip(&vocals).map(|(a, b)| a + b).collect();
        assert_eq!(late_by(&mix, &whole), 0, "{name}");
        // The end of a file in fragments is that of its last packet.
        let tolerated = if name == "growing.mp4" { 1_024 } else { 1 };
        assert!(mix.len().abs_diff(whole.len()) <= tolerated, "{name}: {} of {}", mix.len(), whole.len());
    }
}

/// A box of an MP4.
fn boxed(name: &[u8; 4], inside: &[u8]) -> Vec<u8> {
    let length = u32::try_from(inside.len() + 8).expect("a small box");
    [&length.to_be_bytes()[..], name, inside].concat()
}

/// Adds a box to the end of the innermost of these, all of which grow by it. Nothing lies behind them that others point at.
fn with_box(file: &mut Vec<u8>, path: &[&[u8; 4]], added: &[u8]) {
    let (mut at, mut end, mut heads) = (0, file.len(), Vec::new());
    let length =
        |file: &[u8], at: usize| u32::from_be_bytes(file[at..at + 4].try_into().expect("four bytes"));
    for name in path {
        while &file[at + 4..at + 8] != *name {
            at += length(file, at) as usize;
            assert!(at < end, "no {name:?}");
        }
        heads.push(at);
        end = at + length(file, at) as usize;
        // The box of tags has a version in front.
        at += if *name == b"meta" { 12 } else { 8 };
    }
    for head in heads {
        let grown = length(file, head) + u32::try_from(added.len()).expect("a small box");
        file[head..head + 4].copy_from_slice(&grown.to_be_bytes());
    }
    file.splice(end..end, added.iter().copied());
}

#[test]
fn a_song_of_itunes_begins_and_ends_where_its_tag_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let song = folder.path().join("song.wav");
    noise(&song, "3.217");
    let whole = decoded(&song);
    let coded = folder.path().join("a.m4a");
    let name = song.to_str().expect("a name");
    media::ffmpeg(["-i", name, "-c:a", "aac", "-b:a", "192k", "-use_editlist", "0"], &coded);
    let plain = fs::read(&coded).expect("a file");
    // The encoder of ffmpeg begins with one packet that is no song.
    let (delay, samples) = (1_024, whole.len());
    let padding = (samples + delay).next_multiple_of(1_024) - samples - delay;
    let value = format!(" 00000000 {delay:08X} {padding:08X} {samples:016X} 00000000 00000000");
    let tag = [
        boxed(b"mean", b"\0\0\0\0com.apple.iTunes"),
        boxed(b"name", b"\0\0\0\0iTunSMPB"),
        boxed(b"data", &[b"\0\0\0\x01\0\0\0\0", value.as_bytes()].concat()),
    ];
    let mut tagged = plain.clone();
    with_box(&mut tagged, &[b"moov", b"udta", b"meta", b"ilst"], &boxed(b"----", &tag.concat()));
    for (bytes, expected) in [(&plain, samples + delay + padding), (&tagged, samples)] {
        fs::write(&coded, bytes).expect("room");
        let out = folder.path().join("stems");
        let made = done(&coded, &out, &["--engine", "spectral", "--replace"]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        let stems = ["accompaniment", "vocals"].map(|stem| decoded(&out.join(format!("{stem}.wav"))));
        let mix: Vec<f32> = stems[0].iter().zip(&stems[1]).map(|(a, b)| a + b).collect();
        let late = if expected == samples { 0 } else { delay.cast_signed() };
        assert_eq!((late_by(&mix, &whole), mix.len()), (late, expected));
    }
}

#[test]
fn songs_that_only_ffmpeg_knows_are_decoded_by_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let song = folder.path().join("song.wav");
    noise(&song, "3.217");
    let whole = decoded(&song);
    // Each with the samples by which its decoder may be late, or longer.
    for (name, coded, late_max) in [
        ("a.opus", &["-c:a", "libopus", "-b:a", "256k"][..], 2),
        ("ac3.mka", &["-c:a", "ac3", "-b:a", "448k"], 1_536),
        ("five.mka", &["-c:a", "ac3", "-b:a", "448k", "-af", "pan=5.1|FL=FL|FR=FR|LFE=0*FL"], 1_536),
        ("a.wma", &["-c:a", "wmav2", "-b:a", "192k"], 2_400),
        ("a.wv", &["-c:a", "wavpack"], 1),
        ("a.ts", &["-c:a", "ac3", "-b:a", "448k"], 1_536),
    ] {
        let coded_song = folder.path().join(name);
        media::ffmpeg([&["-i", song.to_str().expect("a name")], coded].concat(), &coded_song);
        let out = folder.path().join(format!("{name}-stems"));
        let made = done(&coded_song, &out, &["--engine", "spectral"]);
        assert!(made.status.success(), "{name}: {}", text(&made.stderr));
        let stems = ["accompaniment", "vocals"].map(|stem| decoded(&out.join(format!("{stem}.wav"))));
        let mix: Vec<f32> = stems[0].iter().zip(&stems[1]).map(|(a, b)| a + b).collect();
        let late = late_by(&mix, &whole);
        assert!(late.unsigned_abs() <= late_max, "{name}: {late} samples late");
        let longer = mix.len().abs_diff(whole.len());
        assert!(longer <= 2 * late_max, "{name}: {} of {} samples", mix.len(), whole.len());
    }
    let (opus, out) = (folder.path().join("a.opus"), folder.path().join("none"));
    let absent = split(&opus, &out, &[]).env("PATH", "").output().expect("millpond starts");
    assert_eq!(absent.status.code(), Some(1), "{}", text(&absent.stderr));
    for said in ["not decoded here", "no ffmpeg", "hint: install ffmpeg", "transform.ffmpeg"] {
        assert!(text(&absent.stderr).contains(said), "{}", text(&absent.stderr));
    }
    assert!(!out.exists());
}

#[test]
fn stems_are_written_as_mp3_opus_and_m4a() {
    let folder = tempfile::tempdir().expect("a folder");
    let song = folder.path().join("song.wav");
    noise(&song, "3.217");
    let samples = decoded(&song).len();
    let exact = folder.path().join("wav");
    assert!(done(&song, &exact, &["--engine", "spectral"]).status.success());
    for (format, codec, more, kbps) in [
        ("mp3", "mp3,44100,2", &[][..], 250..=330),
        ("mp3", "mp3,44100,2", &["--bitrate", "128"][..], 120..=136),
        ("opus", "opus,48000,2", &[], 120..=230),
        ("m4a", "aac,44100,2", &[], 170..=280),
    ] {
        let out = folder.path().join(format!("{format}-{}", more.len()));
        let made = done(&song, &out, &[&["--engine", "spectral", "--format", format], more].concat());
        assert!(made.status.success(), "{format}: {}", text(&made.stderr));
        let stems = ["accompaniment", "vocals"].map(|stem| format!("{stem}.{format}"));
        assert_eq!(names(&out), stems, "{format}");
        for stem in stems {
            let stem = out.join(stem);
            assert_eq!(probed(&stem), codec, "{}", stem.display());
            let own = decoded(&exact.join(stem.with_extension("wav").file_name().expect("a name")));
            let coded = decoded(&stem);
            assert_eq!(late_by(&coded, &own), 0, "{}", stem.display());
            // Nothing tells a decoder of MP4 where its last packet ends.
            let tolerated = if format == "m4a" { 1_024 } else { 2 };
            assert!(coded.len().abs_diff(samples) <= tolerated, "{}: {}", stem.display(), coded.len());
        }
        let bytes = fs::metadata(out.join(format!("accompaniment.{format}"))).expect("a stem").len();
        let took = bytes * 8 * RATE_HZ as u64 / samples as u64 / 1_000;
        assert!(kbps.contains(&took), "{format} {more:?}: {took} kbit/s");
    }
}

/// What ffprobe says of a sound.
fn probed(file: &Path) -> String {
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=codec_name,sample_rate,channels", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .expect("ffprobe is installed");
    text(&probe.stdout).trim().to_owned()
}

#[test]
fn what_ffmpeg_cannot_make_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (song, out) = (folder.path().join("song.flac"), folder.path().join("stems"));
    media::ffmpeg(["-f", "lavfi", "-i", "anoisesrc=duration=20:sample_rate=44100"], &song);
    let whole = fs::read(&song).expect("a file");
    let cut = folder.path().join("cut.flac");
    fs::write(&cut, &whole[..whole.len() / 2]).expect("room");
    let made = done(&cut, &out, &["--format", "opus"]);
    assert_eq!(made.status.code(), Some(1), "{}", text(&made.stderr));
    assert!(text(&made.stderr).contains("ends too early"), "{}", text(&made.stderr));
    assert_eq!(names(&out), [""; 0]);

    let absent = split(&song, &folder.path().join("none"), &["--format", "mp3"]).env("PATH", "").output();
    let absent = absent.expect("millpond starts");
    assert_eq!(absent.status.code(), Some(1), "{}", text(&absent.stderr));
    for said in ["mp3 needs ffmpeg", "hint: ", "transform.ffmpeg"] {
        assert!(text(&absent.stderr).contains(said), "{}", text(&absent.stderr));
    }
    assert!(!folder.path().join("none").exists());

    for (more, what) in [
        (&["--format", "mp3", "--bits", "24"][..], "mp3 has no `--bits`"),
        (&["--format", "m4a", "--bitrate", "3"], "a bitrate from 8"),
        (&["--bitrate", "128"], "wav has no `--bitrate`"),
    ] {
        let made = done(&song, &folder.path().join("none"), more);
        assert_eq!(made.status.code(), Some(2), "{more:?}: {}", text(&made.stderr));
        assert!(text(&made.stderr).contains(what), "{more:?}: {}", text(&made.stderr));
    }
}

#[test]
fn an_encoder_that_dies_and_a_work_that_is_stopped_leave_nothing() {
    let (folder, song) = song_of(300);
    for kills_ffmpeg in [true, false] {
        let out = folder.path().join("stems");
        let child = split(&song, &out, &["--format", "mp3", "--engine", "spectral"])
            .spawn()
            .expect("millpond starts");
        let pid = Pid::from_child(&child);
        eventually("stems are being written", Duration::from_secs(60), || {
            let entries = fs::read_dir(&out).into_iter().flatten().flatten();
            child_ids(child.id()).len() == 2
                && entries.filter(|entry| entry.metadata().is_ok_and(|data| data.len() > 10_000)).count() == 2
        });
        let hidden = names(&out);
        assert!(hidden.iter().all(|name| name.starts_with(".millpond-split-")), "{hidden:?}");
        if kills_ffmpeg {
            let encoder = child_ids(child.id())[0];
            let encoder = Pid::from_raw(encoder.cast_signed()).expect("a process");
            kill_process(encoder, Signal::KILL).expect("it runs");
        } else {
            kill_process(pid, Signal::INT).expect("it runs");
        }
        let made = child.wait_with_output().expect("a child of ours");
        assert_eq!(made.status.code(), Some(1), "{}", text(&made.stderr));
        let said = if kills_ffmpeg { "ffmpeg" } else { "stopped; no stem was written" };
        assert!(text(&made.stderr).contains(said), "{}", text(&made.stderr));
        assert_eq!(names(&out), [""; 0]);
    }
}
