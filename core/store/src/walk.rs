//! Every file beneath a folder, in the byte order of whole paths, with memory for one chain of folders.
//!
//! The order is what a scan is built on: the catalog gives its paths in the same order, so the two are merged without
//! either being held. Comparing whole paths by their bytes equals comparing names folder by folder when a folder's
//! name is taken with its `/` behind it: `a-b` comes before `a/x`, because `-` is less than `/`.

use std::cmp::Ordering;
use std::sync::Arc;

use budget::limits::{KIB, SCAN_DEPTH_MAX, SCAN_FOLDER_ENTRIES_MAX, SCAN_LINKS_MAX, SCAN_NAMES_BYTES_MIN};
use cap_std::fs::Dir;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Unseen};
use crate::folder::{FolderId, LibraryFolder, identity_of};
use crate::part::Part;
use crate::path::RelPath;
use crate::source::Stamp;
use crate::watch::Watch;

/// A file that a walk came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it lies.
    pub path: RelPath,
    /// What it looks like now. Of a link, the file that it leads to.
    pub stamp: Stamp,
}

/// The iterator over the files of a folder. Blocks while the disk works.
///
/// Regular files alone, links to them included; names with a leading dot are left out, and so is everything that is
/// neither file nor folder. An error stands for one name or one folder, says what it hides
/// ([`Error::unseen`]), and the walk goes on behind it; only when the root cannot be listed does it end. A folder
/// that is one of its own parents, through a link, is an error and not walked again.
#[derive(Debug)]
pub struct Walk {
    folder: Arc<LibraryFolder>,
    part: Part,
    watch: Option<(Watch, FolderId)>,
    bounds: Bounds,
    chain: Vec<Level>,
    started: bool,
}

/// How far a walk goes.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    depth: usize,
    folder_entries: usize,
    links: usize,
    /// What all names of the chain may take together.
    names_bytes: u64,
}

/// A folder that may join the chain.
struct Opened {
    dir: Dir,
    identity: (u64, u64),
    /// How many links led here, from the root.
    links: usize,
}

/// A folder of the chain whose names are being gone through.
#[derive(Debug)]
struct Level {
    /// `None` for the root.
    path: Option<RelPath>,
    dir: Dir,
    identity: (u64, u64),
    /// How many links led here, from the root.
    links: usize,
    names: Names,
    next: usize,
    /// The first name that is not UTF-8 and how many there are, told once before the first name.
    unnamed: Option<(String, usize)>,
    /// Whether it only lies on the way to the part, and its names were not read.
    is_passed: bool,
}

/// Room for the first names of a folder, in bytes.
const NAMES_STEP: usize = 1_024;

/// The names in one folder, sorted, in one buffer.
#[derive(Debug, Default)]
struct Names {
    text: String,
    index: Vec<Name>,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    start: u32,
    bytes: u16,
    is: Is,
}

/// What a name is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    File,
    Folder,
    LinkToFolder,
    /// A link that does not lead to a folder: to a file, out of the library, or nowhere.
    Link,
}

impl Walk {
    pub(crate) fn new(folder: Arc<LibraryFolder>) -> Self {
        let bounds = Bounds {
            depth: SCAN_DEPTH_MAX,
            folder_entries: SCAN_FOLDER_ENTRIES_MAX,
            links: SCAN_LINKS_MAX,
            names_bytes: SCAN_NAMES_BYTES_MIN,
        };
        Walk { folder, part: Part::all(), watch: None, bounds, chain: Vec::new(), started: false }
    }

    /// The same walk through this part alone. A part that is not there has no file, which is no error.
    #[must_use]
    pub fn only(mut self, part: Part) -> Self {
        self.part = part;
        self
    }

    /// The same walk, which puts the folders of the library of this id under watch on its way.
    #[must_use]
    pub fn watched(mut self, watch: &Watch, id: FolderId) -> Self {
        self.watch = Some((watch.clone(), id));
        self
    }

    /// The same walk with so much memory for the names of the folders that it stands in, instead of
    /// [`SCAN_NAMES_BYTES_MIN`]. Whoever asks for more has a permit for it.
    #[must_use]
    pub fn with_names_bytes(mut self, bytes_max: u64) -> Self {
        self.bounds.names_bytes = bytes_max;
        self
    }

    /// The names in the folder of the entry that came last, sorted, those of links and folders included.
    pub fn names_beside(&self) -> impl Iterator<Item = &str> {
        let level = self.chain.last();
        level.into_iter().flat_map(|level| level.names.index.iter().map(|name| level.names.text(*name)))
    }

