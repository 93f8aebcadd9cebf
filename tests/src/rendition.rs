//! Renditions of the generated videos, and what must come of each: seen by ffprobe, which decodes every frame.

use load::Findings;
use serde_json::Value;
use xtask::corpus::Video;

use crate::media;
use crate::viewer::Body;

/// What comes out.
#[derive(Clone, Copy, Debug)]
enum Out {
    /// So wide, with every frame and all of the sound.
    Video(u32),
    /// One frame, so wide.
    Frame(u32),
    /// So many frames below each other, so wide.
    Sheet(u32, u32),
    /// The sound alone.
    Sound,
    /// So many peaks.
    Peaks(usize),
}

/// One rendition of a video, from an origin that [`origin`] says.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Path and query.
    pub target: String,
    of: Video,
    out: Out,
}

/// The edges of these widths are even in 16:9, so that nothing is rounded. The first ten fit in a small server's memory.
const OPTIONS: [(&str, Out); 20] = [
    ("width=640", Out::Video(640)),
    ("width=320", Out::Video(320)),
    ("mode=frame&time=1s&width=640", Out::Frame(640)),
    ("mode=audio", Out::Sound),
    ("width=480", Out::Video(480)),
    ("mode=audio&format=mp3", Out::Sound),
    ("mode=spritesheet&width=160&imageCount=20", Out::Sheet(160, 20)),
    ("width=160", Out::Video(160)),
    ("width=800", Out::Video(800)),
    ("mode=frame&time=2s&width=1280", Out::Frame(1280)),
    ("width=960", Out::Video(960)),
    ("width=1280", Out::Video(1280)),
    ("mode=waveform&peaks=500", Out::Peaks(500)),
    ("width=192", Out::Video(192)),
    ("width=256", Out::Video(256)),
    ("mode=frame&time=3s&width=320", Out::Frame(320)),
    ("mode=audio&format=opus", Out::Sound),
    ("width=288", Out::Video(288)),
    ("width=224", Out::Video(224)),
    ("width=352", Out::Video(352)),
];

/// The lines of a configuration that make an origin of these videos, for everybody, with whatever is asked for. A video that
/// was made just now is settled.
///
/// # Panics
/// When they cannot be made.
pub fn origin(videos: &[Video]) -> String {
    for video in videos {
        let path = video.kept().unwrap_or_else(|error| panic!("{error}"));
        media::settle(&path);
    }
    format!(
        "[cdn]\nsign = \"off\"\n[[cdn.origin]]\nname = \"clips\"\npath = \"/clips/\"\nfolder = \"{}\"\npublic = true\n",
        xtask::corpus::home().display()
    )
}

/// So many distinct renditions of each of these videos.
pub fn renditions(videos: &[Video], each: usize) -> Vec<Asked> {
    let of = |video: &Video| {
        let video = *video;
        OPTIONS[..each].iter().map(move |(options, out)| Asked::new(video, options, *out))
    };
    videos.iter().flat_map(of).collect()
}

/// Videos of this width, one for each start in seconds.
pub fn clips(video: Video, width: u32, starts_ms: impl Iterator<Item = u32>) -> Vec<Asked> {
    let rest = |start_ms: u32| Video { seconds: video.seconds - start_ms.div_ceil(1_000), ..video };
    let one = |start_ms: u32| {
        let seconds = rest(start_ms).seconds;
        let options = format!("width={width}&time={start_ms}ms&duration={seconds}s");
        Asked { of: rest(start_ms), ..Asked::new(video, &options, Out::Video(width)) }
    };
    starts_ms.map(one).collect()
}

/// Decodes these bodies, and finds whether each is what was asked for.
pub fn judged<'a>(bodies: impl Iterator<Item = (&'a Asked, &'a Body)>, findings: &mut Findings) {
    let verdicts: Vec<Option<String>> = bodies.map(|(asked, body)| asked.wrong(body)).collect();
    findings.note("bodies, each decoded to its end", verdicts.len().to_string());
    let wrong: Vec<String> = verdicts.into_iter().flatten().collect();
    findings.equal("bodies that are not what was asked for", wrong.len(), 0);
    wrong.iter().take(5).for_each(|why| findings.note("one of them", why.as_str()));
}

impl Asked {
    fn new(of: Video, options: &str, out: Out) -> Asked {
        let Video { width, height, seconds } = of;
        Asked { target: format!("/clips/video-{width}x{height}-{seconds}/video.mp4?{options}"), of, out }
    }

    /// What is wrong with this answer, if anything.
    pub fn wrong(&self, body: &Body) -> Option<String> {
        self.look(body).err().map(|why| format!("{} ({} bytes): {why}", self.target, body.bytes.len()))
    }

    fn look(&self, body: &Body) -> Result<(), String> {
        if let Out::Peaks(count) = self.out {
            let json: Value = serde_json::from_slice(&body.bytes).map_err(|error| error.to_string())?;
            let peaks = json["peaks"].as_array().map_or(0, Vec::len);
            return expected("peaks", peaks, count);
        }
        let seen = probed(&body.bytes)?;
        let stream = &seen["streams"][0];
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0);
        let size = (number(&stream["width"]), number(&stream["height"]));
        let (size_expected, frames_expected) = match self.out {
            Out::Video(width) => (self.size(width, 1), Some(self.of.frames())),
            Out::Frame(width) => (self.size(width, 1), Some(1)),
            Out::Sheet(width, frames) => (self.size(width, frames), Some(1)),
            Out::Sound | Out::Peaks(_) => ((0, 0), None),
        };
        expected("size", size, size_expected)?;
        if let Some(frames) = frames_expected {
            expected("frames", number(&stream["nb_read_frames"]), u64::from(frames))?;
        }
        // What came as it was made does not know its length.
        let is_timed = matches!(self.out, Out::Video(_) | Out::Sound) && !body.grew;
        let seconds: f64 =
            seen["format"]["duration"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0.0);
        let wanted = f64::from(self.of.seconds);
        // Encoders of sound begin before the first sample and end on a whole frame.
        if is_timed && (seconds - wanted).abs() > 0.1 {
            return Err(format!("{seconds} s, but {wanted} s were asked for"));
        }
        Ok(())
    }

    fn size(&self, width: u32, frames: u32) -> (u64, u64) {
        (u64::from(width), u64::from(width * self.of.height / self.of.width * frames))
    }
}

fn expected<T: PartialEq + std::fmt::Debug>(what: &str, is: T, expected: T) -> Result<(), String> {
    if is == expected { Ok(()) } else { Err(format!("{what} {is:?}, but {expected:?} expected")) }
}

/// What ffprobe says of the first stream after it decoded all of it, without a word of complaint.
fn probed(bytes: &[u8]) -> Result<Value, String> {
    let fields = "stream=codec_name,width,height,nb_read_frames:format=duration";
    let words = ["-count_frames", "-select_streams", "0", "-show_entries", fields, "-of", "json"];
    serde_json::from_slice(&media::probed(bytes, &words)?).map_err(|error| error.to_string())
}
