//! Sources made by ffmpeg's own generators, and commands run as they are, without the guard around them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

use budget::limits::MIB;
use tempfile::TempDir;

use crate::argv::{Argv, Input};
use crate::plan::memory::SHARED_MIB;
use crate::plan::{Finish, Plan, faststart_args, plan};
use crate::probe::{Probe, probe_args};
use crate::recipe::Recipe;
use crate::sniff::Demuxer;

/// What each source is made of: inputs, then what is done with them. `{…}` is another source.
const SOURCES: [(&str, &str); 34] = [
    (
        // Its index is at its end, its sound is stereo, and its keyframes are two seconds apart.
        "plain.mp4",
        "-f lavfi -i testsrc2=size=640x360:rate=30:duration=3 -f lavfi -i sine=frequency=440:duration=3 -ac 2 \
         -c:v libx264 -preset ultrafast -g 60 -pix_fmt yuv420p -c:a aac -metadata title=secret",
    ),
    (
        "flat.mov",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=1 -f lavfi -i anoisesrc=duration=1 -c:v libx265 \
         -preset ultrafast -x265-params log-level=error:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc \
         -pix_fmt yuv420p10le -color_trc arib-std-b67 -color_primaries bt2020 -colorspace bt2020nc -tag:v hvc1 \
         -c:a pcm_s16le",
    ),
    ("phone.mov", "-i {flat.mov} -map 0 -c copy -metadata:s:v:0 rotate=90"),
    (
        "web.webm",
        "-f lavfi -i testsrc2=size=322x182:rate=25:duration=1.5 -f lavfi -i sine=duration=1.5 -c:v libvpx-vp9 \
         -deadline realtime -cpu-used 8 -c:a libopus",
    ),
    (
        "tv.ts",
        "-f lavfi -i testsrc2=size=352x288:rate=24000/1001:duration=2 -f lavfi -i sine=duration=2 -vf setsar=16/11 \
         -c:v mpeg2video -c:a mp2",
    ),
    (
        "odd.mkv",
        "-f lavfi -i testsrc2=size=321x241:rate=100:duration=1 -f lavfi -i anoisesrc=duration=1:sample_rate=96000 \
         -c:v ffv1 -pix_fmt yuv444p -ac 6 -c:a flac",
    ),
    ("drawn.gif", "-f lavfi -i testsrc2=size=120x90:rate=10:duration=1"),
    (
        "halves.mp4",
        "-f lavfi -i color=red:size=160x180:rate=20:duration=1 -f lavfi -i color=blue:size=160x180:rate=20:duration=1 \
         -f lavfi -i color=white:size=320x180:rate=20:duration=1 \
         -filter_complex [0][1]hstack[a];[a][2]concat -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    ),
    ("song.flac", "-f lavfi -i sine=duration=2:sample_rate=44100 -ac 2 -c:a flac"),
    (
        "song.mp3",
        "-f lavfi -i sine=duration=2 -f lavfi -i color=red:size=64x64:duration=0.04 -map 0 -map 1 -c:a libmp3lame \
         -c:v mjpeg -pix_fmt yuvj420p -disposition:v attached_pic -frames:v 1",
    ),
    ("high.flac", "-f lavfi -i anoisesrc=duration=2:sample_rate=96000 -ac 6 -sample_fmt s32 -c:a flac"),
    ("song.wav", "-f lavfi -i sine=duration=2:sample_rate=192000 -ac 1"),
    (
        "hd.mp4",
        "-f lavfi -i testsrc2=size=1920x1080:rate=30:duration=1.5 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    ),
    (
        "uhd.mp4",
        "-f lavfi -i testsrc2=size=3840x2160:rate=30:duration=1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
    ),
    (
        "old.avi",
        "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.5 -f lavfi -i sine=duration=0.5 -c:v mpeg4 -c:a mp2",
    ),
    ("disc.mpg", "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.5 -f lavfi -i sine=duration=0.5 -f vob"),
    ("tube.flv", "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.5 -c:v flv1"),
    ("song.aiff", "-f lavfi -i sine=duration=0.5"),
    (
        // What encoders with a quality in mind spend most on: a chord that stands still, and noise.
        "chord.wav",
        "-f lavfi -i aevalsrc='0.3*sin(2*PI*440*t)+0.3*sin(2*PI*3000*t)+0.2*sin(2*PI*9000*t)|0.4*sin(2*PI*550*t)':s=44100:d=8",
    ),
    ("noise.wav", "-f lavfi -i anoisesrc=d=8:c=white:r=44100:a=0.5:seed=7 -ac 2"),
    ("song.aac", "-f lavfi -i sine=duration=0.5 -c:a aac -f adts"),
    ("song.opus", "-f lavfi -i sine=duration=0.5 -c:a libopus"),
    ("bomb.mkv", "-f lavfi -i color=size=16000x8000:rate=1:duration=1 -c:v mjpeg -pix_fmt yuvj420p"),
    (
        // Two moments in each frame.
        "fields.ts",
        "-f lavfi -i testsrc2=size=720x576:rate=50:duration=2 -vf tinterlace=interleave_top,setfield=tff -r 25 \
         -c:v mpeg2video -flags +ildct+ilme -top 1 -b:v 8M",
    ),
    (
        // Thirty frames in the first second, five in each that follows.
        "uneven.mp4",
        "-f lavfi -i testsrc2=size=320x180:rate=30:duration=4 -vf select='lt(t,1)+gte(t,1)*not(mod(n,6))' \
         -vsync vfr -c:v libx264 -preset ultrafast",
    ),
    (
        "gap.mkv",
        "-f lavfi -i testsrc2=size=64x64:rate=25:duration=4 -f lavfi -i \
         sine=duration=4:sample_rate=48000,volume='if(gt(t,2.5),1,0)':eval=frame,aselect='not(between(t,1,2))' \
         -c:v libx264 -preset ultrafast -c:a flac",
    ),
    (
        "tracks.mkv",
        "-f lavfi -i sine=frequency=440:duration=1 -f lavfi -i sine=frequency=880:duration=1 \
         -f lavfi -i testsrc2=size=64x48:rate=25:duration=1 \
         -f srt -i data:text/plain;base64,MQowMDowMDowMCwwMDAgLS0+IDAwOjAwOjAxLDAwMApoZWxsbwo= \
         -map 2 -map 0 -map 1 -map 3 -c:v libx264 -c:a aac -ac:a:1 2 -c:s srt -metadata:s:a:0 language=deu \
         -metadata:s:a:1 language=eng -metadata:s:s:0 language=fra -disposition:a:0 0 -disposition:a:1 default",
    ),
    (
        "red720.mp4",
        "-f lavfi -i color=red:size=1280x720:rate=10:duration=0.5,format=gbrp,scale=out_color_matrix=bt709,format=yuv420p \
         -c:v libx264 -qp 0 -preset ultrafast",
    ),
    (
        "red180.mp4",
        "-f lavfi -i color=red:size=320x180:rate=10:duration=0.5,format=gbrp,scale=out_color_matrix=bt601,format=yuv420p \
         -c:v libx264 -qp 0 -preset ultrafast",
    ),
    ("red.gif", "-f lavfi -i color=red:size=320x180:rate=10:duration=0.5"),
    (
        // Grey of 203 candelas: the white of bright video.
        "bright.mkv",
        "-f lavfi -i color=0x949494:size=320x180:rate=10:duration=0.5,format=gbrp,scale=out_color_matrix=bt2020,format=yuv420p10le \
         -c:v libx265 -preset ultrafast \
         -x265-params log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc \
         -color_trc smpte2084 -color_primaries bt2020 -colorspace bt2020nc",
    ),
    ("cinepak.mov", "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.5 -c:v cinepak"),
    (
        // Its first track is an ordinary one.
        "hidden.mkv",
        "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.5 -i {cinepak.mov} -map 0 -map 1 -c:v:0 libx264 -c:v:1 copy",
    ),
    (
        "new.mkv",
        "-f lavfi -i testsrc2=size=64x64:rate=25:duration=0.4 -c:v libsvtav1 -preset 12 -svtav1-params lp=1",
    ),
];

/// The source with this name, made when it is first asked for.
pub(super) fn source(name: &str) -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    static MADE: Mutex<()> = Mutex::new(());
    let path = FOLDER.get_or_init(|| tempfile::tempdir().unwrap()).path().join(name);
    let (_, made_of) = SOURCES.iter().find(|(known, _)| *known == name).unwrap();
    let args: Vec<OsString> = made_of
        .split_whitespace()
        .map(|word| match word.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(other) => source(other).into(),
            None => word.into(),
        })
        .collect();
    let _one_at_a_time = MADE.lock().unwrap();
    if !path.exists() {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-y", "-v", "error", "-threads", "1"]).args(args).args(["-threads", "1"]);
        let made = ffmpeg.arg(&path).status().expect("ffmpeg is installed");
        assert!(made.success(), "{name} could not be made");
    }
    path
}