    /// The names in the folder that this folder lies in, likewise; none for the library folder itself. A walk of a part lists it
    /// for this alone.
    ///
    /// # Errors
    /// It cannot be listed. What that hides is the folder of the entry that came last.
    pub fn names_above(&mut self) -> Result<impl Iterator<Item = &str>, Error> {
        let at = self.chain.len().checked_sub(2);
        if let Some(level) = at.and_then(|at| self.chain.get(at))
            && level.is_passed
        {
            let here = self.chain.last().and_then(|level| level.path.clone());
            let hides = here.map_or(Unseen::Rest, Unseen::Path);
            let (names, _) = self.names_of(level.path.as_ref(), &level.dir).map_err(|e| e.hides(hides))?;
            if let Some(level) = at.and_then(|at| self.chain.get_mut(at)) {
                (level.next, level.is_passed) = (names.index.len(), false);
                level.names = names;
            }
        }
        let level = at.and_then(|at| self.chain.get(at));
        Ok(level.into_iter().flat_map(|level| level.names.index.iter().map(|name| level.names.text(*name))))
    }

    /// Opens the root anew, so that several walks of one folder do not share a position.
    fn start(&mut self) -> Result<(), Error> {
        let identity = self.folder.identity();
        let context = || format!("library folder {} cannot be listed", self.folder.root().display());
        let dir = self.folder.top().open_dir(".").map_err(|e| Error::io(context(), e).hides(Unseen::Rest))?;
        if let Some((watch, id)) = self.watch.as_ref().filter(|_| self.part.is_all()) {
            watch.begin(*id, identity);
        }
        let Some(folder) = self.part.folder().cloned() else {
            let level =
                self.list(None, Opened { dir, identity, links: 0 }).map_err(|e| e.hides(Unseen::Rest))?;
            self.chain.push(level);
            return Ok(());
        };
        self.chain.push(Level::passed(None, Opened { dir, identity, links: 0 }));
        for at in folder.steps() {
            let Some(is) = self.look(&at)? else { return Ok(()) };
            let Some(opened) = self.open(&at, is)? else { return Ok(()) };
            let level = if at == folder {
                self.list(Some(at.clone()), opened).map_err(|e| e.hides(Unseen::Path(at)))?
            } else {
                Level::passed(Some(at), opened)
            };
            self.chain.push(level);
        }
        Ok(())
    }

