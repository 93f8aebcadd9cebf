//! The lines that lead from a running server to a playing song.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// What the server says of itself at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The address of a TCP listener without TLS.
    Listening(String),
    /// The name of the first user, for the web page and the API.
    Login(String),
    /// The password for Subsonic clients.
    AppPassword(String),
}

impl Word {
    /// Reads `listening on http://ADDRESS`, `login: NAME / PASSWORD` and `app password: PASSWORD`, with anything before
    /// and after the value.
    pub(super) fn of_line(line: &str) -> Option<Self> {
        let after = |word: &str| line.split_once(word)?.1.split_whitespace().next().map(str::to_owned);
        after("app password: ")
            .map(Self::AppPassword)
            .or_else(|| after("login: ").map(Self::Login))
            .or_else(|| after("listening on http://").map(Self::Listening))
    }
}

/// The server's own commands for what the guide cannot know: passwords, which are shown once.
struct Commands {
    passwd: String,
    app_password: String,
}

impl Commands {
    fn of(server: &Path, data: &Path) -> Self {
        let of_admin =
            |what: &str| format!("{} user {what} admin --data {}", server.display(), data.display());
        Commands { passwd: of_admin("passwd"), app_password: of_admin("app-password") }
    }
}

/// Waits for the first song and then speaks once.
pub(super) struct Guide {
    /// Empty until the server has said it; a server that speaks TLS or on a Unix socket alone gets no lines.
    listen: String,
    commands: Commands,
    user: String,
    app_password: Option<String>,
    /// How often it has looked without finding a song.
    looks: u32,
    done: bool,
}

/// Looks without a word from the server after which its users are taken to be there already.
const PATIENCE_LOOKS: u32 = 8;

impl Guide {
    pub(super) fn new(server: &Path, data: &Path) -> Self {
        let commands = Commands::of(server, data);
        Self {
            listen: String::new(),
            commands,
            user: "admin".to_owned(),
            app_password: None,
            looks: 0,
            done: false,
        }
    }

    pub(super) fn remember(&mut self, word: Word) {
        match word {
            // A server that listens on every address is reached by the loopback one.
            Word::Listening(address) => {
                self.listen = address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
            }
            Word::Login(user) => self.user = user,
            Word::AppPassword(password) => self.app_password = Some(password),
        }
    }

    /// One look: when the server has a song that we may ask for, or will not tell us, the lines are printed.
    pub(super) fn look(&mut self) {
        if self.done || self.listen.is_empty() {
            return;
        }
        let found = match &self.app_password {
            Some(password) => self.first_song(password).map(|song| self.lines(password, &song)),
            None => (self.looks >= PATIENCE_LOOKS && get(&self.listen, "/health").is_some())
                .then(|| self.lines_without()),
        };
        self.looks += 1;
        if let Some(lines) = found {
            println!("\n{lines}\n");
            self.done = true;
        }
    }

    fn query(&self, password: &str) -> String {
        format!("u={}&p={password}&v=1.16.1&c=curl", encoded(&self.user))
    }

    fn first_song(&self, password: &str) -> Option<Song> {
        let query = self.query(&encoded(password));
        let answer = get(&self.listen, &format!("/rest/getRandomSongs?{query}&f=json&size=1"))?;
        let answer: serde_json::Value = serde_json::from_str(&answer).ok()?;
        let song = answer.pointer("/subsonic-response/randomSongs/song/0")?;
        let text = |name: &str| song.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        Some(Song { id: text("id")?, title: text("title")?, suffix: text("suffix")? })
    }

    fn lines(&self, password: &str, song: &Song) -> String {
        let url =
            |name: &str| format!("http://{}/rest/{name}?{}", self.listen, self.query(&encoded(password)));
        let stream = format!("{}&id={}", url("stream"), song.id);
        format!(
            "open the page, and sign in by the login above:\n  http://{}/\n\
             play \"{}\":\n  ffplay -nodisp -autoexit '{stream}'\n\
             keep it:\n  curl -o song.{} '{stream}'\n\
             see the albums:\n  curl '{}&type=newest&f=json'\n\
             or take any Subsonic app: server http://{}, user {}, the app password above",
            self.listen,
            song.title,
            song.suffix,
            url("getAlbumList2"),
            self.listen,
            self.user,
        )
    }

    fn lines_without(&self) -> String {
        let url = format!("http://{}/rest", self.listen);
        let query = self.query("$P");
        format!(
            "open the page:\n  http://{}/\n\
             make a new login password:\n  {}\n\
             make a new app password:\n  P=$({})\n\
             find a song:\n  ID=$(curl -s \"{url}/getRandomSongs?{query}&size=1\" | grep -o '<song id=\"[^\"]*' | cut -d'\"' -f2)\n\
             play it:\n  ffplay -nodisp -autoexit \"{url}/stream?{query}&id=$ID\"\n\
             or keep it:\n  curl -o song \"{url}/stream?{query}&id=$ID\"",
            self.listen, self.commands.passwd, self.commands.app_password,
        )
    }
}

struct Song {
    id: String,
    title: String,
    suffix: String,
}

/// The body of a small answer with status 200; none for anything else.
fn get(listen: &str, path: &str) -> Option<String> {
    let mut socket = TcpStream::connect(listen).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {listen}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    #[expect(clippy::disallowed_methods, reason = "bounded to 64 KiB by take")]
    socket.take(64 * 1024).read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines().next()?.contains(" 200").then(|| body.to_owned())
}

/// Percent-encoding of everything but letters and digits.
fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => (byte as char).to_string(),
        _ => format!("%{byte:02X}"),
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_first_start_are_understood() {
        let cases = [
            ("login: admin / s3cret", Some(Word::Login("admin".into()))),
            ("  app password: abcd-efgh (for Subsonic apps)", Some(Word::AppPassword("abcd-efgh".into()))),
            ("listening on http://0.0.0.0:4040", Some(Word::Listening("0.0.0.0:4040".into()))),
            ("listening on https://0.0.0.0:4040", None),
        ];
        for (line, expected) in cases {
            assert_eq!(Word::of_line(line), expected, "{line}");
        }
    }

    #[test]
    fn the_printed_lines_carry_the_song_and_an_encoded_password() {
        let mut guide = Guide::new(Path::new("millpond"), Path::new("data"));
        guide.remember(Word::Listening("0.0.0.0:4040".into()));
        let song = Song { id: "tr-7".into(), title: "Vass".into(), suffix: "flac".into() };
        let lines = guide.lines("a&b", &song);
        assert!(
            lines.contains("curl -o song.flac 'http://127.0.0.1:4040/rest/stream?u=admin&p=a%26b&v="),
            "{lines}"
        );
        assert!(lines.contains("&id=tr-7'") && lines.contains("\n  http://127.0.0.1:4040/\n"), "{lines}");
        let without = guide.lines_without();
        for line in [
            "\n  http://127.0.0.1:4040/\n",
            "\n  millpond user passwd admin --data data\n",
            "$(millpond user app-password admin --data data)",
        ] {
            assert!(without.contains(line), "{without}");
        }
    }
}
