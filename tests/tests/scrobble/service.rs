//! A service that is told what is played, and answers as a test says.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and path, without the query.
    pub(crate) what: String,
    pub(crate) query: String,
    pub(crate) authorization: String,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// Names and values of the form, from the query or the body.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let form = if self.body.is_empty() { &self.query } else { &self.body };
        form.split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (unescaped(name), unescaped(value)))
            .collect()
    }

    pub(crate) fn value(&self, name: &str) -> String {
        let found = self.form().into_iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value).unwrap_or_default()
    }
}

fn unescaped(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let escaped = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8(out).expect("UTF-8")
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) fields: &'static str,
    pub(crate) body: String,
    /// Whether the connection ends in the middle of the body.
    pub(crate) is_cut: bool,
}

impl Reply {
    pub(crate) fn of(status: u16, body: &Value) -> Reply {
        Reply { status, fields: "", body: body.to_string(), is_cut: false }
    }

    /// No time, for a second.
    pub(crate) fn busy(status: u16) -> Reply {
        Reply { fields: "Retry-After: 1\r\n", ..Reply::of(status, &Value::Null) }
    }
}

type Answering = Arc<dyn Fn(&Asked) -> Reply + Send + Sync>;

/// The service. It runs until the process ends.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    answering: Arc<Mutex<Answering>>,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    pub(crate) fn start(answering: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let answering: Arc<Mutex<Answering>> = Arc::new(Mutex::new(Arc::new(answering)));
        let service = Service { address, answering, log: Arc::default() };
        let shared = service.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let service = shared.clone();
                // Whoever asks may hang up when he likes.
                std::thread::spawn(move || drop(service.converse(&stream)));
            }
        });
        service
    }

    /// From now on it answers like this.
    pub(crate) fn becomes(&self, answering: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        *self.answering.lock().expect("no panic") = Arc::new(answering);
    }

    /// What was asked of a method and path so far.
    pub(crate) fn asked(&self, what: &str) -> Vec<Asked> {
        self.all().into_iter().filter(|asked| asked.what == what).collect()
    }

    pub(crate) fn all(&self) -> Vec<Asked> {
        self.log.lock().expect("no panic").clone()
    }

    fn converse(&self, stream: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut writer = stream;
        loop {
            let Some(asked) = read(&mut reader)? else { return Ok(()) };
            // An answer that takes its time keeps nobody else from his.
            let answering = Arc::clone(&self.answering.lock().expect("no panic"));
            let reply = answering(&asked);
            self.log.lock().expect("no panic").push(asked);
            let Reply { status, fields, body, is_cut } = reply;
            let sent = if is_cut { &body[..body.len() / 2] } else { &body };
            let length = body.len();
            write!(writer, "HTTP/1.1 {status} X\r\n{fields}Content-Length: {length}\r\n\r\n{sent}")?;
            if is_cut {
                return Ok(());
            }
        }
    }
}

fn read(reader: &mut impl BufRead) -> io::Result<Option<Asked>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (what, query) = (format!("{method} {path}"), query.to_owned());
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().expect("a length"),
            "authorization" => authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Asked { what, query, authorization, body: String::from_utf8(body).expect("UTF-8") }))
}