    /// What a folder on the way to the part is, from the one above it; `None` when a walk from the top would not come by
    /// it.
    fn look(&self, path: &RelPath) -> Result<Option<Is>, Error> {
        let Some(above) = self.chain.last() else { return Ok(None) };
        if path.file_name().starts_with('.') {
            return Ok(None);
        }
        let stat = rustix::fs::statat(&above.dir, path.file_name(), AtFlags::SYMLINK_NOFOLLOW);
        let failed = |e: std::io::Error| match self.folder.explain(path, e) {
            e if matches!(e.kind, ErrorKind::NotFound | ErrorKind::Escapes) => Ok(None),
            e => Err(e.hides(Unseen::Path(path.clone()))),
        };
        match stat.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::Directory) => Ok(Some(Is::Folder)),
            Ok(FileType::Symlink) => match self.folder.top().metadata(path.as_path()) {
                Ok(found) => Ok(found.is_dir().then_some(Is::LinkToFolder)),
                Err(e) => failed(e),
            },
            Ok(_) => Ok(None),
            Err(e) => failed(e.into()),
        }
    }

    /// The next name of the deepest folder; `None` when it has no more.
    fn step(&mut self) -> Option<Option<Result<Entry, Error>>> {
        let level = self.chain.last_mut()?;
        if let Some((first, count)) = level.unnamed.take() {
            let at = level.path.as_ref().map_or("the library folder", RelPath::as_str);
            let context = format!("{at}: {count} names are not UTF-8 and are left out, the first is {first}");
            return Some(Some(Err(Error::new(ErrorKind::NotFound, context))));
        }
        let Some(&name) = level.names.index.get(level.next) else {
            self.chain.pop();
            return Some(None);
        };
        level.next += 1;
        let text = level.names.text(name);
        let path = RelPath::child(level.path.as_ref(), text);
        let path = match path {
            Ok(path) => path,
            // Longer than a path may be: it cannot be in the catalog either, so nothing is hidden.
            Err(e) => return Some(Some(Err(e))),
        };
        match name.is {
            Is::File => Some(self.stat_file(&path).transpose()),
            Is::Link => Some(self.stat_link(&path).transpose()),
            Is::Folder | Is::LinkToFolder if !self.part.is_deep() => Some(None),
            Is::Folder | Is::LinkToFolder => Some(self.enter(path, name.is).err().map(Err)),
        }
    }

    /// Looks at a plain name of the deepest folder. One name, not followed, cannot lead anywhere else.
    fn stat_file(&self, path: &RelPath) -> Result<Option<Entry>, Error> {
        let Some(level) = self.chain.last() else { return Ok(None) };
        match rustix::fs::statat(&level.dir, path.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(regular(path, &stat)),
            Err(e) => self.failed(path, e.into()).map(|()| None),
        }
    }

    /// Looks at where a link leads, from the root, so that it may lead anywhere within the library.
    fn stat_link(&self, path: &RelPath) -> Result<Option<Entry>, Error> {
        let file = match self.folder.open_beneath(path, OFlags::PATH) {
            Ok(file) => file,
            Err(e) if e.kind == ErrorKind::Io => return Err(e.hides(Unseen::Path(path.clone()))),
            Err(e) => return Err(e),
        };
        match rustix::fs::fstat(&file) {
            Ok(stat) => Ok(regular(path, &stat)),
            Err(e) => self.failed(path, e.into()).map(|()| None),
        }
    }

    /// A name that vanished between listing and looking is nothing; any other failure hides what it names.
    fn failed(&self, path: &RelPath, e: std::io::Error) -> Result<(), Error> {
        match self.folder.explain(path, e) {
            e if e.kind == ErrorKind::NotFound => Ok(()),
            e => Err(e.hides(Unseen::Path(path.clone()))),
        }
    }

    /// Goes down into a folder.
    fn enter(&mut self, path: RelPath, is: Is) -> Result<(), Error> {
        let Some(opened) = self.open(&path, is)? else { return Ok(()) };
        let level = self.list(Some(path.clone()), opened);
        self.chain.push(level.map_err(|e| e.hides(Unseen::Path(path)))?);
        Ok(())
    }

    /// Opens a folder in the deepest one.
    fn open(&self, path: &RelPath, is: Is) -> Result<Option<Opened>, Error> {
        let hidden = |e: Error| e.hides(Unseen::Path(path.clone()));
        let Bounds { depth, links: links_max, .. } = self.bounds;
        // The root is one of the chain and no depth of its own.
        if self.chain.len() > depth {
            let context = format!("{path} is more than {depth} folders deep and is left out");
            return Err(hidden(Error::new(ErrorKind::Full, context)));
        }
        let Some(parent) = self.chain.last() else { return Ok(None) };
        let links = parent.links + usize::from(is == Is::LinkToFolder);
        if links > links_max {
            let context = format!("{path} is behind more than {links_max} links to folders and is left out");
            return Err(hidden(Error::new(ErrorKind::Full, context)));
        }
        let dir = match is {
            Is::LinkToFolder => self.folder.top().open_dir(path.as_path()),
            _ => parent.dir.open_dir(path.file_name()),
        };
        let dir = dir.map_err(|e| hidden(self.folder.explain(path, e)))?;
        let identity = identity_of(&dir).map_err(|e| hidden(self.folder.explain(path, e)))?;
        if self.chain.iter().any(|level| level.identity == identity) {
            let context = format!("{path} is a link to a folder that it lies in and is left out");
            return Err(Error::new(ErrorKind::NotFound, context));
        }
        Ok(Some(Opened { dir, identity, links }))
    }

    /// Puts a folder under watch and reads its names.
    fn list(&self, path: Option<RelPath>, opened: Opened) -> Result<Level, Error> {
        let Opened { dir, identity, links } = opened;
        if let Some((watch, id)) = &self.watch {
            watch.add(*id, path.as_ref(), &dir);
        }
        let (names, unnamed) = self.names_of(path.as_ref(), &dir)?;
        Ok(Level { path, dir, identity, links, names, next: 0, unnamed, is_passed: false })
    }

    /// Reads the names of a folder, and the first that is not UTF-8 with how many there are. All or nothing: half a list would
    /// make the other half look removed.
    fn names_of(&self, path: Option<&RelPath>, dir: &Dir) -> Result<(Names, Option<(String, usize)>), Error> {
        let at = path.map_or_else(|| self.folder.root().display().to_string(), RelPath::to_string);
        let failed = |e: Errno| Error::io(format!("folder {at} cannot be listed"), e);
        let mut names = Names::default();
        let mut unnamed = None;
        let mut seen = 0;
        let above: u64 = self.chain.iter().map(|level| level.names.bytes()).sum();
        // The folder is held by a handle that can only be looked beneath; "." of it is the same folder, for reading.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let readable = rustix::fs::openat(dir, ".", flags, Mode::empty()).map_err(failed)?;
        for entry in rustix::fs::Dir::new(readable).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_bytes().starts_with(b".") {
                continue;
            }
            seen += 1;
            if seen > self.bounds.folder_entries {
                let context =
                    format!("folder {at} has more than {} names and is left out", self.bounds.folder_entries);
                return Err(Error::new(ErrorKind::Full, context));
            }
            let Ok(name) = entry.file_name().to_str() else {
                unnamed.get_or_insert_with(|| (format!("{:?}", entry.file_name()), 0)).1 += 1;
                continue;
            };
            if let Some(is) = self.sort_out(path, dir, name, entry.file_type()) {
                names.push(name, is);
            }
            if above + names.bytes() > self.bounds.names_bytes {
                let context = format!(
                    "the names in folder {at} and in those that it lies in need more than {} KiB; it is left out",
                    self.bounds.names_bytes / KIB
                );
                return Err(Error::new(ErrorKind::Full, context));
            }
        }
        names.finish();
        Ok((names, unnamed))
    }

    /// What a name is. The listing says it for most file systems; otherwise, and for links, it is looked at, because
    /// the order depends on whether it is a folder.
    fn sort_out(&self, parent: Option<&RelPath>, dir: &Dir, name: &str, listed: FileType) -> Option<Is> {
        let mut kind = listed;
        if kind == FileType::Unknown {
            kind = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => return None,
                // Looked at again when its turn comes, and told then.
                Err(_) => FileType::RegularFile,
            };
        }
        match kind {
            FileType::RegularFile => Some(Is::File),
            FileType::Directory => Some(Is::Folder),
            FileType::Symlink => {
                let path = RelPath::child(parent, name);
                let to_folder = path.is_ok_and(|path| {
                    self.folder.top().metadata(path.as_path()).is_ok_and(|found| found.is_dir())
                });
                Some(if to_folder { Is::LinkToFolder } else { Is::Link })
            }
            _ => None,
        }
    }
}

