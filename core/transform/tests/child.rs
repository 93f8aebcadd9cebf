//! The real ffmpeg, started through a real guard.

#![expect(clippy::unwrap_used, reason = "what the tests need is there, or they fail")]

mod kitchen;

use std::fs::OpenOptions;
use std::time::{Duration, Instant};

use kitchen::{CAPS, DESCRIPTOR, Media, SERVED, all, ffmpeg, prisoner};
use transform::{
    Caps, Child, ChildInput, ChildOutput, Ffmpeg, FfmpegSettings, Guard, Outcome, Program, Protection,
    Sandbox,
};

const QUIET: [&str; 8] =
    ["-nostdin", "-hide_banner", "-loglevel", "error", "-nostats", "-progress", "pipe:2", "-y"];
const TO_PIPE: [&str; 5] = ["-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:1"];
const EXACT: [&str; 6] = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"];

async fn start(ffmpeg: &Ffmpeg, args: &[&[&str]], input: ChildInput, caps: Caps) -> Child {
    let args: Vec<&str> = QUIET.iter().copied().chain(args.concat()).collect();
    ffmpeg.start_unplanned(&args, input, ChildOutput::Pipe, caps).await.unwrap()
}

/// A clip of two seconds from the middle of a minute.
fn clip<'a>(protocols: &'a str, input: &'a str) -> Vec<&'a str> {
    let mut args = vec!["-protocol_whitelist", protocols, "-f", "mov", "-ss", "30", "-t", "2", "-i", input];
    args.extend(["-threads", "1", "-s", "160x120", "-c:v", "libx264", "-preset", "veryfast", "-c:a", "aac"]);
    args.extend(EXACT);
    args
}

#[tokio::test]
async fn a_file_is_read_through_its_descriptor_and_progress_arrives() {
    let media = Media::new();
    media.video("a.mp4", 10, 500);
    let ffmpeg = ffmpeg().await;
    assert!(ffmpeg.version().starts_with("ffmpeg version"), "{}", ffmpeg.version());
    let input = ChildInput::File(media.file("a.mp4"));
    let args = ["-f", "mov", "-i", DESCRIPTOR, "-threads", "1", "-c:v", "libx264", "-preset", "veryfast"];
    let child = start(&ffmpeg, &[&args, &TO_PIPE], input, CAPS).await;
    let progress = child.progress();
    let (made, ended) = all(child).await;
    assert!(matches!(ended.outcome, Outcome::Done), "{ended:?}");
    assert_eq!(&made[4..8], b"ftyp");
    let told = *progress.borrow();
    assert!((9_800..=10_200).contains(&told.out_ms) && told.frames == 150, "{told:?}");
    assert!(told.bytes as usize <= made.len() && told.bytes > 0, "{told:?} of {}", made.len());
    assert!((20 << 20..200 << 20).contains(&ended.peak_bytes), "{ended:?}");
    assert!(ended.cpu_ms > 0 && ended.wall_ms >= ended.cpu_ms / 4 && ended.served_bytes == 0, "{ended:?}");
    assert_eq!(ended.words, "");
}

#[tokio::test]
async fn of_a_served_source_only_what_is_needed_is_read() {
    let media = Media::new();
    media.video("long.mp4", 60, 6_000);
    let source = media.source("long.mp4");
    let ffmpeg = ffmpeg().await;
    assert!(ffmpeg.can_serve());
    let input = ChildInput::of(&source).unwrap();
    assert!(matches!(input, ChildInput::File(_)), "a plain file is given as it is");
    let child = start(&ffmpeg, &[&clip("file", DESCRIPTOR), &TO_PIPE], input, CAPS).await;
    let (by_descriptor, ended) = all(child).await;
    assert!(matches!(ended.outcome, Outcome::Done), "{ended:?}");
    let input = ChildInput::Served(source.clone());
    let child = start(&ffmpeg, &[&clip("http,tcp", SERVED), &TO_PIPE], input, CAPS).await;
    let (served, ended) = all(child).await;
    assert!(matches!(ended.outcome, Outcome::Done), "{ended:?}");
    assert!(served == by_descriptor, "{} and {} bytes", served.len(), by_descriptor.len());
    // Two of sixty seconds, the index, and what was on its way when ffmpeg went elsewhere.
    let (read, whole) = (ended.served_bytes, source.len());
    assert!(read > whole / 60 && read < whole / 10, "{read} of {whole}");
}

