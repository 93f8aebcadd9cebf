//! Lists that are drawn once and have no order to go on in.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;

use async_trait::async_trait;
use budget::limits::PAGE_ROWS_MAX;
use futures_util::future::BoxFuture;

use super::{Pace, Rows, is_full};
use crate::call::Reader;
use crate::error::Error;
use crate::reply::Writer;

/// Rows of ids that were drawn: a second draw would give others, so the ids are kept, and their rows are read a page at a
/// time, each shown once.
pub(crate) struct Drawn<Id, Naming, Read, Show> {
    reader: Reader,
    left: VecDeque<Id>,
    /// How many rows are still to be shown.
    wanted: usize,
    /// What was shown, and where more comes from when too few of the first ids had rows.
    shown: BTreeSet<Id>,
    more: Option<BoxFuture<'static, Result<Vec<Id>, catalog::Error>>>,
    name: Naming,
    read: Read,
    show: Show,
    pace: Pace,
}

impl<Id, Naming, Read, Show> Drawn<Id, Naming, Read, Show> {
    /// `read` gets the next ids and gives the rows of those that are still there, in their order; `name` tells a row's id,
    /// and `show` writes one.
    pub(crate) fn new<Row, Reading>(
        reader: &Reader,
        ids: Vec<Id>,
        name: Naming,
        read: Read,
        show: Show,
    ) -> Self
    where
        Naming: Fn(&Row) -> Id,
        Read: Fn(Reader, Vec<Id>) -> Reading,
        Reading: Future<Output = Result<Vec<Row>, catalog::Error>>,
        Show: Fn(&mut Writer, &Row) -> Result<(), Error>,
    {
        Drawn {
            reader: reader.clone(),
            wanted: ids.len(),
            left: ids.into(),
            shown: BTreeSet::new(),
            more: None,
            name,
            read,
            show,
            pace: Pace::default(),
        }
    }

    /// For ids that are guesses: no more rows than wanted, and where the guesses give fewer, those that `more` draws.
    pub(crate) fn until<More>(mut self, wanted: usize, more: More) -> Self
    where
        More: Future<Output = Result<Vec<Id>, catalog::Error>> + Send + 'static,
    {
        self.wanted = wanted;
        self.more = Some(Box::pin(more));
        self
    }
}

impl<Id: Copy + Ord, Naming, Read, Show> Drawn<Id, Naming, Read, Show> {
    /// The ids whose rows come next, as many as there seems to be room for; none when all is said.
    async fn next(&mut self, out: &Writer) -> Result<Vec<Id>, Error> {
        if self.left.is_empty()
            && let Some(more) = self.more.take()
        {
            let drawn = more.await?;
            self.left = drawn.into_iter().filter(|id| !self.shown.contains(id)).collect();
        }
        Ok(self.left.iter().take(self.pace.rows_max(out).min(self.wanted)).copied().collect())
    }
}

/// How many to draw for who wants so many rows: never more than a page.
pub(crate) fn draws(count: u64) -> usize {
    usize::try_from(count).map_or(PAGE_ROWS_MAX, |count| count.min(PAGE_ROWS_MAX))
}

#[async_trait]
impl<Row, Id, Reading, Naming, Read, Show> Rows for Drawn<Id, Naming, Read, Show>
where
    Row: catalog::Weight + Send,
    Id: Copy + Ord + Send,
    Reading: Future<Output = Result<Vec<Row>, catalog::Error>> + Send,
    Naming: Fn(&Row) -> Id + Send + Sync,
    Read: Fn(Reader, Vec<Id>) -> Reading + Send + Sync,
    Show: Fn(&mut Writer, &Row) -> Result<(), Error> + Send + Sync,
{
    async fn page(&mut self, out: &mut Writer) -> Result<bool, Error> {
        let asked = self.next(out).await?;
        if asked.is_empty() {
            return Ok(false);
        }
        let rows = (self.read)(self.reader.clone(), asked.clone()).await?;
        let (before, mut shown) = (out.len(), 0);
        while !is_full(out)
            && let Some(row) = rows.get(shown)
        {
            (self.show)(out, row)?;
            self.shown.insert((self.name)(row));
            shown += 1;
        }
        self.pace.wrote(shown, out.len() - before);
        // Those behind the last row that was shown come next. Where every row was shown, the rest went since it was drawn,
        // unless the page was cut.
        let done = match rows.get(shown.wrapping_sub(1)) {
            Some(last) if shown < rows.len() || catalog::is_cut(&rows) => {
                let last = (self.name)(last);
                asked.iter().position(|id| *id == last).map_or(asked.len(), |at| at + 1)
            }
            _ if shown < rows.len() => 0,
            _ => asked.len(),
        };
        self.left.drain(..done);
        self.wanted -= shown;
        Ok(self.wanted > 0 && !(self.left.is_empty() && self.more.is_none()))
    }
}
