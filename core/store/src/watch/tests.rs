use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use budget::limits::{MEMORY_LIMIT_BYTES_MIN, MIB};

use super::*;
use crate::folder::LibraryFolder;
use crate::part::Part;

const ID: FolderId = FolderId(7);

struct House {
    root: tempfile::TempDir,
    folder: Arc<LibraryFolder>,
    watch: Watch,
    listener: Listener,
}

impl House {
    /// A library of these files, which a walk has put under watch.
    fn with(files: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            put(root.path(), file);
        }
        let folder = Arc::new(LibraryFolder::open(root.path()).unwrap());
        let watch = Watch::new(&Budget::new(256 * MIB).unwrap()).unwrap();
        let listener = watch.listen().unwrap();
        let house = House { root, folder, watch, listener };
        house.walk(Part::all());
        house
    }

    fn walk(&self, part: Part) -> Vec<String> {
        let walk = self.folder.walk().only(part).watched(&self.watch, ID);
        walk.map(|item| item.unwrap().path.to_string()).collect()
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.root.path().join(path)
    }

    /// What was heard up to now, each once.
    async fn heard(&mut self) -> Vec<String> {
        let mut heard = BTreeSet::new();
        // The kernel's news of what was done before are there already; a next one would take for ever.
        while let Ok(news) = tokio::time::timeout(Duration::from_millis(20), self.listener.next()).await {
            heard.insert(match news.unwrap() {
                News::File(id, path) => format!("{} {path}", id.0),
                News::Folder(id, path) => format!("{} {path}/", id.0),
                News::Library(id) => format!("{} all", id.0),
            });
        }
        heard.into_iter().collect()
    }
}

fn put(root: &Path, file: &str) {
    let path = root.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, file).unwrap();
}

#[tokio::test]
async fn what_comes_changes_goes_and_moves_is_told_by_its_name() {
    let mut house = House::with(&["a/1", "a/b/2", "c/3", "4"]);
    assert_eq!(house.watch.len(), 4);
    assert_eq!(house.heard().await, [""; 0]);
    type Act = fn(&House);
    let steps: [(Act, &[&str]); 7] = [
        (|house| put(house.root.path(), "a/b/new"), &["7 a/b/new"]),
        (|house| fs::write(house.at("4"), "other").unwrap(), &["7 4"]),
        (|house| fs::rename(house.at("c/3"), house.at("a/3")).unwrap(), &["7 a/3", "7 c/3"]),
        (|house| fs::remove_file(house.at("a/1")).unwrap(), &["7 a/1"]),
        (|house| fs::create_dir(house.at("c/d")).unwrap(), &["7 c/d/"]),
        (|house| fs::write(house.at("a/.hidden"), "").unwrap(), &[]),
        (|house| drop(fs::File::open(house.at("4")).unwrap()), &[]),
    ];
    for (step, (act, expected)) in steps.into_iter().enumerate() {
        act(&house);
        assert_eq!(house.heard().await, expected, "step {step}");
    }
}

#[tokio::test]
async fn a_folder_that_came_is_heard_once_it_was_walked() {
    let mut house = House::with(&["a/1"]);
    put(house.root.path(), "new/deep/1");
    assert_eq!(house.heard().await, ["7 new/"]);
    put(house.root.path(), "new/deep/2");
    assert_eq!(house.heard().await, [""; 0], "nobody has come by it");
    assert_eq!(house.walk(Part::beneath(RelPath::parse("new").unwrap())), ["new/deep/1", "new/deep/2"]);
    put(house.root.path(), "new/deep/3");
    assert_eq!(house.heard().await, ["7 new/deep/3"]);
}

#[tokio::test]
async fn a_folder_that_moved_is_heard_under_its_new_name_alone() {
    let mut house = House::with(&["a/b/c/1", "z"]);
    fs::rename(house.at("a/b"), house.at("moved")).unwrap();
    assert_eq!(house.heard().await, ["7 a/b/", "7 moved/"]);
    assert_eq!(house.watch.len(), 2, "the top and a");
    put(house.root.path(), "moved/c/2");
    assert_eq!(house.heard().await, [""; 0]);
    house.walk(Part::beneath(RelPath::parse("moved").unwrap()));
    put(house.root.path(), "moved/c/3");
    assert_eq!(house.heard().await, ["7 moved/c/3"]);
    fs::remove_dir_all(house.at("moved")).unwrap();
    let heard = house.heard().await;
    assert!(heard.contains(&"7 moved/".to_owned()), "{heard:?}");
    assert_eq!(house.watch.len(), 2);
}

