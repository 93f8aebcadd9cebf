//! Walls around one server: the group that counts the memory of its sockets, and a disk that is slow for it alone.

use std::os::linux::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Error, ErrorKind, Result, files};

const ROOT: &str = "/sys/fs/cgroup";

/// What a server starts inside of.
#[derive(Default)]
pub(super) struct Walls {
    /// Counts what the kernel holds for its sockets.
    pub(super) memory: Option<load::Group>,
    /// Slows its reads.
    pub(super) disk: Option<SlowDisk>,
}

impl Walls {
    /// The same command inside.
    pub(super) fn within(&self, command: Command) -> Command {
        let command = match &self.disk {
            Some(disk) => disk.within(&command),
            None => command,
        };
        match &self.memory {
            Some(memory) => memory.within(&command),
            None => command,
        }
    }
}

/// A group whose reads from one disk come slowly; removed when dropped, after its members.
pub(super) struct SlowDisk {
    folder: PathBuf,
    /// How it was made, for the page.
    pub(super) how: &'static str,
}

impl SlowDisk {
    /// Reads from the disk of `file` come at `bytes_per_second` at most.
    pub(super) fn new(file: &Path, bytes_per_second: u64) -> Result<SlowDisk> {
        let device = device(file)?;
        if Path::new(ROOT).join("blkio").is_dir() {
            let disk = SlowDisk::made("blkio", "blkio.throttle.read_bps_device of a version 1 group")?;
            disk.set("blkio.throttle.read_bps_device", &format!("{device} {bytes_per_second}"))?;
            return Ok(disk);
        }
        let disk = SlowDisk::made("", "io.max of a version 2 group")?;
        disk.set("io.max", &format!("{device} rbps={bytes_per_second}"))?;
        Ok(disk)
    }

    fn made(controller: &str, how: &'static str) -> Result<SlowDisk> {
        let folder = Path::new(ROOT).join(controller).join(format!("millpond-bench-{}", std::process::id()));
        files::make_folder(&folder)?;
        Ok(SlowDisk { folder, how })
    }

    fn set(&self, name: &str, value: &str) -> Result<()> {
        let path = self.folder.join(name);
        std::fs::write(&path, value).map_err(|error| {
            Error::because(ErrorKind::Io, format!("writing {value} to {}", path.display()), error)
        })
    }

    fn within(&self, command: &Command) -> Command {
        let mut inside = Command::new("sh");
        // The shell joins the group and becomes the program, so that the process id is the program's.
        inside.args(["-c", r#"echo $$ > "$0" && exec "$@""#]).arg(self.folder.join("cgroup.procs"));
        inside.arg(command.get_program()).args(command.get_args());
        inside
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        // Its members have ended; a group that is left behind slows nobody.
        let _left = std::fs::remove_dir(&self.folder);
    }
}

/// The disk that a file lies on, as `major:minor`; of a partition, the whole disk.
fn device(file: &Path) -> Result<String> {
    let failed = |error| Error::because(ErrorKind::Io, format!("the disk of {}", file.display()), error);
    let number = file.metadata().map_err(failed)?.st_dev();
    let name = format!("{}:{}", rustix::fs::major(number), rustix::fs::minor(number));
    let block = Path::new("/sys/dev/block").join(&name);
    if !block.join("partition").is_file() {
        return Ok(name);
    }
    let disk = block.canonicalize().map_err(failed)?;
    let text = files::read_text(&disk.parent().unwrap_or(&disk).join("dev"))?;
    Ok(text.trim().to_owned())
}
