//! What a source is: its demuxer by its first bytes, and the rest by ffprobe. It is found out once and remembered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use budget::limits::{DEMUXER_HEAD_BYTES, PROBE_BYTES, PROBE_JSON_BYTES_MAX, PROBE_MS};
use store::Source;

use super::near::{fed, reading, unchanged};
use super::{caps, lost};
use crate::child::{Child, ChildOutput, Program};
use crate::error::{Error, ErrorKind};
use crate::probe::{Probe, UNREADABLE, probe_args, unreadable};
use crate::sniff::Demuxer;
use crate::transforms::{Inner, Material};

impl Inner {
    /// What a source is; asked of ffprobe the first time.
    pub(crate) async fn probe(&self, material: &Material) -> Result<Arc<Probe>, Error> {
        if let Some(probe) = self.probes.get(&tag_of(material)) {
            return Ok(probe);
        }
        let near = self.near(&material.source, true).await?;
        let _turn = self.turn(&self.turns).await?;
        self.probe_now(material, &near.source).await
    }

    /// The same for who has a turn, and the source where a child can read it.
    pub(super) async fn probe_now(&self, material: &Material, near: &Source) -> Result<Arc<Probe>, Error> {
        let tag = tag_of(material);
        if let Some(probe) = self.probes.get(&tag) {
            return Ok(probe);
        }
        let demuxer = demuxer_of(near).await?;
        let ffmpeg = self.ffmpeg().await?;
        let _permit = self.memory(PROBE_BYTES, Instant::now()).await?;
        let (input, from) = fed(near, &ffmpeg).await?;
        let argv = probe_args(demuxer, from);
        let caps = caps(PROBE_BYTES, 0);
        let mut child = ffmpeg.start(Program::Ffprobe, &argv, input, ChildOutput::Pipe, caps).await?;
        let looked = async {
            let printed = read_all(&mut child).await?;
            Ok::<_, Error>((printed, child.wait().await))
        };
        let (printed, ended) = match tokio::time::timeout(Duration::from_millis(PROBE_MS), looked).await {
            Ok(looked) => looked?,
            Err(_) => return Err(Error::new(ErrorKind::Stalled, "the source does not say what it is")),
        };
        unchanged(&material.source).await?;
        ended.result().map_err(|e| match e.kind {
            ErrorKind::Failed => Error { kind: ErrorKind::Unsupported, context: unreadable(&e.words), ..e },
            _ => e,
        })?;
        let probe = Arc::new(Probe::read_json(demuxer, &printed)?);
        self.probes.insert(tag, Arc::clone(&probe));
        Ok(probe)
    }
}

fn tag_of(material: &Material) -> Box<str> {
    material.source.validator().tag().into()
}

/// What reads a source, by its first bytes.
async fn demuxer_of(source: &Source) -> Result<Demuxer, Error> {
    let read = |source: &Source| {
        let mut head = vec![0; DEMUXER_HEAD_BYTES];
        let mut filled = 0;
        while filled < head.len() {
            match source.read_at(&mut head[filled..], filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        head.truncate(filled);
        Ok(head)
    };
    let head = reading(source, 0, DEMUXER_HEAD_BYTES as u64, read).await?;
    Demuxer::of(&head).ok_or_else(|| Error::new(ErrorKind::Unsupported, UNREADABLE))
}

/// All that ffprobe prints, which is little.
async fn read_all(child: &mut Child) -> Result<Vec<u8>, Error> {
    let mut printed = Vec::new();
    let Some(mut output) = child.take_output() else { return Ok(printed) };
    let mut buffer = [0; 4 * 1_024];
    loop {
        match output.read(&mut buffer).await.map_err(lost)? {
            0 => return Ok(printed),
            // One byte more than is read of it tells that it is too long.
            count if printed.len() <= PROBE_JSON_BYTES_MAX => printed.extend_from_slice(&buffer[..count]),
            _ => {}
        }
    }
}
