//! Scans of parts, and what is heard.

use std::time::Duration;

use budget::limits::WATCH_SETTLE_MS;

use super::*;

impl House {
    fn wants(&self, parts: &[Part]) {
        let mut wanted = Wanted::default();
        parts.iter().for_each(|part| wanted.add(MUSIC, part.clone()));
        self.scanner.want(wanted);
    }

    /// Looks at what was wanted: seen, added, changed, missing, back, failed.
    async fn look(&self, parts: &[Part]) -> [u64; 6] {
        self.wants(parts);
        let Counts { seen, added, changed, missing, back, failed, .. } =
            self.scanner.scan_wanted(None).await.unwrap().counts;
        [seen, added, changed, missing, back, failed]
    }

    /// Hears what happens from the next scan on.
    fn hears(&self) {
        self.scanner.0.set_watch(Some(Watch::new(&self.scanner.0.budget).unwrap()));
    }
}

fn beneath(folder: &str) -> Part {
    Part::beneath(RelPath::parse(folder).unwrap())
}

fn files_of(folder: &str) -> Part {
    Part::files_of(RelPath::parse(folder).ok())
}

async fn settle() {
    // sleep: a file's own moment of change is compared with the clock of the machine, which no test can set
    tokio::time::sleep(Duration::from_millis(WATCH_SETTLE_MS)).await;
}

#[tokio::test]
async fn only_the_parts_that_are_wanted_are_looked_at() {
    let house = House::with(&["a/1.flac", "a/sub/2.flac", "b/3.flac", "c/4.flac", "5.flac"]);
    house.hears();
    assert_eq!(house.scan().await, [5, 5, 0, 0, 0, 0]);
    assert_eq!(house.memory.calls(), ["record 5", "settle"]);
    for file in ["a/1.flac", "a/sub/2.flac", "b/3.flac", "5.flac"] {
        fs::remove_file(house.root.join(file)).unwrap();
    }
    put(&house.root.join("a/new.flac"), "new");
    put(&house.root.join("c/new.flac"), "new");
    settle().await;
    // Both parts are one pass, so that a track which moved between them is known again.
    assert_eq!(house.look(&[files_of("a"), beneath("b")]).await, [1, 1, 0, 2, 0, 0]);
    assert_eq!(house.memory.calls(), ["record 1", "missing 2", "settle"]);
    assert_eq!(
        house.memory.told(),
        ["5.flac", "-a/1.flac", "a/new.flac", "a/sub/2.flac", "-b/3.flac", "c/4.flac"]
    );
    assert_eq!(house.look(&[beneath("a"), Part::files_of(None)]).await, [1, 0, 0, 2, 0, 0]);
    assert_eq!(house.look(&[files_of("gone"), beneath("c")]).await, [2, 1, 0, 0, 0, 0]);
    assert_eq!(house.scan().await, [3, 0, 0, 0, 0, 0], "nothing is left for a scan of everything");
}

#[tokio::test]
async fn a_disc_keeps_the_cover_of_its_album_when_it_is_looked_at_alone() {
    let house = House::with(&["a/CD1/1.flac", "a/CD2/2.flac", "CD1/3.flac"]);
    for name in ["a/cover.jpg", "folder.jpg"] {
        fs::write(house.root.join(name), samples::jpeg(100)).unwrap();
    }
    house.hears();
    house.scan().await;
    let covers = || {
        ["a/CD1/1.flac", "a/CD2/2.flac", "CD1/3.flac"]
            .map(|path| house.memory.tags(path).cover.map(|cover| cover.path.to_string()))
    };
    let all = ["a/cover.jpg", "a/cover.jpg", "folder.jpg"].map(|path| Some(path.to_owned()));
    assert_eq!(covers(), all);
    put(&house.root.join("a/CD1/1.flac"), "another title");
    put(&house.root.join("CD1/3.flac"), "another title");
    settle().await;
    assert_eq!(house.look(&[files_of("a/CD1"), files_of("CD1")]).await, [2, 0, 2, 0, 0, 0]);
    assert_eq!(covers(), all);
    assert_eq!(house.look(&[files_of("a/CD2"), beneath("a/CD1")]).await, [2, 0, 0, 0, 0, 0]);

    fs::remove_file(house.root.join("a/cover.jpg")).unwrap();
    assert_eq!(house.look(&[files_of("a/CD2")]).await, [1, 0, 1, 0, 0, 0]);
    assert_eq!(house.look(&[beneath("a")]).await, [2, 0, 1, 0, 0, 0], "the other one");
    assert_eq!(covers(), [None, None, all[2].clone()]);
    assert_eq!(house.scan().await, [3, 0, 0, 0, 0, 0], "a scan of everything finds nothing else");
}

#[tokio::test]
async fn what_may_still_be_written_is_left_and_wanted_again() {
    let house = House::with(&["a/1.flac"]);
    house.hears();
    house.scan().await;
    put(&house.root.join("a/1.flac"), "another title");
    put(&house.root.join("a/2.flac"), "new");
    assert_eq!(house.look(&[files_of("a")]).await, [2, 0, 0, 0, 0, 0]);
    assert_eq!(house.memory.told(), ["a/1.flac"]);
    let left = house.scanner.0.left().await;
    assert_eq!(left.by_library(&[MUSIC]), [(MUSIC, vec![files_of("a")])]);
    settle().await;
    assert_eq!(house.look(&[files_of("a")]).await, [2, 1, 1, 0, 0, 0]);
    put(&house.root.join("a/2.flac"), "newer");
    assert_eq!(house.scan().await, [2, 0, 1, 0, 0, 0], "who asks for everything gets what is there");
}

