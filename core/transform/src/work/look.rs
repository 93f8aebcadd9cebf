//! What a source is: its demuxer by its first bytes, and the rest by ffprobe. It is found out once and remembered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use budget::BoundedMap;
use budget::limits::{
    DEMUXER_HEAD_BYTES, FLIGHTS_WAITING_MAX, PROBE_BYTES, PROBE_JSON_BYTES_MAX, PROBE_LONG_BYTES, PROBE_MS,
    PROBES_KEPT_MAX, PROBES_KEPT_MS,
};
use prometheus_client::registry::Registry;
use store::Source;
use tokio::sync::OnceCell;

use super::near::{fed, reading, unchanged};
use super::{Need, lost};
use crate::child::{Child, ChildOutput, Ended, Outcome, Program};
use crate::error::{Error, ErrorKind};
use crate::probe::{Probe, UNREADABLE, probe_args, unreadable};
use crate::sniff::Demuxer;
use crate::transforms::{Asker, Inner, Material, busy};

/// What was found out about sources, or is being found out, by their validators. Of many who ask for the same one looks.
pub(crate) struct Probes(BoundedMap<Box<str>, Arc<Cell>>);

type Looked = Result<Arc<Probe>, Error>;
type Cell = OnceCell<Looked>;

impl Probes {
    /// None yet, under this name in the figures.
    pub(crate) fn new(name: &'static str) -> Self {
        Probes(BoundedMap::new(name, PROBES_KEPT_MAX, Duration::from_millis(PROBES_KEPT_MS)))
    }

    fn known(&self, tag: &str) -> Option<Looked> {
        self.0.get(&Box::from(tag))?.get().cloned()
    }

    fn of(&self, tag: &str) -> Arc<Cell> {
        self.0.get_or_insert(tag.into(), Arc::default())
    }

    fn forget(&self, tag: &str, cell: &Arc<Cell>) {
        let tag = Box::from(tag);
        if self.0.get(&tag).is_some_and(|kept| Arc::ptr_eq(&kept, cell)) {
            self.0.remove(&tag);
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        self.0.register(registry);
    }
}

impl Inner {
    /// What a source is; asked of ffprobe the first time, in the line of those who wait for children.
    pub(crate) async fn probe(&self, material: &Material, asker: Option<Asker>) -> Looked {
        let tag = tag_of(material);
        if let Some(looked) = self.probes.known(&tag) {
            return looked;
        }
        // Who joins those who ask takes no place in the line, and none of those that his address has.
        let cell = self.askings.of(&tag);
        // That an address has enough is said to that address: the next who waits asks for himself.
        let asked = cell.get_or_try_init(|| async {
            match self.probe_in_line(material, asker).await {
                Err(e) if matches!(e.kind, ErrorKind::Busy { is_callers: true, .. }) => Err(e),
                looked => Ok(looked),
            }
        });
        let looked = asked.await?.clone();
        self.askings.forget(&tag, &cell);
        looked
    }

    async fn probe_in_line(&self, material: &Material, asker: Option<Asker>) -> Looked {
        let _slot = asker.map(|asker| self.slot(asker)).transpose()?;
        let near = self.near(&material.source, true).await?;
        if self.turns.figures().waiting >= FLIGHTS_WAITING_MAX {
            self.metrics.refused("queue");
            return Err(busy("too many sources wait to be looked at"));
        }
        let _turn = self.turn(&self.turns).await?;
        self.probe_now(material, &near.source).await
    }

    /// The same for who has a turn, and the source where a child can read it. Who waited here for another's look and
    /// had none would keep it from whoever looks.
    pub(super) async fn probe_now(&self, material: &Material, near: &Source) -> Looked {
        let tag = tag_of(material);
        let cell = self.probes.of(&tag);
        let looked = cell.get_or_init(|| self.look(material, near)).await.clone();
        if !is_kept(&material.source, &looked) {
            self.probes.forget(&tag, &cell);
        }
        looked
    }

    /// With little memory first, as is enough for nearly all.
    async fn look(&self, material: &Material, near: &Source) -> Looked {
        let demuxer = demuxer_of(near).await?;
        let mut ended = self.looked_with(PROBE_BYTES, demuxer, near).await?;
        if matches!(ended.1.outcome, Outcome::OutOfMemory) {
            ended = self.looked_with(PROBE_LONG_BYTES, demuxer, near).await?;
        }
        unchanged(&material.source).await?;
        let (printed, ended) = ended;
        ended.result().map_err(|e| match e.kind {
            ErrorKind::Failed => Error { kind: ErrorKind::Unsupported, context: unreadable(&e.words), ..e },
            _ => e,
        })?;
        Ok(Arc::new(Probe::read_json(demuxer, &printed)?))
    }

    /// What ffprobe prints, and how it ended.
    async fn looked_with(
        &self,
        memory_bytes: u64,
        demuxer: Demuxer,
        near: &Source,
    ) -> Result<(Vec<u8>, Ended), Error> {
        let ffmpeg = self.ffmpeg().await?;
        let _permit = self.memory(memory_bytes, Instant::now()).await?;
        let (input, from) = fed(near, &ffmpeg).await?;
        let argv = probe_args(demuxer, from);
        let need = Need { memory_bytes, frames_bytes: 0, work_ms: 0, file_bytes: 0, is_silent: false };
        let mut child = ffmpeg.start(Program::Ffprobe, &argv, input, ChildOutput::Pipe, need.caps()).await?;
        need.hold(&child);
        let looked = async {
            let printed = read_all(&mut child).await?;
            Ok((printed, child.wait().await))
        };
        let stalled = |_| Error::new(ErrorKind::Stalled, "the source does not say what it is");
        tokio::time::timeout(Duration::from_millis(PROBE_MS), looked).await.map_err(stalled)?
    }
}

/// Of equal tags: weak ones are others.
fn tag_of(material: &Material) -> Box<str> {
    let validator = material.source.validator();
    let weak = if validator.is_strong() { "" } else { "W/" };
    format!("{weak}{}", validator.tag()).into()
}

/// Whether what was found out is so for whoever has the same tag. A file whose tag is weak was written a moment ago, and
/// may have other bytes under the same one.
fn is_kept(source: &Source, looked: &Looked) -> bool {
    let is_certain = source.validator().is_strong() || !source.has_file();
    is_certain && looked.as_ref().map_or_else(|e| e.kind == ErrorKind::Unsupported, |_| true)
}

/// What reads a source, by its first bytes.
async fn demuxer_of(source: &Source) -> Result<Demuxer, Error> {
    let read = |source: &Source| head_of(|buffer, at| source.read_at(buffer, at));
    let head = reading(source, 0, DEMUXER_HEAD_BYTES as u64, read).await?;
    Demuxer::of(&head).ok_or_else(|| Error::new(ErrorKind::Unsupported, UNREADABLE))
}

/// The first bytes of something, as many as tell what reads it, or all that there are.
pub(crate) fn head_of<E>(read_at: impl Fn(&mut [u8], u64) -> Result<usize, E>) -> Result<Vec<u8>, E> {
    let mut head = vec![0; DEMUXER_HEAD_BYTES];
    let mut filled = 0;
    while filled < head.len() {
        match read_at(&mut head[filled..], filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    head.truncate(filled);
    Ok(head)
}

/// All that ffprobe prints, which is little.
pub(crate) async fn read_all(child: &mut Child) -> Result<Vec<u8>, Error> {
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
