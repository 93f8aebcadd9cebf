use std::fs;
use std::os::unix::fs::symlink;
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::*;

/// A library beside something that nobody may read through it.
fn library() -> (tempfile::TempDir, Arc<LibraryFolder>, PathBuf) {
    let outside = tempfile::tempdir().unwrap();
    let root = outside.path().join("library");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    fs::write(root.join("a/b/song"), "song").unwrap();
    let folder = Arc::new(LibraryFolder::open(&root).unwrap());
    (outside, folder, root)
}

fn opened(folder: &Arc<LibraryFolder>, path: &str) -> Result<Vec<u8>, ErrorKind> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let (folder, path) = (Arc::clone(folder), RelPath::parse(path).unwrap());
    std::thread::spawn(move || sender.send(folder.open_source(&path)));
    // An open that waits for somebody else would wait for ever.
    let source = receiver.recv_timeout(Duration::from_secs(20)).expect("the open blocked");
    source.map_err(|e| e.kind).map(|source| {
        let mut bytes = vec![0; 16];
        let count = source.read_at(&mut bytes, 0).unwrap();
        bytes.truncate(count);
        bytes
    })
}

#[test]
fn p07_no_name_leads_out_of_a_library_folder() {
    let (outside, folder, root) = library();
    let secret = outside.path().join("secret");
    symlink("../secret", root.join("out")).unwrap();
    symlink(&secret, root.join("absolute")).unwrap();
    symlink(root.join("a/b/song"), root.join("absolute_inside")).unwrap();
    symlink("../../a/../../secret", root.join("a/winding")).unwrap();
    symlink("..", root.join("parent")).unwrap();
    symlink("out", root.join("twice")).unwrap();
    symlink("/proc/self/root", root.join("magic")).unwrap();
    symlink("a/b/song", root.join("inside")).unwrap();
    symlink("../../a/b/song", root.join("a/b/inside")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink("self", root.join("self")).unwrap();
    let cases: &[(&str, Result<&[u8], ErrorKind>)] = &[
        ("a/b/song", Ok(b"song")),
        ("inside", Ok(b"song")),
        ("a/b/inside", Ok(b"song")),
        ("out", Err(ErrorKind::Escapes)),
        ("absolute", Err(ErrorKind::Escapes)),
        ("absolute_inside", Err(ErrorKind::Escapes)),
        ("a/winding", Err(ErrorKind::Escapes)),
        ("parent/secret", Err(ErrorKind::Escapes)),
        ("parent/library/a/b/song", Err(ErrorKind::Escapes)),
        ("twice", Err(ErrorKind::Escapes)),
        ("magic/etc/hostname", Err(ErrorKind::Escapes)),
        ("dangling", Err(ErrorKind::NotFound)),
        ("self", Err(ErrorKind::NotFound)),
        ("missing", Err(ErrorKind::NotFound)),
        ("a/b/song/more", Err(ErrorKind::NotFound)),
    ];
    for (path, expected) in cases {
        assert_eq!(opened(&folder, path), expected.map(<[u8]>::to_vec), "{path}");
    }
    assert!(folder.escapes.lock().unwrap().contains(&RelPath::parse("out").unwrap()));
}

#[test]
fn p07_a_folder_swapped_for_a_link_after_the_library_was_opened_leads_nowhere() {
    let (outside, folder, root) = library();
    assert_eq!(opened(&folder, "a/b/song"), Ok(b"song".to_vec()));
    fs::create_dir(outside.path().join("b")).unwrap();
    fs::write(outside.path().join("b/song"), "secret").unwrap();
    fs::rename(root.join("a"), root.join("was_a")).unwrap();
    symlink("..", root.join("a")).unwrap();
    assert_eq!(opened(&folder, "a/b/song"), Err(ErrorKind::Escapes));
    assert_eq!(opened(&folder, "was_a/b/song"), Ok(b"song".to_vec()));
}

#[test]
fn p07_only_regular_files_are_opened_and_nothing_else_blocks() {
    let (_outside, folder, root) = library();
    mknodat(CWD, root.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    symlink("pipe", root.join("to_pipe")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    for path in ["a/b", "pipe", "to_pipe", "socket"] {
        assert_eq!(opened(&folder, path), Err(ErrorKind::NotAFile), "{path}");
    }
    // Only root may make a device; where nobody may, there is none to open.
    let zero = rustix::fs::makedev(1, 5);
    if mknodat(CWD, root.join("zero"), FileType::CharacterDevice, Mode::RUSR, zero).is_ok() {
        assert!(matches!(opened(&folder, "zero"), Err(ErrorKind::NotAFile | ErrorKind::Io)));
    }
}

#[test]
fn a_library_that_is_not_there_is_an_error_with_its_name() {
    let (_outside, _folder, root) = library();
    for (path, kind) in [("missing", ErrorKind::NotFound), ("a/b/song", ErrorKind::NotFound)] {
        let error = LibraryFolder::open(&root.join(path)).unwrap_err();
        assert_eq!(error.kind, kind, "{path}");
        assert!(error.to_string().contains(&*root.join(path).to_string_lossy()), "{error}");
        assert!(!error.shown().contains("library"), "no name in what everybody may read");
    }
}

#[test]
fn p07_the_names_of_a_folder_are_those_beneath_the_library() {
    let (_outside, folder, root) = library();
    for name in ["a/b/film.srt", "a/b/.hidden", "top"] {
        fs::write(root.join(name), "").unwrap();
    }
    symlink("a/b", root.join("inside")).unwrap();
    symlink("..", root.join("out")).unwrap();
    let names = |path: Option<&str>| {
        let mut names = Vec::new();
        let path = path.map(|path| RelPath::parse(path).unwrap());
        folder.each_name(path.as_ref(), |name| names.push(name.to_owned())).map_err(|e| e.kind)?;
        names.sort_unstable();
        Ok(names.join(" "))
    };
    for (path, expected) in [
        (Some("a/b"), Ok("film.srt song")),
        (Some("inside"), Ok("film.srt song")),
        (None, Ok("a inside out top")),
        (Some("out"), Err(ErrorKind::Escapes)),
        (Some("missing"), Err(ErrorKind::NotFound)),
    ] {
        assert_eq!(names(path), expected.map(str::to_owned), "{path:?}");
    }
}
