use std::net::IpAddr;
use std::sync::atomic::AtomicUsize;

use budget::limits::MIB;

use super::*;
use crate::error::ErrorKind;
use crate::remote::guard::Private;
use crate::remote::stand_in::{End, Reply, Request, Server};
use crate::remote::{Origin, Origins, RemoteAuth};

mod forward;
mod lies;
mod trust;

/// A node with a cache of its own that may ask this machine.
struct House {
    remotes: Remotes,
    _folder: tempfile::TempDir,
}

impl House {
    fn new() -> House {
        House::with(64 * MIB, Tls::default(), Names::test(|_| vec![IpAddr::from([127, 0, 0, 1])]))
    }

    fn with(cache_bytes: u64, tls: Tls, names: Names) -> House {
        let folder = tempfile::tempdir().unwrap();
        let blocks = Blocks::within(folder.path(), cache_bytes);
        let budget = Budget::new(256 * MIB).unwrap();
        House { remotes: Remotes::with(blocks, budget, tls, names), _folder: folder }
    }

    fn origin(&self, server: &Server, change: impl FnOnce(&mut RemoteSettings)) -> RemoteOrigin {
        let base = format!("http://127.0.0.1:{}/files", server.port);
        let mut settings = RemoteSettings::new("clips", &base);
        settings.private = Private::Allowed;
        change(&mut settings);
        RemoteOrigin::new(&self.remotes, &settings).unwrap()
    }
}

fn path(text: &str) -> RemotePath {
    RemotePath::parse(text).unwrap()
}

/// Bytes that differ from block to block.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 / 7 + at / 1_000) as u8).collect()
}

/// All bytes, in reads of this size, on the threads that are meant for it.
async fn read_all(source: &Source, read_bytes: usize) -> io::Result<Vec<u8>> {
    let reader = source.clone();
    let read = source.run(0, source.len(), move || {
        let (mut all, mut buffer) = (Vec::new(), vec![0; read_bytes]);
        loop {
            match reader.read_at(&mut buffer, all.len() as u64)? {
                0 => return Ok(all),
                count => all.extend_from_slice(&buffer[..count]),
            }
        }
    });
    read.await.unwrap()
}

fn kind(e: &io::Error) -> TroubleKind {
    e.get_ref().and_then(|e| e.downcast_ref::<Trouble>()).expect("trouble").kind
}

#[tokio::test]
async fn a_file_is_read_by_blocks_that_are_fetched_once() {
    let house = House::new();
    let content = bytes(3 * MIB as usize + 77);
    let served = content.clone();
    let server = Server::start(move |request| Reply::honest(request, &served, "\"a\"")).await;
    let origin = house.origin(&server, |_| ());
    let found = origin.open(&path("a%20b.mp4?token=7")).await.unwrap();
    assert_eq!((found.source.len(), found.media_type.as_deref()), (content.len() as u64, Some("video/mp4")));
    assert!(found.source.validator().is_strong());
    assert_eq!(read_all(&found.source, 70_000).await.unwrap(), content);
    assert_eq!(read_all(&found.source, 1 << 22).await.unwrap(), content);
    let again = origin.open(&path("a%20b.mp4?token=7")).await.unwrap();
    assert_eq!(again.source.validator(), found.source.validator());
    let other = origin.open(&path("a%20b.mp4?token=8")).await.unwrap();
    assert_ne!(other.source.validator(), found.source.validator(), "another file with the same tag");
    let requests = server.requests();
    assert_eq!(requests[0].path, "/files/a%20b.mp4?token=7");
    assert_eq!(requests[0].field("accept-encoding"), Some("identity"));
    assert_eq!(requests[1].field("if-match"), Some("\"a\""));
    assert_eq!(server.blocks().0, 4, "{requests:?}");
    assert_eq!(server.most(), server.open(), "connections are kept");
}

