use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use budget::Level;
use budget::limits::{
    MEMORY_LIMIT_BYTES_MIN, SCAN_BATCH_ROWS, SCAN_DEPTH_MAX, SCAN_READER_FILES, SCAN_READERS_MAX,
};
use store::{RelPath, Stamp};

use super::*;
use crate::model::TrackId;
use crate::scan::inventory::{Found, Known, Picture, Tags};
use crate::scan::samples;

mod asked;
mod parts;

const MUSIC: FolderId = FolderId(1);

/// A catalog in memory.
#[derive(Default)]
struct Memory {
    rows: Mutex<BTreeMap<RelPath, Row>>,
    calls: Mutex<Vec<String>>,
    is_broken: bool,
    /// Answers nothing while it is set.
    is_stuck: AtomicBool,
}

struct Row {
    id: TrackId,
    stamp: Stamp,
    missing: bool,
    tags: Option<Tags>,
}

impl Row {
    fn picture(&self, path: &RelPath) -> Option<Picture> {
        let cover = self.tags.as_ref()?.cover.as_ref()?;
        (cover.path != *path).then(|| Picture { path: cover.path.clone(), mark: cover.mark })
    }
}

impl Memory {
    fn called(&self, call: String) -> Result<(), Error> {
        self.calls.lock().unwrap().push(call);
        if self.is_broken { Err(Error::new(ErrorKind::Unavailable, "the disk is on fire")) } else { Ok(()) }
    }

    fn mark(&self, ids: &[TrackId], missing: bool) {
        for row in self.rows.lock().unwrap().values_mut().filter(|row| ids.contains(&row.id)) {
            row.missing = missing;
        }
    }

    fn knows(&self, path: &str, stamp: Stamp, missing: bool) {
        let mut rows = self.rows.lock().unwrap();
        let id = TrackId(rows.len() as i64 + 1);
        rows.insert(RelPath::parse(path).unwrap(), Row { id, stamp, missing, tags: None });
    }

    /// Paths with `-` before those that are missing.
    fn told(&self) -> Vec<String> {
        let rows = self.rows.lock().unwrap();
        rows.iter().map(|(path, row)| format!("{}{path}", if row.missing { "-" } else { "" })).collect()
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    fn tags(&self, path: &str) -> Tags {
        self.rows.lock().unwrap()[&RelPath::parse(path).unwrap()].tags.clone().unwrap()
    }
}

#[async_trait]
impl Inventory for Memory {
    async fn known(
        &self,
        folder: FolderId,
        part: &Part,
        after: Option<&RelPath>,
        rows_max: usize,
    ) -> Result<Vec<Known>, Error> {
        assert_eq!(folder, MUSIC);
        if self.is_stuck.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let rows = self.rows.lock().unwrap();
        let behind =
            rows.iter().filter(|(path, _)| part.has(path) && after.is_none_or(|after| *path > after));
        let known = |(path, row): (&RelPath, &Row)| Known {
            id: row.id,
            path: path.clone(),
            stamp: row.stamp,
            missing: row.missing,
            picture: row.picture(path),
        };
        Ok(behind.take(rows_max).map(known).collect())
    }

    async fn begin_scan(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn record(&self, _: FolderId, found: &[Found]) -> Result<(), Error> {
        self.called(format!("record {}", found.len()))?;
        let mut rows = self.rows.lock().unwrap();
        for found in found {
            let next = TrackId(rows.len() as i64 + 1);
            let id = rows.get(&found.path).map_or(next, |row| row.id);
            let row = Row { id, stamp: found.stamp, missing: false, tags: Some(found.tags.clone()) };
            rows.insert(found.path.clone(), row);
        }
        Ok(())
    }

    async fn mark_missing(&self, _: FolderId, ids: &[TrackId]) -> Result<(), Error> {
        self.called(format!("missing {}", ids.len()))?;
        self.mark(ids, true);
        Ok(())
    }

    async fn mark_present(&self, _: FolderId, ids: &[TrackId]) -> Result<(), Error> {
        self.called(format!("present {}", ids.len()))?;
        self.mark(ids, false);
        Ok(())
    }

    async fn follow_moves(&self, _: FolderId) -> Result<(), Error> {
        self.called("settle".to_owned())
    }
}

struct House {
    outside: tempfile::TempDir,
    root: PathBuf,
    memory: Arc<Memory>,
    scanner: Scanner,
}

impl House {
    /// A library with these files, each a real track of its title.
    fn with(files: &[&str]) -> Self {
        Self::knowing(files, Memory::default())
    }

