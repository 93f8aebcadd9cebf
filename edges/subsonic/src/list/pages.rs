//! Lists that the catalog serves by offset.

use std::future::Future;

use async_trait::async_trait;

use super::{Pace, Rows, is_full};
use crate::call::Reader;
use crate::error::Error;
use crate::reply::Writer;

/// Rows `offset..offset + count` of a list, a page at a time.
pub(crate) struct Pages<Read, Show> {
    reader: Reader,
    read: Read,
    show: Show,
    offset: u64,
    left: u64,
    pace: Pace,
}

impl<Read, Show> Pages<Read, Show> {
    /// `read` gets an offset and how many rows it may give; `show` writes one row.
    pub(crate) fn new<Row, Reading>(reader: &Reader, offset: u64, count: u64, read: Read, show: Show) -> Self
    where
        Read: Fn(Reader, u64, usize) -> Reading,
        Reading: Future<Output = Result<Vec<Row>, catalog::Error>>,
        Show: Fn(&mut Writer, &Row) -> Result<(), Error>,
    {
        Pages { reader: reader.clone(), read, show, offset, left: count, pace: Pace::default() }
    }

    /// Every row there is.
    pub(crate) fn all<Row, Reading>(reader: &Reader, read: Read, show: Show) -> Self
    where
        Read: Fn(Reader, u64, usize) -> Reading,
        Reading: Future<Output = Result<Vec<Row>, catalog::Error>>,
        Show: Fn(&mut Writer, &Row) -> Result<(), Error>,
    {
        Self::new(reader, 0, u64::MAX, read, show)
    }
}

#[async_trait]
impl<Row, Reading, Read, Show> Rows for Pages<Read, Show>
where
    Row: catalog::Weight + Send,
    Reading: Future<Output = Result<Vec<Row>, catalog::Error>> + Send,
    Read: Fn(Reader, u64, usize) -> Reading + Send + Sync,
    Show: Fn(&mut Writer, &Row) -> Result<(), Error> + Send + Sync,
{
    async fn page(&mut self, out: &mut Writer) -> Result<bool, Error> {
        let rows_max = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.pace.rows_max(out));
        if rows_max == 0 {
            return Ok(false);
        }
        let rows = (self.read)(self.reader.clone(), self.offset, rows_max).await?;
        let was_whole = rows.len() >= rows_max || catalog::is_cut(&rows);
        let (read, before) = (rows.len(), out.len());
        let mut rows = rows.into_iter();
        while !is_full(out)
            && let Some(row) = rows.next()
        {
            (self.show)(out, &row)?;
            self.offset += 1;
            self.left -= 1;
        }
        self.pace.wrote(read - rows.len(), out.len() - before);
        Ok(self.left > 0 && (was_whole || rows.len() > 0))
    }
}
