//! From a recipe to a rendition: what a flight's task does.
//!
//! Everything that it takes (a turn, memory, room on the disk, children) is held by a value on its stack, so that it is
//! given back wherever the work ends: also where the task is dropped because nobody waits any more.

use std::time::{Duration, Instant};

use budget::limits::{
    CHILD_CPU_SECONDS_MIN, CHILD_CPU_SHARE, CHILD_FRAMES_BYTES, CHILD_MEMORY_ROOM_BYTES, CHILD_OVER_PERCENT,
    FLIGHT_WAIT_MS, RENDITION_FIRST_SHARE, SECOND_PASS_BYTES,
};
use budget::{Permit, Pool, Turn, Turns};
use bytes::Bytes;

use crate::cache::{Entry, Filling, Made, Moment};
use crate::child::{Caps, Child, ChildInput, ChildOutput, Ffmpeg};
use crate::error::{Error, ErrorKind};
use crate::flight::Running;
use crate::fragments::Cut;
use crate::picture::{self, Part};
use crate::plan::{Finish, PEAKS_HZ, Plan, faststart_args, plan};
use crate::recipe::{Cover, Recipe};
use crate::transforms::{Inner, Material, busy};
use crate::waveform::Peaks;
use near::{fed, unchanged};

pub(crate) mod look;
pub(crate) mod near;
mod run;

/// One piece of work: for whom, of what, into what.
struct Work<'a> {
    inner: &'a Inner,
    running: &'a Running,
    /// When it was asked for: a later purge means it too.
    since: Moment,
    material: &'a Material,
    recipe: &'a Recipe,
}

impl Inner {
    /// Makes a rendition, unless it was made between the look and now.
    pub(crate) async fn make(
        &self,
        running: &Running,
        since: Moment,
        material: &Material,
        recipe: &Recipe,
    ) -> Result<Made, Error> {
        if let Some(made) = self.cache.get(running.key()).await? {
            return Ok(made);
        }
        let work = Work { inner: self, running, since, material, recipe };
        let made = match recipe {
            Recipe::Cover(cover) => work.cover(*cover).await,
            _ => work.by_child().await,
        };
        made.map_err(|e| self.cache.failed(running.key(), e, &material.lifetimes))
    }

    async fn ffmpeg(&self) -> Result<Ffmpeg, Error> {
        let missing =
            || Error::new(ErrorKind::NoFfmpeg, "this server has no ffmpeg, so it makes covers alone");
        self.ffmpeg.clone().await.ok_or_else(missing)
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

    /// Waits for memory, for as long as was not waited `since`. Who has a turn is one of a bounded number, and keeps his
    /// place in the line: a large one that left it now and then would never find all of the small ones gone.
    pub(crate) async fn memory(&self, bytes: u64, since: Instant) -> Result<Permit, Error> {
        let left = Duration::from_millis(FLIGHT_WAIT_MS).saturating_sub(since.elapsed());
        Ok(self.budget.wait_within(Pool::Transforms, bytes, left).await.inspect_err(|refused| {
            self.metrics.refused(if refused.fault == budget::Fault::Never { "never" } else { "memory" });
        })?)
    }
}

/// What one run of a child may take.
#[derive(Clone, Copy, Debug)]
struct Need {
    memory_bytes: u64,
    /// What it may have beside that, before it is ended for it.
    frames_bytes: u64,
    /// How much media is worked through.
    work_ms: u64,
    /// The longest file that it may write.
    file_bytes: u64,
    /// Whether it makes nothing before its end.
    is_silent: bool,
}

impl Need {
    fn of(plan: &Plan) -> Need {
        let Plan { reserve_bytes: memory_bytes, work_ms, out_ms, .. } = *plan;
        let frames_bytes = CHILD_FRAMES_BYTES;
        Need { memory_bytes, frames_bytes, work_ms, file_bytes: 0, is_silent: out_ms == 0 }
    }

    fn caps(self) -> Caps {
        Caps {
            memory_bytes: self.memory_bytes + CHILD_MEMORY_ROOM_BYTES,
            cpu_seconds: CHILD_CPU_SECONDS_MIN + self.work_ms / 1_000 * CHILD_CPU_SHARE,
            file_bytes: self.file_bytes,
        }
    }