    fn knowing(files: &[&str], memory: Memory) -> Self {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("music");
        fs::create_dir(&root).unwrap();
        for file in files {
            put(&root.join(file), file);
        }
        let folders = Folders::new(8);
        folders.set(vec![(MUSIC, root.clone())]);
        let memory = Arc::new(memory);
        let budget = Budget::new(MEMORY_LIMIT_BYTES_MIN).unwrap();
        let scanner = Scanner::new(Arc::clone(&memory) as Arc<dyn Inventory>, folders, budget);
        House { outside, root, memory, scanner }
    }

    /// What a scan found: seen, added, changed, missing, back, failed.
    async fn scan(&self) -> [u64; 6] {
        let report = self.scanner.scan().await.unwrap();
        let Counts { seen, added, changed, missing, back, failed, .. } = report.counts;
        let status = self.scanner.status();
        assert_eq!((status.counts.seen, status.counts.failed, status.running), (seen, failed, false));
        [seen, added, changed, missing, back, failed]
    }
}

fn put(file: &Path, title: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, samples::flac(&samples::Words { title, artist: "a", album: "b" }, None)).unwrap();
}

#[tokio::test]
async fn a_scan_finds_what_came_changed_went_and_came_back() {
    let house = House::with(&["a/1.flac", "a/2.flac", "a-b/1.flac", "c.flac"]);
    fs::write(house.root.join("a/readme.txt"), "no audio").unwrap();
    assert_eq!(house.scan().await, [4, 4, 0, 0, 0, 0]);
    assert_eq!(house.memory.calls(), ["record 4", "settle"]);
    assert_eq!(house.memory.tags("a/2.flac").title, "a/2.flac");

    put(&house.root.join("a/2.flac"), "another title");
    put(&house.root.join("b.flac"), "new");
    fs::rename(house.root.join("c.flac"), house.outside.path().join("c.flac")).unwrap();
    assert_eq!(house.scan().await, [4, 1, 1, 1, 0, 0]);
    assert_eq!(house.memory.told(), ["a-b/1.flac", "a/1.flac", "a/2.flac", "b.flac", "-c.flac"]);
    assert_eq!(house.memory.tags("a/2.flac").title, "another title");
    assert_eq!(house.memory.calls(), ["record 2", "missing 1", "settle"]);

    // Still missing is nothing new; it comes back with another change time, so it is read again.
    assert_eq!(house.scan().await, [4, 0, 0, 0, 0, 0]);
    assert_eq!(house.memory.calls(), [""; 0]);
    fs::rename(house.outside.path().join("c.flac"), house.root.join("c.flac")).unwrap();
    assert_eq!(house.scan().await, [5, 0, 1, 0, 0, 0]);
    assert!(house.memory.told().contains(&"c.flac".to_owned()));
}

#[tokio::test]
async fn a_file_that_is_as_known_is_not_opened() {
    // No audio at all: whoever opened these would call them failed.
    let house = House::with(&[]);
    for name in ["a.mp3", "b.mp3"] {
        fs::write(house.root.join(name), "no audio").unwrap();
    }
    let folder = Arc::new(store::LibraryFolder::open(&house.root).unwrap());
    for (entry, missing) in folder.walk().zip([false, true]) {
        let entry = entry.unwrap();
        house.memory.knows(entry.path.as_str(), entry.stamp, missing);
    }
    assert_eq!(house.scan().await, [2, 0, 0, 0, 1, 0]);
    assert_eq!(house.memory.told(), ["a.mp3", "b.mp3"]);
    assert_eq!(house.memory.calls(), ["present 1", "settle"]);
}

#[tokio::test]
async fn a_folder_that_is_gone_or_empty_hides_nothing_and_is_named() {
    let house = House::with(&["a/1.flac", "2.flac"]);
    house.scan().await;
    fs::rename(&house.root, house.outside.path().join("away")).unwrap();
    for state in ["gone", "empty", "without audio"] {
        let error = house.scanner.scan().await.unwrap_err();
        assert!(error.to_string().contains(&*house.root.to_string_lossy()), "{state}: {error}");
        assert_eq!(house.scanner.status().failure, Some(error.to_string()));
        assert_eq!(house.memory.told(), ["2.flac", "a/1.flac"], "{state}");
        match state {
            "gone" => fs::create_dir(&house.root).unwrap(),
            _ => fs::write(house.root.join("not-mounted.txt"), "").unwrap(),
        }
    }
    fs::remove_dir_all(&house.root).unwrap();
    fs::rename(house.outside.path().join("away"), &house.root).unwrap();
    assert_eq!(house.scan().await[3], 0);
    assert_eq!(house.scanner.status().failure, None);
}

#[tokio::test]
async fn an_empty_folder_of_which_nothing_is_known_is_fine() {
    let house = House::with(&[]);
    assert_eq!(house.scan().await, [0; 6]);
    house.memory.knows("gone.mp3", Stamp { length: 1, modified_ns: 1, changed_ns: 1, inode: 1 }, true);
    assert_eq!(house.scan().await, [0; 6]);
}

#[tokio::test]
async fn what_lies_in_a_place_that_cannot_be_looked_at_stays() {
    let house = House::with(&["a.flac"]);
    // A folder that is too deep stands for one that cannot be read: root may read everything.
    let deep = vec!["d"; SCAN_DEPTH_MAX + 1].join("/");
    put(&house.root.join(&deep).join("x.flac"), "x");
    let stamp = Stamp { length: 1, modified_ns: 1, changed_ns: 1, inode: 1 };
    for path in [&format!("{deep}/x.flac"), &format!("{deep}/y.flac"), "d/gone.flac"] {
        house.memory.knows(path, stamp, false);
    }
    assert_eq!(house.scan().await, [1, 1, 0, 1, 0, 0]);
    let expected = ["a.flac", &format!("{deep}/x.flac"), &format!("{deep}/y.flac"), "-d/gone.flac"];
    assert_eq!(house.memory.told(), expected);
}

#[tokio::test]
async fn a_file_that_is_no_audio_is_counted_and_has_no_row() {
    let house = House::with(&["good.flac", "was.flac"]);
    house.scan().await;
    for name in ["empty.mp3", "text.ogg", "was.flac"] {
        fs::write(house.root.join(name), if name == "empty.mp3" { "" } else { "only text in here" }).unwrap();
    }
    assert_eq!(house.scan().await, [4, 0, 0, 1, 0, 3]);
    assert_eq!(house.memory.told(), ["good.flac", "-was.flac"]);
}

#[tokio::test]
async fn a_picture_beside_the_tracks_is_their_cover() {
    let house = House::with(&["a/1.flac", "a/sub/2.flac", "a/z.flac", "b/3.flac"]);
    fs::write(house.root.join("a/Cover.JPG"), samples::jpeg(100)).unwrap();
    fs::write(house.root.join("b/cover.jpg"), "no picture").unwrap();
    house.scan().await;
    for (path, expected) in [
        ("a/1.flac", Some("a/Cover.JPG")),
        ("a/sub/2.flac", None),
        ("a/z.flac", Some("a/Cover.JPG")),
        ("b/3.flac", None),
    ] {
        let cover = house.memory.tags(path).cover;
        assert_eq!(cover.as_ref().map(|cover| cover.path.as_str()), expected, "{path}");
        assert!(cover.is_none_or(|cover| cover.offset == 0 && cover.count.is_none()));
    }
}

#[tokio::test]
async fn a_picture_that_comes_or_goes_changes_the_tracks_beside_it() {
    let house = House::with(&["a/1.flac", "b/2.flac"]);
    let picture = |name: &str| fs::write(house.root.join(name), samples::jpeg(100)).unwrap();
    let covers =
        || ["a/1.flac", "b/2.flac"].map(|path| house.memory.tags(path).cover.map(|c| c.path.to_string()));
    house.scan().await;
    assert_eq!(covers(), [None, None]);
    picture("a/folder.jpg");
    assert_eq!(house.scan().await, [2, 0, 1, 0, 0, 0]);
    assert_eq!(covers(), [Some("a/folder.jpg".to_owned()), None]);
    picture("a/cover.jpg");
    fs::write(house.root.join("b/cover.jpg"), "no picture").unwrap();
    assert_eq!(house.scan().await, [2, 0, 1, 0, 0, 0], "a better one, and one that is none");
    assert_eq!(covers(), [Some("a/cover.jpg".to_owned()), None]);
    assert_eq!(house.scan().await, [2, 0, 0, 0, 0, 0]);
    fs::remove_file(house.root.join("a/cover.jpg")).unwrap();
    fs::remove_file(house.root.join("a/folder.jpg")).unwrap();
    assert_eq!(house.scan().await, [2, 0, 1, 0, 0, 0]);
    assert_eq!(covers(), [None, None]);
}

#[tokio::test]
async fn another_picture_of_the_same_name_is_noticed() {
    let house = House::with(&["a/1.flac", "a/CD1/2.flac", "a/b/3.flac"]);
    let cover = |path: &str| house.memory.tags(path).cover;
    let picture = house.root.join("a/cover.jpg");
    fs::write(&picture, samples::jpeg(100)).unwrap();
    house.scan().await;
    let before = cover("a/1.flac").unwrap();
    assert_eq!((cover("a/CD1/2.flac"), cover("a/b/3.flac")), (Some(before.clone()), None));
    assert_eq!(house.scan().await, [3, 0, 0, 0, 0, 0], "it is as it was");
    fs::write(&picture, samples::jpeg(200)).unwrap();
    assert_eq!(house.scan().await, [3, 0, 2, 0, 0, 0]);
    let after = cover("a/1.flac").unwrap();
    assert!(after.mark.is_some() && after.mark != before.mark, "{after:?}");
    assert_eq!(cover("a/CD1/2.flac"), Some(after));
    assert_eq!(house.scan().await, [3, 0, 0, 0, 0, 0]);
}

#[tokio::test]
async fn thousands_of_files_go_in_batches_and_pages() {
    let names: Vec<String> = (0..1_300).map(|number| format!("{:02}/{number:04}.flac", number % 7)).collect();
    let house = House::with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(house.scan().await, [1_300, 1_300, 0, 0, 0, 0]);
    let calls = house.memory.calls();
    let rows: Vec<usize> =
        calls.iter().filter_map(|call| call.strip_prefix("record ")?.parse().ok()).collect();
    assert_eq!(rows.iter().sum::<usize>(), 1_300);
    assert!(rows.len() <= 6 && rows.iter().all(|rows| *rows <= SCAN_BATCH_ROWS), "{rows:?}");

    for name in &names[600..1_200] {
        fs::remove_file(house.root.join(name)).unwrap();
    }
    assert_eq!(house.scan().await, [700, 0, 0, 600, 0, 0]);
    assert_eq!(house.memory.calls(), ["missing 500", "missing 100", "settle"]);
}

#[tokio::test]
async fn one_scan_runs_at_a_time_and_one_that_is_dropped_leaves_no_trace() {
    let house = House::with(&["a.flac"]);
    house.memory.is_stuck.store(true, Ordering::Relaxed);
    tokio::select! {
        biased;
        _ = house.scanner.scan() => panic!("nobody answered it"),
        second = house.scanner.scan() => assert_eq!(second.unwrap_err().kind(), ErrorKind::Busy),
    }
    // The first was dropped when the second was refused.
    house.memory.is_stuck.store(false, Ordering::Relaxed);
    assert!(!house.scanner.status().running);
    house.scan().await;
}

#[tokio::test]
async fn a_catalog_that_fails_ends_the_scan_with_its_error() {
    let house = House::knowing(&["a.flac"], Memory { is_broken: true, ..Memory::default() });
    let error = house.scanner.scan().await.unwrap_err();
    assert!(error.to_string().contains("on fire"), "{error}");
    assert!(house.scanner.status().failure.is_some() && house.scanner.status().ended.is_none());
}

#[tokio::test]
async fn permits_are_back_when_a_scan_is_done() {
    let house = House::with(&["a.flac", "b.flac"]);
    house.scan().await;
    let scans =
        house.scanner.0.budget.figures().into_iter().find(|figures| figures.pool == Pool::Scans).unwrap();
    assert_eq!(scans.used_bytes, 0);
    assert!(scans.peak_bytes > SCAN_BYTES);
}

#[tokio::test]
async fn a_scan_goes_on_with_one_reader_while_memory_is_scarce() {
    let files: Vec<String> = (0..SCAN_READER_FILES * 6).map(|at| format!("{at:03}.flac")).collect();
    let house = House::with(&files.iter().map(String::as_str).collect::<Vec<_>>());
    // Room for all readers, so that only their turns can keep them apart, and for no list of names.
    let budget = Budget::new(4 * MEMORY_LIMIT_BYTES_MIN).unwrap();
    let room = SCAN_BYTES + SCAN_READERS_MAX as u64 * SCAN_READER_BYTES;
    let ceiling = budget.figures()[Pool::Scans as usize].ceiling_bytes;
    let others = budget.take(Pool::Scans, ceiling - room).unwrap();
    let inventory = Arc::clone(&house.memory) as Arc<dyn Inventory>;
    let scanner = Scanner::new(inventory, house.scanner.0.folders.clone(), budget.clone());
    // Each look at the pressure halves the turns.
    while budget.background_figures().allowed > 1 {
        budget.set_pressure(Level::High);
    }
    let turn = budget.background().await;
    let mut scan = Box::pin(scanner.scan());
    while budget.background_figures().waiting == 0 {
        tokio::select! {
            biased;
            _ = &mut scan => panic!("a scan reads without a turn"),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(turn);
    assert_eq!(scan.await.unwrap().counts.added, files.len() as u64);
    let scans = budget.figures()[Pool::Scans as usize];
    assert_eq!(scans.peak_bytes - others.bytes(), SCAN_BYTES + SCAN_READER_BYTES);
    assert_eq!(scans.used_bytes, others.bytes());
    assert_eq!(budget.background_figures().running, 0);
}

#[tokio::test(start_paused = true)]
async fn a_scan_waits_while_memory_is_full_and_ends_when_it_is_not() {
    let house = House::with(&["a.flac", "b.flac"]);
    let budget = house.scanner.0.budget.clone();
    budget.set_pressure(Level::Full);
    let mut scan = Box::pin(house.scanner.scan());
    let long = std::time::Duration::from_secs(600);
    assert!(tokio::time::timeout(long, &mut scan).await.is_err(), "nothing is granted");
    assert_eq!(budget.figures()[Pool::Scans as usize].used_bytes, 0);
    budget.set_pressure(Level::Calm);
    assert_eq!(scan.await.unwrap().counts.added, 2);
}