/// All of them that may be read.
pub(super) fn all_sources() -> impl Iterator<Item = &'static str> {
    SOURCES.iter().map(|(name, _)| *name).filter(|name| !["cinepak.mov", "hidden.mkv"].contains(name))
}

/// What a child left behind.
pub(super) struct Ran {
    pub(super) written: Vec<u8>,
    pub(super) words: String,
    pub(super) is_success: bool,
    pub(super) peak_bytes: u64,
}

/// Runs a program with `stdin` from a file, reading what it writes through a pipe.
pub(super) fn run(program: &str, argv: &Argv, stdin: &Path) -> Ran {
    // What it says goes to a file, so that nobody has to read two pipes at once.
    let mut words = tempfile::tempfile().unwrap();
    let mut child = Command::new(program)
        .args(argv.words())
        .env_clear()
        .stdin(File::open(stdin).unwrap())
        .stdout(Stdio::piped())
        .stderr(words.try_clone().unwrap())
        .spawn()
        .expect("ffmpeg is installed");
    let mut stdout = child.stdout.take().unwrap();
    let (mut written, mut chunk, mut peak_bytes) = (Vec::new(), vec![0; 4_096], 0);
    loop {
        let count = stdout.read(&mut chunk).unwrap();
        peak_bytes = peak_bytes.max(peak(child.id()));
        if count == 0 {
            break;
        }
        written.extend_from_slice(&chunk[..count]);
    }
    let is_success = child.wait().unwrap().success();
    words.seek(SeekFrom::Start(0)).unwrap();
    Ran { written, words: beginning(&words), is_success, peak_bytes }
}

