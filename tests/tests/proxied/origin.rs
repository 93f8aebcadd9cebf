//! An origin that answers each path by a script, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came, its fields in lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body_bytes: u64,
}

impl Asked {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The first byte that is asked for, and the one behind the last.
    pub(crate) fn range(&self) -> Option<(usize, usize)> {
        let (first, last) = self.field("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse::<usize>().ok()? + 1))
    }
}

/// What is written to the socket, as it is. The connection is closed when it says so.
pub(crate) type Script = dyn Fn(&Asked, &mut TcpStream) -> Then + Send + Sync;

/// What follows.
pub(crate) enum Then {
    Next,
    Close,
}

/// The origin. It runs until the process ends.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<Asked>>>,
    replies: Arc<Mutex<HashMap<String, VecDeque<String>>>>,
}

impl Origin {
    /// One that is scripted path by path.
    pub(crate) fn scripted() -> Origin {
        let replies: Arc<Mutex<HashMap<String, VecDeque<String>>>> = Arc::default();
        let scripts = Arc::clone(&replies);
        Origin::serving(replies, move |asked, stream| {
            let mut scripts = scripts.lock().expect("no panic");
            let replies = scripts.entry(asked.path.clone()).or_default();
            // Who is away is away for a second attempt too.
            let reply = match replies.front() {
                Some(reply) if reply == "gone" => Some(reply.clone()),
                _ => replies.pop_front(),
            };
            drop(scripts);
            let reply =
                reply.unwrap_or_else(|| "599\nCache-Control: no-store\n\nnobody expected this".to_owned());
            write_reply(stream, &asked.method, &reply)
        })
    }

    /// One that does as it likes.
    pub(crate) fn doing(script: impl Fn(&Asked, &mut TcpStream) -> Then + Send + Sync + 'static) -> Origin {
        Origin::serving(Arc::default(), script)
    }

    fn serving(
        replies: Arc<Mutex<HashMap<String, VecDeque<String>>>>,
        script: impl Fn(&Asked, &mut TcpStream) -> Then + Send + Sync + 'static,
    ) -> Origin {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let log: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (written, script): (_, Arc<Script>) = (Arc::clone(&log), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, script) = (Arc::clone(&written), Arc::clone(&script));
                std::thread::spawn(move || converse(stream, &log, &*script));
            }
        });
        Origin { address, log, replies }
    }

    /// What the next request for a path gets: a status, fields, an empty line, a body.
    pub(crate) fn expect(&self, path: &str, reply: &str) {
        let mut replies = self.replies.lock().expect("no panic");
        replies.entry(path.to_owned()).or_default().push_back(reply.to_owned());
    }

    /// What nobody asked for of a path, which is taken back.
    pub(crate) fn take_back(&self, path: &str) -> usize {
        self.replies.lock().expect("no panic").remove(path).map_or(0, |left| left.len())
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.log.lock().expect("no panic").clone()
    }

    /// Those for what is under one path.
    pub(crate) fn asked_under(&self, path: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.path.starts_with(path)).collect()
    }
}

fn converse(stream: TcpStream, log: &Mutex<Vec<Asked>>, script: &Script) {
    let mut writer = stream.try_clone().expect("a handle");
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read(&mut reader) {
        log.lock().expect("no panic").push(asked.clone());
        match script(&asked, &mut writer) {
            Then::Next => {}
            Then::Close => {
                let _ = writer.shutdown(std::net::Shutdown::Both);
                return;
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut asked = Asked { method, path, ..Asked::default() };
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else { break };
        asked.fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if asked.field("transfer-encoding") == Some("chunked") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = u64::from_str_radix(size.trim(), 16).ok()?;
            asked.body_bytes += size;
            std::io::copy(&mut reader.by_ref().take(size + 2), &mut std::io::sink()).ok()?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = asked.field("content-length").and_then(|length| length.parse().ok()) {
        asked.body_bytes = std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
    }
    Some(asked)
}

/// Writes a reply of a script. `untold` before the status sends the body in chunks; `cut` breaks the connection off in the
/// middle of the body.
fn write_reply(stream: &mut TcpStream, method: &str, reply: &str) -> Then {
    let (head, body) = reply.split_once("\n\n").unwrap_or((reply, ""));
    let mut lines = head.lines();
    let mut status = lines.next().unwrap_or_default();
    if status == "gone" {
        return Then::Close;
    }
    let is_untold = status.strip_prefix("untold ").map(|rest| status = rest).is_some();
    let is_cut = status.strip_prefix("cut ").map(|rest| status = rest).is_some();
    let mut text = format!("HTTP/1.1 {status} Whatever\r\n");
    lines.for_each(|line| text += &format!("{line}\r\n"));
    let has_body = method != "HEAD" && !["204", "304"].contains(&status);
    if is_untold {
        text += "Transfer-Encoding: chunked\r\n\r\n";
        for piece in body.as_bytes().chunks(3) {
            text += &format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece));
        }
        text += if is_cut { "" } else { "0\r\nX-Trailer: 1\r\n\r\n" };
    } else {
        let length = if is_cut { body.len() + 10 } else { body.len() };
        if has_body {
            text += &format!("Content-Length: {length}\r\n");
        }
        text += "\r\n";
        text += if has_body { body } else { "" };
    }
    match stream.write_all(text.as_bytes()) {
        Ok(()) if !is_cut => Then::Next,
        _ => Then::Close,
    }
}
