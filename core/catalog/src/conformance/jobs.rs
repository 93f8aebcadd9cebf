//! Jobs: the states that they go through, who is at them, and what comes of them.

use std::sync::Arc;

use budget::limits::{JOB_ATTEMPTS_MAX, JOB_SERVER_ENDS_MAX};

use super::house::{House, file};
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{
    EngineName, Job, JobAdded, JobBounds, JobError, JobFault, JobId, JobPriority, JobRetry, JobSource,
    JobState, MadeSet, MaskExtension, NewJob, StemCount, StemFile, StemFormat, StemName, StemSetId,
    StemsWish, TrackId, UserId, WorkerId,
};

/// Moments that are over, and that never come.
const NEVER: i64 = i64::MAX;
const ME: WorkerId = WorkerId([1; 16]);
const OTHER: WorkerId = WorkerId([2; 16]);
pub(super) const BOUNDS: JobBounds = JobBounds { of_owner_max: 4, all_max: 6 };

const WISH: StemsWish = StemsWish {
    count: StemCount::Two,
    engine: None,
    extension: MaskExtension::Average,
    format: StemFormat::Wav,
};

async fn house(catalog: Arc<dyn Catalog>) -> (House, TrackId) {
    let house = House::with(catalog, &[file("Frogs", "Pond", 1, "Croak")]).await;
    let track = house.track("Croak").await.id;
    (house, track)
}

pub(super) fn sent(key: u8) -> JobSource {
    JobSource::Blob { key: [key; 32], name: "song.mp3".to_owned() }
}

pub(super) fn new(id: u8, owner: Option<UserId>, source: JobSource) -> NewJob {
    NewJob { id: JobId([id; 16]), owner, source, wish: WISH, priority: JobPriority::Asked }
}

fn made(stems: &[(StemName, u8)]) -> MadeSet {
    let file = |&(stem, key): &(StemName, u8)| StemFile {
        stem,
        key: [key; 32],
        length_bytes: 1_000 + u64::from(key),
        crc32: 0xFFFF_FFF0 + u32::from(key),
    };
    MadeSet {
        source_tag: "tag".to_owned(),
        engine: "spectral".to_owned(),
        notes: vec!["a note, with \"quotes\"".to_owned()],
        samples: 44_100,
        files: stems.iter().map(file).collect(),
    }
}

fn two(first: u8) -> MadeSet {
    made(&[(StemName::Vocals, first), (StemName::Accompaniment, first + 1)])
}

fn broke() -> JobError {
    JobError { reason: "the child was killed".to_owned(), fault: JobFault::Server }
}

async fn add(catalog: &Arc<dyn Catalog>, job: &NewJob) -> JobId {
    assert_eq!(catalog.add_job(job, BOUNDS).await.expect("an answer"), JobAdded::Queued);
    job.id
}

async fn claimed(catalog: &Arc<dyn Catalog>, id: JobId) -> Job {
    catalog.claim_job(ME, id, NEVER).await.expect("an answer").expect("it waits")
}

async fn state(catalog: &Arc<dyn Catalog>, id: JobId) -> JobState {
    catalog.job(id).await.expect("a job").state
}