#[tokio::test]
async fn parts_of_a_folder_that_is_another_now_are_not_believed() {
    let house = House::with(&["a/1.flac", "2.flac"]);
    house.hears();
    house.scan().await;
    // A mount that went: its place is an empty folder.
    fs::rename(&house.root, house.outside.path().join("away")).unwrap();
    fs::create_dir(&house.root).unwrap();
    house.scanner.0.folders.reopen(MUSIC).unwrap();
    house.wants(&[files_of("a")]);
    let error = house.scanner.scan_wanted(None).await.unwrap_err();
    assert!(error.to_string().contains("is it not mounted"), "{error}");
    assert_eq!(house.memory.told(), ["2.flac", "a/1.flac"]);
    let left = house.scanner.0.left().await;
    assert_eq!(left.by_library(&[MUSIC]), [(MUSIC, vec![files_of("a")])], "it is not told a second time");
}

#[tokio::test]
async fn a_part_mends_nothing_that_was_wrong_with_everything() {
    let house = House::with(&["a/1.flac"]);
    house.hears();
    house.scan().await;
    fs::rename(house.root.join("a"), house.outside.path().join("a")).unwrap();
    house.scanner.scan().await.unwrap_err();
    let failure = house.scanner.status().failure;
    assert!(failure.is_some());
    house.look(&[files_of("b")]).await;
    assert_eq!(house.scanner.status().failure, failure);
}

#[tokio::test]
async fn who_asks_while_a_part_is_looked_at_gets_a_scan_of_everything() {
    let house = House::with(&["a/1.flac"]);
    house.wants(&[files_of("a")]);
    assert!(house.scanner.status().running, "seen, though it has not begun");
    let (running, _) = house.scanner.begin(None).unwrap();
    assert_eq!(house.scanner.ask(), Asked::Begins);
    assert_eq!(house.scanner.ask(), Asked::Runs);
    drop(running);
    assert!(house.scanner.status().running, "the next one is about to begin");
    let (running, wanted) = house.scanner.begin(None).unwrap();
    assert!(wanted.is_everything());
    assert_eq!(house.scanner.ask(), Asked::Runs);
    drop(running);
    assert!(!house.scanner.status().running);
}

#[tokio::test]
async fn what_happens_is_heard_and_looked_at_without_anybody_asking() {
    let house = House::with(&["a/1.flac"]);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let upkeep = Upkeep { is_watched: true, rescan: None };
    let run = tokio::spawn(house.scanner.clone().run(upkeep, async move { drop(stopped.await) }));
    let mut status = house.scanner.follow();
    let mut until = async |expected: &[&str]| {
        while house.memory.told() != expected || status.borrow_and_update().running {
            status.changed().await.unwrap();
        }
    };
    until(&["a/1.flac"]).await;
    put(&house.root.join("new/folder/2.flac"), "2");
    until(&["a/1.flac", "new/folder/2.flac"]).await;
    put(&house.root.join("new/folder/3.flac"), "3");
    fs::remove_file(house.root.join("a/1.flac")).unwrap();
    until(&["-a/1.flac", "new/folder/2.flac", "new/folder/3.flac"]).await;
    assert_eq!(house.scanner.unwatched(), []);
    drop(stop);
    run.await.unwrap();
    assert!(house.scanner.0.watch().is_none());
}

#[tokio::test(start_paused = true)]
async fn libraries_that_are_not_heard_are_looked_through_now_and_then() {
    let house = House::with(&["a/1.flac"]);
    let pause = Duration::from_secs(3_600);
    let upkeep = Upkeep { is_watched: false, rescan: Some(pause) };
    let run = tokio::spawn(house.scanner.clone().run(upkeep, std::future::pending()));
    let mut status = house.scanner.follow();
    let began = tokio::time::Instant::now();
    let mut until = async |expected: &[&str]| {
        while house.memory.told() != expected || status.borrow_and_update().running {
            status.changed().await.unwrap();
        }
    };
    until(&["a/1.flac"]).await;
    put(&house.root.join("b/2.flac"), "2");
    until(&["a/1.flac", "b/2.flac"]).await;
    assert!(began.elapsed() >= pause && began.elapsed() < pause * 2, "{:?}", began.elapsed());
    run.abort();
}

#[tokio::test]
async fn files_whose_formats_are_not_read_are_counted_anew_by_each_scan() {
    let house = House::with(&["a/1.flac"]);
    for name in ["0.wma", "a/2.ape", "a/3.APE", "a/cover.jpg", "z/.hidden.ape"] {
        fs::create_dir_all(house.root.join(name).parent().unwrap()).unwrap();
        fs::write(house.root.join(name), "no bytes of it are looked at").unwrap();
    }
    for found in [[1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]] {
        assert_eq!(house.scan().await, found);
        let passed_over = house.scanner.status().counts.passed_over.to_string();
        assert!(passed_over.ends_with(": 2 .ape, 1 .wma"), "{passed_over}");
    }
    house.hears();
    house.scan().await;
    house.look(&[files_of("a")]).await;
    let passed_over = house.scanner.status().counts.passed_over.to_string();
    assert!(passed_over.starts_with("2 files ") && passed_over.ends_with(": 2 .ape"), "{passed_over}");
}
