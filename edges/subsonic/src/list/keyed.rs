//! Lists that the catalog serves by the key of the row before: users by name, videos by id.

use std::future::Future;

use async_trait::async_trait;
use catalog::Page;

use super::{Pace, Rows, is_full};
use crate::call::Reader;
use crate::error::Error;
use crate::reply::Writer;

/// Every row there is, a page at a time.
pub(crate) struct Keyed<Key, Read, KeyOf, Show> {
    reader: Reader,
    read: Read,
    key_of: KeyOf,
    show: Show,
    after: Option<Key>,
    pace: Pace,
}

impl<Key, Read, KeyOf, Show> Keyed<Key, Read, KeyOf, Show> {
    /// `read` gets the key to begin behind and how many rows it may give; `key_of` tells a row's key; `show` writes one.
    pub(crate) fn new<Row, Reading>(reader: &Reader, read: Read, key_of: KeyOf, show: Show) -> Self
    where
        Read: Fn(Reader, Option<Key>, usize) -> Reading,
        Reading: Future<Output = Result<Page<Row, Key>, catalog::Error>>,
        KeyOf: Fn(&Row) -> Key,
        Show: Fn(&mut Writer, &Row) -> Result<(), Error>,
    {
        Keyed { reader: reader.clone(), read, key_of, show, after: None, pace: Pace::default() }
    }
}

#[async_trait]
impl<Row, Key, Reading, Read, KeyOf, Show> Rows for Keyed<Key, Read, KeyOf, Show>
where
    Row: Send,
    Key: Clone + Send + Sync,
    Reading: Future<Output = Result<Page<Row, Key>, catalog::Error>> + Send,
    Read: Fn(Reader, Option<Key>, usize) -> Reading + Send + Sync,
    KeyOf: Fn(&Row) -> Key + Send + Sync,
    Show: Fn(&mut Writer, &Row) -> Result<(), Error> + Send + Sync,
{
    async fn page(&mut self, out: &mut Writer) -> Result<bool, Error> {
        let page = (self.read)(self.reader.clone(), self.after.clone(), self.pace.rows_max(out)).await?;
        let (read, before) = (page.rows.len(), out.len());
        let (mut rows, is_last) = (page.rows.into_iter(), page.next.is_none());
        while !is_full(out)
            && let Some(row) = rows.next()
        {
            (self.show)(out, &row)?;
            self.after = Some((self.key_of)(&row));
        }
        self.pace.wrote(read - rows.len(), out.len() - before);
        Ok(!is_last || rows.len() > 0)
    }
}
