//! Album artists in the order of their names, with the letters of an index between them where one is wanted.

use async_trait::async_trait;
use catalog::{Artist, ArtistId};
use store::FolderId;

use super::{Pace, Rows, is_full};
use crate::call::Reader;
use crate::error::Error;
use crate::model::{ArtistID3, Child, Named, OldArtist};
use crate::reply::Writer;

/// The heading of names that begin with no letter.
const NO_LETTER: &str = "#";

/// How artists are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Under letters, by tags.
    ByTags,
    /// Under letters, as in the old view by folders.
    ByFolders,
    /// As directories of this library, without letters.
    Directory(FolderId),
}

/// All album artists, of one library or of all that the viewer sees.
pub(crate) struct Artists {
    reader: Reader,
    folder: Option<FolderId>,
    view: View,
    after: Option<(String, ArtistId)>,
    letter: Option<String>,
    pace: Pace,
}

impl Artists {
    pub(crate) fn new(reader: &Reader, folder: Option<FolderId>, view: View) -> Self {
        Artists { reader: reader.clone(), folder, view, after: None, letter: None, pace: Pace::default() }
    }

    fn show(&mut self, artist: &Artist, out: &mut Writer) -> Result<(), Error> {
        if let View::Directory(library) = self.view {
            return out.row(&Child::of_artist(artist, library));
        }
        let letter = letter(&artist.sort_name);
        if self.letter.as_ref() != Some(&letter) {
            self.close_letter(out);
            out.object("index", &Named { name: &letter })?;
            out.list("artist");
            self.letter = Some(letter);
        }
        if self.view == View::ByTags {
            out.row(&ArtistID3::of(artist))
        } else {
            out.row(&OldArtist::of(artist))
        }
    }

    /// Ends the list of a letter and the letter itself.
    fn close_letter(&mut self, out: &mut Writer) {
        if self.letter.take().is_some() {
            out.end();
            out.end();
        }
    }
}

#[async_trait]
impl Rows for Artists {
    async fn page(&mut self, out: &mut Writer) -> Result<bool, Error> {
        let Reader { catalog, viewer } = &self.reader;
        let rows_max = self.pace.rows_max(out);
        let page = catalog.artists(viewer, self.folder, self.after.take(), rows_max).await?;
        let (read, before) = (page.rows.len(), out.len());
        let (mut rows, is_last) = (page.rows.into_iter(), page.next.is_none());
        while !is_full(out)
            && let Some(artist) = rows.next()
        {
            self.show(&artist, out)?;
            self.after = Some((artist.sort_name, artist.id));
        }
        self.pace.wrote(read - rows.len(), out.len() - before);
        let has_more = self.after.is_some() && (!is_last || rows.len() > 0);
        if !has_more {
            self.close_letter(out);
        }
        Ok(has_more)
    }
}

/// The heading of a name in sorting form. Names are read in the order of their code points, where everything before
/// `a` comes first and each later character in one stretch; so no heading comes twice, whatever the script.
fn letter(sort_name: &str) -> String {
    match sort_name.chars().next() {
        Some(first) if first.is_uppercase() || first.to_ascii_lowercase() >= 'a' => {
            first.to_uppercase().collect()
        }
        _ => NO_LETTER.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::letter;

    #[test]
    fn a_name_stands_under_its_first_letter_in_any_script_and_all_else_under_a_hash() {
        for (name, wanted) in [
            ("abba", "A"),
            ("Zappa", "Z"),
            ("2pac", "#"),
            ("!!!", "#"),
            ("", "#"),
            (" x", "#"),
            ("öya", "Ö"),
            ("земфира", "З"),
            ("椎名林檎", "椎"),
        ] {
            assert_eq!(letter(name), wanted, "{name:?}");
        }
    }
}
