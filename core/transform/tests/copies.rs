//! Sources that a child cannot read where they lie: fetched whole, once, into room that is bounded and goes back.

#![expect(clippy::unwrap_used, reason = "a test may fail in this way")]
#![expect(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

mod kitchen;

use std::time::Duration;

use kitchen::house::{HERE, House, LONG, narrow, without_networks};
use kitchen::origin::{Manner, Origin};
use transform::{Cover, Edge, ErrorKind, Ffmpeg, Flight, Material, Recipe};

/// A video of more than one block.
fn video(house: &House) -> Vec<u8> {
    house.media.video("a.mp4", 10, 2_000);
    std::fs::read(house.media.path("a.mp4")).unwrap()
}

fn ask(house: &House, material: &Material, width: u64) -> Flight {
    house.transforms.make(material.clone(), narrow(width), HERE).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_where_it_lies_is_fetched_once_for_all_and_goes_again() {
    let off: Option<Ffmpeg> = Some(without_networks().await);
    for (manner, ffmpeg) in [(Manner::Whole, None), (Manner::Whole, off.clone()), (Manner::Ranges, off)] {
        let house = House::with(512, 64, |parts| {
            if ffmpeg.is_some() {
                parts.ffmpeg = Box::pin(std::future::ready(ffmpeg));
            }
        })
        .await;
        let bytes = video(&house);
        let blocks = bytes.len().div_ceil(1 << 20);
        let origin = Origin::start(bytes, manner);
        let material = origin.material(&house).await;
        assert_eq!(material.source.comes_whole(), manner == Manner::Whole);
        let work = async {
            let flights: Vec<Flight> = (0..5).map(|n| ask(&house, &material, 60 + 2 * n)).collect();
            for flight in &flights {
                flight.made(LONG).await.unwrap_or_else(|e| panic!("{manner:?}: {e}: {}", e.words)).unwrap();
            }
            drop(flights);
            if manner == Manner::Ranges {
                house.at_rest().await;
                house.takes(|bytes, kept| kept == 5 && bytes < 1 << 20).await;
            }
        };
        house.running(work).await;
        assert_eq!(origin.asked(), if manner == Manner::Whole { 1 } else { blocks }, "{manner:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_fetched_whole_is_refused_by_name_and_leaves_nothing() {
    let check = async |cache_mib, manner, kind, words: &str| {
        let house = House::new(512, cache_mib).await;
        let origin = Origin::start(video(&house), manner);
        let material = origin.material(&house).await;
        let error = ask(&house, &material, 60).made(LONG).await.expect_err(words);
        assert!(error.kind == kind && error.context.contains(words), "{manner:?}: {error:?}");
        house.at_rest().await;
        house.takes(|bytes, kept| (bytes, kept) == (0, 0)).await;
    };
    check(1, Manner::Whole, ErrorKind::TooLarge, "the cache may take").await;
    check(64, Manner::Half, ErrorKind::Lied, "promised").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_nobody_waits_for_any_more_is_given_up() {
    let house = House::new(512, 64).await;
    let origin = Origin::start(video(&house), Manner::Slow);
    let material = origin.material(&house).await;
    let work = async {
        let flight = ask(&house, &material, 60);
        assert!(flight.made(Duration::from_secs(1)).await.unwrap().is_none(), "it is slow");
        let (taken_bytes, _) = house.transforms.cache().taken();
        let length = material.source.len();
        assert!(taken_bytes >= length, "{taken_bytes} of {length} bytes were reserved before they came");
        drop(flight);
        house.at_rest().await;
        house.takes(|bytes, kept| (bytes, kept) == (0, 0)).await;
    };
    house.running(work).await;
}

#[test]
fn a_cover_that_waits_for_a_network_keeps_no_disk_waiting() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).max_blocking_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let house = House::new(512, 64).await;
        let origin = Origin::start(vec![0; 4_096], Manner::Silent);
        let material = origin.material(&house).await;
        let cover = Recipe::Cover(Cover { edge: Edge::new(100).unwrap() });
        let flight = house.transforms.make(material, cover, HERE).unwrap();
        while origin.asked() == 0 {
            assert!(flight.made(Duration::from_millis(10)).await.unwrap().is_none(), "it never comes");
        }
        let disk = tokio::task::spawn_blocking(|| ());
        tokio::time::timeout(Duration::from_secs(5), disk).await.expect("the thread is free").unwrap();
    });
    // The picture is still waited for.
    runtime.shutdown_background();
}