fn beginning(mut file: &File) -> String {
    let mut bytes = vec![0; 8_192];
    let count = file.read(&mut bytes).unwrap_or(0);
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

/// What is resident at most so far, as the kernel counts it.
fn peak(pid: u32) -> u64 {
    let status = File::open(format!("/proc/{pid}/status")).map(|file| beginning(&file)).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse::<u64>().ok());
    kib.unwrap_or(0) * 1_024
}

/// What the sniff and ffprobe say of a file.
pub(super) fn probe(path: &Path) -> Probe {
    let mut head = vec![0; budget::limits::DEMUXER_HEAD_BYTES];
    let count = File::open(path).unwrap().read(&mut head).unwrap();
    let demuxer = Demuxer::of(&head[..count]).unwrap_or_else(|| panic!("{path:?} has no demuxer"));
    let ran = run("ffprobe", &probe_args(demuxer, Input::Descriptor), path);
    assert!(ran.is_success, "{path:?}: {}", ran.words);
    Probe::read_json(demuxer, &ran.written).unwrap()
}

/// A rendition on disk, with what making it took.
pub(super) struct Rendition {
    pub(super) file: tempfile::NamedTempFile,
    pub(super) plan: Plan,
    pub(super) first: Vec<u8>,
}

/// Makes `recipe` of a source to its end.
pub(super) fn make(name: &str, recipe: &Recipe) -> Rendition {
    let path = source(name);
    let plan = plan(recipe, &probe(&path), Input::Descriptor).unwrap();
    let ran = run("ffmpeg", &plan.argv, &path);
    assert!(ran.is_success && !ran.written.is_empty(), "{name} {recipe:?}: {}", ran.words);
    assert!(!is_complaint(&ran.words), "{name} {recipe:?}: {}", ran.words);
    assert!(
        ran.peak_bytes <= plan.reserve_bytes + SHARED_MIB * MIB,
        "{name} {recipe:?} took {} KiB of {} KiB",
        ran.peak_bytes >> 10,
        plan.reserve_bytes >> 10
    );
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&ran.written).unwrap();
    let first = ran.written;
    if plan.finish == Finish::Faststart {
        let whole = tempfile::NamedTempFile::new().unwrap();
        let pass = Command::new("ffmpeg")
            .args(faststart_args(recipe).unwrap().words())
            .stdin(File::open(file.path()).unwrap())
            .stdout(File::options().read(true).write(true).open(whole.path()).unwrap())
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&pass.stderr).into_owned();
        assert!(pass.status.success() && !is_complaint(&words), "{name} {recipe:?}, second pass: {words}");
        file = whole;
    }
    Rendition { file, plan, first }
}

