use std::fs;

use super::*;

const MUSIC: FolderId = FolderId(7);

fn song() -> RelPath {
    RelPath::parse("song").unwrap()
}

fn text(source: &Source) -> String {
    let mut bytes = [0; 16];
    let count = source.read_at(&mut bytes, 0).unwrap();
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

fn folders() -> (tempfile::TempDir, PathBuf, Folders) {
    let outside = tempfile::tempdir().unwrap();
    let root = outside.path().join("music");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("song"), "one").unwrap();
    // Long enough that no pause of the machine lets a file go.
    let folders = Folders::keeping(8, Duration::from_secs(3_600));
    assert!(folders.set(vec![(MUSIC, root.clone())]).is_empty());
    (outside, root, folders)
}

#[tokio::test]
async fn an_open_file_is_found_again_and_counted() {
    let (_outside, _root, folders) = folders();
    for _ in 0..3 {
        assert_eq!(text(&folders.open(MUSIC, &song()).await.unwrap()), "one");
    }
    assert_eq!(text(&folders.open_now(MUSIC, &song()).unwrap()), "one");
    assert_eq!((folders.0.hits.get(), folders.0.misses.get()), (3, 1));
    assert_eq!(folders.close_expired(), 1);
}

#[tokio::test]
async fn p02_a_file_replaced_under_its_name_is_never_served_from_the_open_files() {
    let (outside, root, folders) = folders();
    let changes: [(&str, &dyn Fn()); 3] = [
        ("two", &|| {
            fs::write(outside.path().join("new"), "two").unwrap();
            fs::rename(outside.path().join("new"), root.join("song")).unwrap();
        }),
        ("three", &|| fs::write(root.join("song"), "three").unwrap()),
        ("four", &|| {
            fs::remove_file(root.join("song")).unwrap();
            fs::write(root.join("song"), "four").unwrap();
        }),
    ];
    folders.open(MUSIC, &song()).await.unwrap();
    for (expected, change) in changes {
        change();
        assert_eq!(text(&folders.open(MUSIC, &song()).await.unwrap()), expected);
    }
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named_and_comes_back() {
    let (outside, root, folders) = folders();
    let absent = outside.path().join("absent");
    let failed = folders.set(vec![(MUSIC, root), (FolderId(8), absent.clone())]);
    assert_eq!(failed.len(), 1);
    assert_eq!((failed[0].0, failed[0].1.kind), (FolderId(8), ErrorKind::NotFound));
    assert_eq!(folders.ids(), [MUSIC, FolderId(8)]);
    assert!(folders.folder(FolderId(8)).is_none());

    for error in [
        folders.open(FolderId(8), &song()).await.unwrap_err(),
        folders.reopen(FolderId(8)).map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(error.to_string().contains(&*absent.to_string_lossy()), "{error}");
    }
    let error = folders.open(FolderId(9), &song()).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no library folder 9");

    fs::create_dir(&absent).unwrap();
    fs::write(absent.join("song"), "back").unwrap();
    folders.reopen(FolderId(8)).unwrap();
    assert_eq!(text(&folders.open(FolderId(8), &song()).await.unwrap()), "back");
}

#[tokio::test]
async fn a_folder_that_was_replaced_by_another_is_opened_anew() {
    let (outside, root, folders) = folders();
    folders.open(MUSIC, &song()).await.unwrap();
    let before = folders.reopen(MUSIC).unwrap();
    assert!(Arc::ptr_eq(&before, &folders.folder(MUSIC).unwrap()), "nothing changed");

    fs::rename(&root, outside.path().join("was_music")).unwrap();
    fs::create_dir(&root).unwrap();
    fs::write(root.join("song"), "other").unwrap();
    let after = folders.reopen(MUSIC).unwrap();
    assert!(!Arc::ptr_eq(&before, &after));
    assert_eq!(text(&folders.open(MUSIC, &song()).await.unwrap()), "other");
}

#[test]
fn open_files_are_bounded_by_their_ceiling_and_by_the_descriptors() {
    let (_outside, root, folders) = folders();
    for number in 0..40 {
        let name = format!("song{number}");
        fs::write(root.join(&name), "x").unwrap();
        folders.open_now(MUSIC, &RelPath::parse(&name).unwrap()).unwrap();
    }
    assert_eq!(folders.close_expired(), 8);
}
