//! Media that ffmpeg makes out of nothing, and what ffprobe sees in media that came.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::wait::eventually;

/// Makes a file by these words. One thread makes the same bytes of them each time, and leaves the others to other tests.
///
/// # Panics
/// When ffmpeg is not there, or does not make it.
pub fn ffmpeg(words: impl IntoIterator<Item = impl AsRef<OsStr>>, to: &Path) {
    fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-y", "-v", "error"]).args(words).args(["-threads", "1"]).arg(to);
    let status = command.stdin(Stdio::null()).status().expect("ffmpeg is installed");
    assert!(status.success(), "ffmpeg could not make {}", to.display());
}

/// A video with sound, of so many seconds, with its index at the end; `more` are further words about it.
///
/// # Panics
/// As [`ffmpeg`].
pub fn video(to: &Path, size: &str, seconds: u32, more: &[&str]) {
    let picture = format!("testsrc2=size={size}:rate=15:duration={seconds}");
    let sound = format!("sine=frequency=440:duration={seconds}");
    let inputs = ["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound];
    let coded = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    ffmpeg([&inputs, &coded[..], more].concat(), to);
}

/// Noise, which no encoder makes smaller: 192,000 bytes a second.
///
/// # Panics
/// As [`ffmpeg`].
pub fn noise(to: &Path, seconds: u32) {
    let one = |seed| format!("anoisesrc=color=white:sample_rate=48000:duration={seconds}:seed={seed}");
    let both = format!("{}[left];{}[right];[left][right]amerge=inputs=2", one(7), one(8));
    ffmpeg(["-f", "lavfi", "-i", &both, "-c:a", "pcm_s16le"], to);
}

/// Waits until nobody can change a file, or one of a folder, without its times telling. From then on its validator is strong;
/// what was made of it before has another key, and is made a second time.
///
/// # Panics
/// When it is not there, or is changed all the time.
pub fn settle(place: &Path) {
    let found = fs::metadata(place).expect("a file or a folder");
    if found.is_dir() {
        let entries = fs::read_dir(place).expect("a folder").map(|entry| entry.expect("an entry").path());
        // A link that leads nowhere, or where nobody may look, is no source.
        return entries.filter(|entry| !entry.is_symlink()).for_each(|entry| settle(&entry));
    }
    let settles = Duration::from_millis(budget::limits::VALIDATOR_SETTLE_MS + 100);
    eventually("a source has been as it is for a while", 10 * settles, || {
        let found = fs::metadata(place).expect("a file");
        let changed = Duration::new(found.ctime().unsigned_abs(), found.ctime_nsec().unsigned_abs() as u32);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
        now.saturating_sub(changed) > settles
    });
}

/// Codec, width and height of the first stream, as ffprobe sees them: `h264,320,180`. Otherwise what it complains of.
pub fn seen(bytes: &[u8]) -> String {
    let words = ["-select_streams", "0", "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0"];
    match probed(bytes, &words) {
        Ok(said) => String::from_utf8_lossy(&said).trim().to_owned(),
        Err(why) => why,
    }
}

/// What ffprobe finds of the sound in these bytes: `flac,48000,2,16` for its codec, samples in a second, channels and bits of a
/// sample, which are `N/A` where it has none.
pub fn sound(bytes: &[u8]) -> String {
    let entries = "stream=codec_name,sample_rate,channels,bits_per_raw_sample";
    let words = ["-select_streams", "a:0", "-show_entries", entries, "-of", "csv=p=0"];
    match probed(bytes, &words) {
        Ok(said) => String::from_utf8_lossy(&said).trim().to_owned(),
        Err(why) => why,
    }
}

/// What ffprobe says of these bytes, without a word of complaint.
pub(crate) fn probed(bytes: &[u8], words: &[&str]) -> Result<Vec<u8>, String> {
    let file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    fs::write(file.path(), bytes).map_err(|error| error.to_string())?;
    let mut command = Command::new("ffprobe");
    let output = command.args(["-v", "error"]).args(words).arg(file.path()).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() || !output.stderr.is_empty() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(output.stdout)
}
