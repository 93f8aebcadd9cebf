//! From a recipe to a rendition: what a flight's task does.
//!
//! Everything that it takes (a turn, memory, room on the disk, children) is held by a value on its stack, so that it is
//! given back wherever the work ends: also where the task is dropped because nobody waits any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use budget::limits::{
    BLOB_CHECK_BYTES, CHILD_CPU_SECONDS_MIN, CHILD_CPU_SHARE, CHILD_MEMORY_ROOM_BYTES, CHILD_STALL_MS,
    DEMUXER_HEAD_BYTES, FLIGHT_WAIT_MS, PROBE_BYTES, PROBE_JSON_BYTES_MAX, PROBE_MS, SECOND_PASS_BYTES,
};
use budget::{Pool, Turn, Turns};
use bytes::Bytes;
use store::Source;

use crate::argv::{Argv, Input};
use crate::cache::{Entry, Filling, Made};
use crate::child::{Caps, Child, ChildInput, ChildOutput, Ended, Ffmpeg, Output, Program};
use crate::error::{Error, ErrorKind};
use crate::flight::Running;
use crate::guard::SERVED_PORT;
use crate::picture::{self, Part};
use crate::plan::{Finish, PEAKS_HZ, Plan, faststart_args, plan};
use crate::probe::{Probe, probe_args};
use crate::recipe::{Cover, Recipe, Waveform};
use crate::sniff::Demuxer;
use crate::transforms::{Inner, Material, busy};
use crate::waveform::Peaks;

/// One piece of work: for whom, of what, into what.
struct Work<'a> {
    inner: &'a Inner,
    running: &'a Running,
    material: &'a Material,
    recipe: &'a Recipe,
}

impl Inner {
    /// Makes a rendition, unless it was made between the look and now.
    pub(crate) async fn make(
        &self,
        running: &Running,
        material: &Material,
        recipe: &Recipe,
    ) -> Result<Made, Error> {
        if let Some(made) = self.cache.get(running.key()).await? {
            return Ok(made);
        }
        let work = Work { inner: self, running, material, recipe };
        let made = match recipe {
            Recipe::Cover(cover) => work.cover(*cover).await,
            _ => work.by_child().await,
        };
        made.inspect_err(|e| self.cache.failed(running.key(), e))
    }

    /// What a source is; asked of ffprobe the first time.
    pub(crate) async fn probe(&self, material: &Material) -> Result<Arc<Probe>, Error> {
        match self.probes.get(&material.source.validator().tag().into()) {
            Some(probe) => Ok(probe),
            None => {
                let _turn = self.turn(&self.turns).await?;
                self.probe_now(material).await
            }
        }
    }

    /// The same for who has a turn.
    async fn probe_now(&self, material: &Material) -> Result<Arc<Probe>, Error> {
        let tag: Box<str> = material.source.validator().tag().into();
        if let Some(probe) = self.probes.get(&tag) {
            return Ok(probe);
        }
        let demuxer = demuxer_of(material).await?;
        let ffmpeg = self.ffmpeg()?;
        let _permit = self.budget.wait(Pool::Transforms, PROBE_BYTES).await?;
        let (input, from) = fed(material, ffmpeg).await?;
        let caps = caps(PROBE_BYTES, 0);
        let argv = probe_args(demuxer, from);
        let mut child = ffmpeg.start(Program::Ffprobe, &argv, input, ChildOutput::Pipe, caps).await?;
        let looked = async {
            let printed = read_all(&mut child).await?;
            Ok::<_, Error>((printed, child.wait().await))
        };
        let within = Duration::from_millis(PROBE_MS);
        let (printed, ended) = match tokio::time::timeout(within, looked).await {
            Ok(looked) => looked?,
            Err(_) => return Err(Error::new(ErrorKind::Stalled, "the source does not say what it is")),
        };
        ended.result().map_err(|e| match e.kind {
            ErrorKind::Failed => Error { kind: ErrorKind::Unsupported, context: UNREADABLE.to_owned(), ..e },
            _ => e,
        })?;
        let probe = Arc::new(Probe::read_json(demuxer, &printed)?);
        self.probes.insert(tag, Arc::clone(&probe));
        Ok(probe)
    }