#[tokio::test]
async fn a_source_that_fails_fails_the_child() {
    let media = Media::new();
    media.video("long.mp4", 30, 2_000);
    let source = media.source("long.mp4");
    let ffmpeg = ffmpeg().await;
    // A copy of the stream with the index at the front goes on to read what is not there any more.
    let index = [
        "-f",
        "mov",
        "-i",
        DESCRIPTOR,
        "-c",
        "copy",
        "-movflags",
        "+faststart",
        "-f",
        "mp4",
        "file:/proc/self/fd/1",
    ];
    let args: Vec<&str> = QUIET.iter().copied().chain(index).collect();
    let file =
        OpenOptions::new().read(true).write(true).create_new(true).open(media.path("fast.mp4")).unwrap();
    let (input, output) = (ChildInput::File(media.file("long.mp4")), ChildOutput::File(file));
    let (made, ended) = all(ffmpeg.start_unplanned(&args, input, output, CAPS).await.unwrap()).await;
    assert!(matches!(ended.outcome, Outcome::Done) && made.is_empty(), "{ended:?}");
    let fast = media.source("fast.mp4");
    assert!(fast.len() > source.len() / 2);
    let file = OpenOptions::new().write(true).open(media.path("fast.mp4")).unwrap();
    file.set_len(fast.len() / 2).unwrap();
    let args = ["-protocol_whitelist", "http,tcp", "-f", "mov", "-i", SERVED, "-c", "copy"];
    let child = start(&ffmpeg, &[&args, &TO_PIPE], ChildInput::Served(fast.clone()), CAPS).await;
    let (_, ended) = all(child).await;
    assert!(matches!(ended.outcome, Outcome::Source(_)), "{ended:?}");
    assert_eq!(ended.result().unwrap_err().kind, transform::ErrorKind::Source);
}

#[tokio::test]
async fn every_encoder_runs_inside() {
    let media = Media::new();
    media.video("a.mp4", 1, 300);
    let ffmpeg = ffmpeg().await;
    for (encoder, args) in [
        ("x264", "-an -c:v libx264 -f mp4 -movflags frag_keyframe+empty_moov"),
        (
            "x265",
            "-an -c:v libx265 -x265-params pools=1:frame-threads=1 -preset ultrafast -tag:v hvc1 -f mp4 -movflags frag_keyframe+empty_moov",
        ),
        ("vp9", "-an -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -f webm"),
        (
            "av1",
            "-an -c:v libsvtav1 -preset 12 -svtav1-params lp=1 -f mp4 -movflags frag_keyframe+empty_moov",
        ),
        ("aac", "-vn -c:a aac -f adts"),
        ("mp3", "-vn -c:a libmp3lame -f mp3"),
        ("opus", "-vn -c:a libopus -f ogg"),
        ("vorbis", "-vn -c:a libvorbis -f ogg"),
        ("flac", "-vn -c:a flac -f flac"),
        ("jpeg", "-an -frames:v 1 -c:v mjpeg -f image2pipe"),
        ("png", "-an -frames:v 1 -c:v png -f image2pipe"),
        ("webp", "-an -frames:v 1 -c:v libwebp -f image2pipe"),
    ] {
        let args: Vec<&str> =
            ["-f", "mov", "-i", DESCRIPTOR, "-threads", "1"].into_iter().chain(args.split(' ')).collect();
        let input = ChildInput::File(media.file("a.mp4"));
        let (made, ended) = all(start(&ffmpeg, &[&args, &["pipe:1"]], input, CAPS).await).await;
        assert!(matches!(ended.outcome, Outcome::Done) && made.len() > 100, "{encoder}: {ended:?}");
    }
}

