//! Files that change, streams that are ended, disks that are slow, clients that stand still.

use super::*;

/// Sends half of a new file, changes it by `change`, and goes on: the error, when all is given back.
async fn broken_by(
    manner: Manner,
    change: impl FnOnce(&Path, &Streams, &mut Sending) -> io::Result<()>,
) -> (io::Error, usize) {
    let (streams, budget) = streams(WINDOW);
    let bytes = pattern(6 * WINDOW as usize);
    let (folder, source) = new_file(&bytes);
    let mut sending = sending(&streams, &source, manner);
    drop(source);
    let context = &mut Context::from_waker(Waker::noop());
    while sending.outlet.out.len() < 2 * WINDOW as usize {
        assert!(sending.turn(context).1.is_pending());
    }
    change(&folder.path().join("song.flac"), &streams, &mut sending).unwrap();
    let error = sending.finish().await.expect_err("the answer cannot be completed");
    let sent = sending.outlet.out.len() - HEAD.len();
    assert!(sending.outlet.out[HEAD.len()..] == bytes[..sent], "no byte of another state was sent");
    assert_eq!(streams.inner.metrics.count_ended(Outcome::Complete), 0);
    drop(sending);
    let outcome = Outcome::ALL.map(|outcome| streams.inner.metrics.count_ended(outcome));
    assert_eq!(outcome.iter().sum::<u64>(), 1);
    assert_at_rest(&streams, &budget);
    let failed = streams.inner.metrics.count_ended(Outcome::Failed) == 1;
    let ended = streams.inner.metrics.count_ended(Outcome::Ended) == 1;
    assert!(failed || ended, "{outcome:?}");
    (error, sent)
}

#[tokio::test]
async fn p02_a_file_that_changes_in_place_breaks_the_connection_at_the_next_window() {
    for manner in BOTH {
        let (error, sent) = broken_by(manner, |path, _, _| {
            OpenOptions::new().write(true).open(path)?.write_all_at(&[9; 100], 4 * WINDOW)
        })
        .await;
        assert!(error.to_string().contains("changed"), "{error}");
        assert!(sent <= 3 * WINDOW as usize, "{sent}");
    }
}

#[tokio::test]
async fn p02_a_file_that_shrinks_breaks_the_connection() {
    for manner in BOTH {
        let (error, sent) =
            broken_by(manner, |path, _, _| OpenOptions::new().write(true).open(path)?.set_len(100_000)).await;
        assert!(error.to_string().contains("changed"), "{error}");
        assert!(sent <= 3 * WINDOW as usize, "{sent}");
    }
}

/// Between the look at a window and the call that sends it.
#[tokio::test]
async fn p02_a_file_that_shrinks_inside_a_window_breaks_the_connection() {
    let piecewise = Manner { takes_max: 30_000, waits_each: 0, copies: false };
    for manner in [piecewise, Manner { copies: true, ..piecewise }] {
        let (streams, budget) = streams(WINDOW);
        let bytes = pattern(2 * WINDOW as usize);
        let (folder, source) = new_file(&bytes);
        let mut sending = sending(&streams, &source, manner);
        let context = &mut Context::from_waker(Waker::noop());
        sending.poll_some(context, 60_000).unwrap();
        let sent = sending.outlet.out.len() - HEAD.len();
        assert!(sent < WINDOW as usize, "it is inside of the first window: {sent}");
        let path = folder.path().join("song.flac");
        OpenOptions::new().write(true).open(path).unwrap().set_len(sent as u64).unwrap();
        let error = sending.finish().await.unwrap_err();
        let text = error.to_string();
        // A copy is read by a call that cannot tell, so that the file is looked at again.
        let said = if manner.copies { "changed" } else { "bytes too early" };
        assert!(text.contains(said), "{text}");
        assert!(sending.outlet.out[HEAD.len()..] == bytes[..sent]);
        drop(sending);
        assert_eq!(streams.inner.metrics.count_ended(Outcome::Failed), 1);
        assert_at_rest(&streams, &budget);
    }
}

#[tokio::test]
async fn p02_a_stream_that_is_ended_breaks_off_and_its_connection_is_woken() {
    for manner in BOTH {
        let (error, sent) = broken_by(manner, |_, streams, sending| {
            // Nothing but the registry could wake it.
            sending.outlet.is_full = true;
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let context = &mut Context::from_waker(&waker);
            // The body gives a piece, and thereby says whom to wake, once in a window.
            sending.outlet.is_full = false;
            while sending.turn(context).1.is_ready() {}
            sending.outlet.is_full = true;
            assert!(sending.turn(context).1.is_pending());
            woken.0.store(false, Ordering::SeqCst);
            assert!(streams.end(streams.all()[0].id));
            assert!(woken.0.load(Ordering::SeqCst), "whoever waits for the socket hears of it");
            sending.outlet.is_full = false;
            Ok(())
        })
        .await;
        assert!(error.to_string().contains("on request"), "{error}");
        assert!(sent < 6 * WINDOW as usize);
    }
}

/// Whether these bytes are out of the page cache now; not all systems follow the advice.
fn is_cold(folder: &Path, source: &Source) -> bool {
    std::fs::File::open(folder.join("song.flac")).unwrap().sync_all().unwrap();
    rustix::fs::fadvise(source.file().unwrap(), 0, None, rustix::fs::Advice::DontNeed).unwrap();
    !source.is_resident(0, source.len())
}

