//! Videos in the order of their ids.

use async_trait::async_trait;
use catalog::TrackId;

use super::{Pace, Rows, is_full};
use crate::call::Reader;
use crate::error::Error;
use crate::model::Child;
use crate::reply::Writer;

/// All videos that the viewer sees.
pub(crate) struct Videos {
    reader: Reader,
    plain: bool,
    after: Option<TrackId>,
    pace: Pace,
}

impl Videos {
    pub(crate) fn new(reader: &Reader, plain: bool) -> Self {
        Videos { reader: reader.clone(), plain, after: None, pace: Pace::default() }
    }
}

#[async_trait]
impl Rows for Videos {
    async fn page(&mut self, out: &mut Writer) -> Result<bool, Error> {
        let Reader { catalog, viewer } = &self.reader;
        let page = catalog.videos(viewer, self.after, self.pace.rows_max(out)).await?;
        let (read, before) = (page.rows.len(), out.len());
        let (mut rows, is_last) = (page.rows.into_iter(), page.next.is_none());
        while !is_full(out)
            && let Some(video) = rows.next()
        {
            out.row(&Child::of_video(&video, self.plain))?;
            self.after = Some(video.track.id);
        }
        self.pace.wrote(read - rows.len(), out.len() - before);
        Ok(!is_last || rows.len() > 0)
    }
}