pub(super) async fn a_job_is_claimed_by_one_and_ends_once(catalog: Arc<dyn Catalog>) {
    let (house, track) = house(catalog).await;
    let catalog = &house.catalog;
    let id = add(catalog, &new(1, Some(house.ann.id), JobSource::Track(track))).await;
    let row = catalog.job(id).await.expect("a job");
    assert_eq!(
        (row.state, row.attempts, row.started, row.owner),
        (JobState::Queued, 0, None, Some(house.ann.id))
    );
    assert_eq!(catalog.next_job(NEVER).await.expect("a look").map(|job| job.id), Some(id));

    let row = claimed(catalog, id).await;
    assert_eq!((row.state, row.attempts), (JobState::Running, 1));
    assert_eq!(catalog.claim_job(OTHER, id, NEVER).await.expect("an answer"), None, "it is somebody's");
    assert_eq!(catalog.next_job(NEVER).await.expect("a look"), None);
    assert_eq!(catalog.open_jobs().await.expect("counts"), (0, 1));

    assert!(!catalog.beat_job(OTHER, id, (5, None), NEVER).await.expect("an answer"), "it is not his");
    assert!(catalog.beat_job(ME, id, (7, Some(10)), NEVER).await.expect("an answer"));
    let row = catalog.job(id).await.expect("a job");
    assert_eq!((row.done, row.of), (7, Some(10)));

    assert!(!catalog.finish_job(OTHER, id, &two(1)).await.expect("an answer"), "it is not his");
    assert_eq!(catalog.stem_set(id).await.expect("a look"), None);
    assert!(catalog.finish_job(ME, id, &two(1)).await.expect("an answer"));
    let row = catalog.job(id).await.expect("a job");
    assert_eq!((row.state, row.done, row.of, &row.error), (JobState::Done, 44_100, Some(44_100), &None));
    assert_eq!((row.engine.as_deref(), &row.notes), (Some("spectral"), &two(1).notes));
    assert!(row.finished.is_some());

    // Whatever comes now changes nothing.
    assert!(!catalog.beat_job(ME, id, (1, None), NEVER).await.expect("an answer"));
    assert!(!catalog.finish_job(ME, id, &two(5)).await.expect("an answer"));
    assert_eq!(catalog.fail_job(ME, id, &broke(), JobRetry::Never).await.expect("an answer"), None);
    catalog.return_job(ME, id).await.expect("an answer");
    assert_eq!(catalog.cancel_job(id).await.expect("an answer"), JobState::Done);
    assert_eq!(catalog.reap_jobs(NEVER).await.expect("an answer"), 0);
    assert_eq!(catalog.claim_job(ME, id, NEVER).await.expect("an answer"), None);
    assert_eq!(catalog.job(id).await.expect("a job"), row);
}

pub(super) async fn a_try_that_failed_is_repeated_so_often_as_may_be(catalog: Arc<dyn Catalog>) {
    let (house, track) = house(catalog).await;
    let catalog = &house.catalog;
    let id = add(catalog, &new(1, None, JobSource::Track(track))).await;
    for attempt in 1..JOB_ATTEMPTS_MAX {
        assert_eq!(claimed(catalog, id).await.attempts, attempt);
        let failed = catalog.fail_job(ME, id, &broke(), JobRetry::At(900 + i64::from(attempt))).await;
        assert_eq!(failed.expect("an answer"), Some(JobState::Queued));
        let due = catalog.job_due().await.expect("a moment").expect("one waits");
        assert_eq!(catalog.next_job(due - 1).await.expect("a look"), None, "it is not due");
        assert_eq!(catalog.next_job(due).await.expect("a look").expect("it is due").error, Some(broke()));
    }
    assert_eq!(claimed(catalog, id).await.error, None, "a new try");
    let failed = catalog.fail_job(ME, id, &broke(), JobRetry::At(0)).await.expect("an answer");
    assert_eq!(failed, Some(JobState::Failed));
    assert_eq!(catalog.job(id).await.expect("a job").error, Some(broke()));

    // A song that is none is not tried again.
    let id = add(catalog, &new(2, None, sent(9))).await;
    claimed(catalog, id).await;
    let none = JobError { reason: "this is no sound".to_owned(), fault: JobFault::Song };
    let failed = catalog.fail_job(ME, id, &none, JobRetry::Never).await.expect("an answer");
    assert_eq!(failed, Some(JobState::Failed));
}

