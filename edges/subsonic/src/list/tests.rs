use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::body::{Body, HttpBody};
use budget::limits::{LISTING_BYTES, LISTING_TEXT_BYTES_MAX, MIB, PERMIT_WAIT_MS};
use budget::{Budget, Pool, PoolFigures, Slots};
use http_body_util::BodyExt;
use serde::Serialize;

use super::{List, Pages, Room, Rows};
use crate::error::{Error, ErrorKind};
use crate::fixture::House;
use crate::model::Bare;
use crate::reply::{Format, Writer};

/// So many pages of so many rows, counted when they are read; page `fails_at` fails.
struct Counted {
    pages: usize,
    rows: usize,
    fails_at: usize,
    read: Arc<AtomicUsize>,
}

impl Counted {
    fn new(pages: usize, rows: usize) -> (Self, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        (Counted { pages, rows, fails_at: usize::MAX, read: read.clone() }, read)
    }
}

#[derive(Serialize)]
struct Row {
    number: usize,
    text: &'static str,
}

#[async_trait]
impl Rows for Counted {
    async fn page(&mut self, out: &mut Writer) -> Result<bool, Error> {
        let page = self.read.fetch_add(1, Ordering::SeqCst);
        if page == self.fails_at {
            return Err(Error::new(ErrorKind::Generic, "broken"));
        }
        for row in 0..self.rows {
            out.row(&Row {
                number: page * self.rows + row,
                text: "a row with some text in it, as rows have",
            })?;
        }
        Ok(page + 1 < self.pages)
    }
}

fn budget() -> Budget {
    Budget::new(128 * MIB).unwrap()
}

fn listings(budget: &Budget) -> PoolFigures {
    budget.figures().into_iter().find(|figures| figures.pool == Pool::Listings).unwrap()
}

fn list(budget: &Budget) -> List {
    list_of(budget, &Slots::new("listings", "listings_per_user", 0, 2), 1)
}

fn list_of(budget: &Budget, listings: &Slots<i64>, user: i64) -> List {
    let room = Room { budget: budget.clone(), listings: listings.clone(), user };
    List::new(Writer::new(Format::Json), room, "result", &Bare {}).unwrap()
}

async fn rest(mut body: Body) -> Result<Vec<u8>, axum::Error> {
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        text.extend_from_slice(frame?.data_ref().unwrap());
    }
    Ok(text)
}

