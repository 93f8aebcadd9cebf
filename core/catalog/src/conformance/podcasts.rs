//! Podcasts: what people want of them, and what is due.

use std::sync::Arc;

use budget::limits::{PODCAST_CHANNELS_MAX, PODCAST_EPISODES_MAX};
use store::SpoolId;

use super::house::{House, file};
use super::sent::{doomed, key, send};
use crate::access::Viewer;
use crate::database::Catalog;
use crate::error::ErrorKind;
use crate::model::{
    AlbumOrder, ChannelId, ChannelText, Episode, EpisodeFetched, EpisodeId, EpisodeStatus, EpisodeText,
    FeedRead, FeedState, Lettered, RandomFilter, TrackId, UPLOADS, UploadId,
};

const URL: &str = "https://pond.example/feed.xml";
/// Moments that are over, and that never come.
const NOW: i64 = 4_000_000_000_000;
const NEVER: i64 = i64::MAX;

fn text(guid: &str, published: i64) -> EpisodeText {
    EpisodeText {
        guid: guid.to_owned(),
        title: format!("Episode {guid}"),
        description: "words".to_owned(),
        url: format!("https://pond.example/{guid}.mp3"),
        content_type: "audio/mpeg".to_owned(),
        length_bytes: Some(7),
        duration_ms: None,
        published: Some(published),
    }
}

fn whole(wanted_newest: usize) -> FeedRead {
    let about =
        ChannelText { title: "Pond".to_owned(), author: "Frogs".to_owned(), ..ChannelText::default() };
    let state = FeedState { etag: Some("\"1\"".to_owned()), last_modified: None };
    FeedRead::Whole { about, state, wanted_newest }
}

async fn episodes(catalog: &Arc<dyn Catalog>, viewer: &Viewer, id: ChannelId) -> Vec<Episode> {
    catalog.channel_episodes(viewer, id, 0, 500).await.expect("episodes")
}

/// A channel of Ann's with two episodes.
async fn followed(house: &House) -> (ChannelId, [EpisodeId; 2]) {
    let id = house.catalog.add_channel(house.ann.id, URL).await.expect("followed");
    house.catalog.record_episodes(id, &[text("1", 1_000), text("2", 2_000)]).await.expect("recorded");
    house.catalog.feed_read(id, &whole(0), NEVER).await.expect("read");
    let rows = episodes(&house.catalog, &house.ann(), id).await;
    (id, [rows[1].id, rows[0].id])
}

pub(super) async fn a_feed_is_followed_once_and_read_when_it_is_due(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let catalog = &house.catalog;
    for url in ["", "ftp://pond.example/", "pond.example", "http://", "https://a b/"] {
        let refused = catalog.add_channel(house.ann.id, url).await.expect_err("no address");
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{url:?}");
    }
    let id = catalog.add_channel(house.ann.id, URL).await.expect("followed");
    let due = catalog.claim_channel(NOW, NOW + 10).await.expect("a look").expect("it is due at once");
    assert_eq!((due.id, due.url.as_str(), due.failures), (id, URL, 0));
    assert_eq!(catalog.claim_channel(NOW, NOW + 10).await.expect("a look"), None, "it is claimed");
    assert_eq!(catalog.channel_due().await.expect("a moment"), Some(NOW + 10));
    catalog.release_claims().await.expect("after a restart");
    assert!(catalog.claim_channel(NOW, NEVER).await.expect("a look").is_some(), "it was never read");

    catalog.feed_read(id, &FeedRead::Failed("no".to_owned()), NOW + 5).await.expect("told");
    catalog.feed_read(id, &FeedRead::Failed("still no".to_owned()), NOW + 5).await.expect("told");
    let row = catalog.channel(id).await.expect("a channel");
    assert_eq!(
        (row.failure.as_deref(), row.checked, row.owner),
        (Some("still no"), None, Some(house.ann.id))
    );
    assert_eq!(catalog.claim_channel(NOW + 5, NEVER).await.expect("a look").expect("due").failures, 2);
    catalog.feed_read(id, &whole(0), NEVER).await.expect("read");
    let row = catalog.channel(id).await.expect("a channel");
    assert_eq!((row.about.title.as_str(), row.failure), ("Pond", None));
    assert!(row.checked.is_some());
    assert_eq!(catalog.claim_channel(NOW, NEVER).await.expect("a look"), None);

    assert_eq!(catalog.add_channel(house.bob.id, URL).await.expect("known"), id, "it is one");
    let due = catalog.claim_channel(NOW, NEVER).await.expect("a look").expect("who asks has it read again");
    assert_eq!((due.state.etag.as_deref(), due.failures), (Some("\"1\""), 0));
    catalog.refresh_channels().await.expect("asked for");
    assert!(catalog.claim_channel(NOW, NEVER).await.expect("a look").is_some());

    for n in 1..PODCAST_CHANNELS_MAX {
        catalog.add_channel(house.ann.id, &format!("{URL}?{n}")).await.expect("followed");
    }
    let full = catalog.add_channel(house.ann.id, "https://one.more/").await.expect_err("full");
    assert_eq!(full.kind(), ErrorKind::NotAllowed);
    assert_eq!(catalog.channels(1, 500).await.expect("a page").len(), PODCAST_CHANNELS_MAX - 1);
}

