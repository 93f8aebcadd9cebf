//! What changes in library folders, as the kernel tells it (`inotify`).
//!
//! A walk puts each folder under watch before it lists it, so that whatever it does not see is told here: there is no
//! moment between the two in which a change is lost, and nobody goes through a library only for the watch. A folder is
//! watched by the handle that the walk holds, never by a path, so that no link leads the watch out of the library.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use budget::limits::{WATCH_CACHES_PART, WATCH_FOLDER_BYTES, WATCH_NEWS_BYTES, WATCH_PIECE_BYTES};
use budget::{Budget, Permit, Pool};
use rustix::fs::inotify::{self, CreateFlags, Event, ReadFlags, WatchFlags};
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::error::Error;
use crate::folder::FolderId;
use crate::path::RelPath;

/// What a folder is watched for: names that come and go, files that were written to, and what may be read now and could not
/// before. Not each write: whoever writes closes the file in the end.
const NEWS: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR)
    .union(WatchFlags::EXCL_UNLINK);

/// File systems whose files others change without our kernel's knowledge, by the number that `statfs` gives them.
// format: linux/magic.h: NFS, SMB, CIFS, SMB2, 9P, Ceph, AFS twice, Coda
const NETWORKS: [u64; 9] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x0102_1997,
    0x00c3_6400,
    0x6b41_4653,
    0x5346_414f,
    0x7375_7245,
];
/// A file system by a program: what is changed through it is told, what its program's other side changes is not.
// format: linux/magic.h
const FUSE: u64 = 0x6573_5546;

/// The watch over all library folders of a server. A clone is the same watch.
#[derive(Clone, Debug)]
pub struct Watch(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kernel: Arc<OwnedFd>,
    budget: Budget,
    bytes_max: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Which folders a number of the kernel stands for: more than one where links or nested libraries lead to it.
    places: BTreeSet<Place>,
    /// What the places take, and what covers that.
    bytes: u64,
    permits: Vec<Permit>,
    /// The libraries, as they were when they were last walked from the top.
    libraries: BTreeMap<FolderId, Library>,
}

/// A folder under watch: the kernel's number, the library, and where it lies there, `None` being its top.
type Place = (i32, FolderId, Option<RelPath>);

#[derive(Debug)]
struct Library {
    identity: (u64, u64),
    hearing: Hearing,
}

/// How much of what happens in a library is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// All of it.
    All,
    /// What happens on this machine; the file system has another side.
    OurSide,
    /// Nothing.
    Nothing(Deaf),
}

/// Why a library is not watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deaf {
    /// It lies on another machine.
    Network,
    /// The system gives this user no more watches.
    NoMoreWatches,
    /// The memory for so many folders is not there.
    Memory,
    /// The system refuses to watch it, or offers no watch at all.
    Refused,
}

impl Deaf {
    /// The reason as a part of a sentence, without a name of the machine.
    pub fn words(self) -> &'static str {
        match self {
            Deaf::Network => "it is on a network file system",
            Deaf::NoMoreWatches => "the system has no more watches (fs.inotify.max_user_watches)",
            Deaf::Memory => "there is no memory to watch so many folders",
            Deaf::Refused => "the system does not let it be watched",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A file came, went, or was written to and closed.
    File(FolderId, RelPath),
    /// A folder came or went, with everything in it.
    Folder(FolderId, RelPath),
    /// The library's own folder went, or something that was mounted in the library, or more happened at once than the
    /// kernel remembers.
    Library(FolderId),
}

impl Watch {
    /// A watch over nothing, whose memory comes from this budget.
    ///
    /// # Errors
    /// The system has none to give.
    pub fn new(budget: &Budget) -> Result<Self, Error> {
        let kernel = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)
            .map_err(|e| Error::io("library folders cannot be watched", e))?;
        let caches = budget.figures().into_iter().find(|figures| figures.pool == Pool::Caches);
        let bytes_max = caches.map_or(0, |caches| caches.ceiling_bytes / WATCH_CACHES_PART);
        Ok(Watch(Arc::new(Shared {
            kernel: Arc::new(kernel),
            budget: budget.clone(),
            bytes_max,
            state: Mutex::default(),
        })))
    }

