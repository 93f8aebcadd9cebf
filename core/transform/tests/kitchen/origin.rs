//! Another server, which has one file and gives it in one of several ways.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use store::{Blocks, Private, RemoteOrigin, RemotePath, RemoteSettings, Remotes};
use transform::Material;

use super::house::House;

/// How the file is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// By ranges.
    Ranges,
    /// From the first byte to the last.
    Whole,
    /// So too, and the connection is closed in the middle.
    Half,
    /// So too, a little in each tenth of a second.
    Slow,
    /// By ranges, of which none ever comes but the first byte.
    Silent,
}

pub(crate) struct Origin {
    port: u16,
    /// Requests for more than the first byte.
    asked: Arc<AtomicUsize>,
}

impl Origin {
    /// Serves until the test ends.
    pub(crate) fn start(bytes: Vec<u8>, manner: Manner) -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, bytes) = (Arc::<AtomicUsize>::default(), Arc::new(bytes));
        let counted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (bytes, asked, stream) = (Arc::clone(&bytes), Arc::clone(&counted), stream.unwrap());
                // Whoever asks may hang up when he likes.
                std::thread::spawn(move || drop(converse(stream, &bytes, manner, &asked)));
            }
        });
        Origin { port, asked }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Its file, opened as the house opens what lies elsewhere.
    pub(crate) async fn material(&self, house: &House) -> Material {
        let blocks = Blocks::open(&house.folder, 64 << 20).unwrap();
        let remotes = Remotes::new(blocks, house.budget.clone()).unwrap();
        let mut settings = RemoteSettings::new("far", &format!("http://127.0.0.1:{}", self.port));
        settings.private = Private::Allowed;
        let origin = RemoteOrigin::new(&remotes, &settings).unwrap();
        let found = origin.open(&RemotePath::parse("a.mp4").unwrap()).await.unwrap();
        Material::whole(found.source, "far", "a.mp4")
    }
}

fn converse(mut stream: TcpStream, bytes: &[u8], manner: Manner, asked: &AtomicUsize) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    loop {
        let mut range = None;
        loop {
            let Some(line) = lines.next() else { return Ok(()) };
            let line = line?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            let value = line.strip_prefix("range: bytes=").and_then(|value| value.split_once('-'));
            range = value.map(|(first, last)| (first.parse().unwrap(), last.parse().unwrap())).or(range);
        }
        let (first, last): (usize, usize) = range.unwrap_or((0, bytes.len() - 1));
        asked.fetch_add(usize::from(last > 0), Ordering::SeqCst);
        let length = bytes.len();
        let (status, body) = match manner {
            Manner::Silent if last > 0 => loop {
                std::thread::park();
            },
            Manner::Ranges | Manner::Silent => {
                let last = last.min(length - 1);
                let status = format!("206 Partial Content\r\nContent-Range: bytes {first}-{last}/{length}");
                (status, &bytes[first..=last])
            }
            _ => ("200 OK".to_owned(), bytes),
        };
        let count = body.len();
        write!(stream, "HTTP/1.1 {status}\r\nETag: \"one\"\r\nContent-Length: {count}\r\n\r\n")?;
        match manner {
            Manner::Ranges | Manner::Silent | Manner::Whole => stream.write_all(body)?,
            Manner::Half => return stream.write_all(&body[..count / 2]),
            Manner::Slow => {
                for piece in body.chunks(10_000) {
                    stream.write_all(piece)?;
                    // sleep: that it is slow is what it is for.
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }
}