    fn ffmpeg(&self) -> Result<&Ffmpeg, Error> {
        let missing =
            || Error::new(ErrorKind::NoFfmpeg, "this server has no ffmpeg, so it makes covers alone");
        self.ffmpeg.as_ref().ok_or_else(missing)
    }

    /// Waits for a turn, for as long as anybody would.
    async fn turn(&self, turns: &Turns) -> Result<Turn, Error> {
        let begun = Instant::now();
        let turn = tokio::time::timeout(Duration::from_millis(FLIGHT_WAIT_MS), turns.turn()).await;
        self.metrics.waited(begun.elapsed());
        turn.map_err(|_| {
            self.metrics.refused("wait");
            busy("too many renditions are being made")
        })
    }
}

const UNREADABLE: &str = "this is no audio or video that can be read";

/// Reads every byte, so that each block is known to be right.
fn read_through(source: &Source) -> std::io::Result<()> {
    let (mut buffer, mut offset) = (vec![0; BLOB_CHECK_BYTES], 0);
    while offset < source.len() {
        offset += source.read_at(&mut buffer, offset)? as u64;
    }
    Ok(())
}

fn unread(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Source, "the source cannot be read").with_words(error.to_string())
}

/// What reads the material, by its first bytes.
async fn demuxer_of(material: &Material) -> Result<Demuxer, Error> {
    let source = material.source.clone();
    let read = material.source.run(0, DEMUXER_HEAD_BYTES as u64, move || {
        let mut head = vec![0; DEMUXER_HEAD_BYTES];
        let mut filled = 0;
        while filled < head.len() {
            match source.read_at(&mut head[filled..], filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        head.truncate(filled);
        Ok::<_, std::io::Error>(head)
    });
    let head = read.await.map_err(std::io::Error::other).and_then(|read| read).map_err(unread)?;
    Demuxer::of(&head).ok_or_else(|| Error::new(ErrorKind::Unsupported, UNREADABLE))
}

/// The material as a child gets it, and where it finds it. Bytes that must be checked are served to it, block by block;
/// where a child cannot be served anything, a file is read through before, and given when all its blocks were right.
async fn fed(material: &Material, ffmpeg: &Ffmpeg) -> Result<(ChildInput, Input), Error> {
    let source = &material.source;
    if !ffmpeg.can_serve() && source.has_file() && !source.is_checked(0, source.len()) {
        let read = source.clone();
        let through = source.run(0, source.len(), move || read_through(&read));
        through.await.map_err(std::io::Error::other).and_then(|read| read).map_err(unread)?;
    }
    let input = ChildInput::of(&material.source)
        .map_err(|e| Error::new(ErrorKind::Io, "the source cannot be given on").with_words(e.to_string()))?;
    let from = match &input {
        ChildInput::Nothing | ChildInput::File(_) => Input::Descriptor,
        ChildInput::Served(_) => Input::Loopback(SERVED_PORT),
    };
    Ok((input, from))
}

fn caps(reserve_bytes: u64, out_ms: u64) -> Caps {
    Caps {
        memory_bytes: reserve_bytes + CHILD_MEMORY_ROOM_BYTES,
        cpu_seconds: CHILD_CPU_SECONDS_MIN + out_ms / 1_000 * CHILD_CPU_SHARE,
        file_bytes: 0,
    }
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

fn lost(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "what a child makes cannot be read").with_words(error.to_string())
}

impl Work<'_> {
    /// A cover is made here, from a picture that is decoded whole, under a permit for all that it takes.
    async fn cover(&self, Cover { edge }: Cover) -> Result<Made, Error> {
        let inner = self.inner;
        let _turn = inner.turn(&inner.picture_turns).await?;
        let (offset, count) = self.material.part.unwrap_or((0, self.material.source.len()));
        let part = Part { source: self.material.source.clone(), offset, count };
        let looked = part.clone();
        let need_bytes = blocking(move || picture::need_bytes(&looked, edge)).await?;
        let permit = inner.budget.wait(Pool::Transforms, need_bytes).await?;
        self.running.tell(|progress| progress.has_begun = true);
        let begun = Instant::now();
        let (jpeg, permit) =
            blocking(move || picture::shrink(&part, edge, need_bytes).map(|jpeg| (jpeg, permit))).await?;
        let made = self.keep_bytes(jpeg, begun).await;
        drop(permit);
        made
    }

    async fn by_child(&self) -> Result<Made, Error> {
        let inner = self.inner;
        inner.ffmpeg()?;
        let _turn = inner.turn(&inner.turns).await?;
        let probe = inner.probe_now(self.material).await?;
        let (input, from) = fed(self.material, inner.ffmpeg()?).await?;
        let plan = plan(self.recipe, &probe, from)?;
        let _permit =
            inner.budget.wait(Pool::Transforms, plan.reserve_bytes).await.inspect_err(|refused| {
                inner.metrics.refused(if refused.fault == budget::Fault::Never { "never" } else { "memory" });
            })?;
        self.running.tell(|progress| {
            progress.has_begun = true;
            progress.whole_ms = Some(plan.out_ms).filter(|ms| *ms > 0);
        });
        let begun = Instant::now();
        match plan.finish {
            Finish::Peaks => {
                let bytes = self.peaks(&plan, input).await?;
                self.keep_bytes(bytes, begun).await
            }
            Finish::Publish => {
                let (filling, cost) = self.write(&plan, input).await?;
                self.keep(filling, cost).await
            }
            Finish::Faststart => {
                let (first, cost) = self.write(&plan, input).await?;
                let (second, more) = self.again(&plan, &first).await?;
                drop(first);
                self.keep(second, cost + more).await
            }
        }
    }

    /// Runs ffmpeg and writes what comes out of it, where whoever waits may read it.
    async fn write(&self, plan: &Plan, input: ChildInput) -> Result<(Filling, Duration), Error> {
        let mut filling = self.inner.cache.reserve(plan.out_bytes_guess).await?.begin().await?;
        let mut child =
            self.start(&plan.argv, input, ChildOutput::Pipe, caps(plan.reserve_bytes, plan.out_ms)).await?;
        let mut output = child.take_output();
        let mut is_shown = false;
        while let Some(chunk) = self.next(&child, output.as_mut()).await? {
            filling.write(chunk).await?;
            if !is_shown && self.recipe.grows() {
                self.running.show(filling.growing());
                is_shown = true;
            }
        }
        let ended = self.ended(&child).await?;
        if filling.length() == 0 {
            let context = "nothing is to be seen there: the source ends before, or stands still to its end";
            return Err(Error::new(ErrorKind::BehindTheEnd, context));
        }
        filling.end();
        Ok((filling, Duration::from_millis(ended.cpu_ms)))
    }

    /// The second pass: a file whose front is right, made of what came out of the first.
    async fn again(&self, plan: &Plan, first: &Filling) -> Result<(Filling, Duration), Error> {
        let argv = faststart_args(self.recipe)
            .ok_or_else(|| Error::new(ErrorKind::Io, "a recipe without a second pass has none"))?;
        // Its index is written otherwise, and may be longer; what it does not need goes back.
        let about = first.length().saturating_add(first.length() / 8).saturating_add(SECOND_PASS_BYTES);
        let mut second = self.inner.cache.reserve(about).await?.begin().await?;
        let (input, _) = first.child_file()?;
        let (output, length_max) = second.child_file()?;
        let caps = Caps { file_bytes: length_max, ..caps(plan.reserve_bytes, plan.out_ms) };
        let child = self.start(&argv, ChildInput::File(input), ChildOutput::File(output), caps).await?;
        while self.next(&child, None).await?.is_some() {}
        let ended = self.ended(&child).await?;
        second.adopt().await?;
        Ok((second, Duration::from_millis(ended.cpu_ms)))
    }

    async fn peaks(&self, plan: &Plan, input: ChildInput) -> Result<Vec<u8>, Error> {
        let samples = plan.out_ms.saturating_mul(u64::from(PEAKS_HZ)) / 1_000;
        let count = match self.recipe {
            Recipe::Waveform(Waveform::Drawn { width, .. }) => width.pixels(),
            Recipe::Waveform(Waveform::Peaks(count)) => *count,
            _ => 1,
        };
        let mut peaks = Peaks::new(count, samples);
        let caps = caps(plan.reserve_bytes, plan.out_ms);
        let mut child = self.start(&plan.argv, input, ChildOutput::Pipe, caps).await?;
        let mut output = child.take_output();
        while let Some(chunk) = self.next(&child, output.as_mut()).await? {
            peaks.take(&chunk);
        }
        self.ended(&child).await?;
        match self.recipe {
            Recipe::Waveform(Waveform::Drawn { height, .. }) => peaks.png(*height),
            _ => Ok(peaks.json(plan.out_ms)),
        }
    }

    async fn start(
        &self,
        argv: &Argv,
        input: ChildInput,
        output: ChildOutput,
        caps: Caps,
    ) -> Result<Child, Error> {
        self.inner.ffmpeg()?.start(Program::Ffmpeg, argv, input, output, caps).await
    }

    /// The next bytes of a child, or `None` at its end; tells those who wait how far it is. A child that makes nothing for
    /// too long is ended.
    async fn next(&self, child: &Child, output: Option<&mut Output>) -> Result<Option<Bytes>, Error> {
        let mut chunk = self.inner.chunks.lend();
        let count = match output {
            Some(output) => self.watched(child, output.read(&mut chunk)).await?.map_err(lost)?,
            None => self.watched(child, child.wait()).await.map(|_| 0)?,
        };
        Ok((count > 0).then(|| chunk.into_bytes(count)))
    }

    /// Waits for something of a child.
    async fn watched<T>(&self, child: &Child, wanted: impl Future<Output = T>) -> Result<T, Error> {
        let mut wanted = std::pin::pin!(wanted);
        let mut progress = child.progress();
        loop {
            tokio::select! {
                biased;
                got = &mut wanted => return Ok(got),
                () = child.stalled(Duration::from_millis(CHILD_STALL_MS)) => {
                    return Err(Error::new(ErrorKind::Stalled, "ffmpeg made nothing for too long"));
                }
                Ok(()) = progress.changed() => {
                    let far = *progress.borrow_and_update();
                    self.running.tell(|progress| {
                        progress.made_ms = far.out_ms;
                        progress.bytes = far.bytes;
                    });
                }
            }
        }
    }

    /// Waits for the end of a child whose output was read, and counts what it took.
    async fn ended(&self, child: &Child) -> Result<Ended, Error> {
        let ended = child.wait().await;
        let (took, cpu) = (Duration::from_millis(ended.wall_ms), Duration::from_millis(ended.cpu_ms));
        self.inner.metrics.child(self.recipe, took, ended.peak_bytes, cpu);
        ended.result()?;
        Ok(ended)
    }

    async fn keep_bytes(&self, bytes: Vec<u8>, begun: Instant) -> Result<Made, Error> {
        let room = self.inner.cache.reserve(bytes.len() as u64).await?;
        let mut filling = room.begin().await?;
        filling.write(Bytes::from(bytes)).await?;
        self.keep(filling, begun.elapsed()).await
    }

    async fn keep(&self, filling: Filling, cost: Duration) -> Result<Made, Error> {
        let Material { source, origin, path, tags, .. } = self.material;
        let mode = self.recipe.mode();
        let named = [format!("origin:{origin}"), format!("mode:{mode}")];
        let entry = Entry {
            key: self.running.key(),
            content_type: self.recipe.content_type().to_owned(),
            origin: origin.to_string(),
            path: path.to_string(),
            mode: mode.to_owned(),
            tags: named.into_iter().chain(tags.iter().cloned()).collect(),
            source_tag: source.validator().tag().to_owned(),
            status: 200,
            cost_ms: u64::try_from(cost.as_millis()).unwrap_or(u64::MAX),
            fresh_for: None,
        };
        filling.keep(entry).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let gone = |_| Error::new(ErrorKind::Gone, "the server stops");
    tokio::task::spawn_blocking(work).await.map_err(gone)?
}
