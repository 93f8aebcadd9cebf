//! Renditions made by the real ffmpeg: once for all who ask, whole or not at all, and nothing left of those who left.

#![expect(clippy::unwrap_used, reason = "a test may fail in this way")]

mod kitchen;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use kitchen::children;
use kitchen::house::{HERE, House, LONG, narrow};
use store::Growth;
use transform::{
    Audio, Clip, Cover, Drawing, Edge, Encoding, ErrorKind, Fit, Frame, Made, Picture, Recipe, Size, Sprite,
    Video, Waveform,
};

fn first_bytes(made: &Made) -> Vec<u8> {
    let mut head = vec![0; 12];
    made.source.read_at(&mut head, 0).unwrap();
    head
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recipe_is_made_and_found_again() {
    let house = House::new(512, 256).await;
    house.media.video("a.mp4", 3, 500);
    let clip = Clip::new(1_000, Some(1_000)).unwrap();
    let small = Size { width: Some(Edge::new(64).unwrap()), height: None, fit: Fit::Contain };
    let audio = |encoding| Recipe::Audio(Audio { clip, encoding, ..Audio::default() });
    let edge = |pixels| Edge::new(pixels).unwrap();
    let table: &[(Recipe, &str, &[u8], usize)] = &[
        (narrow(160), "video/mp4", b"ftyp", 4),
        (
            Recipe::Frame(Frame { at_ms: 1_500, size: small, picture: Picture::Jpeg }),
            "image/jpeg",
            b"\xff\xd8\xff",
            0,
        ),
        (Recipe::Frame(Frame { at_ms: 0, size: small, picture: Picture::Png }), "image/png", b"\x89PNG", 0),
        (Recipe::Sprite(Sprite::new(clip, small, 4, 2).unwrap()), "image/jpeg", b"\xff\xd8\xff", 0),
        (audio(Encoding::M4a), "audio/mp4", b"ftyp", 4),
        (audio(Encoding::Opus), "audio/ogg", b"OggS", 0),
        (audio(Encoding::Flac), "audio/flac", b"fLaC", 0),
        (Recipe::Waveform(Waveform::Peaks(20)), "application/json", b"{\"peaks\":[", 0),
        (
            Recipe::Waveform(Waveform::Drawn(Drawing::new(edge(100), edge(20)).unwrap())),
            "image/png",
            b"\x89PNG",
            0,
        ),
    ];
    for (recipe, content_type, magic, at) in table {
        let name = recipe.canonical();
        let material = house.material("a.mp4");
        assert!(house.transforms.find(&material, recipe).await.unwrap().is_none(), "{name}");
        let made = house.made("a.mp4", recipe).await.unwrap_or_else(|e| panic!("{name}: {e}: {}", e.words));
        assert_eq!(&*made.content_type, *content_type, "{name}");
        assert_eq!(
            &first_bytes(&made)[*at..*at + magic.len().min(8)],
            &magic[..magic.len().min(8)],
            "{name}"
        );
        let found = house.transforms.find(&material, recipe).await.unwrap().expect("it is kept");
        assert_eq!(found.source.validator(), made.source.validator(), "{name}");
        assert!(found.source.validator().is_strong(), "{name}");
    }
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_who_ask_for_the_same_have_one_child() {
    let house = House::new(512, 256).await;
    house.media.video("a.mp4", 4, 1_000);
    let flights: Vec<_> = (0..1_000)
        .map(|n| {
            let address = IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n));
            house.transforms.make(house.material("a.mp4"), narrow(160), address).unwrap()
        })
        .collect();
    assert_eq!(house.transforms.flights(), 1);
    let mut most = 0;
    let tag = loop {
        most = most.max(children().len());
        if let Some(made) = flights[0].made(Duration::from_millis(20)).await.unwrap() {
            break made.source.validator().clone();
        }
    };
    assert_eq!(most, 1, "one child at a time: the probe, the encoder, the second pass");
    for flight in &flights {
        let made = flight.made(LONG).await.unwrap().expect("it is there");
        assert_eq!(*made.source.validator(), tag);
    }
    drop(flights);
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p03_what_is_read_while_it_grows_ends_when_it_is_whole() {
    let house = House::new(512, 256).await;
    house.media.video("a.mp4", 6, 1_000);
    let flight = house.transforms.make(house.material("a.mp4"), narrow(160), HERE).unwrap();
    let growing = flight.growing(LONG).await.unwrap().expect("a video can be watched while it is made");
    let (mut read, mut so_far) = (Vec::new(), 0);
    let whole = loop {
        let (length, is_whole) = match growing.more_than(read.len() as u64).await {
            Growth::So(length) => (length, false),
            Growth::Whole(length) => (length, true),
            Growth::Failed => panic!("it failed"),
        };
        let mut piece = vec![0; usize::try_from(length).unwrap() - read.len()];
        let mut filled = 0;
        while filled < piece.len() {
            filled += growing.read_at(&mut piece[filled..], (read.len() + filled) as u64).unwrap();
        }
        read.extend(piece);
        so_far += usize::from(!is_whole);
        if is_whole {
            break length;
        }
    };
    assert_eq!(read.len() as u64, whole);
    assert!(so_far > 1, "some of it came before the end");
    assert_eq!(&read[4..8], b"ftyp");
    let made = flight.made(LONG).await.unwrap().expect("it is made");
    assert_eq!(&first_bytes(&made)[4..8], b"ftyp", "what is kept is another file, with its index in front");
    drop(flight);
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p03_what_cannot_be_made_says_why_and_leaves_nothing() {
    let house = House::new(160, 64).await;
    house.media.video("a.mp4", 1, 300);
    house.write("text.mp4", b"this is a text that is called a video, which it is not at all");
    house.write("list.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\na.mp4\n#EXT-X-ENDLIST\n");
    let late = Recipe::Frame(Frame { at_ms: 60_000, size: Size::default(), picture: Picture::Jpeg });
    let large = Size {
        width: Some(Edge::new(3_840).unwrap()),
        height: Some(Edge::new(2_160).unwrap()),
        fit: Fit::Cover,
    };
    let vast = Recipe::Video(Video { size: large, ..Video::default() });
    let cover = Recipe::Cover(Cover { edge: Edge::new(100).unwrap() });
    let refused = [
        ("text.mp4", &narrow(160), ErrorKind::Unsupported),
        ("list.mp4", &narrow(160), ErrorKind::Unsupported),
        ("a.mp4", &late, ErrorKind::BehindTheEnd),
        ("a.mp4", &vast, ErrorKind::TooLarge),
        ("a.mp4", &cover, ErrorKind::Unsupported),
    ];
    for (name, recipe, kind) in refused {
        let error = house.made(name, recipe).await.expect_err("it cannot be made");
        assert_eq!(error.kind, kind, "{name}, {}: {error}: {}", recipe.canonical(), error.words);
        let again = house.transforms.find(&house.material(name), recipe).await.expect_err("it is remembered");
        assert_eq!(again.kind, kind);
    }
    house.at_rest().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_has_so_many_in_the_making_and_joins_are_never_refused() {
    let house = House::new(512, 64).await;
    house.media.video("a.mp4", 20, 1_000);
    let max = budget::limits::FLIGHTS_PER_ADDRESS_MAX as u64;
    let ask = |width| house.transforms.make(house.material("a.mp4"), narrow(width), HERE);
    let flights: Vec<_> = (0..max).map(|n| ask(100 + 2 * n).unwrap()).collect();
    let error = ask(90).expect_err("that is one too many");
    assert!(matches!(error.kind, ErrorKind::Busy { is_callers: true, .. }), "{error:?}");
    let joined = ask(100).expect("a join");
    drop(joined);
    drop(flights);
    // The last one who left is waited for, in case that he comes back.
    house.at_rest().await;
    assert!(ask(90).is_ok());
}
