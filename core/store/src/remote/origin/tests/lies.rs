//! Origins that lie, each in its own way: none of them has a byte of theirs given to anybody.

use budget::limits::REMOTE_HEAD_BYTES_MAX;
use futures_util::{StreamExt, TryStreamExt};
use proptest::prelude::*;

use super::*;
use crate::remote::stand_in::End;

type Change = fn(&mut Reply);

/// Ways to answer a request for a block, and what becomes of the reader.
const LIES: &[(&str, Change, TroubleKind)] = &[
    ("it closes in the middle", |reply| cut(reply, End::Close), TroubleKind::Broken),
    ("it falls silent in the middle", |reply| cut(reply, End::Silence), TroubleKind::Time),
    ("it says nothing", |reply| *reply = Reply::silent(), TroubleKind::Time),
    ("it closes at once", |reply| *reply = Reply { end: End::Close, ..Reply::silent() }, TroubleKind::Closed),
    (
        "its head is long",
        |reply| reply.set("x-long", &"x".repeat(REMOTE_HEAD_BYTES_MAX)),
        TroubleKind::Garbled,
    ),
    ("its head has many fields", |reply| many_fields(reply), TroubleKind::Garbled),
    ("it trickles", |reply| (reply.piece, reply.pause_ms) = (1, 100), TroubleKind::Time),
    ("it ends a body without a length early", |reply| short(reply), TroubleKind::Lie),
    ("it ends a body without a length late", |reply| long(reply), TroubleKind::Lie),
    ("it never ends a body without a length", |reply| endless(reply), TroubleKind::Lie),
    ("it is silent behind the last byte", |reply| unended(reply), TroubleKind::Time),
    ("it promises more", |reply| reply.set("content-length", "1048577"), TroubleKind::Lie),
    ("it promises less", |reply| reply.set("content-length", "7"), TroubleKind::Lie),
    ("it gives other bytes", |reply| reply.set("content-range", "bytes 1-1048576/2097152"), TroubleKind::Lie),
    ("it gives no range", |reply| reply.remove("content-range"), TroubleKind::Lie),
    ("it has grown", |reply| reply.set("content-range", "bytes 0-1048575/2097153"), TroubleKind::Changed),
    ("its tag is another", |reply| reply.set("etag", "\"b\""), TroubleKind::Changed),
    ("its tag is gone", |reply| reply.remove("etag"), TroubleKind::Changed),
    ("its tag is weak by now", |reply| reply.set("etag", "W/\"a\""), TroubleKind::Changed),
    ("it packs the bytes", |reply| reply.set("content-encoding", "gzip"), TroubleKind::Lie),
    ("it gives the whole", |reply| whole(reply), TroubleKind::Lie),
    ("it gives ranges", |reply| reply.set("content-type", "multipart/byteranges"), TroubleKind::Lie),
    ("it speaks something else", |reply| reply.status = "\0\r\n\u{7f}".to_owned(), TroubleKind::Garbled),
    ("it has two lengths", |reply| two_lengths(reply), TroubleKind::Garbled),
    ("it fails", |reply| *reply = Reply::new("500 Oh"), TroubleKind::Status(500)),
    ("it forgot the file", |reply| *reply = Reply::new("404 Not Found"), TroubleKind::Status(404)),
    ("it says not modified", |reply| *reply = Reply::new("304 Not Modified"), TroubleKind::Status(304)),
];

fn cut(reply: &mut Reply, end: End) {
    reply.body.truncate(500_000);
    reply.end = end;
}

fn many_fields(reply: &mut Reply) {
    (0..200).for_each(|at| reply.set(&format!("x-{at}"), "1"));
}

fn short(reply: &mut Reply) {
    reply.body.truncate(1_048_575);
    reply.chunked(10_000);
}

fn long(reply: &mut Reply) {
    reply.body.push(7);
    reply.chunked(1 << 22);
}

fn endless(reply: &mut Reply) {
    reply.end = End::Again;
    reply.chunked(65_536);
}

fn unended(reply: &mut Reply) {
    reply.end = End::Silence;
    reply.chunked(65_536);
}