#[tokio::test]
async fn many_readers_of_one_block_are_one_request_and_many_openings_too() {
    let house = House::new();
    let served = bytes(2 * MIB as usize);
    let server = Server::start(move |request| Reply::honest(request, &served, "\"a\"")).await;
    let origin = house.origin(&server, |_| ());
    let openings = (0..50).map(|_| {
        let origin = origin.clone();
        tokio::spawn(async move { origin.open(&path("a.mp4")).await.unwrap() })
    });
    let mut opened = Vec::new();
    for opening in openings.collect::<Vec<_>>() {
        opened.push(opening.await.unwrap());
    }
    assert_eq!(server.requests().len(), 1);
    let reads: Vec<_> = opened
        .iter()
        .map(|found| {
            let reader = found.source.clone();
            found.source.run(MIB, 8, move || reader.read_at(&mut [0; 8], MIB))
        })
        .collect();
    for read in reads {
        assert_eq!(read.await.unwrap().unwrap(), 8);
    }
    assert_eq!(server.blocks().0, 1);
}

#[tokio::test]
async fn connections_are_bounded_and_one_origin_that_hangs_does_not_stop_another() {
    let house = House::new();
    let served = bytes(MIB as usize);
    let hanging = Server::start(|_| Reply::silent()).await;
    let fine = Server::start(move |request| Reply::honest(request, &served, "\"a\"")).await;
    let stuck = house.origin(&hanging, |settings| settings.connections_max = 2);
    let openings: Vec<_> = (0..20)
        .map(|at| {
            let stuck = stuck.clone();
            tokio::spawn(async move { stuck.open(&path(&format!("{at}.mp4"))).await.map(|_| ()) })
        })
        .collect();
    let found = house.origin(&fine, |_| ()).open(&path("a.mp4")).await.unwrap();
    assert_eq!(read_all(&found.source, 4_096).await.unwrap().len(), MIB as usize);
    assert!(hanging.most() <= 2);
    openings.into_iter().for_each(|opening| opening.abort());
}

#[tokio::test]
async fn a_reader_holds_a_permit_and_one_too_many_is_refused() {
    let house = House::new();
    let served = bytes(10);
    let server = Server::start(move |request| Reply::honest(request, &served, "\"a\"")).await;
    let origin = house.origin(&server, |_| ());
    let used = |house: &House| {
        let figures = house.remotes.0.budget.figures();
        figures.iter().find(|figures| figures.pool == Pool::Origins).unwrap().used_bytes
    };
    let found = origin.open(&path("a.mp4")).await.unwrap();
    let clone = found.source.clone();
    assert_eq!(used(&house), REMOTE_READER_BYTES);
    drop(found);
    assert_eq!(used(&house), REMOTE_READER_BYTES, "a clone still reads");
    house.remotes.0.budget.set_pressure(budget::Level::High);
    let refused = origin.open(&path("a.mp4")).await.unwrap_err();
    assert_eq!(refused.trouble().unwrap().kind, TroubleKind::Busy);
    assert!(refused.trouble().unwrap().refused().is_some());
    assert_eq!(read_all(&clone, 10).await.unwrap(), bytes(10), "who reads reads on");
    drop(clone);
    assert_eq!(used(&house), 0);
}

#[tokio::test]
async fn blocks_outlive_the_process_and_one_that_rotted_is_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let content = bytes(MIB as usize + 5);
    let served = content.clone();
    let server = Server::start(move |request| Reply::honest(request, &served, "\"a\"")).await;
    for (round, fetched) in [(0, 2), (1, 2), (2, 3)] {
        let budget = Budget::new(256 * MIB).unwrap();
        let blocks = Blocks::within(folder.path(), 64 * MIB);
        let remotes = Remotes::with(blocks, budget, Tls::default(), Names::test(|_| Vec::new()));
        let house = House { remotes, _folder: tempfile::tempdir().unwrap() };
        let found = house.origin(&server, |_| ()).open(&path("a.mp4")).await.unwrap();
        assert_eq!(read_all(&found.source, 65_536).await.unwrap(), content, "round {round}");
        assert_eq!(server.blocks().0, fetched, "round {round}");
        if round == 1 {
            flip_a_byte(folder.path());
        }
    }
}