#[tokio::test]
async fn a_playlist_that_names_another_file_opens_nothing() {
    let media = Media::new();
    media.video("secret.mp4", 1, 300);
    let secret = media.path("secret.mp4");
    let playlist =
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n", secret.display());
    std::fs::write(media.path("list.mp4"), playlist).unwrap();
    // With every guard of ffmpeg's own taken away, so that the fence alone is left.
    let args = [
        "-loglevel",
        "warning",
        "-protocol_whitelist",
        "file,crypto,data",
        "-allowed_extensions",
        "ALL",
        "-f",
        "hls",
        "-i",
    ];
    let check = async |ffmpeg: &Ffmpeg| {
        let input = ChildInput::File(media.file("list.mp4"));
        all(start(ffmpeg, &[&args, &[DESCRIPTOR, "-c", "copy"], &TO_PIPE], input, CAPS).await).await
    };
    let (_, ended) = check(&ffmpeg().await).await;
    assert!(
        matches!(ended.outcome, Outcome::Failed) && ended.words.contains("Failed to open segment"),
        "{ended:?}"
    );
    let off = FfmpegSettings {
        ffmpeg: None,
        sandbox: Sandbox::Off,
        guard: Guard::other(&kitchen::prisoner_path()),
    };
    let off = Ffmpeg::find(off).await.unwrap();
    assert_eq!(off.protection(), Protection::default());
    let (made, ended) = check(&off).await;
    assert!(
        matches!(ended.outcome, Outcome::Done) && made.len() > 1_000,
        "the list itself is wrong: {ended:?}"
    );
}

#[tokio::test]
async fn a_child_that_wants_more_memory_than_its_share_is_ended_alone_and_named() {
    let media = Media::new();
    media.video("a.mp4", 5, 300);
    let ffmpeg = ffmpeg().await;
    let caps = Caps { memory_bytes: 96 << 20, ..CAPS };
    let of_size = async |size: &str| {
        let args = ["-f", "mov", "-i", DESCRIPTOR, "-threads", "1", "-s", size, "-c:v", "libx264"];
        all(start(&ffmpeg, &[&args, &TO_PIPE], ChildInput::File(media.file("a.mp4")), caps).await).await
    };
    let ((_, ended), (made, beside)) = tokio::join!(of_size("3840x2160"), of_size("160x120"));
    assert!(matches!(beside.outcome, Outcome::Done) && !made.is_empty(), "{beside:?}");
    assert!(matches!(ended.outcome, Outcome::OutOfMemory), "{ended:?}");
    assert!(ended.peak_bytes < caps.memory_bytes + (64 << 20), "it never had what it wanted: {ended:?}");
    let error = ended.result().unwrap_err();
    assert_eq!(error.kind, transform::ErrorKind::TooLarge);
    assert!(error.context.contains("memory"), "{error}");
}

#[tokio::test]
async fn a_child_that_has_more_memory_than_was_said_is_ended_alone_and_named() {
    let media = Media::new();
    media.video("a.mp4", 5, 300);
    let ffmpeg = ffmpeg().await;
    let held_to = async |own_mib: u64| {
        let args = ["-f", "mov", "-i", DESCRIPTOR, "-threads", "1", "-s", "1920x1080", "-c:v", "libx264"];
        let quick = ["-preset", "veryfast"];
        let input = ChildInput::File(media.file("a.mp4"));
        let child = start(&ffmpeg, &[&args, &quick, &TO_PIPE], input, CAPS).await;
        child.hold_to(own_mib << 20);
        all(child).await.1
    };
    let (much, little) = tokio::join!(held_to(400), held_to(60));
    assert!(matches!(much.outcome, Outcome::Done), "{much:?}");
    assert!(matches!(little.outcome, Outcome::OutOfMemory), "{little:?}");
    assert!(little.peak_bytes < much.peak_bytes, "it never had what the other had");
}

#[tokio::test]
async fn a_child_that_writes_a_longer_file_than_allowed_is_ended() {
    let media = Media::new();
    media.video("a.mp4", 5, 1_000);
    let ffmpeg = ffmpeg().await;
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(media.path("b.mp4")).unwrap();
    let args = ["-f", "mov", "-i", DESCRIPTOR, "-c", "copy", "-f", "mp4", "file:/proc/self/fd/1"];
    let args: Vec<&str> = QUIET.iter().copied().chain(args).collect();
    let (input, output) = (ChildInput::File(media.file("a.mp4")), ChildOutput::File(file));
    let caps = Caps { file_bytes: 100_000, ..CAPS };
    let (_, ended) = all(ffmpeg.start_unplanned(&args, input, output, caps).await.unwrap()).await;
    assert!(matches!(ended.outcome, Outcome::OutOfRoom), "{ended:?}");
    assert!(media.path("b.mp4").metadata().unwrap().len() <= 100_000);
}