fn whole(reply: &mut Reply) {
    reply.status = "200 OK".to_owned();
    reply.body = bytes(2 * MIB as usize);
    reply.set("content-length", "2097152");
}

fn two_lengths(reply: &mut Reply) {
    reply.fields.push(("content-length".to_owned(), "1048577".to_owned()));
}

#[tokio::test]
async fn p02_no_byte_of_an_answer_that_lies_is_given_or_kept() {
    let content = Arc::new(bytes(2 * MIB as usize));
    let (late, prompt): (Vec<_>, Vec<_>) =
        LIES.iter().copied().partition(|(_, _, kind)| *kind == TroubleKind::Time);
    for (name, change, expected) in prompt {
        check(name, change, expected, &content).await;
    }
    let late = late.into_iter().map(|(name, change, expected)| check(name, change, expected, &content));
    futures_util::future::join_all(late).await;
}

async fn check(name: &str, change: Change, expected: TroubleKind, content: &Arc<Vec<u8>>) {
    let house = House::new();
    let (served, lying) = (Arc::clone(content), Arc::new(AtomicBool::new(true)));
    let is_lying = Arc::clone(&lying);
    let server = Server::start(move |request| {
        let mut reply = Reply::honest(request, &served, "\"a\"");
        if request.is_for_a_block() && is_lying.load(Ordering::SeqCst) {
            change(&mut reply);
        }
        reply
    })
    .await;
    let origin = house.origin(&server, |settings| {
        if expected == TroubleKind::Time {
            settings.waits.head = Duration::from_millis(1_500);
            settings.waits.stall = Duration::from_millis(1_500);
            settings.waits.total = Duration::from_millis(4_000);
        }
    });
    let source = origin.open(&path("a")).await.expect(name).source;
    let reader = source.clone();
    let read = source.run(0, 64, move || {
        let mut buffer = [0xee; 64];
        (reader.read_at(&mut buffer, 0).map(|_| ()), buffer)
    });
    let (read, buffer) = read.await.unwrap();
    assert_eq!(read.map_err(|e| kind(&e)), Err(expected), "{name}");
    assert_eq!(buffer, [0xee; 64], "{name}: nothing was given");
    assert_eq!(house.remotes.0.blocks.bytes(), 0, "{name}: nothing is kept");
    lying.store(false, Ordering::SeqCst);
    let source = origin.open(&path("a")).await.expect(name).source;
    assert_eq!(read_all(&source, 65_536).await.expect(name), **content, "{name}: it is honest again");
}

#[tokio::test]
async fn an_origin_that_lies_about_the_first_byte_opens_nothing() {
    let cases: [(&str, Change, TroubleKind); 7] = [
        ("no length", |reply| reply.set("content-range", "bytes 0-0/*"), TroubleKind::Lie),
        ("more than asked", |reply| reply.set("content-range", "bytes 0-9/2097152"), TroubleKind::Lie),
        ("packed", |reply| reply.set("content-encoding", "gzip"), TroubleKind::Lie),
        ("a longer body", |reply| long(reply), TroubleKind::Lie),
        ("an endless body", |reply| endless(reply), TroubleKind::Lie),
        ("an endless file", |reply| no_length(reply), TroubleKind::NoRanges),
        ("too large", |reply| reply.set("content-range", "bytes 0-0/4194305"), TroubleKind::TooLarge),
    ];
    for (name, change, expected) in cases {
        let house = House::new();
        let served = bytes(2 * MIB as usize);
        let server = Server::start(move |request| {
            let mut reply = Reply::honest(request, &served, "\"a\"");
            change(&mut reply);
            reply
        })
        .await;
        let origin = house.origin(&server, |settings| settings.bytes_max = 4 * MIB);
        let e = origin.open(&path("a")).await.unwrap_err();
        assert_eq!((e.trouble().unwrap().kind, e.kind), (expected, ErrorKind::Unreachable), "{name}");
    }
}

fn no_length(reply: &mut Reply) {
    whole(reply);
    endless(reply);
}