impl Iterator for Walk {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.started {
            self.started = true;
            if let Err(e) = self.start() {
                return Some(Err(e));
            }
        }
        loop {
            if let Some(item) = self.step()? {
                return Some(item);
            }
        }
    }
}

impl Level {
    /// A folder on the way to the part, of which nothing else is walked.
    fn passed(path: Option<RelPath>, opened: Opened) -> Self {
        let Opened { dir, identity, links } = opened;
        let names = Names::default();
        Level { path, dir, identity, links, names, next: 0, unnamed: None, is_passed: true }
    }
}

impl Names {
    fn push(&mut self, name: &str, is: Is) {
        // A name has at most 255 bytes and a folder at most SCAN_FOLDER_ENTRIES_MAX of them: both numbers fit.
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let bytes = u16::try_from(name.len()).unwrap_or(u16::MAX);
        // Grown by an eighth instead of doubled, so that the count of bytes is near what is taken.
        if self.text.capacity() - self.text.len() < name.len() {
            self.text.reserve_exact(name.len().max(self.text.len() / 8).max(NAMES_STEP));
        }
        if self.index.capacity() == self.index.len() {
            self.index.reserve_exact((self.index.len() / 8).max(NAMES_STEP / size_of::<Name>()));
        }
        self.text.push_str(name);
        self.index.push(Name { start, bytes, is });
    }

    /// What the names take.
    fn bytes(&self) -> u64 {
        (self.text.capacity() + self.index.capacity() * size_of::<Name>()) as u64
    }

    fn text(&self, name: Name) -> &str {
        let start = name.start as usize;
        self.text.get(start..start + usize::from(name.bytes)).unwrap_or_default()
    }

    /// Sorts them, and gives back the room for more.
    fn finish(&mut self) {
        self.text.shrink_to_fit();
        self.index.shrink_to_fit();
        let mut index = std::mem::take(&mut self.index);
        index.sort_unstable_by(|a, b| in_path_order((self.text(*a), a.is), (self.text(*b), b.is)));
        self.index = index;
    }
}

/// Compares names by their bytes, folders with the `/` that follows them in a path.
fn in_path_order((a, a_is): (&str, Is), (b, b_is): (&str, Is)) -> Ordering {
    let slash = |is| matches!(is, Is::Folder | Is::LinkToFolder).then_some(b'/');
    a.bytes().chain(slash(a_is)).cmp(b.bytes().chain(slash(b_is)))
}

fn regular(path: &RelPath, stat: &Stat) -> Option<Entry> {
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    is_file.then(|| Entry { path: path.clone(), stamp: Stamp::of(stat) })
}

#[cfg(test)]
mod tests;