    /// Hears what happens from now on. One listener takes the news from another.
    ///
    /// # Errors
    /// The runtime cannot wait for the kernel.
    #[expect(
        deprecated,
        reason = "it is called unsound for types that change their descriptor; this one does not"
    )]
    pub fn listen(&self) -> Result<Listener, Error> {
        let kernel = AsyncFd::with_interest(Arc::clone(&self.0.kernel), Interest::READABLE)
            .map_err(|e| Error::io("library folders cannot be watched", e))?;
        Ok(Listener { watch: self.clone(), kernel, news: VecDeque::new() })
    }

    /// How much is heard of a library; `None` before its first walk.
    pub fn hearing(&self, id: FolderId) -> Option<Hearing> {
        self.lock().libraries.get(&id).map(|library| library.hearing)
    }

    /// Whether what was heard of a library lately was about the folder of this identity.
    pub(crate) fn is_about(&self, id: FolderId, identity: (u64, u64)) -> bool {
        self.lock().libraries.get(&id).is_some_and(|library| library.identity == identity)
    }

    /// How many folders are under watch.
    pub fn len(&self) -> usize {
        self.lock().places.len()
    }

    /// Whether no folder is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A library is walked from its top: what stood in the way of watching it may be gone.
    pub(crate) fn begin(&self, id: FolderId, identity: (u64, u64)) {
        let mut state = self.lock();
        let before = state.libraries.insert(id, Library { identity, hearing: Hearing::All });
        if before.is_some_and(|before| before.identity != identity) {
            self.forget(&mut state, |place| place.1 == id);
        }
    }

    /// Puts a folder under watch, before it is listed. What fails makes the library one that is not watched.
    pub(crate) fn add(&self, id: FolderId, path: Option<&RelPath>, folder: impl AsFd) {
        let folder = folder.as_fd();
        // Asked before the lock: a program's file system may be long in answering.
        // A folder whose file system does not say what it is, is listed next, and then there is an error to tell.
        let system = rustix::fs::fstatfs(folder).map_or(0, |found| magic(found.f_type));
        let mut state = self.lock();
        let Some(library) = state.libraries.get_mut(&id) else { return };
        if matches!(library.hearing, Hearing::Nothing(_)) {
            return;
        }
        match system {
            FUSE => library.hearing = Hearing::OurSide,
            other if NETWORKS.contains(&other) => return self.give_up(&mut state, id, Deaf::Network),
            _ => {}
        }
        // The kernel takes a path alone; this one leads to the handle that is held and nowhere else. The lock is held
        // until the number is noted, so that nobody takes the same number back meanwhile.
        let number =
            match inotify::add_watch(&self.0.kernel, format!("/proc/self/fd/{}", folder.as_raw_fd()), NEWS) {
                Ok(number) => number,
                Err(Errno::NOSPC | Errno::NOMEM) => return self.give_up(&mut state, id, Deaf::NoMoreWatches),
                // A folder that went, or that must not be read, is the walk's to tell.
                Err(Errno::ACCESS | Errno::NOTDIR) => return,
                Err(_) => return self.give_up(&mut state, id, Deaf::Refused),
            };
        let place = (number, id, path.cloned());
        let bytes = weight(&place);
        if !state.places.insert(place) {
            return;
        }
        state.bytes += bytes;
        if !self.covers(&mut state) {
            self.give_up(&mut state, id, Deaf::Memory);
        }
    }

    /// Makes permits cover what the places take.
    fn covers(&self, state: &mut State) -> bool {
        let covered = |state: &State| state.permits.len() as u64 * WATCH_PIECE_BYTES;
        while state.bytes + WATCH_PIECE_BYTES <= covered(state) {
            state.permits.pop();
        }
        while state.bytes > covered(state) {
            if covered(state) + WATCH_PIECE_BYTES > self.0.bytes_max {
                return false;
            }
            match self.0.budget.take(Pool::Caches, WATCH_PIECE_BYTES) {
                Ok(permit) => state.permits.push(permit),
                Err(_) => return false,
            }
        }
        true
    }

    /// Watches nothing of a library any more, so that the others can have what it took.
    fn give_up(&self, state: &mut State, id: FolderId, why: Deaf) {
        if let Some(library) = state.libraries.get_mut(&id) {
            library.hearing = Hearing::Nothing(why);
        }
        self.forget(state, |place| place.1 == id);
    }

    /// Forgets places; what stands for no other is no longer watched.
    fn forget(&self, state: &mut State, is_gone: impl Fn(&Place) -> bool) {
        let gone: Vec<Place> = state.places.extract_if(.., |place| is_gone(place)).collect();
        for place in gone {
            state.bytes -= weight(&place);
            if state.of(place.0).next().is_none() {
                // The kernel has forgotten those of folders that are gone, and says so here.
                let _ = inotify::remove_watch(&self.0.kernel, place.0);
            }
        }
        self.covers(state);
    }

    /// Forgets what a number stood for, which the kernel has forgotten. Its places stand together: a tree that goes says so
    /// once for each folder.
    fn forget_number(&self, state: &mut State, number: i32) {
        let gone: Vec<Place> = state.of(number).cloned().collect();
        for place in gone {
            state.bytes -= weight(&place);
            state.places.remove(&place);
        }
        self.covers(state);
    }

    /// What one piece of news means for each place that it is about.
    fn sort_out(&self, event: &Event<'_>, news: &mut VecDeque<News>) {
        let is = event.events();
        let mut state = self.lock();
        if is.contains(ReadFlags::QUEUE_OVERFLOW) {
            return news.extend(state.heard().map(News::Library));
        }
        let places: Vec<(FolderId, Option<RelPath>)> =
            state.of(event.wd()).map(|(_, id, path)| (*id, path.clone())).collect();
        if is.contains(ReadFlags::IGNORED) {
            return self.forget_number(&mut state, event.wd());
        }
        for (id, folder) in places {
            if is.contains(ReadFlags::UNMOUNT) {
                news.push_back(News::Library(id));
            }
            if is.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF) && folder.is_none() {
                news.push_back(News::Library(id));
            }
            // A walk leaves out what is hidden and what is no text.
            let name = event.file_name().and_then(|name| name.to_str().ok());
            let Some(name) = name.filter(|name| !name.starts_with('.')) else { continue };
            let Ok(path) = RelPath::child(folder.as_ref(), name) else { continue };
            if !is.contains(ReadFlags::ISDIR) {
                news.push_back(News::File(id, path));
                continue;
            }
            if is.contains(ReadFlags::MOVED_FROM) {
                // Its watches went with it, to where their names are others. Whoever finds it there adds them anew.
                let is_within = |at: &Option<RelPath>| at.as_ref().is_some_and(|at| at.is_within(&path));
                self.forget(&mut state, |place| place.1 == id && is_within(&place.2));
            }
            news.push_back(News::Folder(id, path));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The libraries of which something is heard. Of the others nothing is lost when the kernel forgets: it forgets for
    /// the very reason that one of them was given up, which it tells once for each folder. To look at that library again
    /// would be to give it up again, without an end.
    fn heard(&self) -> impl Iterator<Item = FolderId> {
        let is_heard = |library: &Library| !matches!(library.hearing, Hearing::Nothing(_));
        self.libraries.iter().filter(move |(_, library)| is_heard(library)).map(|(id, _)| *id)
    }

    /// The places of a number.
    fn of(&self, number: i32) -> impl Iterator<Item = &Place> {
        // Nothing comes before the top of the library of the lowest id.
        let first = (number, FolderId(i64::MIN), None);
        self.places.range(first..).take_while(move |place| place.0 == number)
    }
}

