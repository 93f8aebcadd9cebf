//! Clients that leave or stand still, files that change, and a server that stops.

use std::os::unix::fs::FileExt as _;

use super::*;

/// Asks for the long song and hears the first of it, through a window so small that most of it is not sent.
async fn begun(running: &Running) -> (Ear<TcpStream>, Heard) {
    let mut ear = Ear::narrow(running, 4_096).await;
    ear.ask(&get_of(SONG, "")).await;
    let head = ear.head().await;
    while ear.unread.len() < 50_000 {
        assert!(ear.hear().await);
    }
    (ear, head)
}

/// That what came of a broken answer is the beginning of the song.
fn is_beginning(heard: &Heard) {
    assert!(!heard.is_whole && heard.body.len() < LONG, "{} bytes are too many", heard.body.len());
    assert!(heard.body == long()[..heard.body.len()], "no other byte was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p04_aborted_downloads_leave_nothing_behind() {
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    for round in 0..200 {
        let mut ear =
            if round % 2 == 0 { Ear::at(&running).await } else { Ear::narrow(&running, 4_096).await };
        ear.ask(&get_of(SONG, "")).await;
        if round % 10 != 0 {
            let wanted = chance() as usize % 300_000;
            while ear.unread.len() < wanted && ear.hear().await {}
        }
        if round % 3 == 0 {
            // A reset in place of an end.
            socket2::SockRef::from(&ear.stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
    music.at_rest().await;
    assert_eq!(music.count("streams_ended_total{outcome=\"failed\"}"), 0, "the files are not to blame");
    assert_eq!(music.count("orphans_total"), 0);
    Ear::at(&running).await.get(SONG).await.is(long());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_a_file_that_is_truncated_breaks_its_connection_and_nothing_else() {
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    let (mut ear, head) = begun(&running).await;
    std::fs::File::options().write(true).open(music.path("long.flac")).unwrap().set_len(100_000).unwrap();
    let heard = ear.body(head).await;
    assert!(!heard.is_whole && heard.body.len() < LONG);
    // What was with the kernel already is cleared there behind the new end, as with any server that lends it pages.
    let right = heard.body.len().min(100_000);
    assert!(right > 50_000 && heard.body[..right] == long()[..right]);
    music.at_rest().await;
    assert_eq!(music.count("streams_ended_total{outcome=\"failed\"}"), 1);
    let mut other = Ear::at(&running).await;
    other.get(SONG).await.is(&long()[..100_000]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_a_file_that_is_overwritten_in_place_is_never_completed() {
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    let (mut ear, head) = begun(&running).await;
    // Another one waits inside the last of its windows.
    let mut last = Ear::narrow(&running, 4_096).await;
    last.ask(&range_of(SONG, 5 * MIB as usize, 250_000)).await;
    let last_head = last.head().await;
    let file = std::fs::File::options().write(true).open(music.path("long.flac")).unwrap();
    file.write_all_at(&vec![7; 2 * MIB as usize], 4 * MIB).unwrap();
    drop(file);
    is_beginning(&ear.body(head).await);
    assert!(!last.body(last_head).await.is_whole, "the window is not sent to its end");
    music.at_rest().await;
    assert_eq!(music.count("streams_ended_total{outcome=\"failed\"}"), 2);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p02_a_file_that_is_replaced_by_another_is_sent_to_its_old_end() {
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    let (mut ear, head) = begun(&running).await;
    let new: Vec<u8> = long().iter().rev().copied().collect();
    music.write("new.flac", &new);
    std::fs::rename(music.path("new.flac"), music.path("long.flac")).unwrap();
    ear.body(head).await.is(long());
    ear.get(SONG).await.is(&new);
    std::fs::remove_file(music.path("short.flac")).unwrap();
    music.at_rest().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p05_three_hundred_clients_that_stand_still_get_every_byte_later() {
    const PART: usize = 300_000;
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    let song = long();
    let mut stalled = Vec::new();
    for at in 0..300 {
        let mut ear = Ear::narrow(&running, 4_096).await;
        let offset = at * 15_000;
        ear.ask(&range_of(SONG, offset, PART)).await;
        stalled.push((offset, ear.head().await, ear));
    }
    assert_eq!(music.streams.used(), 300, "none of them is done");
    Ear::at(&running).await.get(SONG).await.is(song);
    for (offset, head, mut ear) in stalled {
        ear.widen();
        ear.body(head).await.is(&song[offset..offset + PART]);
    }
    music.at_rest().await;
    assert_eq!(music.sent_by_wire(), (300 * PART + LONG) as u64);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p05_a_client_that_takes_nothing_is_closed_and_gives_everything_back() {
    let music = Music::new();
    let running = music.play(Share::ALL, |house| house.deadlines.write_stall = SOON);
    let mut stalled = Ear::narrow(&running, 4_096).await;
    stalled.ask(&get_of(SONG, "")).await;
    let head = stalled.head().await;
    music.at_rest().await;
    assert_eq!(running.ended(Ended::Stalled), 1);
    is_beginning(&stalled.body(head).await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p05_a_stream_that_is_ended_breaks_off() {
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    let (mut ear, head) = begun(&running).await;
    let stream = music.streams.list(None, 10).remove(0);
    assert!(stream.bytes >= 50_000, "the registry sees what the wire sends: {}", stream.bytes);
    assert!(music.streams.end(stream.id));
    music.at_rest().await;
    is_beginning(&ear.body(head).await);
    assert_eq!(music.count("streams_ended_total{outcome=\"ended\"}"), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p10_a_stop_lets_an_answer_finish_that_is_queued() {
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    // The second asked for more, which a stop leaves unanswered.
    let (mut ear, head) = begun(&running).await;
    let (mut other, other_head) = begun(&running).await;
    other.ask(&get_of("/ok", "")).await;
    // Of the third, hyper has all that it will ever see: one blank, in its queue.
    let mut last = Ear::narrow(&running, 4_096).await;
    last.ask(&range_of(SONG, 7, 250_000)).await;
    let last_head = last.head().await;
    running.house.stop.cancel();
    let refused = async {
        while let Ok(mut late) = TcpStream::connect(running.socket()).await {
            rest(&mut late).await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("nobody listens any more");
    last.body(last_head).await.is(&long()[7..250_007]);
    ear.body(head).await.is(long());
    assert!(!ear.hear().await, "and then it closes");
    other.body(other_head).await.is(long());
    music.at_rest().await;
    assert_eq!(music.sent_by_wire(), 2 * LONG as u64 + 250_000);
    running.stop().await;
}

/// Hyper is done with such a connection as soon as the last blank is in its queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p10_the_last_answer_of_a_connection_comes_whole_at_a_stop_too() {
    const PART: usize = 250_000;
    let music = Music::new();
    let running = music.play(Share::ALL, |_| {});
    let range = format!("Range: bytes=7-{}\r\n", PART + 6);
    let asked = [
        get_of(SONG, &format!("{range}Connection: close\r\n")),
        format!("GET {SONG} HTTP/1.0\r\n{range}\r\n"),
        // Of the next two the request's body is never read: one is announced and one waits for leave to be sent.
        get_of(SONG, &format!("{range}Content-Length: 1000000\r\n")),
        get_of(SONG, &format!("{range}Content-Length: 9\r\nExpect: 100-continue\r\n")),
    ];
    for stops in [false, true] {
        let mut last = Vec::new();
        for text in &asked {
            let mut ear = Ear::narrow(&running, 4_096).await;
            ear.ask(text).await;
            last.push((text, ear.head().await, ear));
        }
        assert_eq!(music.streams.used(), asked.len(), "none of them is sent yet");
        if stops {
            running.house.stop.cancel();
        }
        // sleep: hyper must have had the time to let go of them, which nothing outside it can see.
        tokio::time::sleep(SOON).await;
        for (text, head, mut ear) in last {
            println!("stopping: {stops}, {text}");
            ear.widen();
            ear.body(head).await.is(&long()[7..PART + 7]);
            assert!(!ear.hear().await, "and then it closes");
        }
    }
    music.at_rest().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p10_an_answer_that_is_not_taken_within_the_drain_is_cut() {
    let music = Music::new();
    let running = music.play(Share::ALL, |house| house.deadlines.drain = SOON);
    let (mut ear, head) = begun(&running).await;
    running.stop().await;
    music.at_rest().await;
    is_beginning(&ear.body(head).await);
}
