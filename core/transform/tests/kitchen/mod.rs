//! What the tests of children share: media made by ffmpeg itself, and the programs.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![expect(clippy::unwrap_used, reason = "what the tests need is there, or they fail")]
#![expect(clippy::disallowed_methods, reason = "files of /proc are short")]

pub(crate) mod house;
pub(crate) mod origin;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use store::{LibraryFolder, RelPath, Source};
use tempfile::TempDir;
use transform::{Caps, Child, Ended, Ffmpeg, FfmpegSettings, Guard, Sandbox};

/// Enough for what the tests do.
pub(crate) const CAPS: Caps = Caps { memory_bytes: 512 << 20, cpu_seconds: 60, file_bytes: 64 << 20 };

/// How the input is opened inside.
pub(crate) const DESCRIPTOR: &str = "file:/proc/self/fd/0";
pub(crate) const SERVED: &str = "http://127.0.0.1:8080/";

pub(crate) fn prisoner_path() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_prisoner"))
}

/// The real ffmpeg behind a real guard, with everything that keeps it apart.
pub(crate) async fn ffmpeg() -> Ffmpeg {
    kitchen(None, Sandbox::On).await
}

/// A program in its place that tries to break out.
pub(crate) async fn prisoner(sandbox: Sandbox) -> Ffmpeg {
    kitchen(Some(prisoner_path()), sandbox).await
}

async fn kitchen(ffmpeg: Option<PathBuf>, sandbox: Sandbox) -> Ffmpeg {
    let guard = Guard::other(&prisoner_path());
    Ffmpeg::find(FfmpegSettings { ffmpeg, sandbox, guard }).await.unwrap()
}

/// A folder with files that ffmpeg made.
pub(crate) struct Media(TempDir);

impl Media {
    pub(crate) fn new() -> Media {
        Media(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str) -> File {
        File::open(self.path(name)).unwrap()
    }

    pub(crate) fn source(&self, name: &str) -> Source {
        let folder = LibraryFolder::open(self.0.path()).unwrap();
        folder.open_source(&RelPath::parse(name).unwrap()).unwrap()
    }

    pub(crate) fn head(&self, name: &str) -> [u8; 512] {
        let mut head = [0; 512];
        self.file(name).read_exact(&mut head).unwrap();
        head
    }

    /// A video with sound, of so many seconds, with all its index at the end.
    pub(crate) fn video(&self, name: &str, seconds: u32, kbps: u32) {
        let (seconds, rate) = (seconds.to_string(), format!("{kbps}k"));
        let picture = format!("testsrc2=size=320x240:rate=15:duration={seconds}");
        let sound = format!("sine=frequency=440:duration={seconds}");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args([
            "-nostdin",
            "-y",
            "-loglevel",
            "error",
            "-f",
            "lavfi",
            "-i",
            &picture,
            "-f",
            "lavfi",
            "-i",
            &sound,
        ]);
        ffmpeg.args(["-vf", "noise=alls=40:allf=t", "-c:v", "libx264", "-preset", "ultrafast", "-g", "30"]);
        ffmpeg.args(["-pix_fmt", "yuv420p", "-b:v", &rate, "-minrate", &rate, "-maxrate", &rate]);
        ffmpeg.args(["-bufsize", &rate, "-c:a", "aac", "-threads", "1"]).arg(self.path(name));
        assert!(ffmpeg.status().unwrap().success());
    }
}

/// Everything that a child makes, and how it ended.
pub(crate) async fn all(mut child: Child) -> (Vec<u8>, Ended) {
    let mut made = Vec::new();
    if let Some(mut output) = child.take_output() {
        let mut buffer = vec![0; 65_536];
        loop {
            match output.read(&mut buffer).await.unwrap() {
                0 => break,
                count => made.extend_from_slice(&buffer[..count]),
            }
        }
    }
    (made, child.wait().await)
}

/// Whether a process is there and runs.
pub(crate) fn runs(pid: u32) -> bool {
    let Ok(about) = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")) else {
        return false;
    };
    let (_, fields) = about.rsplit_once(')').unwrap();
    !matches!(fields.trim().chars().next(), Some('Z' | 'X'))
}

/// Whether a process that is nobody's child here ends soon.
pub(crate) async fn ends(pid: u32) -> bool {
    for _ in 0..1_000 {
        if !runs(pid) {
            return true;
        }
        // sleep: the kernel tells nobody of the end of a stranger's child.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

/// The children of this process, dead ones that nobody reaped included.
pub(crate) fn children() -> Vec<u32> {
    let me = std::process::id().to_string();
    let numbers = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok()?.parse::<u32>().ok());
    let mine = numbers.filter(|number| {
        let about = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        let parent = about.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(1));
        parent == Some(&me)
    });
    mine.collect()
}
