use std::os::unix::fs::{FileExt, MetadataExt};

use budget::limits::{DISK_BLOCK_BYTES, MIB, RENDITIONS_BYTES_MIN};
use bytes::Bytes;
use store::Io;
use tempfile::TempDir;

use super::*;

mod bound;
mod crash;
mod fresh;
mod policy;
mod purging;

pub(super) struct House {
    pub(super) folder: TempDir,
    pub(super) cache: Cache,
}

pub(super) fn settings(bytes_max: u64) -> CacheSettings {
    CacheSettings { bytes_max, free_bytes_min: 0, entries_max: 1_000 }
}

pub(super) async fn opened(path: &Path, settings: CacheSettings) -> Cache {
    let data = DataFolder::share(path).unwrap();
    let renditions = Renditions::open(&data, Io::new(2)).unwrap();
    let budget = Budget::new(256 * MIB).unwrap();
    Cache::open(&data, renditions, &budget, settings).await.unwrap()
}

pub(super) async fn house(bytes_max: u64) -> House {
    let folder = tempfile::tempdir().unwrap();
    let cache = opened(folder.path(), settings(bytes_max)).await;
    House { folder, cache }
}

pub(super) fn key(number: u64) -> Key {
    let mut key = [7; 32];
    key[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Key::from_bytes(key)
}

pub(super) fn entry(number: u64, path: &str, tags: &[&str]) -> Entry {
    Entry {
        key: key(number),
        content_type: "video/mp4".to_owned(),
        origin: "clips".to_owned(),
        path: path.to_owned(),
        mode: "video".to_owned(),
        tags: tags.iter().map(ToString::to_string).collect(),
        source_tag: "source".to_owned(),
        status: 200,
        cost_ms: 10,
        fresh_for: Lifetimes::default().ok,
        recipe: 5,
    }
}

pub(super) fn content(number: u64, length: u64) -> Bytes {
    (0..length).map(|at| (at * 7 / 3 + number) as u8).collect::<Vec<u8>>().into()
}

impl House {
    pub(super) async fn filled(&self, number: u64, length: u64) -> Result<Filling, Error> {
        let mut filling = self.cache.reserve(length).await?.begin().await?;
        filling.write(content(number, length)).await?;
        Ok(filling)
    }

    pub(super) async fn put(&self, number: u64, length: u64) -> Made {
        let filling = self.filled(number, length).await.unwrap();
        filling.keep(entry(number, "/x.mp4", &[])).await.unwrap()
    }

    pub(super) async fn has(&self, number: u64) -> bool {
        self.cache.get(key(number)).await.unwrap().is_some()
    }

    /// What the folder really takes of the disk, in bytes, and how many files it has. It is true of one moment while
    /// nobody gets new room.
    pub(super) fn on_disk(&self) -> (u64, usize) {
        let (mut bytes, mut seen) = (0, std::collections::HashSet::new());
        let mut folders = vec![self.folder.path().join("cache")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                // One that goes while we look is gone.
                let Ok(found) = entry.as_ref().unwrap().metadata() else { continue };
                if found.is_dir() {
                    folders.push(entry.unwrap().path());
                } else if seen.insert(found.ino()) {
                    bytes += found.blocks() * 512;
                }
            }
        }
        (bytes, seen.len())
    }

    pub(super) async fn reopened(self, settings: CacheSettings) -> House {
        let House { folder, cache } = self;
        drop(cache);
        let cache = opened(folder.path(), settings).await;
        House { folder, cache }
    }
}

pub(super) fn read(made: &Made) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(made.source.len()).unwrap()];
    let mut at = 0;
    while at < bytes.len() {
        at += made.source.read_at(&mut bytes[at..], at as u64)?;
    }
    Ok(bytes)
}

