use super::*;

fn playing(user: i64, player: &str, state: State, position_ms: u64) -> Playing {
    Playing {
        user: UserId(user),
        user_name: "ann".into(),
        player: player.into(),
        track: TrackId(1),
        duration_ms: 180_000,
        state,
        position_ms,
        rate_thousandths: 1_000,
        at: Instant::now(),
        reports: true,
        counts: true,
        began: 0,
        heard_ms: 0,
    }
}

#[tokio::test(start_paused = true)]
async fn a_player_goes_on_as_it_was_until_it_is_taken_to_have_ended() {
    let now_playing = NowPlaying::default();
    now_playing.report(playing(1, "a", State::Playing, 10_000));
    now_playing.report(Playing { reports: false, ..playing(1, "b", State::Playing, 0) });
    now_playing.report(playing(2, "a", State::Paused, 10_000));
    tokio::time::advance(Duration::from_secs(20)).await;
    let told = |all: Vec<(u64, Playing)>| {
        let now = Instant::now();
        all.iter().map(|(number, one)| (*number, one.position_ms(now))).collect::<Vec<_>>()
    };
    assert_eq!(told(now_playing.all(Instant::now())), [(3, 10_000), (2, 20_000), (1, 30_000)]);
    tokio::time::advance(Duration::from_secs(161)).await;
    assert_eq!(told(now_playing.all(Instant::now())), [(3, 10_000), (1, 180_000)]);
    now_playing.stop(&playing(1, "a", State::Paused, 180_000));
    now_playing.report(playing(2, "a", State::Playing, 20_000));
    assert_eq!(told(now_playing.all(Instant::now())), [(3, 20_000)], "it keeps its number");
    tokio::time::advance(Duration::from_millis(NOW_PLAYING_MS + 160_000)).await;
    assert_eq!(told(now_playing.all(Instant::now())), []);
}

#[tokio::test]
async fn of_too_many_players_the_one_that_said_nothing_for_longest_is_forgotten() {
    let now_playing = NowPlaying::default();
    for user in 0..NOW_PLAYING_MAX as i64 + 5 {
        now_playing.report(playing(user, "a", State::Playing, 0));
    }
    let all = now_playing.all(Instant::now());
    assert_eq!((all.len(), all.last().map(|(_, one)| one.user)), (NOW_PLAYING_MAX, Some(UserId(5))));
    let began =
        now_playing.report(Playing { began: 7, heard_ms: 90_000, ..playing(0, "b", State::Paused, 9) });
    assert_eq!(began.played, [], "who was forgotten for it had heard nothing");
    for user in 6..NOW_PLAYING_MAX as i64 + 5 {
        now_playing.report(playing(user, "a", State::Playing, 0));
    }
    let last = now_playing.report(playing(999, "a", State::Playing, 0));
    let forgotten = Play { user: UserId(0), track: TrackId(1), began: 7 };
    assert_eq!(last.played, [forgotten], "what was heard of his song is not forgotten with him");
}

/// What a player says after so many seconds.
enum Said {
    Starting(i64, u64),
    Playing(i64, u64),
    Paused(i64, u64),
    /// What an old app says: it has begun this song.
    Begun(i64),
    Stopped(i64, u64),
    /// The last one, and it wants nothing to be counted.
    Ignored(i64, u64),
    /// Somebody else says something.
    Other,
}

/// The songs that were played, in their order. They have 180 seconds.
async fn played(said: &[(u64, Said)]) -> Vec<i64> {
    let now_playing = NowPlaying::default();
    let mut played = Vec::new();
    for (after_s, said) in said {
        tokio::time::advance(Duration::from_secs(*after_s)).await;
        let say = |state, track: i64, position_s: u64| {
            let one = Playing { track: TrackId(track), ..playing(1, "a", state, position_s * 1_000) };
            now_playing.report(one).played
        };
        let stop = |track: i64, position_s: u64, counts| {
            let one = playing(1, "a", State::Paused, position_s * 1_000);
            let mut ended = now_playing.forget_ended(one.at);
            ended.extend(now_playing.stop(&Playing { track: TrackId(track), counts, ..one }));
            ended
        };
        played.extend(match *said {
            Said::Starting(track, position_s) => say(State::Starting, track, position_s),
            Said::Playing(track, position_s) => say(State::Playing, track, position_s),
            Said::Paused(track, position_s) => say(State::Paused, track, position_s),
            Said::Begun(track) => {
                let one = playing(1, "a", State::Playing, 0);
                now_playing
                    .report(Playing { track: TrackId(track), reports: false, counts: false, ..one })
                    .played
            }
            Said::Stopped(track, position_s) => stop(track, position_s, true),
            Said::Ignored(track, position_s) => stop(track, position_s, false),
            Said::Other => now_playing.report(playing(2, "a", State::Playing, 0)).played,
        });
    }
    played.iter().map(|play| play.track.0).collect()
}

