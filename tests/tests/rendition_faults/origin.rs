//! A server that answers what a test wants, honest or not.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// Where origins of these tests are, so that no other address of this machine needs to be listed for them.
pub(crate) const HOME: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// What is asked for: the path, and the first and the last byte.
pub(crate) struct Ask {
    pub(crate) path: String,
    pub(crate) range: Option<(usize, usize)>,
}

impl Ask {
    /// Whether somebody only wants to know what there is.
    pub(crate) fn is_a_look(&self) -> bool {
        self.range == Some((0, 0))
    }
}

/// What is answered: the head without its last empty line, the body, and what comes behind it.
pub(crate) struct Reply {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The connection is closed.
    Close,
    /// The body again, for as long as somebody takes it.
    Again,
    /// Nothing, for as long as somebody waits.
    Silence,
}

impl Reply {
    pub(crate) fn new(head: &str, body: &[u8]) -> Reply {
        Reply { head: head.to_owned(), body: body.to_vec(), end: End::Close }
    }

    /// What an honest server says of a part of these bytes.
    pub(crate) fn part(ask: &Ask, bytes: &[u8]) -> Reply {
        let Some((first, last)) = ask.range else { return Reply::whole(bytes) };
        let (length, last) = (bytes.len(), last.min(bytes.len() - 1));
        let head = format!(
            "206 Partial Content\r\nETag: \"one\"\r\nContent-Range: bytes {first}-{last}/{length}\r\nContent-Length: {}",
            last + 1 - first
        );
        Reply::new(&head, &bytes[first..=last])
    }

    /// What a server says that gives no parts.
    pub(crate) fn whole(bytes: &[u8]) -> Reply {
        Reply::new(&format!("200 OK\r\nETag: \"one\"\r\nContent-Length: {}", bytes.len()), bytes)
    }
}

/// Starts a server that lives as long as the test.
pub(crate) fn start(answer: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind((HOME, 0)).expect("a port");
    let address = listener.local_addr().expect("a socket");
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // Whoever asks may hang up when he likes.
            std::thread::spawn(move || drop(converse(stream, &*answer)));
        }
    });
    address
}

fn converse(mut stream: TcpStream, answer: &dyn Fn(&Ask) -> Reply) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let Some(first) = lines.next().transpose()? else { return Ok(()) };
    let mut ask = Ask { path: first.split(' ').nth(1).unwrap_or_default().to_owned(), range: None };
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some((first, last)) =
            line.strip_prefix("range: bytes=").and_then(|range| range.split_once('-'))
        {
            ask.range = first.parse().ok().zip(last.parse().ok());
        }
    }
    let Reply { head, body, end } = answer(&ask);
    if !head.is_empty() {
        write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n")?;
    }
    stream.write_all(&body)?;
    match end {
        End::Close => Ok(()),
        // Until the other side has enough of it.
        End::Silence => std::io::copy(&mut stream, &mut std::io::sink()).map(|_| ()),
        End::Again => loop {
            stream.write_all(&body)?;
        },
    }
}
