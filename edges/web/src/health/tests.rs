use super::*;

#[test]
fn a_missing_program_is_named_with_what_it_costs() {
    let check = check_ffmpeg(false);
    assert_eq!(check.status, Status::Degraded);
    assert!(check.why.unwrap().contains("renditions of videos and sound are not available"));
    assert_eq!(check_ffmpeg(true).status, Status::Ok);
}

#[test]
fn memory_is_degraded_before_it_is_used_up() {
    for (resident, expected) in
        [(0, Status::Ok), (900, Status::Ok), (901, Status::Degraded), (2_000, Status::Degraded)]
    {
        assert_eq!(check_memory(resident, 1_000).status, expected, "{resident}");
    }
}

#[tokio::test]
async fn a_library_that_is_gone_degrades_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let (there, gone) = (folder.path().join("there"), folder.path().join("gone"));
    std::fs::create_dir(&there).unwrap();
    let folders = Folders::new(1);
    folders.set(vec![(store::FolderId(1), there), (store::FolderId(2), gone.clone())]);
    let probes = Mutex::default();
    let check = check_libraries(&folders, &probes).await;
    assert_eq!(check.status, Status::Degraded);
    assert!(check.why.unwrap().starts_with("1 of 2 libraries"));
    std::fs::create_dir(gone).unwrap();
    assert_eq!(check_libraries(&folders, &probes).await.status, Status::Ok);
}

#[test]
fn a_library_that_is_not_heard_degrades_with_the_reason_and_no_name() {
    assert_eq!(check_watch(&[]).status, Status::Ok);
    let deaf = [(1, Deaf::Network), (2, Deaf::NoMoreWatches), (3, Deaf::Network)];
    let check = check_watch(&deaf.map(|(id, why)| (FolderId(id), why)));
    assert_eq!(check.status, Status::Degraded);
    let why = check.why.unwrap();
    assert!(why.starts_with("changes in 3 libraries are not heard"), "{why}");
    assert_eq!(why.matches("network file system").count(), 1, "{why}");
    assert!(why.contains("fs.inotify.max_user_watches"), "{why}");
}

#[test]
fn a_folder_that_is_gone_degrades_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    assert!(look_at_disk(folder.path()).free_bytes.is_some());
    assert_eq!(look_at_disk(&folder.path().join("gone")).status, Status::Degraded);
}