#[track_caller]
fn numbers(text: &[u8], name: &str) -> Vec<u64> {
    let value: serde_json::Value = serde_json::from_slice(text).unwrap();
    let rows = value["subsonic-response"]["result"][name].as_array().unwrap();
    rows.iter().map(|row| row["number"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_page_is_read_only_when_the_one_before_was_taken() {
    let (rows, read) = Counted::new(3, 1_000);
    let mut body = list(&budget()).part("song", rows).answer().await.unwrap().into_body();
    assert_eq!(read.load(Ordering::SeqCst), 1, "the first page is read before the status goes out");
    let mut frames_of_page = [0; 4];
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        text.extend_from_slice(frame.unwrap().data_ref().unwrap());
        frames_of_page[read.load(Ordering::SeqCst)] += 1;
    }
    assert!(frames_of_page[1..].iter().all(|frames| *frames >= 2), "{frames_of_page:?}");
    assert_eq!(numbers(&text, "song"), (0..3_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn while_the_client_takes_nothing_only_one_page_of_text_is_held() {
    let budget = budget();
    let (rows, _) = Counted::new(50, 1_000);
    let answer = list(&budget).part("song", rows).answer().await.unwrap();
    let held = listings(&budget).used_bytes;
    assert!((60_000..100_000).contains(&held), "{held} bytes of permits for one page of text");
    let mut body = answer.into_body();
    let first = body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(listings(&budget).used_bytes, held, "the chunk on its way out still holds the permit");
    drop(first);
    assert_eq!(listings(&budget).used_bytes, 0);
}

#[tokio::test]
async fn p04_a_list_of_any_length_needs_the_permit_of_one_page() {
    let budget = budget();
    let (rows, _) = Counted::new(300, 500);
    let body = list(&budget).part("song", rows).answer().await.unwrap().into_body();
    let text = rest(body).await.unwrap();
    assert_eq!(numbers(&text, "song").len(), 150_000);
    let figures = listings(&budget);
    assert_eq!(figures.used_bytes, 0);
    assert!(figures.peak_bytes <= LISTING_BYTES, "{} bytes at the peak", figures.peak_bytes);
}

#[tokio::test]
async fn small_lists_come_whole_with_their_length() {
    let (artists, _) = Counted::new(1, 0);
    let (albums, _) = Counted::new(2, 3);
    let (songs, _) = Counted::new(1, 2);
    let list = list(&budget()).part("artist", artists).part("album", albums).part("song", songs);
    let body = list.answer().await.unwrap().into_body();
    let length = body.size_hint().exact();
    let text = rest(body).await.unwrap();
    assert_eq!(length, Some(text.len() as u64));
    assert_eq!(numbers(&text, "artist"), Vec::<u64>::new());
    assert_eq!(numbers(&text, "album"), [0, 1, 2, 3, 4, 5]);
    assert_eq!(numbers(&text, "song"), [0, 1]);
}

#[tokio::test]
async fn a_failure_of_the_first_page_is_an_ordinary_error() {
    let (rows, _) = Counted::new(3, 1_000);
    let error = list(&budget()).part("song", Counted { fails_at: 0, ..rows }).answer().await.unwrap_err();
    assert_eq!(error.message(), "broken");
}

#[tokio::test]
async fn p02_a_failure_of_a_later_page_breaks_the_body() {
    let (rows, _) = Counted::new(3, 1_000);
    let answer = list(&budget()).part("song", Counted { fails_at: 1, ..rows }).answer().await.unwrap();
    assert!(rest(answer.into_body()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn p06_without_room_the_answer_is_a_refusal_that_says_when_to_come_back() {
    let budget = budget();
    let mut taken = Vec::new();
    while let Ok(permit) = budget.take(Pool::Listings, LISTING_BYTES) {
        taken.push(permit);
    }
    let (rows, read) = Counted::new(1, 1);
    let before = tokio::time::Instant::now();
    let error = list(&budget).part("song", rows).answer().await.unwrap_err();
    assert_eq!(error.status(), 503);
    assert!(error.retry_after_seconds().is_some());
    assert!(before.elapsed().as_millis() <= u128::from(PERMIT_WAIT_MS) + 100);
    assert_eq!(read.load(Ordering::SeqCst), 0, "nothing is read without a permit");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_has_begun_waits_longer_for_room() {
    let budget = budget();
    let (rows, _) = Counted::new(2, 1_000);
    let body = list(&budget).part("song", rows).answer().await.unwrap().into_body();
    let mut taken = Vec::new();
    while let Ok(permit) = budget.take(Pool::Listings, LISTING_BYTES / 8) {
        taken.push(permit);
    }
    let reading = tokio::spawn(rest(body));
    tokio::time::advance(std::time::Duration::from_millis(PERMIT_WAIT_MS + 10)).await;
    drop(taken);
    assert_eq!(numbers(&reading.await.unwrap().unwrap(), "song").len(), 2_000);
}

#[tokio::test]
async fn p05_a_user_has_so_many_lists_on_their_way_and_is_in_nobody_elses() {
    let (budget, listings) = (budget(), Slots::new("listings", "listings_per_user", 0, 2));
    let ask = async |user, pages| {
        list_of(&budget, &listings, user).part("song", Counted::new(pages, 1_000).0).answer().await
    };
    let mut begun = vec![ask(1, 5).await.unwrap(), ask(1, 1).await.unwrap()];
    let refused = ask(1, 1).await.unwrap_err();
    assert_eq!((refused.status().as_u16(), refused.retry_after_seconds().is_some()), (429, true));
    begun.push(ask(2, 5).await.unwrap());
    rest(begun.remove(0).into_body()).await.unwrap();
    begun.push(ask(1, 5).await.unwrap());
    drop(begun);
    assert_eq!((listings.used(), self::listings(&budget).used_bytes), (0, 0));
}

#[tokio::test]
async fn p05_a_list_whose_client_takes_nothing_holds_one_chunk_and_a_row() {
    let house = House::open().await;
    house.add_many(2_000).await;
    let path = house.signed("search3?query=&songCount=2000&albumCount=0&artistCount=0", &house.ann_key);
    let in_xml = house.begin(&path.replace("f=json", "f=xml")).await;
    let held = listings(&house.budget).used_bytes;
    assert!((1..=LISTING_TEXT_BYTES_MAX as u64 * 9 / 8).contains(&held), "{held} bytes");
    drop(in_xml);
    let stalled = house.begin(&path).await;
    let held = listings(&house.budget).used_bytes;
    assert!((1..=LISTING_TEXT_BYTES_MAX as u64 * 9 / 8).contains(&held), "{held} bytes");
    let text = rest(stalled.into_body()).await.unwrap();
    let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let songs = value["subsonic-response"]["searchResult3"]["song"].as_array().unwrap();
    let titles: std::collections::BTreeSet<&str> =
        songs.iter().map(|song| song["title"].as_str().unwrap()).collect();
    assert_eq!((songs.len(), titles.len()), (2_000, 2_000));
}

/// A row that weighs nothing to speak of.
struct Number(u64);

impl catalog::Weight for Number {
    fn held_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

#[tokio::test]
async fn rows_are_read_in_reads_as_long_as_their_text_suggests() {
    let house = House::open().await;
    let reader = house.reader();
    for (row_bytes, rows, reads_max) in [(20, 5_000, 25), (700, 500, 8), (700, 5_000, 80), (40_000, 20, 12)] {
        let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = asked.clone();
        let read = move |_, offset: u64, rows_max: usize| {
            seen.lock().unwrap().push(rows_max);
            let end = (offset + rows_max as u64).min(rows);
            async move { Ok((offset..end).map(Number).collect::<Vec<_>>()) }
        };
        let text = "x".repeat(row_bytes);
        let show = move |out: &mut Writer, Number(number): &Number| {
            #[derive(Serialize)]
            struct Long<'a> {
                number: u64,
                text: &'a str,
            }
            out.row(&Long { number: *number, text: &text })
        };
        let budget = budget();
        let answer = list(&budget).part("song", Pages::all(&reader, read, show)).answer().await.unwrap();
        let bytes = rest(answer.into_body()).await.unwrap();
        assert_eq!(numbers(&bytes, "song"), (0..rows).collect::<Vec<_>>());
        let asked = asked.lock().unwrap();
        assert!(asked.len() <= reads_max, "{rows} rows of {row_bytes} bytes: {asked:?}");
        assert!(asked.iter().all(|rows| (1..=500).contains(rows)), "{asked:?}");
    }
}

#[tokio::test]
async fn what_is_drawn_at_random_is_drawn_once() {
    for (many, songs) in [(800, 500), (100, 104)] {
        let house = House::open().await;
        house.add_many(many).await;
        for (endpoint, name, member, wanted) in [
            ("search3?query=&songCount=500", "searchResult3", "song", songs),
            ("getRandomSongs?size=500", "randomSongs", "song", songs),
            ("getRandomSongs?size=7", "randomSongs", "song", 7),
            ("getRandomSongs?size=500&fromYear=3000", "randomSongs", "song", 0),
            ("getAlbumList2?type=random&size=500", "albumList2", "album", 4),
            ("getRandomSongs?size=0", "randomSongs", "song", 0),
        ] {
            let answer = house.ann(endpoint).await.json();
            let rows = answer[name][member].as_array().map_or(&[][..], |rows| rows);
            let ids: std::collections::BTreeSet<&str> =
                rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
            assert_eq!((rows.len(), ids.len()), (wanted, wanted), "{endpoint} of {many}");
        }
    }
}
