//! The cache as the last process left it: index and files are compared, page by page, and then the index is read.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::path::Path;

use budget::limits::CACHE_PAGE_ROWS_MAX;
use catalog::cache::{ByFile, Index};
use store::RenditionId;

use super::{Cache, files_of};
use crate::error::{Error, ErrorKind};

/// Opens the index. One that cannot be used is removed, since it may be: what it speaks of can be made again.
pub(super) async fn open_index(path: &Path) -> Result<Index, Error> {
    let error = match Index::open(path).await {
        Ok(index) => return Ok(index),
        Err(error) => error,
    };
    tracing::warn!(path = %path.display(), %error, "the index of the cache cannot be used; it is begun anew");
    let files = files_of(path);
    let removed = tokio::task::spawn_blocking(move || {
        files.iter().try_for_each(|file| match std::fs::remove_file(file) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
            Ok(()) | Err(_) => Ok(()),
        })
    });
    let failed = |e: std::io::Error| {
        Error::new(ErrorKind::Io, "the cache cannot be cleared").with_words(e.to_string())
    };
    removed.await.map_err(|e| failed(std::io::Error::other(e)))?.map_err(failed)?;
    Ok(Index::open(path).await?)
}

/// Rows and files side by side, a page of each at a time.
#[derive(Default)]
struct Pages {
    rows: VecDeque<ByFile>,
    files: VecDeque<(RenditionId, u64)>,
    last_row: Option<[u8; 32]>,
    last_file: Option<RenditionId>,
    are_rows_over: bool,
    are_files_over: bool,
}

impl Cache {
    /// Removes rows without their file, and files without a row.
    pub(super) async fn reconcile(&self) -> Result<(), Error> {
        let mut pages = Pages::default();
        let (mut rows, mut files) = (Vec::new(), Vec::new());
        let mut removed = 0;
        loop {
            pages.fill(self).await?;
            let is_over = !pages.next(&mut rows, &mut files);
            if is_over || rows.len().max(files.len()) >= CACHE_PAGE_ROWS_MAX {
                removed += rows.len().max(files.len());
                self.0.index.remove(&std::mem::take(&mut rows)).await?;
                self.0.renditions.remove(std::mem::take(&mut files)).await?;
            }
            if is_over {
                break;
            }
        }
        if removed > 0 {
            tracing::info!(removed, "renditions that were not whole or not known were removed");
        }
        Ok(())
    }

    /// Reads the index into memory, what was used last first. What does not fit any more goes.
    pub(super) async fn load(&self) -> Result<(), Error> {
        let _turn = self.turn().await?;
        let mut after = None;
        loop {
            let page = self.0.index.by_use(after).await?;
            let Some(last) = page.last() else { break };
            after = Some(*last);
            for row in &page {
                self.books().load(row.slot, u64::try_from(row.room_bytes).unwrap_or(0));
            }
            self.settle().await?;
        }
        Ok(())
    }
}

impl Pages {
    async fn fill(&mut self, cache: &Cache) -> Result<(), Error> {
        if self.rows.is_empty() && !self.are_rows_over {
            self.rows = cache.0.index.by_file(self.last_row).await?.into();
            self.last_row = self.rows.back().map(|row| row.file);
            self.are_rows_over = self.rows.is_empty();
        }
        if self.files.is_empty() && !self.are_files_over {
            self.files = cache.0.renditions.list(self.last_file, CACHE_PAGE_ROWS_MAX).await?.into();
            self.last_file = self.files.back().map(|(id, _)| *id);
            self.are_files_over = self.files.is_empty();
        }
        Ok(())
    }

    /// Compares the first of each. False when there is neither.
    fn next(&mut self, rows: &mut Vec<[u8; 32]>, files: &mut Vec<RenditionId>) -> bool {
        let order = match (self.rows.front(), self.files.front()) {
            (None, None) => return false,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(row), Some((id, _))) => row.file.cmp(id.as_bytes()),
        };
        let row = if order.is_le() { self.rows.pop_front() } else { None };
        let file = if order.is_ge() { self.files.pop_front() } else { None };
        let agree = matches!((row, file), (Some(row), Some((_, length))) if row.bytes == length);
        if !agree {
            rows.extend(row.map(|row| row.file));
            files.extend(file.map(|(id, _)| id));
        }
        true
    }
}
