use std::fs;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::house::{House, Kept, wav, whole};
use crate::ErrorKind;

/// The names in the spool.
fn spool(house: &House) -> Vec<String> {
    let files = fs::read_dir(house.spool.folder()).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn an_upload_is_cancelled_at_once_while_the_remote_store_hangs_and_the_notes_of_it_stay_until_it_forgot()
 {
    let house = House::of(Kept::Far).await;
    let id = house.create(Some(500_000), "x.wav").await;
    let mut receiving = house.take(id).await;
    receiving.append(whole(&wav(1_000, 1)), None).await.unwrap();
    drop(receiving);
    // What such a store notes of what it has.
    let notes = format!("{id}.parts");
    fs::write(house.spool.folder().join(&notes), "{}").unwrap();
    house.hangs.store(true, Ordering::Relaxed);
    let cancelled = tokio::time::timeout(Duration::from_secs(10), house.ingest.cancel(&house.ann, id)).await;
    cancelled.expect("nobody waits for the store").unwrap();
    assert_eq!(house.ingest.status(&house.ann, id).await.unwrap_err().kind, ErrorKind::Gone);
    assert_eq!((house.ingest.0.table.len(), house.ingest.0.slots.used()), (0, 0));
    assert_eq!(spool(&house), [notes.as_str()]);
    house.hangs.store(false, Ordering::Relaxed);
    house.down.store(true, Ordering::Relaxed);
    house.ingest.tend_once().await;
    assert_eq!(spool(&house), [notes.as_str()], "it could not be told");
    // A server that starts finds the note.
    let house = house.restarted().await;
    house.ingest.reap_once(SystemTime::now()).await.ok();
    house.ingest.tend_once().await;
    assert_eq!(spool(&house), [notes.as_str()], "it could not be told again");
    house.down.store(false, Ordering::Relaxed);
    house.ingest.reap_once(SystemTime::now()).await.unwrap();
    house.ingest.tend_once().await;
    assert_eq!(spool(&house), Vec::<String>::new());
    house.is_clean();
}
