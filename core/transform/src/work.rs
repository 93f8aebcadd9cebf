//! From a recipe to a rendition: what a flight's task does.
//!
//! Everything that it takes (a turn, memory, room on the disk, children) is held by a value on its stack, so that it is
//! given back wherever the work ends: also where the task is dropped because nobody waits any more.

use std::time::{Duration, Instant};

use budget::limits::{
    CHILD_CPU_SECONDS_MIN, CHILD_CPU_SHARE, CHILD_MEMORY_ROOM_BYTES, FLIGHT_WAIT_MS, PERMIT_WAIT_MS,
    SECOND_PASS_BYTES,
};
use budget::{Permit, Pool, Turn, Turns};
use bytes::Bytes;

use crate::cache::{Entry, Filling, Made};
use crate::child::{Caps, ChildInput, ChildOutput, Ffmpeg};
use crate::error::{Error, ErrorKind};
use crate::flight::Running;
use crate::fragments::Cut;
use crate::picture::{self, Part};
use crate::plan::{Finish, PEAKS_HZ, Plan, faststart_args, plan};
use crate::recipe::{Cover, Recipe, Waveform};
use crate::transforms::{Inner, Material, busy};
use crate::waveform::Peaks;
use near::{fed, unchanged};

mod look;
pub(crate) mod near;
mod run;

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
        made.inspect_err(|e| self.cache.failed(running.key(), e, &material.lifetimes))
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

    /// Waits for memory, for as long as was not waited `since`: a flight that has its turn is one of a bounded number. It
    /// leaves the line now and then and comes again behind the others, so that a cover never waits long for a video.
    pub(crate) async fn memory(&self, bytes: u64, since: Instant) -> Result<Permit, Error> {
        loop {
            let asked = Instant::now();
            let refused = match self.budget.wait(Pool::Transforms, bytes).await {
                Ok(permit) => return Ok(permit),
                Err(refused) => refused,
            };
            // What is refused sooner, because it never fits or memory is scarce, is refused to the client.
            let had_its_time = asked.elapsed() >= Duration::from_millis(PERMIT_WAIT_MS);
            if !had_its_time || since.elapsed() >= Duration::from_millis(FLIGHT_WAIT_MS) {
                self.metrics.refused(if refused.fault == budget::Fault::Never { "never" } else { "memory" });
                return Err(refused.into());
            }
        }
    }
}

fn caps(reserve_bytes: u64, out_ms: u64) -> Caps {
    Caps {
        memory_bytes: reserve_bytes + CHILD_MEMORY_ROOM_BYTES,
        cpu_seconds: CHILD_CPU_SECONDS_MIN + out_ms / 1_000 * CHILD_CPU_SHARE,
        file_bytes: 0,
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
        let looked = part.clone();
        let need_bytes = blocking(move || picture::need_bytes(&looked, edge)).await?;
        let permit = inner.memory(need_bytes, since).await?;
        self.running.tell(|progress| progress.has_begun = true);
        let begun = Instant::now();
        let (jpeg, permit) =
            blocking(move || picture::shrink(&part, edge, need_bytes).map(|jpeg| (jpeg, permit))).await?;
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
        let _permit = inner.memory(plan.reserve_bytes, since).await?;
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
            Finish::Publish | Finish::Front | Finish::Fragments => {
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
        let caps = caps(plan.reserve_bytes, plan.out_ms);
        let mut run = self.run(&plan.argv, input, ChildOutput::Pipe, caps).await?;
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
        filling.end();
        Ok((filling, cost))
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
        let mut run = self.run(&argv, ChildInput::File(input), ChildOutput::File(output), caps).await?;
        while run.next().await?.is_some() {}
        let cost = run.end().await?;
        second.adopt().await?;
        Ok((second, cost))
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
        let mut run = self.run(&plan.argv, input, ChildOutput::Pipe, caps).await?;
        while let Some(chunk) = run.next().await? {
            peaks.take(&chunk);
        }
        run.end().await?;
        match self.recipe {
            Recipe::Waveform(Waveform::Drawn { height, .. }) => peaks.png(*height),
            _ => Ok(peaks.json(plan.out_ms)),
        }
    }

    async fn keep_bytes(&self, bytes: Vec<u8>, begun: Instant) -> Result<Made, Error> {
        let room = self.inner.cache.reserve(bytes.len() as u64).await?;
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
        filling.keep(entry).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let gone = |_| Error::new(ErrorKind::Gone, "the server stops");
    tokio::task::spawn_blocking(work).await.map_err(gone)?
}