/// Whether anything but progress was said. The encoders for AV1 and H.265 praise themselves.
fn is_complaint(words: &str) -> bool {
    words.lines().any(|line| !line.contains('=') && !line.starts_with("Svt[") && !line.trim().is_empty())
}

/// What ffprobe says of a rendition: `v.width`, `a.codec_name`, `duration`.
pub(super) fn look(path: &Path) -> BTreeMap<String, String> {
    let entries = "stream=codec_type,codec_name,codec_tag_string,profile,level,width,height,pix_fmt,start_time,duration,\
                   nb_read_packets,channels,sample_rate,bits_per_raw_sample,color_space,color_transfer,sample_aspect_ratio:stream_side_data=rotation\
                   :format=format_name,duration:format_tags:stream_tags";
    let mut ffprobe = Command::new("ffprobe");
    ffprobe
        .args(["-v", "error", "-count_packets", "-show_entries", entries, "-of", "default=nw=0"])
        .arg(path);
    let printed = ffprobe.output().unwrap();
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    let mut found = BTreeMap::new();
    for section in printed.split("[/") {
        let values: Vec<(&str, &str)> = section.lines().filter_map(|line| line.split_once('=')).collect();
        let kind = values.iter().find(|(key, _)| *key == "codec_type").map(|(_, kind)| *kind);
        let prefix = match kind {
            Some("video") => "v.",
            Some("audio") => "a.",
            Some(_) => "other.",
            None => "",
        };
        found.extend(values.iter().map(|(key, value)| (format!("{prefix}{key}"), (*value).to_owned())));
    }
    found
}

/// When each picture of a video is shown, in seconds from the first, in that order.
pub(super) fn picture_times(path: &Path) -> Vec<f64> {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args([
        "-v",
        "error",
        "-select_streams",
        "v",
        "-show_entries",
        "packet=pts_time",
        "-of",
        "csv=p=0",
    ]);
    let printed = ffprobe.arg(path).output().unwrap();
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    let mut times: Vec<f64> =
        printed.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect();
    times.sort_by(f64::total_cmp);
    let first = times.first().copied().unwrap_or_default();
    times.iter().map(|time| time - first).collect()
}

/// The colour of a picture or a video around a place, after `ms`.
pub(super) fn colour(path: &Path, ms: u64, x: u32, y: u32) -> [u8; 3] {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg
        .args(["-nostdin", "-v", "error", "-ss"])
        .arg(format!("{}.{:03}", ms / 1_000, ms % 1_000))
        .arg("-i")
        .arg(path);
    let graph = format!("format=rgb24,crop=2:2:{x}:{y},scale=1:1");
    let printed = ffmpeg
        .args(["-frames:v", "1", "-vf"])
        .arg(graph)
        .args(["-f", "rawvideo", "pipe:1"])
        .output()
        .unwrap();
    printed.stdout.get(..3).and_then(|rgb| rgb.try_into().ok()).expect("a pixel")
}