/// In the longest file of the cache.
fn flip_a_byte(folder: &std::path::Path) {
    use std::os::unix::fs::FileExt;
    let folders = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files =
        folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let longest = files.max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    let file = std::fs::OpenOptions::new().read(true).write(true).open(longest).unwrap();
    let mut byte = [0];
    file.read_at(&mut byte, 4_321).unwrap();
    file.write_at(&[byte[0] ^ 1], 4_321).unwrap();
}

#[tokio::test]
async fn what_an_origin_said_is_believed_for_the_time_of_its_class() {
    let house = House::new();
    let server = Server::start(|request| match &*request.path {
        "/files/there" => Reply::honest(request, b"12345678", "\"a\""),
        "/files/absent" => Reply::new("404 Not Found"),
        _ => Reply::new("502 Bad Gateway"),
    })
    .await;
    let (hour, none) = (Duration::from_secs(3_600), Duration::ZERO);
    for (ok, client_error, server_error) in [(hour, none, none), (none, hour, none), (none, none, hour)] {
        let origin = house.origin(&server, |settings| {
            settings.beliefs = RemoteBeliefs { ok, client_error, server_error };
        });
        let cases =
            [("there", ok, None), ("absent", client_error, Some(404)), ("broken", server_error, Some(502))];
        for (name, belief, status) in cases {
            let before = server.requests().len();
            for _ in 0..3 {
                let opened = origin.open(&path(name)).await.map(|_| ());
                let found = opened.err().and_then(|e| e.trouble().map(|trouble| trouble.kind));
                assert_eq!(found, status.map(TroubleKind::Status), "{name}");
            }
            let asked = server.requests().len() - before;
            assert_eq!(asked, if belief.is_zero() { 3 } else { 1 }, "{name} {belief:?}");
        }
    }
}

#[tokio::test]
async fn the_next_origin_is_asked_when_one_has_no_such_file_or_fails() {
    let house = House::new();
    let (first, second) = (
        Server::start(|request| match &*request.path {
            "/files/broken" => Reply::new("500 Oh"),
            _ => Reply::new("404 Not Found"),
        })
        .await,
        Server::start(|request| match &*request.path {
            "/files/a" | "/files/broken" => Reply::honest(request, b"second", "\"a\""),
            _ => Reply::new("404 Not Found"),
        })
        .await,
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("local"), b"third").unwrap();
    let folders = crate::Folders::new(8);
    let id = crate::FolderId(1);
    folders.set(vec![(id, folder.path().to_owned())]);
    let origins = Origins::new(vec![
        Origin::Remote(house.origin(&first, |_| ())),
        Origin::Remote(house.origin(&second, |_| ())),
        Origin::Folder { folders, folder: id },
    ]);
    for (name, at, content) in
        [("a", 1, "second"), ("broken", 1, "second"), ("local", 2, "third"), ("a", 1, "second")]
    {
        let (place, found) = origins.open(&path(name)).await.unwrap();
        let read = read_all(&found.source, 100).await.unwrap();
        assert_eq!((place, &*read), (at, content.as_bytes()), "{name}");
    }
    assert_eq!(first.requests().len(), 3, "what was absent is not asked for again");
    assert_eq!(origins.open(&path("none")).await.unwrap_err().kind, ErrorKind::NotFound);
    let broken = Origins::new(vec![
        Origin::Remote(house.origin(&second, |_| ())),
        Origin::Remote(house.origin(&first, |settings| settings.base = "http://127.0.0.1:1/".to_owned())),
    ]);
    let e = broken.open(&path("none")).await.unwrap_err();
    assert_eq!(e.kind, ErrorKind::Unreachable, "an outage is not an absence: {e}");
}