pub(super) async fn a_job_whose_worker_is_gone_is_taken_up_again(catalog: Arc<dyn Catalog>) {
    let (house, track) = house(catalog).await;
    let catalog = &house.catalog;
    let id = add(catalog, &new(1, None, JobSource::Track(track))).await;
    for attempt in 1..=JOB_ATTEMPTS_MAX {
        assert_eq!(state(catalog, id).await, JobState::Queued);
        let until = 1_000;
        let claim = catalog.claim_job(ME, id, until).await.expect("an answer").expect("it waits");
        assert_eq!(claim.attempts, attempt);
        assert_eq!(catalog.reap_jobs(until - 1).await.expect("an answer"), 0, "its time is not over");
        assert!(catalog.beat_job(ME, id, (1, None), until + 10).await.expect("an answer"));
        assert_eq!(catalog.reap_jobs(until).await.expect("an answer"), 0, "its heart beat");
        assert_eq!(catalog.reap_jobs(until + 10).await.expect("an answer"), 1);
        assert!(
            !catalog.beat_job(ME, id, (2, None), NEVER).await.expect("an answer"),
            "it is not his any more"
        );
    }
    assert_eq!(state(catalog, id).await, JobState::Failed);

    // A server that stops has not tried.
    let id = add(catalog, &new(2, None, sent(9))).await;
    claimed(catalog, id).await;
    catalog.return_job(ME, id).await.expect("an answer");
    let row = catalog.job(id).await.expect("a job");
    assert_eq!((row.state, row.attempts), (JobState::Queued, 0));
}

pub(super) async fn that_a_server_ended_is_no_try(catalog: Arc<dyn Catalog>) {
    let (house, track) = house(catalog).await;
    let catalog = &house.catalog;
    let id = add(catalog, &new(1, None, JobSource::Track(track))).await;
    // A try that failed is one whatever becomes of servers.
    claimed(catalog, id).await;
    let failed = catalog.fail_job(ME, id, &broke(), JobRetry::At(0)).await.expect("an answer");
    assert_eq!(failed, Some(JobState::Queued));
    for _ in 0..JOB_SERVER_ENDS_MAX {
        assert_eq!(catalog.take_up_jobs().await.expect("an answer"), 0, "it waits");
        assert_eq!(claimed(catalog, id).await.attempts, 2);
        assert_eq!(catalog.take_up_jobs().await.expect("an answer"), 1, "whatever was heard of it");
    }
    let failed = catalog.job(id).await.expect("a job");
    assert_eq!(failed.state, JobState::Failed, "it may be what ended them");
    let reason = failed.error.expect("a reason").reason;
    assert_eq!(reason, format!("the server ended before it was done, the {JOB_SERVER_ENDS_MAX}. time"));
}

