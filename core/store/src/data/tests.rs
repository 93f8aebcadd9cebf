use std::os::unix::fs::MetadataExt;

use super::*;

fn data() -> (tempfile::TempDir, PathBuf) {
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("var/data");
    (outside, path)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn asking_whether_a_folder_is_there_makes_nothing() {
    let (_outside, path) = data();
    assert!(!DataFolder::is_there(&path) && !path.exists());
    drop(DataFolder::share(&path).unwrap());
    assert!(!DataFolder::is_there(&path), "nobody has used it");
    fs::write(path.join("millpond.db"), "").unwrap();
    assert!(DataFolder::is_there(&path));
    assert!(DataFolder::is_there(path.join("format")), "opening it says what is wrong with it");
}

#[test]
fn the_first_start_makes_a_folder_for_its_owner_alone_and_the_next_finds_the_same_secret() {
    let (_outside, path) = data();
    let first = DataFolder::serve(&path).unwrap();
    assert_eq!(names(&path), ["format", "lock", "secret.key"]);
    assert_eq!((mode(&path), mode(&path.join("secret.key"))), (0o700, 0o600));
    assert_eq!(first.database(), path.join("millpond.db"));
    let secret = first.secret();
    assert_ne!(secret.bytes(), &[0; 32]);
    assert_eq!(format!("{secret:?} {first:?}").matches("Secret(…)").count(), 2);
    drop(first);
    assert_eq!(DataFolder::serve(&path).unwrap().secret(), secret);
    assert_eq!(DataFolder::share(&path).unwrap().secret(), secret);
}

#[test]
fn a_second_server_is_refused_by_name_and_a_command_is_not() {
    let (_outside, path) = data();
    let first = DataFolder::serve(&path).unwrap();
    let error = DataFolder::serve(&path).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Locked);
    let pid = std::process::id();
    assert_eq!(error.to_string(), format!("another millpond (pid {pid}) serves this data folder"));
    DataFolder::share(&path).unwrap();
    drop(first);
    DataFolder::serve(&path).unwrap();
}

#[test]
fn p03_a_lock_that_a_killed_server_left_to_a_child_is_waited_for() {
    let (_outside, path) = data();
    drop(DataFolder::serve(&path).unwrap());
    let open = || File::open(path.join("lock")).unwrap();
    let (server, child) = (open(), open());
    rustix::fs::flock(&child, FlockOperation::LockExclusive).unwrap();
    let mut child = Some(child);
    lock_in_time(&server, || drop(child.take())).unwrap();
    assert!(child.is_none());
}

#[test]
fn p12_a_format_of_a_later_release_is_refused_before_anything_is_written() {
    // content of the file "format", what the error says
    let cases = [
        ("2\n", "format 2; this release knows formats up to 1"),
        ("4000000000", "format 4000000000"),
        ("0\n", "no format number"),
        ("", "no format number"),
        ("one", "no format number"),
        ("99999999999999999999", "no format number"),
    ];
    for (content, expected) in cases {
        let (_outside, path) = data();
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("format"), content).unwrap();
        for opened in [DataFolder::serve(&path), DataFolder::share(&path)] {
            let error = opened.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Format, "{content:?}");
            assert!(error.to_string().contains(expected), "{content:?}: {error}");
        }
        assert_eq!(names(&path), ["format"], "{content:?}");
    }
}

#[test]
fn p12_the_first_format_opens() {
    let (_outside, path) = data();
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("format"), "1\n").unwrap();
    fs::write(path.join("secret.key"), [7; 32]).unwrap();
    fs::set_permissions(path.join("secret.key"), Permissions::from_mode(0o600)).unwrap();
    fs::write(path.join("millpond.db"), "").unwrap();
    assert_eq!(DataFolder::serve(&path).unwrap().secret().bytes(), &[7; 32]);
}

#[test]
fn a_database_without_a_format_is_not_touched() {
    let (_outside, path) = data();
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("millpond.db"), "").unwrap();
    assert_eq!(DataFolder::serve(&path).unwrap_err().kind, ErrorKind::Format);
    assert_eq!(names(&path), ["millpond.db"]);
}

#[test]
fn p09_a_secret_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let (_outside, path) = data();
    DataFolder::serve(&path).unwrap();
    let key = path.join("secret.key");
    for bad in [0o640, 0o604, 0o620, 0o677] {
        fs::set_permissions(&key, Permissions::from_mode(bad)).unwrap();
        let error = DataFolder::serve(&path).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Format);
        assert!(error.to_string().ends_with(&format!("chmod 600 {}", key.display())), "{error}");
    }
    fs::set_permissions(&key, Permissions::from_mode(0o400)).unwrap();
    DataFolder::serve(&path).unwrap();
}

#[test]
fn a_secret_of_another_length_is_refused() {
    for length in [0, 31, 33, 5_000] {
        let (_outside, path) = data();
        DataFolder::serve(&path).unwrap();
        fs::write(path.join("secret.key"), vec![1; length]).unwrap();
        assert_eq!(DataFolder::serve(&path).unwrap_err().kind, ErrorKind::Format, "{length}");
    }
}

#[test]
fn a_restored_secret_replaces_the_old_one_whole() {
    let (_outside, path) = data();
    let mut data = DataFolder::serve(&path).unwrap();
    // What a crash in the middle of a write leaves.
    fs::write(path.join(".secret.key.new"), "half").unwrap();
    data.replace_secret(Secret::from_bytes([9; 32])).unwrap();
    assert_eq!(names(&path), ["format", "lock", "secret.key"]);
    assert_eq!(mode(&path.join("secret.key")), 0o600);
    assert_eq!(DataFolder::share(&path).unwrap().secret().bytes(), &[9; 32]);
}

#[test]
fn a_folder_that_cannot_be_written_is_a_clear_error() {
    let read_only = unwritable(Path::new("/data"), Errno::ROFS.into());
    let denied = unwritable(Path::new("/data"), Errno::ACCESS.into());
    let full = unwritable(Path::new("/data"), Errno::NOSPC.into());
    assert_eq!(
        (read_only.kind, denied.kind, full.kind),
        (ErrorKind::ReadOnly, ErrorKind::ReadOnly, ErrorKind::Full)
    );
    assert!(read_only.to_string().starts_with("data folder /data cannot be written"), "{read_only}");

    let (_outside, path) = data();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "a file where the folder should be").unwrap();
    let error = DataFolder::serve(&path).unwrap_err();
    assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
}

#[test]
fn a_folder_is_served_while_the_lock_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let shared = DataFolder::share(folder.path()).unwrap();
    assert!(!shared.is_served().unwrap(), "nobody ever served it");
    let serving = DataFolder::serve(folder.path()).unwrap();
    assert!(shared.is_served().unwrap());
    drop(serving);
    assert!(!shared.is_served().unwrap());
}

#[test]
fn what_opening_an_empty_folder_wrote_can_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    DataFolder::serve(folder.path()).unwrap().discard().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