#[tokio::test]
async fn a_file_of_which_no_part_is_given_is_fetched_whole_or_not_at_all() {
    let cases: [(&str, Change, Option<TroubleKind>); 5] = [
        ("honest", |_| (), None),
        ("too short", |reply| reply.body.truncate(7), Some(TroubleKind::Broken)),
        ("endless", |reply| endless(reply), Some(TroubleKind::Lie)),
        ("longer by now", |reply| reply.set("content-length", "3145729"), Some(TroubleKind::Changed)),
        ("another by now", |reply| reply.set("etag", "\"b\""), Some(TroubleKind::Changed)),
    ];
    for (name, change, expected) in cases {
        let house = House::new();
        let content = bytes(3 * MIB as usize);
        let served = content.clone();
        let server = Server::start(move |request| {
            let mut reply = Reply::honest(&Request { range: None, ..request.clone() }, &served, "\"a\"");
            reply.end = End::Close;
            if request.is_for_a_block() {
                change(&mut reply);
            }
            reply
        })
        .await;
        let source = house.origin(&server, |_| ()).open(&path("a")).await.unwrap().source;
        assert_eq!((source.comes_whole(), source.len()), (true, 3 * MIB), "{name}");
        let no_part = read_all(&source, 64).await.unwrap_err();
        assert_eq!(kind(&no_part), TroubleKind::NoRanges, "{name}");
        let whole = async { source.whole().await?.try_collect::<Vec<_>>().await };
        match (whole.await, expected) {
            (Ok(whole), None) => assert_eq!(whole.concat(), content, "{name}"),
            (Err(e), Some(expected)) => assert_eq!(kind(&e), expected, "{name}"),
            (whole, _) => panic!("{name}: {:?}", whole.map(|whole| whole.len())),
        }
        let is_other = expected == Some(TroubleKind::Changed);
        assert_eq!(source.check_unchanged().is_err(), is_other, "{name}");
    }
}

#[tokio::test]
async fn small_files_and_empty_ones_need_no_ranges() {
    let house = House::new();
    let server = Server::start(|request| {
        let whole = Request { range: None, ..request.clone() };
        match &*request.path {
            "/files/empty" => Reply::honest(request, b"", "\"a\""),
            "/files/empty-whole" => Reply::honest(&whole, b"", "\"a\""),
            _ => Reply::honest(&whole, b"whole", "\"a\""),
        }
    })
    .await;
    let origin = house.origin(&server, |_| ());
    for (name, content) in [("empty", ""), ("empty-whole", ""), ("whole", "whole")] {
        let source = origin.open(&path(name)).await.unwrap().source;
        assert_eq!(read_all(&source, 10).await.unwrap(), content.as_bytes(), "{name}");
    }
}

#[tokio::test]
async fn what_comes_at_once_is_taken_in_small_pieces() {
    let house = House::new();
    let content = bytes(MIB as usize);
    let server = Server::start(move |request| Reply::honest(request, &content, "\"a\"")).await;
    let origin = house.origin(&server, |_| ());
    let client = &origin.0.client;
    let known = client.look(&path("a")).await.unwrap();
    let mut pieces = client.fetch(&path("a"), &known, 0..MIB).await.unwrap();
    let mut came = 0;
    while let Some(piece) = pieces.next().await {
        let piece = piece.unwrap();
        assert!(piece.len() < 2 * REMOTE_HEAD_BYTES_MAX, "{} bytes at once", piece.len());
        came += piece.len();
    }
    assert_eq!(came, MIB as usize);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn in_whatever_pieces_a_body_comes_the_blocks_are_the_same(
        piece in 1_usize..100_000,
        chunk in proptest::option::of(1_usize..100_000),
        length in 1_usize..1_500_000,
        read in 1_usize..100_000,
    ) {
        let length = length.min(piece * 500).min(chunk.unwrap_or(length) * 500).min(read * 500);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (came, content) = runtime.block_on(async {
            let house = House::new();
            let content = bytes(length);
            let served = content.clone();
            let server = Server::start(move |request| {
                let mut reply = Reply::honest(request, &served, "\"a\"");
                reply.piece = piece;
                if let Some(chunk) = chunk {
                    reply.chunked(chunk);
                }
                reply
            })
            .await;
            let source = house.origin(&server, |_| ()).open(&path("a")).await.unwrap().source;
            (read_all(&source, read).await.unwrap(), content)
        });
        prop_assert!(came == content);
    }
}