/// What a place takes.
fn weight(place: &Place) -> u64 {
    WATCH_FOLDER_BYTES + place.2.as_ref().map_or(0, |path| path.as_str().len() as u64)
}

/// The kernel's number for a file system has 32 bits, in a field whose width and sign depend on the processor.
#[allow(
    clippy::cast_sign_loss,
    clippy::unnecessary_cast,
    reason = "the field's type depends on the processor"
)]
fn magic(f_type: rustix::fs::FsWord) -> u64 {
    f_type as u64 & u64::from(u32::MAX)
}

/// Who hears what happens in the folders under watch.
#[derive(Debug)]
pub struct Listener {
    watch: Watch,
    kernel: AsyncFd<Arc<OwnedFd>>,
    news: VecDeque<News>,
}

impl Listener {
    /// Waits for the next piece of news. Dropping the future loses none.
    ///
    /// # Errors
    /// The kernel's: nothing will be heard any more.
    pub async fn next(&mut self) -> Result<News, Error> {
        loop {
            if let Some(news) = self.news.pop_front() {
                return Ok(news);
            }
            let failed = |e| Error::io("library folders are not watched any more", e);
            let mut ready = self.kernel.readable().await.map_err(failed)?;
            match read(&self.watch, &mut self.news) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                Err(e) => return Err(failed(e.into())),
            }
        }
    }
}

/// Takes what the kernel has to tell, one buffer of it. Does not block: the kernel's end is so opened.
fn read(watch: &Watch, news: &mut VecDeque<News>) -> Result<(), Errno> {
    let mut buffer = [MaybeUninit::uninit(); WATCH_NEWS_BYTES];
    let mut reader = inotify::Reader::new(&*watch.0.kernel, &mut buffer);
    loop {
        watch.sort_out(&reader.next()?, news);
        if reader.is_buffer_empty() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