#[tokio::test]
async fn a_folder_that_links_lead_to_is_heard_under_each_of_its_names() {
    let root = tempfile::tempdir().unwrap();
    put(root.path(), "real/1");
    let mut house = House::with(&[]);
    put(house.root.path(), "real/1");
    symlink("real", house.at("linked")).unwrap();
    symlink(root.path().join("real"), house.at("outside")).unwrap();
    let walk = house.folder.walk().watched(&house.watch, ID);
    assert_eq!(walk.filter_map(Result::ok).count(), 2);
    house.heard().await;
    put(house.root.path(), "real/2");
    put(root.path(), "real/2");
    assert_eq!(house.heard().await, ["7 linked/2", "7 real/2"], "and nothing of what lies outside");
}

#[tokio::test]
async fn a_library_that_goes_is_told_and_another_in_its_place_is_not_taken_for_it() {
    let mut house = House::with(&["music/a/1"]);
    let folder = Arc::new(LibraryFolder::open(&house.at("music")).unwrap());
    let watch = Watch::new(&house.watch.0.budget).unwrap();
    house.listener = watch.listen().unwrap();
    house.watch = watch;
    house.folder = Arc::clone(&folder);
    assert_eq!(house.walk(Part::all()), ["a/1"]);
    assert!(folder.is_heard_by(&house.watch, ID));
    fs::rename(house.at("music"), house.at("away")).unwrap();
    assert_eq!(house.heard().await, ["7 all"]);

    put(house.root.path(), "music/b/2");
    house.folder = Arc::new(LibraryFolder::open(&house.at("music")).unwrap());
    assert!(!house.folder.is_heard_by(&house.watch, ID));
    assert_eq!(house.walk(Part::all()), ["b/2"]);
    assert!(house.folder.is_heard_by(&house.watch, ID) && !folder.is_heard_by(&house.watch, ID));
    house.heard().await;
    put(house.root.path(), "away/a/2");
    put(house.root.path(), "music/b/3");
    assert_eq!(house.heard().await, ["7 b/3"]);
}

#[tokio::test]
async fn a_library_without_memory_for_its_watch_is_not_watched_and_holds_none() {
    // More than the caches may have of the smallest memory.
    const FOLDERS: u64 = 8_000;
    let names: Vec<String> = (0..FOLDERS).map(|at| format!("{}/{at:098}/x", at / 2_000)).collect();
    let house = House::with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let caches = |watch: &Watch| watch.0.budget.figures()[Pool::Caches as usize].used_bytes;
    assert_eq!(house.watch.hearing(ID), Some(Hearing::All));
    assert!(caches(&house.watch) >= FOLDERS * (100 + WATCH_FOLDER_BYTES), "{}", caches(&house.watch));
    assert!(caches(&house.watch) <= (FOLDERS + 5) * (100 + WATCH_FOLDER_BYTES) + WATCH_PIECE_BYTES);

    let poor = Watch::new(&Budget::new(MEMORY_LIMIT_BYTES_MIN).unwrap()).unwrap();
    assert_eq!(house.folder.walk().watched(&poor, ID).count() as u64, FOLDERS, "the walk goes on");
    assert_eq!(poor.hearing(ID), Some(Hearing::Nothing(Deaf::Memory)));
    assert!(poor.is_empty());
    assert_eq!(caches(&poor), 0);
}

#[tokio::test]
async fn a_large_library_that_is_given_up_is_not_looked_at_again_for_that() {
    const LARGE: FolderId = FolderId(8);
    let mut house = House::with(&["a/1"]);
    let queue = fs::File::open("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let queue = std::io::read_to_string(queue.take(64)).unwrap();
    let root = tempfile::tempdir().unwrap();
    for at in 0..queue.trim().parse::<usize>().unwrap() + 10 {
        fs::create_dir(root.path().join(at.to_string())).unwrap();
    }
    let large = Arc::new(LibraryFolder::open(root.path()).unwrap());
    assert_eq!(large.walk().watched(&house.watch, LARGE).count(), 0);
    house.watch.give_up(&mut house.watch.lock(), LARGE, Deaf::Memory);
    // The kernel had more to tell of the folders that are not watched any more than it remembers.
    assert_eq!(house.heard().await, ["7 all"], "only what is heard can have been missed");
}

#[test]
fn the_rows_of_the_watch_take_no_more_than_is_counted() {
    // A row lies in a node of a tree that is at least half full, and its name has a head of two counters.
    let row = size_of::<Place>() as u64 * 2 + 2 * size_of::<usize>() as u64;
    assert!(row <= WATCH_FOLDER_BYTES, "{row}");
}

#[test]
fn a_network_file_system_is_known_by_its_number() {
    assert!(NETWORKS.contains(&magic(0x6969)));
    assert!(!NETWORKS.contains(&FUSE));
}