#[tokio::test(start_paused = true)]
async fn a_song_counts_once_for_each_time_that_enough_of_it_was_heard() {
    use Said::{Begun, Ignored, Other, Paused, Playing, Starting, Stopped};
    let long_s = NOW_PLAYING_MS / 1_000 + 180;
    let check = async |what: &str, said: &[(u64, Said)], expected: &[i64]| {
        assert_eq!(played(said).await, expected, "{what}");
    };
    let whole = [(0, Starting(1, 0)), (2, Playing(1, 0)), (178, Stopped(1, 178))];
    check("a song from its start to its end", &whole, &[1]).await;
    check("half of it", &[(0, Playing(1, 0)), (90, Stopped(1, 90))], &[1]).await;
    check("less than half of it", &[(0, Playing(1, 0)), (89, Stopped(1, 89))], &[]).await;
    let next = [(0, Playing(1, 0)), (180, Starting(2, 0)), (1, Playing(2, 0)), (3, Starting(3, 0))];
    check("the next song starts, and nobody said that the one before stopped", &next, &[1]).await;
    let late = [(0, Playing(1, 0)), (180, Starting(2, 0)), (1, Stopped(1, 180)), (1, Playing(2, 0))];
    check("that it stopped comes late", &late, &[1]).await;
    let late = [(0, Playing(1, 0)), (180, Playing(2, 0)), (1, Stopped(1, 180)), (100, Stopped(2, 100))];
    check("which does not end the next one", &late, &[1, 2]).await;
    let again = [(0, Playing(1, 0)), (180, Starting(1, 0)), (0, Playing(1, 0)), (180, Stopped(1, 180))];
    check("the same song starts again", &again, &[1, 1]).await;
    let thrice = [(0, Playing(1, 0)), (180, Stopped(1, 180)), (1, Stopped(1, 180)), (1, Stopped(1, 180))];
    check("it stops three times", &thrice, &[1]).await;
    check("it stops and never began", &[(0, Stopped(1, 180))], &[]).await;
    let sought = [(0, Playing(1, 0)), (5, Playing(1, 170)), (10, Stopped(1, 180))];
    check("a seek to the end", &sought, &[]).await;
    check("a seek to the end that nobody told", &[(0, Playing(1, 0)), (5, Stopped(1, 175))], &[]).await;
    let back = [(0, Playing(1, 0)), (60, Playing(1, 10)), (50, Stopped(1, 60))];
    check("a seek back, for all that is known a player that slept", &back, &[]).await;
    let back = [(0, Playing(1, 0)), (60, Playing(1, 60)), (0, Playing(1, 10)), (50, Stopped(1, 60))];
    check("a seek back from where it was", &back, &[1]).await;
    let back = [(0, Playing(1, 100)), (60, Playing(1, 10)), (50, Stopped(1, 60))];
    check("its end, and then its beginning", &back, &[1]).await;
    let held = [(0, Playing(1, 0)), (30, Paused(1, 30)), (900, Playing(1, 30)), (30, Stopped(1, 60))];
    check("it holds for long", &held, &[]).await;
    check("the player slept", &[(0, Playing(1, 0)), (1_000, Stopped(1, 9))], &[]).await;
    check("its position is reset at its end", &[(0, Playing(1, 0)), (180, Stopped(1, 0))], &[1]).await;
    check("it never said that it plays", &[(0, Starting(1, 0)), (120, Stopped(1, 120))], &[1]).await;
    check("it never got further than its start", &[(0, Starting(1, 0)), (500, Starting(2, 0))], &[]).await;
    let unwanted = [(0, Playing(1, 0)), (120, Ignored(1, 120))];
    check("nobody wants it to be counted", &unwanted, &[]).await;
    check("an app that counts itself", &[(0, Begun(1)), (180, Begun(2)), (1, Other)], &[]).await;
    let both = [(0, Starting(1, 0)), (0, Playing(1, 0)), (1, Begun(1)), (119, Stopped(1, 120))];
    check("an app that speaks both ways", &both, &[1]).await;
    let vanished = [(0, Playing(1, 0)), (60, Playing(1, 60)), (60, Playing(1, 120)), (long_s, Other)];
    check("it vanished after enough of it", &vanished, &[1]).await;
    check("it vanished, and may have slept", &[(0, Playing(1, 0)), (long_s + 1, Other)], &[]).await;
    let gone = [(0, Playing(1, 0)), (long_s + 1, Stopped(1, 180))];
    check("it stopped when nobody waited any more", &gone, &[]).await;
}
