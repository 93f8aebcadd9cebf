//! Lists whose rows have lists of their own: shares with their songs.

use std::future::Future;

use async_trait::async_trait;

use super::Rows;
use crate::call::Reader;
use crate::error::Error;
use crate::reply::Writer;

/// Every row there is, one at a time, each with all of its own rows before the next is read.
pub(crate) struct Nested<Read, Open> {
    reader: Reader,
    read: Read,
    open: Open,
    offset: u64,
    /// What is still to come of the row that is open.
    inner: Option<Box<dyn Rows>>,
}

impl<Read, Open> Nested<Read, Open> {
    /// `read` gets an offset and how many rows it may give; `open` begins a row and the list in it, and gives that list's
    /// rows.
    pub(crate) fn new<Row, Reading>(reader: &Reader, read: Read, open: Open) -> Self
    where
        Read: Fn(Reader, u64, usize) -> Reading,
        Reading: Future<Output = Result<Vec<Row>, catalog::Error>>,
        Open: Fn(&mut Writer, &Reader, &Row) -> Result<Box<dyn Rows>, Error>,
    {
        Nested { reader: reader.clone(), read, open, offset: 0, inner: None }
    }
}

#[async_trait]
impl<Row, Reading, Read, Open> Rows for Nested<Read, Open>
where
    Row: Send,
    Reading: Future<Output = Result<Vec<Row>, catalog::Error>> + Send,
    Read: Fn(Reader, u64, usize) -> Reading + Send + Sync,
    Open: Fn(&mut Writer, &Reader, &Row) -> Result<Box<dyn Rows>, Error> + Send + Sync,
{
    async fn page(&mut self, out: &mut Writer) -> Result<bool, Error> {
        if let Some(inner) = &mut self.inner {
            if !inner.page(out).await? {
                out.end();
                out.end();
                self.inner = None;
            }
            return Ok(true);
        }
        let rows = (self.read)(self.reader.clone(), self.offset, 1).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(false) };
        self.offset += 1;
        self.inner = Some((self.open)(out, &self.reader, &row)?);
        Ok(true)
    }
}