pub(super) async fn until(done: impl Fn() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_is_kept_is_found_and_also_after_a_restart() {
    let house = house(8 * MIB).await;
    assert!(!house.has(1).await);
    let made = house.put(1, 100_000).await;
    for _ in 0..2 {
        let found = house.cache.get(key(1)).await.unwrap().unwrap();
        assert_eq!(read(&found).unwrap(), content(1, 100_000));
        assert_eq!(found.source.validator(), made.source.validator());
        assert_eq!((&*found.content_type, found.status), ("video/mp4", 200));
        assert!(found.is_fresh() && found.age() < Duration::from_secs(60));
        house.cache.standing().clear();
    }
    let tag = made.source.validator().clone();
    drop(made);
    let house = house.reopened(settings(8 * MIB)).await;
    let found = house.cache.get(key(1)).await.unwrap().unwrap();
    assert_eq!(read(&found).unwrap(), content(1, 100_000));
    assert_eq!(found.source.validator(), &tag);
    assert!(!house.has(2).await);
}

#[tokio::test]
async fn a_key_has_one_rendition_and_the_older_one_can_still_be_read() {
    let house = house(8 * MIB).await;
    let older = house.put(1, 50_000).await;
    let (_, files) = house.on_disk();
    let filling = house.filled(9, 50_000).await.unwrap();
    filling.keep(entry(1, "/x.mp4", &["new"])).await.unwrap();
    assert_eq!(house.on_disk().1, files, "the older files are gone");
    assert_eq!(read(&older).unwrap(), content(1, 50_000));
    let found = house.cache.get(key(1)).await.unwrap().unwrap();
    assert_eq!(read(&found).unwrap(), content(9, 50_000));
    assert_eq!(*found.tags, ["new".to_owned()]);
    let one = Renditions::disk_bytes(50_000) + DISK_BLOCK_BYTES;
    assert_eq!(house.cache.taken(), (2 * one, 1), "what is still read takes its room");
    drop(older);
    until(|| house.cache.taken() == (one, 1)).await;
}

#[tokio::test]
async fn what_is_broken_on_the_disk_is_never_given_and_is_made_again() {
    let house = house(8 * MIB).await;
    drop(house.put(1, 100_000).await);
    drop(house.put(2, 100_000).await);
    let row = house.cache.0.index.get(key(1).as_bytes()).await.unwrap().unwrap();
    let name = RenditionId::from_bytes(row.file).to_string();
    let path = house.folder.path().join("cache/made").join(&name[..2]).join(&name);
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[content(1, 100_000)[77] ^ 1], 77).unwrap();
    house.cache.standing().clear();
    // A reader finds it first.
    let found = house.cache.get(key(1)).await.unwrap().unwrap();
    assert_eq!(read(&found).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    house.cache.obey_once().await.unwrap();
    assert!(!house.has(1).await && house.has(2).await);
    // Or the scrub does.
    drop(house.put(1, 100_000).await);
    let row = house.cache.0.index.get(key(1).as_bytes()).await.unwrap().unwrap();
    let name = RenditionId::from_bytes(row.file).to_string();
    let path = house.folder.path().join("cache/made").join(&name[..2]).join(&name);
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[content(1, 100_000)[77] ^ 1], 77).unwrap();
    let later = now_ms() + 1_000_000_000_000;
    for _ in 0..2 {
        house.cache.scrub(later).await.unwrap();
    }
    assert!(!house.has(1).await && house.has(2).await);
    // Files that somebody took away are not there.
    let row = house.cache.0.index.get(key(2).as_bytes()).await.unwrap().unwrap();
    let name = RenditionId::from_bytes(row.file).to_string();
    std::fs::remove_file(house.folder.path().join("cache/made").join(&name[..2]).join(&name)).unwrap();
    house.cache.standing().clear();
    assert!(!house.has(2).await);
    until(|| house.cache.taken().1 == 0).await;
}

#[tokio::test]
async fn what_is_used_last_goes_last_also_after_a_restart() {
    let house = house(8 * MIB).await;
    for number in 0..4 {
        drop(house.put(number, MIB).await);
        // The clock has milliseconds.
        let now = now_ms();
        until(|| now_ms() > now).await;
    }
    assert!(house.has(0).await);
    house.cache.tidy().await.unwrap();
    let one = Renditions::disk_bytes(MIB) + DISK_BLOCK_BYTES;
    let house = house.reopened(settings(one * 2)).await;
    let kept: Vec<bool> =
        [house.has(0).await, house.has(1).await, house.has(2).await, house.has(3).await].into();
    assert_eq!((kept, house.cache.taken()), (vec![true, false, false, true], (one * 2, 2)));
    assert!(house.on_disk().0 <= one * 2);
}

#[tokio::test]
async fn a_small_server_has_a_small_index() {
    for (limit, entries) in
        [(64 * MIB, RENDITIONS_KEPT_MIN..12_000), (1_024 * MIB, RENDITIONS_KEPT_MAX..RENDITIONS_KEPT_MAX + 1)]
    {
        let budget = Budget::new(limit).unwrap();
        let (found, permit) = permitted(&budget, RENDITIONS_KEPT_MAX).unwrap();
        assert!(entries.contains(&found), "{found} with {limit}");
        assert!(permit.bytes() <= budget.figures()[Pool::Caches as usize].ceiling_bytes / 2);
    }
}