#[tokio::test]
async fn a_child_that_works_longer_than_allowed_is_ended() {
    let prisoner = prisoner(Sandbox::On).await;
    let caps = Caps { cpu_seconds: 1, ..CAPS };
    let child =
        prisoner.start_unplanned(&["turn"], ChildInput::Nothing, ChildOutput::Pipe, caps).await.unwrap();
    let (_, ended) = all(child).await;
    assert!(matches!(ended.outcome, Outcome::OutOfTime), "{ended:?}");
    assert!((500..3_000).contains(&ended.cpu_ms), "{ended:?}");
}

#[tokio::test]
async fn a_child_that_makes_nothing_is_noticed() {
    let prisoner = prisoner(Sandbox::On).await;
    let after = Duration::from_millis(300);
    let begun = Instant::now();
    let sleeps =
        prisoner.start_unplanned(&["sleep"], ChildInput::Nothing, ChildOutput::Pipe, CAPS).await.unwrap();
    sleeps.stalled(after).await;
    assert!(begun.elapsed() >= after && sleeps.idle() >= after);
    sleeps.cut();
    let ended = sleeps.wait().await;
    assert!(matches!(ended.outcome, Outcome::Cut), "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn what_is_missing_is_named_from_the_start() {
    let find = async |ffmpeg: &str, guard: &str| {
        let (ffmpeg, guard) = (Some(ffmpeg.into()), Guard::other(guard.as_ref()));
        Ffmpeg::find(FfmpegSettings { ffmpeg, sandbox: Sandbox::On, guard }).await.unwrap_err()
    };
    let prisoner = kitchen::prisoner_path();
    let prisoner = prisoner.to_str().unwrap();
    let check = async |ffmpeg: &str, guard: &str, words: &str| {
        let error = find(ffmpeg, guard).await;
        assert!(error.context.contains(words), "{ffmpeg} {guard}: {error}, {}", error.words);
    };
    check("/nowhere/ffmpeg", prisoner, "/nowhere/ffmpeg is not a program").await;
    check("/etc/passwd", prisoner, "/etc/passwd is not a program").await;
    check("/bin/false", prisoner, "does not run").await;
    check(prisoner, "/bin/true", "does not run as a guard").await;
}

#[tokio::test]
async fn ffprobe_answers() {
    let media = Media::new();
    media.video("a.mp4", 2, 300);
    let ffmpeg = ffmpeg().await;
    let input = ChildInput::File(media.file("a.mp4"));
    let demuxer = transform::Demuxer::of(&media.head("a.mp4")).unwrap();
    let argv = transform::probe_args(demuxer, transform::Input::Descriptor);
    let child = ffmpeg.start(Program::Ffprobe, &argv, input, ChildOutput::Pipe, CAPS).await.unwrap();
    let (made, ended) = all(child).await;
    assert!(matches!(ended.outcome, Outcome::Done), "{ended:?}");
    assert!(String::from_utf8_lossy(&made).contains("\"codec_name\""), "{}", String::from_utf8_lossy(&made));
    assert!(ended.peak_bytes > 5 << 20, "{ended:?}");
}

#[tokio::test]
async fn a_song_comes_as_samples_and_what_is_none_is_refused() {
    let media = Media::new();
    media.video("a.mp4", 2, 300);
    let ffmpeg = ffmpeg().await;
    let mut song = ffmpeg.decode(&media.file("a.mp4")).await.unwrap();
    let (channels, rate_hz) = (u64::from(song.channels), u64::from(song.sample_rate_hz));
    assert!(song.samples.is_some_and(|samples| samples.abs_diff(2 * rate_hz) < rate_hz / 10), "{song:?}");
    let (mut buffer, mut bytes) = ([0; 4_096], 0);
    loop {
        match song.read(&mut buffer).await.unwrap() {
            0 => break,
            count => bytes += count as u64,
        }
    }
    assert_eq!(bytes % (4 * channels), 0);
    assert!((bytes / 4 / channels).abs_diff(2 * rate_hz) < rate_hz / 10, "{bytes} bytes");
    std::fs::write(media.path("a.mp3"), "Once upon a midnight dreary, ".repeat(99)).unwrap();
    std::fs::write(media.path("a.wma"), b"\x30\x26\xb2\x75\x8e\x66\xcf\x11 and nothing of it").unwrap();
    for name in ["a.mp3", "a.wma"] {
        let refused = ffmpeg.decode(&media.file(name)).await.unwrap_err();
        assert_eq!(refused.kind, transform::ErrorKind::Unsupported, "{name}: {refused}, {}", refused.words);
    }
}
