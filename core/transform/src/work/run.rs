//! One child at work for a rendition: what comes out of it, how far it is, and how it ended.

use std::time::Duration;

use bytes::Bytes;

use super::near::unchanged;
use super::{Need, Work, lost};
use crate::argv::Argv;
use crate::child::{Child, ChildInput, ChildOutput, Output, Program};
use crate::error::{Error, ErrorKind};

/// A child that runs. It is gone when this is dropped.
pub(super) struct Run<'a> {
    work: &'a Work<'a>,
    child: Child,
    /// What it makes; none when it writes into a file.
    output: Option<Output>,
}

impl Work<'_> {
    /// Starts ffmpeg.
    pub(super) async fn run(
        &self,
        argv: &Argv,
        input: ChildInput,
        output: ChildOutput,
        need: Need,
    ) -> Result<Run<'_>, Error> {
        let ffmpeg = self.inner.ffmpeg().await?;
        let mut child = ffmpeg.start(Program::Ffmpeg, argv, input, output, need.caps()).await?;
        need.hold(&child);
        let output = child.take_output();
        Ok(Run { work: self, child, output })
    }
}

impl Run<'_> {
    /// What it makes next, or `None` at its end; tells those who wait how far it is.
    ///
    /// # Errors
    /// `Stalled` when it makes nothing for too long.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let Run { work, child, output } = self;
        let mut chunk = work.inner.chunks.lend();
        let count = match output {
            Some(output) => watched(work, child, output.read(&mut chunk)).await?.map_err(lost)?,
            None => watched(work, child, child.wait()).await.map(|_| 0)?,
        };
        Ok((count > 0).then(|| chunk.into_bytes(count)))
    }

    /// Waits for the end of a child that makes nothing more, and counts what it took: its processor time is the answer.
    /// What it made of a source that changed meanwhile is nothing, however it ended, because it would be found by what
    /// the source was before.
    ///
    /// # Errors
    /// `Changed`, and how it ended when that was not well.
    pub(super) async fn end(self) -> Result<Duration, Error> {
        let Work { inner, material, recipe, .. } = self.work;
        let ended = self.child.wait().await;
        let (took, cpu) = (Duration::from_millis(ended.wall_ms), Duration::from_millis(ended.cpu_ms));
        inner.metrics.child(recipe, took, ended.peak_bytes, cpu);
        unchanged(&material.source).await?;
        ended.result()?;
        Ok(cpu)
    }
}

/// Waits for something of a child.
async fn watched<T>(work: &Work<'_>, child: &Child, wanted: impl Future<Output = T>) -> Result<T, Error> {
    let mut wanted = std::pin::pin!(wanted);
    let mut progress = child.progress();
    loop {
        tokio::select! {
            biased;
            got = &mut wanted => return Ok(got),
            () = child.stalled(work.inner.stall) => {
                return Err(Error::new(ErrorKind::Stalled, "ffmpeg made nothing for too long"));
            }
            Ok(()) = progress.changed() => {
                let far = *progress.borrow_and_update();
                work.running.tell(|progress| {
                    // A second pass begins at its own beginning.
                    progress.made_ms = progress.made_ms.max(far.out_ms);
                    progress.bytes = progress.bytes.max(far.bytes);
                });
            }
        }
    }
}