pub(super) async fn a_cancelled_job_is_nobodys(catalog: Arc<dyn Catalog>) {
    let (house, track) = house(catalog).await;
    let catalog = &house.catalog;
    let waiting = add(catalog, &new(1, None, JobSource::Track(track))).await;
    let running = add(catalog, &new(2, None, sent(1))).await;
    claimed(catalog, running).await;
    for id in [waiting, running] {
        assert_eq!(catalog.cancel_job(id).await.expect("an answer"), JobState::Cancelled);
        assert_eq!(state(catalog, id).await, JobState::Cancelled);
    }
    assert_eq!(catalog.claim_job(ME, waiting, NEVER).await.expect("an answer"), None);
    assert!(!catalog.finish_job(ME, running, &two(1)).await.expect("an answer"));
    assert_eq!(catalog.stem_set(running).await.expect("a look"), None, "nothing is kept of it");
    assert_eq!(catalog.fail_job(ME, running, &broke(), JobRetry::At(0)).await.expect("an answer"), None);
    let missing = catalog.cancel_job(JobId([9; 16])).await.expect_err("there is none");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

pub(super) async fn jobs_come_in_their_order_and_are_bounded(catalog: Arc<dyn Catalog>) {
    let (house, track) = house(catalog).await;
    let catalog = &house.catalog;
    let (ann, bob) = (Some(house.ann.id), Some(house.bob.id));
    let with = |id: u8, owner, key: u8, priority| NewJob { priority, ..new(id, owner, sent(key)) };
    add(catalog, &with(3, ann, 3, JobPriority::Beside)).await;
    add(catalog, &with(2, ann, 2, JobPriority::Asked)).await;
    add(catalog, &with(1, bob, 1, JobPriority::Waited)).await;
    let mut order = Vec::new();
    while let Some(job) = catalog.next_job(NEVER).await.expect("a look") {
        order.push(job.id.0[0]);
        claimed(catalog, job.id).await;
    }
    assert_eq!(order, [1, 2, 3]);

    // The same wish is the same job while it has not ended, of the same owner alone.
    let again = catalog.add_job(&new(4, ann, sent(2)), BOUNDS).await.expect("an answer");
    assert_eq!(again, JobAdded::Known(JobId([2; 16])));
    let other =
        NewJob { wish: StemsWish { engine: Some(EngineName::Spectral), ..WISH }, ..new(4, ann, sent(2)) };
    add(catalog, &other).await;
    add(catalog, &new(5, ann, JobSource::Track(track))).await;
    let full = catalog.add_job(&new(6, ann, sent(6)), BOUNDS).await.expect("an answer");
    assert_eq!(full, JobAdded::TooManyOfOwner);
    add(catalog, &new(7, bob, sent(2))).await;
    let full = catalog.add_job(&new(8, bob, sent(8)), BOUNDS).await.expect("an answer");
    assert_eq!(full, JobAdded::TooMany);
    // The songs of those that have not ended; a track is none.
    let mut songs: Vec<(u8, Option<UserId>, u8)> = catalog
        .sent_songs(100)
        .await
        .expect("a list")
        .into_iter()
        .map(|(job, owner, key)| (job.0[0], owner, key[0]))
        .collect();
    songs.sort_unstable_by_key(|(job, ..)| *job);
    assert_eq!(songs, [(1, bob, 1), (2, ann, 2), (3, ann, 3), (4, ann, 2), (7, bob, 2)]);
    assert_eq!(catalog.sent_songs(2).await.expect("a list").len(), 2);
    // One that ends makes room.
    catalog.cancel_job(JobId([5; 16])).await.expect("an answer");
    add(catalog, &new(6, ann, sent(6))).await;
    let ids: Vec<u8> =
        catalog.jobs(house.ann.id, 100).await.expect("a list").iter().map(|job| job.id.0[0]).collect();
    assert_eq!(ids.len(), 5, "{ids:?}");
    assert_eq!(catalog.jobs(house.ann.id, 2).await.expect("a list").len(), 2);

    catalog.cancel_job(JobId([7; 16])).await.expect("an answer");
    let nobody = catalog.add_job(&new(9, None, JobSource::Track(TrackId(4_711))), BOUNDS).await;
    assert_eq!(nobody.expect_err("there is no such track").kind(), ErrorKind::NotFound);
}

pub(super) async fn stems_are_there_all_together(catalog: Arc<dyn Catalog>) {
    let (house, track) = house(catalog).await;
    let catalog = &house.catalog;
    let run = async |id: u8, set: &MadeSet| {
        let id = add(catalog, &new(id, Some(house.ann.id), JobSource::Track(track))).await;
        claimed(catalog, id).await;
        assert!(catalog.finish_job(ME, id, set).await.expect("an answer"));
        id
    };
    let first = run(1, &two(1)).await;
    let set = catalog.stem_set(first).await.expect("a look").expect("a set");
    assert_eq!((set.track, set.job, set.wish, &set.made), (Some(track), first, WISH, &two(1)));
    assert_eq!(set.file(StemName::Accompaniment).map(|file| file.key), Some([2; 32]));
    assert_eq!(catalog.stems_of(track).await.expect("a look"), std::slice::from_ref(&set));

    // Stems that are there make the next job one that is done.
    let done = new(2, Some(house.bob.id), JobSource::Track(track));
    catalog.add_done_job(&done, set.id).await.expect("it is done");
    let row = catalog.job(done.id).await.expect("a job");
    assert_eq!((row.state, row.engine.as_deref(), row.done), (JobState::Done, Some("spectral"), 44_100));
    assert_eq!(catalog.stem_set(done.id).await.expect("a look").as_ref(), Some(&set));

    // One that waits for the same is put off, and ends with them.
    let beside = add(catalog, &new(9, Some(house.bob.id), JobSource::Track(track))).await;
    catalog.put_off_job(beside, 5_000).await.expect("an answer");
    assert_eq!(catalog.next_job(4_999).await.expect("a look"), None, "it is not due");
    assert_eq!(catalog.next_job(5_000).await.expect("a look").map(|job| job.id), Some(beside));
    assert!(!catalog.settle_job(beside, StemSetId(set.id.0 + 1)).await.expect("an answer"), "no such set");
    assert!(catalog.settle_job(beside, set.id).await.expect("an answer"));
    assert_eq!(state(catalog, beside).await, JobState::Done);
    assert_eq!(catalog.stem_set(beside).await.expect("a look").as_ref(), Some(&set));
    assert!(!catalog.settle_job(beside, set.id).await.expect("an answer"), "it does not wait any more");

    // The same wish anew takes the place of what was there.
    let second = run(3, &two(11)).await;
    let sets = catalog.stems_of(track).await.expect("a look");
    assert_eq!(sets.iter().map(|set| set.job).collect::<Vec<_>>(), [second]);
    assert_eq!(catalog.stem_set(first).await.expect("a look"), None);
    let all = catalog.stem_sets(None, 10).await.expect("a page");
    assert_eq!(all, sets);
    assert_eq!(catalog.stem_sets(Some(sets[0].id), 10).await.expect("a page"), []);

    // What was made in another way stands beside it, the newest first, and goes alone.
    let other = run(4, &MadeSet { engine: "spleeter".to_owned(), ..two(6) }).await;
    let both = catalog.stems_of(track).await.expect("a look");
    assert_eq!(both.iter().map(|set| set.job).collect::<Vec<_>>(), [other, second]);
    assert_eq!(catalog.drop_stem_set(both[0].id).await.expect("gone"), [[6; 32], [7; 32]]);
    assert_eq!(catalog.stems_of(track).await.expect("a look"), sets);

    assert_eq!(catalog.drop_stem_set(sets[0].id).await.expect("gone"), [[11; 32], [12; 32]]);
    assert_eq!(catalog.drop_stem_set(sets[0].id).await.expect("gone"), Vec::<[u8; 32]>::new());
    assert_eq!(catalog.stems_of(track).await.expect("a look"), []);
    assert_eq!(state(catalog, second).await, JobState::Done, "it was done all the same");
}

pub(super) async fn what_ended_long_ago_is_forgotten_with_what_was_sent_for_it(catalog: Arc<dyn Catalog>) {
    let (house, track) = house(catalog).await;
    let catalog = &house.catalog;
    let of_track = add(catalog, &new(1, None, JobSource::Track(track))).await;
    let of_song = add(catalog, &new(2, None, sent(50))).await;
    let same_song = add(catalog, &new(3, Some(house.ann.id), sent(50))).await;
    for (id, set) in [(of_track, two(1)), (of_song, two(11))] {
        claimed(catalog, id).await;
        assert!(catalog.finish_job(ME, id, &set).await.expect("an answer"));
    }
    assert_eq!(
        catalog.forget_jobs(0, 10).await.expect("none"),
        Vec::<[u8; 32]>::new(),
        "they ended just now"
    );
    let keys = catalog.forget_jobs(NEVER, 10).await.expect("forgotten");
    assert_eq!(keys, [[11; 32], [12; 32]], "the song is still wanted, and the track's stems stay");
    assert_eq!(catalog.job(of_song).await.expect_err("it is forgotten").kind(), ErrorKind::NotFound);
    assert_eq!(catalog.stems_of(track).await.expect("a look").len(), 1);
    catalog.cancel_job(same_song).await.expect("an answer");
    assert_eq!(catalog.forget_jobs(NEVER, 10).await.expect("forgotten"), [[50; 32]]);
    assert_eq!(catalog.open_jobs().await.expect("counts"), (0, 0));
}
