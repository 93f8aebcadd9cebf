//! Somebody else's server with feeds and sounds, which gives them as a test says.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a path gets.
#[derive(Clone)]
pub(crate) enum Given {
    /// A feed, with a tag by which it is known again.
    Feed(String),
    /// A file, by ranges too.
    File(Arc<Vec<u8>>),
    /// A file that comes a little in each hundredth of a second.
    Slow(Arc<Vec<u8>>),
    /// A file of which one answer never has more than so many bytes.
    Cut(Arc<Vec<u8>>, usize),
    /// Another address.
    Moved(String),
    /// Something that never ends.
    Endless(&'static str),
    /// A status and nothing else.
    Status(u16),
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) first_byte: Option<usize>,
    pub(crate) if_range: Option<String>,
    pub(crate) if_none_match: Option<String>,
}

/// The server. It runs until the process ends.
pub(crate) struct Pond {
    pub(crate) address: SocketAddr,
    given: Arc<Mutex<HashMap<String, Given>>>,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Pond {
    pub(crate) fn start() -> Pond {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let pond = Pond { address, given: Arc::default(), log: Arc::default() };
        let (given, log) = (Arc::clone(&pond.given), Arc::clone(&pond.log));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (given, log) = (Arc::clone(&given), Arc::clone(&log));
                // Whoever asks may hang up when he likes.
                std::thread::spawn(move || drop(converse(stream, &given, &log)));
            }
        });
        pond
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn give(&self, path: &str, given: Given) {
        self.given.lock().expect("no panic").insert(path.to_owned(), given);
    }

    /// What was asked of a path so far.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let log = self.log.lock().expect("no panic");
        log.iter().filter(|asked| asked.path == path).cloned().collect()
    }

    /// A feed with one item for each of these names, whose sounds are at `/NAME.wav`.
    pub(crate) fn feed(&self, names: &[&str]) -> Given {
        let item = |name: &&str| {
            let url = self.url(&format!("/{name}.wav"));
            format!(
                "<item><title>About {name} &amp; more</title><guid>{name}</guid><description>words</description>\
                 <pubDate>Tue, 14 Nov 2023 22:13:20 GMT</pubDate><itunes:duration>1:01</itunes:duration>\
                 <enclosure url=\"{url}\" length=\"7\" type=\"audio/x-wav\"/></item>"
            )
        };
        let items: String = names.iter().map(item).collect();
        Given::Feed(format!(
            "<?xml version=\"1.0\"?><rss version=\"2.0\" xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\">\
             <channel><title>Pond Talk</title><itunes:author>The Frogs</itunes:author><description>About ponds</description>\
             <itunes:image href=\"https://pond.example/p.png\"/>{items}</channel></rss>"
        ))
    }
}

fn converse(
    mut stream: TcpStream,
    given: &Mutex<HashMap<String, Given>>,
    log: &Mutex<Vec<Asked>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    loop {
        let Some(first) = lines.next() else { return Ok(()) };
        let first = first?;
        let path = first.split([' ', '?']).nth(1).unwrap_or_default().to_owned();
        let mut asked = Asked { path, ..Asked::default() };
        for line in lines.by_ref() {
            let line = line?;
            let Some((name, value)) = line.split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "range" => {
                    asked.first_byte = value.trim_start_matches("bytes=").trim_end_matches('-').parse().ok()
                }
                "if-range" => asked.if_range = Some(value.to_owned()),
                "if-none-match" => asked.if_none_match = Some(value.to_owned()),
                _ => {}
            }
        }
        log.lock().expect("no panic").push(asked.clone());
        let given = given.lock().expect("no panic").get(&asked.path).cloned().unwrap_or(Given::Status(404));
        answer(&mut stream, &asked, given)?;
    }
}

fn answer(stream: &mut TcpStream, asked: &Asked, given: Given) -> std::io::Result<()> {
    match given {
        Given::Status(status) => write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n"),
        Given::Moved(to) => {
            write!(stream, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
        }
        Given::Feed(text) => {
            let tag = format!("\"{}\"", text.len());
            if asked.if_none_match.as_deref() == Some(&tag) {
                return write!(stream, "HTTP/1.1 304 X\r\nETag: {tag}\r\n\r\n");
            }
            write!(stream, "HTTP/1.1 200 OK\r\nETag: {tag}\r\nContent-Length: {}\r\n\r\n{text}", text.len())
        }
        Given::Endless(begin) => {
            write!(stream, "HTTP/1.1 200 OK\r\n\r\n{begin}")?;
            loop {
                stream.write_all(&[b'x'; 64 * 1024])?;
            }
        }
        Given::File(bytes) => file(stream, asked, &bytes, |stream, body| stream.write_all(body)),
        Given::Slow(bytes) => file(stream, asked, &bytes, |stream, body| {
            for piece in body.chunks(32 * 1024) {
                stream.write_all(piece)?;
                // sleep: that it is slow is what it is for.
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(())
        }),
        Given::Cut(bytes, max) => file(stream, asked, &bytes, |stream, body| {
            stream.write_all(&body[..body.len().min(max)])?;
            if body.len() <= max { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
        }),
    }
}

fn file(
    stream: &mut TcpStream,
    asked: &Asked,
    bytes: &[u8],
    give: impl FnOnce(&mut TcpStream, &[u8]) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let tag = format!("\"{}\"", bytes.len());
    let range =
        asked.first_byte.filter(|first| asked.if_range.as_deref() == Some(&tag) && *first < bytes.len());
    let first = range.unwrap_or(0);
    let status = match range {
        Some(first) => format!("206 X\r\nContent-Range: bytes {first}-{}/{}", bytes.len() - 1, bytes.len()),
        None => "200 OK".to_owned(),
    };
    write!(stream, "HTTP/1.1 {status}\r\nETag: {tag}\r\nContent-Length: {}\r\n\r\n", bytes.len() - first)?;
    give(stream, &bytes[first..])
}