#[tokio::test]
async fn a_window_that_a_disk_must_bring_is_brought_and_counted() {
    for manner in BOTH {
        let (streams, budget) = streams(WINDOW);
        let bytes = pattern(6 * WINDOW as usize);
        let (folder, source) = new_file(&bytes);
        let is_cold = is_cold(folder.path(), &source);
        let mut sending = sending(&streams, &source, manner);
        sending.finish().await.unwrap();
        assert!(sending.outlet.out[HEAD.len()..] == bytes);
        let misses = streams.inner.metrics.count_misses();
        assert!(!is_cold || (1..=6).contains(&misses), "{misses} windows were not there");
        assert_at_rest(&streams, &budget);
    }
}

#[test]
fn p04_a_stream_that_goes_while_a_disk_works_gives_its_memory_back_when_the_disk_is_done() {
    let (streams, budget) = streams(WINDOW);
    let (folder, source) = new_file(&pattern(6 * WINDOW as usize));
    if !is_cold(folder.path(), &source) {
        return;
    }
    // One thread for what blocks, which is busy.
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let (open, gate) = std::sync::mpsc::sync_channel::<()>(1);
    runtime.block_on(async {
        let busy = tokio::task::spawn_blocking(move || gate.recv());
        let mut sending = sending(&streams, &source, Manner::GREEDY);
        let (sent, polled) = sending.turn(&mut Context::from_waker(Waker::noop()));
        assert!(sent == HEAD.len() && polled.is_pending(), "the head does not wait for a disk");
        drop(sending);
        assert_eq!((streams.used(), streams.all().len()), (0, 0), "the slot is free");
        assert_eq!(used(&budget), STREAM_BYTES, "the read goes on");
        open.send(()).unwrap();
        busy.await.unwrap().unwrap();
        tokio::task::spawn_blocking(|| {}).await.unwrap();
    });
    assert_at_rest(&streams, &budget);
}

/// Such as NFS or FUSE: there each read in time "would block", for ever.
#[tokio::test]
async fn p02_a_file_system_that_cannot_say_what_it_holds_is_served() {
    let folder = store::LibraryFolder::open(Path::new("/sys/kernel")).unwrap();
    let Ok(source) = folder.open_source(&store::RelPath::parse("btf/vmlinux").unwrap()) else { return };
    let mut bytes = vec![0; usize::try_from(source.len()).unwrap()];
    io::Read::read_exact(&mut source.reader(), &mut bytes).unwrap();
    assert!(!source.is_resident(0, 1), "the kernel's own files do not say");
    for manner in BOTH {
        let (streams, budget) = streams(WINDOW);
        let mut sending = sending(&streams, &source, manner);
        tokio::time::timeout(Duration::from_secs(20), sending.finish()).await.expect("it goes on").unwrap();
        assert!(sending.outlet.out[HEAD.len()..] == bytes);
        assert_at_rest(&streams, &budget);
    }
}

/// A slow client takes many seconds for a window, in which its pages may go.
#[tokio::test(start_paused = true)]
async fn pages_that_were_looked_at_long_ago_are_looked_at_again() {
    let fresh = Duration::from_millis(WINDOW_FRESH_MS);
    for (waited, is_seen) in [(fresh - Duration::from_millis(1), false), (fresh, true)] {
        let (streams, _) = streams(WINDOW);
        let bytes = pattern(WINDOW as usize);
        let (folder, source) = new_file(&bytes);
        let mut sending = stalled_inside(&streams, &source);
        let is_cold = is_cold(folder.path(), &source);
        tokio::time::advance(waited).await;
        sending.outlet.is_full = false;
        sending.finish().await.unwrap();
        assert!(sending.outlet.out[HEAD.len()..] == bytes);
        let misses = streams.inner.metrics.count_misses();
        assert!(!is_cold || misses == u64::from(is_seen), "{misses} looks failed after {waited:?}");
    }
}

/// An answer that waits for its client inside its only window.
fn stalled_inside(streams: &Streams, source: &Source) -> Sending {
    let mut sending = sending(streams, source, Manner { takes_max: 20_000, ..Manner::GREEDY });
    let context = &mut Context::from_waker(Waker::noop());
    sending.poll_some(context, 60_000).unwrap();
    sending.outlet.is_full = true;
    assert!(sending.turn(context).1.is_pending());
    sending
}

#[tokio::test(start_paused = true)]
async fn p02_what_changed_while_the_client_made_us_wait_is_never_sent() {
    for change in [0, 1] {
        let (streams, budget) = streams(WINDOW);
        let bytes = pattern(WINDOW as usize);
        let (folder, source) = new_file(&bytes);
        let mut sending = stalled_inside(&streams, &source);
        let sent = sending.outlet.out.len() - HEAD.len();
        let file = OpenOptions::new().write(true).open(folder.path().join("song.flac")).unwrap();
        file.write_all_at(&[9; 1][..change], WINDOW - 1).unwrap();
        sending.outlet.is_full = false;
        let done = sending.finish().await;
        assert_eq!(done.is_err(), change == 1, "{done:?}");
        let sent = if change == 1 { sent } else { bytes.len() };
        assert!(sending.outlet.out[HEAD.len()..] == bytes[..sent], "after the change nothing is sent");
        drop(sending);
        assert_at_rest(&streams, &budget);
    }
}