#[tokio::test]
async fn a_change_at_the_origin_is_an_error_for_who_reads_and_new_for_who_opens() {
    let house = House::new();
    let version = Arc::new(AtomicUsize::new(0));
    let current = Arc::clone(&version);
    let server = Server::start(move |request| {
        let now = current.load(Ordering::SeqCst);
        let content = vec![now as u8; 2 * MIB as usize];
        Reply::honest(request, &content, &format!("\"{now}\""))
    })
    .await;
    let origin = house.origin(&server, |_| ());
    let old = origin.open(&path("a")).await.unwrap().source;
    let read = |source: &Source, offset| {
        let reader = source.clone();
        source.run(offset, 1, move || {
            let mut one = [9];
            reader.read_at(&mut one, offset).map(|_| one[0])
        })
    };
    assert_eq!(read(&old, 0).await.unwrap().unwrap(), 0);
    version.store(1, Ordering::SeqCst);
    old.check_unchanged().unwrap();
    let e = read(&old, MIB).await.unwrap().unwrap_err();
    assert_eq!((kind(&e), e.kind()), (TroubleKind::Changed, io::ErrorKind::StaleNetworkFileHandle));
    assert_eq!(old.check_unchanged().unwrap_err().kind, ErrorKind::Changed);
    let new = origin.open(&path("a")).await.unwrap().source;
    assert_ne!(new.validator(), old.validator());
    assert_eq!((read(&new, 0).await.unwrap().unwrap(), read(&new, MIB).await.unwrap().unwrap()), (1, 1));
    assert_eq!(house.remotes.0.blocks.bytes(), 2 * (MIB + 32), "the old blocks are gone");
    origin.forget(&path("a")).await;
    assert_eq!(house.remotes.0.blocks.bytes(), 0);
}

#[tokio::test]
async fn the_cache_never_takes_more_than_its_bound() {
    let house = House::with(3 * MIB, Tls::default(), Names::test(|_| Vec::new()));
    let content = bytes(8 * MIB as usize);
    let served = content.clone();
    let server = Server::start(move |request| Reply::honest(request, &served, "\"a\"")).await;
    let found = house.origin(&server, |_| ()).open(&path("a")).await.unwrap();
    for _ in 0..2 {
        assert_eq!(read_all(&found.source, 1 << 20).await.unwrap(), content);
        assert!(house.remotes.0.blocks.bytes() <= 3 * MIB);
    }
}

#[tokio::test]
async fn a_server_that_closes_each_connection_after_a_while_is_asked_again() {
    let house = House::new();
    let content = bytes(5 * MIB as usize);
    let served = content.clone();
    let server =
        Server::start(move |request| Reply { end: End::Close, ..Reply::honest(request, &served, "\"a\"") })
            .await;
    let source = house.origin(&server, |_| ()).open(&path("a")).await.unwrap().source;
    assert_eq!(read_all(&source, 65_536).await.unwrap(), content);
}

/// Without any strong validator nothing is put together of two openings.
#[tokio::test]
async fn a_file_without_a_strong_tag_has_no_strong_validator() {
    let house = House::new();
    let server = Server::start(|request: &Request| {
        let mut reply = Reply::honest(request, b"12345678", "\"a\"");
        reply.remove("etag");
        match &*request.path {
            "/files/weak" => reply.set("etag", "W/\"a\""),
            "/files/old" => {
                reply.set("last-modified", "Fri, 21 Nov 2025 10:00:00 GMT");
                reply.set("date", "Fri, 21 Nov 2025 11:00:00 GMT");
            }
            "/files/young" => {
                reply.set("last-modified", "Fri, 21 Nov 2025 10:00:00 GMT");
                reply.set("date", "Fri, 21 Nov 2025 10:00:01 GMT");
            }
            _ => {}
        }
        reply
    })
    .await;
    let origin = house.origin(&server, |settings| settings.beliefs.ok = Duration::ZERO);
    for (name, stays) in [("weak", false), ("old", true), ("young", false), ("nothing", false)] {
        let first = origin.open(&path(name)).await.unwrap().source;
        assert_eq!(read_all(&first, 8).await.unwrap(), b"12345678", "{name}");
        let second = origin.open(&path(name)).await.unwrap().source;
        assert!(!first.validator().is_strong(), "{name}");
        assert_eq!(first.validator() == second.validator(), stays, "{name}");
    }
}