pub(super) async fn what_a_feed_says_of_its_episodes_is_kept_up_to_date(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (id, [first, second]) = followed(&house).await;
    let catalog = &house.catalog;
    let renamed = EpisodeText { title: "New".to_owned(), published: None, ..text("1", 0) };
    catalog.record_episodes(id, &[renamed, text("3", 3_000)]).await.expect("recorded");
    let rows = episodes(catalog, &house.ann(), id).await;
    let told: Vec<_> = rows.iter().map(|row| (row.about.title.as_str(), row.about.published)).collect();
    assert_eq!(told, [("Episode 3", Some(3_000)), ("Episode 2", Some(2_000)), ("New", Some(1_000))]);
    assert_eq!((rows[1].id, rows[2].id), (second, first), "ids stay");
    assert!(rows.iter().all(|row| row.status == EpisodeStatus::Skipped && row.track.is_none()));
    let newest = catalog.newest_episodes(&house.ann(), 1, 1).await.expect("a page");
    assert_eq!((newest[0].id, newest[0].channel_title.as_str()), (second, "Pond"));

    catalog.feed_read(id, &whole(2), NEVER).await.expect("read");
    let rows = episodes(catalog, &house.ann(), id).await;
    let statuses: Vec<_> = rows.iter().map(|row| row.status).collect();
    assert_eq!(statuses, [EpisodeStatus::New, EpisodeStatus::New, EpisodeStatus::Skipped]);
    let wanted = catalog.claim_episode(NOW, NEVER).await.expect("a look").expect("wanted");
    assert_eq!(wanted.wanted_by, Some(house.ann.id), "for whoever follows the feed");

    let many: Vec<_> = (0..PODCAST_EPISODES_MAX).map(|n| text(&format!("n{n}"), 10_000)).collect();
    catalog.record_episodes(id, &many).await.expect("recorded");
    catalog.feed_read(id, &whole(0), NEVER).await.expect("read");
    let left =
        catalog.channel_episodes(&house.ann(), id, PODCAST_EPISODES_MAX as u64, 500).await.expect("a page");
    assert!(left.iter().all(|row| row.status != EpisodeStatus::Skipped), "the oldest go that nobody wants");
    assert_eq!(left.len(), 2);
    let gone = catalog.record_episodes(ChannelId(99), &[text("1", 1)]).await.expect_err("no channel");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

pub(super) async fn an_episode_is_fetched_by_one_and_told_once(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (_, [first, second]) = followed(&house).await;
    let catalog = &house.catalog;
    let track = send(&house, &house.bob, 1, 1).await.id;
    assert_eq!(catalog.claim_episode(NOW, NEVER).await.expect("a look"), None, "nobody wants one");
    catalog.want_episode(house.bob.id, first).await.expect("wanted");
    let wanted = catalog.claim_episode(NOW, NEVER).await.expect("a look").expect("due");
    assert_eq!((wanted.claim.id, wanted.wanted_by, wanted.tries), (first, Some(house.bob.id), 0));
    assert_eq!((wanted.channel_title.as_str(), wanted.author.as_str()), ("Pond", "Frogs"));
    assert_eq!(catalog.claim_episode(NOW, NEVER).await.expect("a look"), None);

    let upload = UploadId(SpoolId::random().expect("an id"));
    assert!(catalog.episode_begun(wanted.claim, upload, Some("\"a\"")).await.expect("told"));
    let later = EpisodeFetched::Later { tries: 3, due: NOW, why: "it broke off".to_owned() };
    assert!(catalog.episode_fetched(wanted.claim, &later).await.expect("told"));
    assert_eq!(catalog.episode_due().await.expect("a moment"), Some(NOW));
    let again = catalog.claim_episode(NOW, NEVER).await.expect("a look").expect("due again");
    assert_eq!((again.tries, again.upload, again.validator.as_deref()), (3, Some(upload), Some("\"a\"")));
    catalog.release_claims().await.expect("after a restart");
    let restarted = catalog.claim_episode(NOW, NEVER).await.expect("a look").expect("due at once");
    let completed = EpisodeFetched::Completed(track);
    assert!(catalog.episode_fetched(restarted.claim, &completed).await.expect("told"));
    assert!(!catalog.is_wanted(restarted.claim).await.expect("a look"));

    let row = catalog.episode(&house.ann(), first).await.expect("an episode");
    assert_eq!((row.status, row.track.map(|track| track.id)), (EpisodeStatus::Completed, Some(track)));
    catalog.want_episode(house.ann.id, first).await.expect("it is there");
    assert_eq!(catalog.claim_episode(NOW, NEVER).await.expect("a look"), None);

    catalog.want_episode(house.bob.id, second).await.expect("wanted");
    let given_up = catalog.claim_episode(NOW, NEVER - 1).await.expect("a look").expect("due").claim;
    let worthless = async || {
        assert!(!catalog.is_wanted(given_up).await.expect("a look"));
        assert!(!catalog.episode_fetched(given_up, &completed).await.expect("told"));
        assert!(!catalog.episode_begun(given_up, upload, None).await.expect("told"));
    };
    catalog.remove_episode(second).await.expect("given up");
    worthless().await;
    let row = catalog.episode(&house.ann(), second).await.expect("an episode");
    assert_eq!((row.status, row.track), (EpisodeStatus::Deleted, None));
    catalog.want_episode(house.bob.id, second).await.expect("wanted after all");
    let anew = catalog.claim_episode(NOW, NEVER).await.expect("a look").expect("due").claim;
    worthless().await;
    assert!(catalog.is_wanted(anew).await.expect("a look"), "what is new of it is another's to tell");
    let gone = catalog.want_episode(house.ann.id, EpisodeId(99)).await.expect_err("no episode");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

pub(super) async fn p08_of_an_episode_its_track_is_shown_to_those_who_see_it(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (id, [first, _]) = followed(&house).await;
    let (catalog, track) = (&house.catalog, send(&house, &house.ann, 1, 1).await.id);
    catalog.want_episode(house.ann.id, first).await.expect("wanted");
    let wanted = catalog.claim_episode(NOW, NEVER).await.expect("a look").expect("due");
    catalog.episode_fetched(wanted.claim, &EpisodeFetched::Completed(track)).await.expect("told");
    let nobody = Viewer { libraries: crate::LibrarySet::Only(Vec::new()), ..house.bob() };
    let row = catalog.episode(&nobody, first).await.expect("the feed's words are for everybody");
    assert_eq!((row.status, row.track), (EpisodeStatus::Completed, None));
    assert!(catalog.episode(&house.bob(), first).await.expect("an episode").track.is_some());

    catalog.remove_channel(id).await.expect("it goes");
    let gone = catalog.track(&house.ann(), track).await.expect_err("so does what was fetched of it");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert_eq!(doomed(catalog).await, [key(1)], "and its bytes");
    assert_eq!(catalog.remove_channel(id).await.expect_err("gone").kind(), ErrorKind::NotFound);
    assert_eq!(catalog.episode(&house.ann(), first).await.expect_err("gone").kind(), ErrorKind::NotFound);
}

pub(super) async fn what_was_fetched_of_an_episode_is_removed_with_its_bytes(catalog: Arc<dyn Catalog>) {
    let house = House::new(catalog).await;
    let (_, [first, _]) = followed(&house).await;
    let catalog = &house.catalog;
    let fetched = async |n: u8| {
        let track = send(&house, &house.bob, n, n).await.id;
        catalog.want_episode(house.bob.id, first).await.expect("wanted");
        let wanted = catalog.claim_episode(NOW, NEVER).await.expect("a look").expect("due");
        catalog.episode_fetched(wanted.claim, &EpisodeFetched::Completed(track)).await.expect("told");
        track
    };
    fetched(1).await;
    catalog.remove_episode(first).await.expect("removed");
    assert_eq!(doomed(catalog).await, [key(1)]);
    let row = catalog.episode(&house.bob(), first).await.expect("the feed's words stay");
    assert_eq!((row.status, row.track), (EpisodeStatus::Deleted, None));
    // Its owner may remove the track by itself: then the episode is one that was removed, too, and can be wanted again.
    let track = fetched(2).await;
    catalog.remove_track(&house.bob(), track).await.expect("his own");
    let row = catalog.episode(&house.bob(), first).await.expect("an episode");
    assert_eq!((row.status, row.track), (EpisodeStatus::Deleted, None));
    fetched(3).await;
}

/// An album with a song that was sent besides is a list like any other.
pub(super) async fn an_episode_is_no_song_among_others(catalog: Arc<dyn Catalog>) {
    let house = House::with(catalog, &[file("Pike", "Reeds", 1, "song")]).await;
    let (_, [first, second]) = followed(&house).await;
    let catalog = &house.catalog;
    let (episode, other) = (send(&house, &house.ann, 1, 1).await, send(&house, &house.ann, 2, 2).await);
    let fetched = async |id, track: TrackId| {
        catalog.want_episode(house.ann.id, id).await.expect("wanted");
        let wanted = catalog.claim_episode(NOW, NEVER).await.expect("a look").expect("due");
        catalog.episode_fetched(wanted.claim, &EpisodeFetched::Completed(track)).await.expect("told");
    };
    let ann = house.ann();
    let songs = async || {
        let filters =
            [RandomFilter::default(), RandomFilter { folder: Some(UPLOADS), ..RandomFilter::default() }];
        let mut drawn = Vec::new();
        for filter in filters {
            drawn.extend(catalog.random_tracks(&ann, &filter, 500).await.expect("a draw"));
        }
        drawn.extend(catalog.guess_tracks(500).await.expect("guesses"));
        drawn
    };
    let album = catalog.track(&ann, episode.id).await.expect("a track").album_id;
    assert_eq!(
        catalog.track(&ann, other.id).await.expect("a track").album_id,
        album,
        "both are of one album"
    );
    catalog.play(&ann, &[(episode.id, 5)]).await.expect("a play");
    let listed = async || {
        let mut lists = Vec::new();
        for order in [AlbumOrder::Newest, AlbumOrder::ByName, AlbumOrder::ByArtist, AlbumOrder::Recent] {
            let rows = catalog.albums(&ann, &order, None, 0, 500).await.expect("albums");
            lists.push(rows.iter().any(|row| row.id == album));
        }
        lists.push(catalog.random_albums(&ann, None, 500).await.expect("a draw").contains(&album));
        lists.push(!catalog.these_albums(&ann, &[album]).await.expect("albums").is_empty());
        let letters = catalog.letters(&ann, Lettered::AlbumsByName, 500).await.expect("letters");
        (lists, letters.iter().map(|(_, count)| *count).sum::<u64>())
    };
    let (before, letters) = listed().await;
    assert!(songs().await.contains(&episode.id) && !before.contains(&false), "{before:?}");
    fetched(first, episode.id).await;
    assert!(!songs().await.contains(&episode.id), "an episode is no song");
    assert!(songs().await.contains(&other.id));
    assert_eq!(listed().await, (before, letters), "the album has a song yet");
    fetched(second, other.id).await;
    let (after, left) = listed().await;
    assert!(!songs().await.contains(&other.id) && !after.contains(&true), "{after:?}");
    assert_eq!(left, letters - 1);
    assert_eq!(catalog.album(&ann, album).await.expect("it can be opened").tracks, 2);
    assert_eq!(catalog.these_tracks(&ann, &[episode.id]).await.expect("of a queue").len(), 1);
}
