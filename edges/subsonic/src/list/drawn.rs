//! Lists that are drawn once and have no order to go on in.

use std::collections::VecDeque;
use std::future::Future;

use async_trait::async_trait;
use budget::limits::PAGE_ROWS_MAX;
use catalog::ErrorKind;

use super::{Rows, is_full};
use crate::call::Reader;
use crate::error::Error;
use crate::reply::Writer;

/// Rows drawn at random. A second draw would give other rows, so of those that the first text has no room for the ids
/// are kept, and each is read again when its turn comes.
pub(crate) struct Drawn<Id, Naming, Draw, Again, Show> {
    reader: Reader,
    name: Naming,
    draw: Draw,
    again: Again,
    show: Show,
    /// How many to draw, until that is done.
    count: Option<usize>,
    left: VecDeque<Id>,
}

impl<Id, Naming, Draw, Again, Show> Drawn<Id, Naming, Draw, Again, Show> {
    /// At most `count` rows, and never more than a page: `draw` gets that number, `name` tells a row's id, `again`
    /// reads one row by it, and `show` writes one.
    pub(crate) fn new<Row, Drawing, Reading>(
        reader: &Reader,
        count: u64,
        name: Naming,
        draw: Draw,
        again: Again,
        show: Show,
    ) -> Self
    where
        Naming: Fn(&Row) -> Id,
        Draw: Fn(Reader, usize) -> Drawing,
        Drawing: Future<Output = Result<Vec<Row>, catalog::Error>>,
        Again: Fn(Reader, Id) -> Reading,
        Reading: Future<Output = Result<Row, catalog::Error>>,
        Show: Fn(&mut Writer, &Row) -> Result<(), Error>,
    {
        let count = usize::try_from(count).map_or(PAGE_ROWS_MAX, |count| count.min(PAGE_ROWS_MAX));
        Drawn { reader: reader.clone(), name, draw, again, show, count: Some(count), left: VecDeque::new() }
    }
}

#[async_trait]
impl<Row, Id, Drawing, Reading, Naming, Draw, Again, Show> Rows for Drawn<Id, Naming, Draw, Again, Show>
where
    Row: Send,
    Id: Send,
    Drawing: Future<Output = Result<Vec<Row>, catalog::Error>> + Send,
    Reading: Future<Output = Result<Row, catalog::Error>> + Send,
    Naming: Fn(&Row) -> Id + Send + Sync,
    Draw: Fn(Reader, usize) -> Drawing + Send + Sync,
    Again: Fn(Reader, Id) -> Reading + Send + Sync,
    Show: Fn(&mut Writer, &Row) -> Result<(), Error> + Send + Sync,
{
    async fn page(&mut self, out: &mut Writer) -> Result<bool, Error> {
        if let Some(count) = self.count.take().filter(|count| *count > 0) {
            for row in (self.draw)(self.reader.clone(), count).await? {
                if is_full(out) {
                    self.left.push_back((self.name)(&row));
                } else {
                    (self.show)(out, &row)?;
                }
            }
        }
        while !is_full(out)
            && let Some(id) = self.left.pop_front()
        {
            match (self.again)(self.reader.clone(), id).await {
                Ok(row) => (self.show)(out, &row)?,
                // It went since it was drawn.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(!self.left.is_empty())
    }
}
