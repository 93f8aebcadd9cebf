//! Bookmarks: places in songs that a user wants to come back to.

use catalog::{Bookmark, TrackId};

use crate::call::{Answer, Call, Reader};
use crate::error::Error;
use crate::list::Pages;
use crate::model::{Bare, BookmarkShown, Child};
use crate::reply::Writer;

/// `getBookmarks`: those moved last first.
pub(crate) async fn bookmarks(call: Call) -> Answer {
    let (reader, user) = (call.reader()?, call.user()?.name.clone());
    let read = |reader: Reader, offset, rows| async move {
        reader.catalog.bookmarks(&reader.viewer, offset, rows).await
    };
    let rows = Pages::all(&reader, read, move |out: &mut Writer, bookmark: &Bookmark| {
        out.object("bookmark", &BookmarkShown::of(bookmark, &user))?;
        out.member("entry", &Child::of(&bookmark.track))?;
        out.end();
        Ok(())
    });
    call.list("bookmarks", &Bare {})?.part("bookmark", rows).answer().await
}

/// `createBookmark`: a song has one; a second one takes its place.
pub(crate) async fn create(call: Call) -> Answer {
    let id: TrackId = call.params.id("id")?;
    let position_ms = call.params.optional_number("position")?.ok_or_else(|| Error::missing("position"))?;
    let comment = call.params.get("comment").unwrap_or_default();
    call.catalog().put_bookmark(&call.viewer()?, id, position_ms, &comment).await?;
    call.format.empty()
}

/// `deleteBookmark`.
pub(crate) async fn delete(call: Call) -> Answer {
    let id: TrackId = call.params.id("id")?;
    call.catalog().remove_bookmark(&call.viewer()?, id).await?;
    call.format.empty()
}