    /// Holds a child that was just started to what the kernel does not know.
    fn hold(self, child: &Child) {
        let over_bytes = self.memory_bytes * CHILD_OVER_PERCENT / 100;
        child.hold_to(self.memory_bytes + over_bytes + self.frames_bytes);
        if self.is_silent {
            child.be_silent();
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
        let near = inner.near(&self.material.source, false).await?;
        let since = Instant::now();
        let _turn = inner.turn(&inner.picture_turns).await?;
        let (offset, count) = self.material.part.unwrap_or((0, near.source.len()));
        let part = Part { source: near.source.clone(), offset, count };
        let need_bytes = part.run(move |part| picture::need_bytes(part, edge)).await?;
        let permit = inner.memory(need_bytes, since).await?;
        self.running.tell(|progress| progress.has_begun = true);
        let begun = Instant::now();
        let (jpeg, permit) =
            part.run(move |part| picture::shrink(part, edge, need_bytes).map(|jpeg| (jpeg, permit))).await?;
        unchanged(&self.material.source).await?;
        let made = self.keep_bytes(jpeg, begun).await;
        drop(permit);
        made
    }

    async fn by_child(&self) -> Result<Made, Error> {
        let inner = self.inner;
        let ffmpeg = inner.ffmpeg().await?;
        let near = inner.near(&self.material.source, true).await?;
        let since = Instant::now();
        let _turn = inner.turn(&inner.turns).await?;
        let probe = inner.probe_now(self.material, &near.source).await?;
        let (input, from) = fed(&near.source, &ffmpeg).await?;
        let plan = plan(self.recipe, &probe, from)?;
        let mut permit = inner.memory(plan.reserve_bytes, since).await?;
        self.running.tell(|progress| {
            progress.has_begun = true;
            progress.whole_ms = Some(plan.out_ms).filter(|ms| *ms > 0);
            progress.whole_bytes = plan.exact_bytes;
        });
        let begun = Instant::now();
        match plan.finish {
            Finish::Peaks => {
                let (peaks, out_ms) = (self.peaks(&plan, input).await?, plan.out_ms);
                let (bytes, _permit) =
                    blocking(move || peaks.shown(out_ms).map(|bytes| (bytes, permit))).await?;
                self.keep_bytes(bytes, begun).await
            }
            Finish::Publish | Finish::Front | Finish::Fragments => {
                let (filling, cost) = self.write(&plan, input).await?;
                self.keep(filling, cost).await
            }
            Finish::Faststart => {
                let (first, cost) = self.write(&plan, input).await?;
                permit.shrink(plan.pass_bytes);
                let (second, more) = self.again(&plan, &first).await?;
                drop(first);
                self.keep(second, cost + more).await
            }
        }
    }

    /// Runs ffmpeg and writes what comes out of it, where whoever waits may read it.
    async fn write(&self, plan: &Plan, input: ChildInput) -> Result<(Filling, Duration), Error> {
        // It is a guess, which puts nobody out that is worth more than it: what comes beyond its first part asks for room.
        let cache = &self.inner.cache;
        let first_bytes = plan.out_bytes_guess.min(cache.limit_bytes() / RENDITION_FIRST_SHARE);
        let mut filling = cache.reserve_since(self.since, first_bytes).await?.begin().await?;
        let mut run = self.run(&plan.argv, input, ChildOutput::Pipe, Need::of(plan)).await?;
        let mut is_shown = false;
        let mut cut = Cut::of(plan.finish);
        while let Some(chunk) = run.next().await? {
            filling.write(cut.take(chunk)?).await?;
            if !is_shown && self.recipe.grows() {
                self.running.show(filling.growing());
                is_shown = true;
            }
        }
        let cost = run.end().await?;
        if filling.length() == 0 {
            let context = "nothing is to be seen there: the source ends before, or stands still to its end";
            return Err(Error::new(ErrorKind::BehindTheEnd, context));
        }
        if plan.exact_bytes.is_some_and(|bytes| bytes != filling.length()) {
            // Whoever was told another length was not told the truth, and hears less, or sees the answer break off.
            tracing::error!(
                expected = plan.exact_bytes,
                came = filling.length(),
                recipe = self.recipe.canonical(),
                "a rendition has another length than was said"
            );
        }
        filling.end();
        Ok((filling, cost))
    }

    /// The second pass: a file whose front is right, made of what came out of the first.
    async fn again(&self, plan: &Plan, first: &Filling) -> Result<(Filling, Duration), Error> {
        let argv = faststart_args(self.recipe)
            .ok_or_else(|| Error::new(ErrorKind::Io, "a recipe without a second pass has none"))?;
        // Its index is written otherwise, and may be longer; what it does not need goes back.
        let about = first.length().saturating_add(first.length() / 8).saturating_add(SECOND_PASS_BYTES);
        let mut second = self.inner.cache.reserve_since(self.since, about).await?.begin().await?;
        let (input, _) = first.child_file()?;
        let (output, length_max) = second.child_file()?;
        let need = Need { memory_bytes: plan.pass_bytes, file_bytes: length_max, ..Need::of(plan) };
        let mut run = self.run(&argv, ChildInput::File(input), ChildOutput::File(output), need).await?;
        while run.next().await?.is_some() {}
        let cost = run.end().await?;
        second.adopt().await?;
        Ok((second, cost))
    }

    async fn peaks(&self, plan: &Plan, input: ChildInput) -> Result<Peaks, Error> {
        let samples = plan.out_ms.saturating_mul(u64::from(PEAKS_HZ)) / 1_000;
        let Recipe::Waveform(waveform) = self.recipe else {
            return Err(Error::new(ErrorKind::Io, "peaks are of waveforms alone"));
        };
        let mut peaks = Peaks::new(waveform.clone(), samples);
        let mut run = self.run(&plan.argv, input, ChildOutput::Pipe, Need::of(plan)).await?;
        while let Some(chunk) = run.next().await? {
            peaks.take(&chunk);
        }
        run.end().await?;
        Ok(peaks)
    }

    async fn keep_bytes(&self, bytes: Vec<u8>, begun: Instant) -> Result<Made, Error> {
        let room = self.inner.cache.reserve_since(self.since, bytes.len() as u64).await?;
        let mut filling = room.begin().await?;
        filling.write(Bytes::from(bytes)).await?;
        self.keep(filling, begun.elapsed()).await
    }

    async fn keep(&self, filling: Filling, cost: Duration) -> Result<Made, Error> {
        let Material { source, origin, path, tags, lifetimes, .. } = self.material;
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
            fresh_for: lifetimes.ok,
            recipe: self.recipe.number(),
        };
        // What is entered in the cache is entered, also when nobody waits any more: whoever leaves hears of the end after it.
        self.running.go_on();
        filling.keep(entry).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let gone = |_| Error::new(ErrorKind::Gone, "the server stops");
    tokio::task::spawn_blocking(work).await.map_err(gone)?
}
