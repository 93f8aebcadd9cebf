//! The one table of configuration keys. Flags, variables, the file's keys, `--help`, the values printed at start and
//! the reference page all come from it, so they cannot drift apart.
//!
//! Key `a.b_c` is the flag `--a-b-c`, the variable `MILLPOND_A_B_C`, and `b_c` in the file's table `[a]`.

use budget::limits;
use stream::wire::Share;

use super::checks::{anything, base_url, jobs, ladder_width, log_level, origin, parses, store_url};
use super::types::{Address, Proxy};
use crate::keeping::LOCAL;

/// One configuration key.
pub(crate) struct Key {
    /// The name as the file has it: `server.drain_ms`.
    pub(crate) name: &'static str,
    /// What a value may be.
    pub(crate) kind: Kind,
    /// What holds when nobody says anything.
    pub(crate) standard: Standard,
    /// What it decides, in one sentence.
    pub(crate) help: &'static str,
    /// A value that a user might give.
    pub(crate) example: &'static str,
    /// Which commands show its flag in their help.
    pub(crate) scope: Scope,
    /// Whether its value must never be printed.
    pub(crate) secret: bool,
    /// What a text, or each entry of a list, must be beyond its kind; the error says what would be right.
    pub(crate) check: fn(&str) -> Result<(), String>,
}

/// What a value may be, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A file or folder; relative to the file that names it, else to the current folder.
    Path,
    /// A whole number from 0.
    Count,
    /// A number of bytes: `268435456`, `256MiB`, `1.5GB`.
    Bytes,
    /// A number of milliseconds: `10000`, `10s`, `3min`.
    Millis,
    /// Several texts: a flag is repeated, a variable separates by commas, the file has an array.
    List,
    /// Several files or folders, written like a list.
    Paths,
    /// Several whole numbers, written like a list.
    Counts,
}

/// The value of a key that nobody has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standard {
    /// None: the key is optional, or its value is found out at start.
    Unset,
    /// This number.
    Number(u64),
    /// This text.
    Text(&'static str),
    /// This one entry of a list.
    One(&'static str),
    /// A list without entries.
    Empty,
    /// This list of numbers.
    Numbers(&'static [u64]),
    /// No.
    No,
}

/// Which commands show a key's flag. Every command accepts every flag; help stays short this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All commands that read settings.
    Everywhere,
    /// `serve` and `doctor`.
    Serving,
}

impl Key {
    /// The name of its flag without the dashes: `server-drain-ms`.
    pub(crate) fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// The name of its variable: `MILLPOND_SERVER_DRAIN_MS`.
    pub(crate) fn variable(&self) -> String {
        format!("MILLPOND_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// What stands for the value in help texts.
    pub(crate) fn placeholder(&self) -> &'static str {
        match self.kind {
            Kind::Text => "TEXT",
            Kind::Choice(_) => "WORD",
            Kind::Path | Kind::Paths => "PATH",
            Kind::Switch => "true|false",
            Kind::Count | Kind::Counts => "N",
            Kind::Bytes => "BYTES",
            Kind::Millis => "MS",
            Kind::List => "ITEM",
        }
    }

    /// The same key whose texts must also pass `check`.
    const fn checked(mut self, check: fn(&str) -> Result<(), String>) -> Self {
        self.check = check;
        self
    }

    /// The default as help shows it; `None` where the help text itself says what holds.
    pub(crate) fn shown_default(&self) -> Option<String> {
        match self.standard {
            Standard::Unset | Standard::Empty => None,
            Standard::No => Some("false".to_owned()),
            Standard::Numbers(numbers) => {
                let texts: Vec<String> = numbers.iter().map(u64::to_string).collect();
                Some(texts.join(", "))
            }
            Standard::Number(number) => Some(number.to_string()),
            Standard::Text(text) | Standard::One(text) => Some(text.to_owned()),
        }
    }

    /// Whether it holds several values.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.kind, Kind::List | Kind::Paths | Kind::Counts)
    }
}

/// The key of that name.
pub(crate) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// A key that only `serve` and `doctor` show.
const fn serving(
    name: &'static str,
    kind: Kind,
    standard: Standard,
    example: &'static str,
    help: &'static str,
) -> Key {
    Key { name, kind, standard, help, example, scope: Scope::Serving, secret: false, check: anything }
}

/// A key that every command shows.
const fn everywhere(
    name: &'static str,
    kind: Kind,
    standard: Standard,
    example: &'static str,
    help: &'static str,
) -> Key {
    Key { name, kind, standard, help, example, scope: Scope::Everywhere, secret: false, check: anything }
}

/// Every key, in the order in which help and documentation show them.
pub(crate) const KEYS: &[Key] = &[
    everywhere(
        "config",
        Kind::Path,
        Standard::Unset,
        "/etc/millpond.toml",
        "The configuration file, in TOML [default: millpond/millpond.toml in your configuration folder, if it is there]",
    ),
    everywhere(
        "data",
        Kind::Path,
        Standard::Unset,
        "/var/lib/millpond",
        "The data folder: database, keys, what users send [default: millpond in your folder for application data]",
    ),
    everywhere(
        "library",
        Kind::Paths,
        Standard::Empty,
        "/srv/music",
        "A folder of media to scan and serve; give it once for each library",
    ),
    serving(
        "listen",
        Kind::List,
        Standard::One("127.0.0.1:4040"),
        "0.0.0.0:4040",
        "Where to listen: ADDRESS:PORT or unix:PATH; several are possible",
    )
    .checked(parses::<Address>),
    everywhere(
        "memory.limit",
        Kind::Bytes,
        Standard::Unset,
        "256MiB",
        "Memory for the server and its children together [default: the control group's limit, else a quarter of the machine]",
    ),
    serving(
        "server.base_url",
        Kind::Text,
        Standard::Unset,
        "https://example.org/music",
        "The address that people use when a proxy stands in front; its path is the prefix of all routes",
    )
    .checked(base_url),
    serving(
        "server.trusted_proxies",
        Kind::List,
        Standard::Empty,
        "10.0.0.0/8",
        "Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed; `unix` for Unix sockets",
    )
    .checked(parses::<Proxy>),
    serving(
        "server.cors_origins",
        Kind::List,
        Standard::Empty,
        "https://player.example.org",
        "Web origins whose pages may use the API with the user's session",
    )
    .checked(origin),
    serving(
        "server.tls_cert",
        Kind::Path,
        Standard::Unset,
        "/etc/millpond/cert.pem",
        "The certificate chain in PEM; with it, TCP listeners speak TLS",
    ),
    serving(
        "server.tls_key",
        Kind::Path,
        Standard::Unset,
        "/etc/millpond/key.pem",
        "The private key of the certificate, in PEM",
    ),
    serving(
        "server.drain_ms",
        Kind::Millis,
        Standard::Number(limits::DRAIN_MS),
        "30s",
        "How long running answers may take to finish after SIGTERM",
    ),
    serving(
        "limits.connections",
        Kind::Count,
        Standard::Number(limits::CONNECTIONS_MAX as u64),
        "20000",
        "Open connections; 0 is no limit but the one of descriptors",
    ),
    serving(
        "limits.connections_per_address",
        Kind::Count,
        Standard::Number(limits::CONNECTIONS_PER_ADDRESS_MAX as u64),
        "0",
        "Open connections of one client address (one /64 network of IPv6); 0 is no limit",
    ),
    serving(
        "limits.streams",
        Kind::Count,
        Standard::Number(limits::STREAMS_MAX as u64),
        "2000",
        "Media answers at once; 0 is no limit",
    ),
    serving(
        "limits.streams_per_user",
        Kind::Count,
        Standard::Number(limits::STREAMS_PER_USER_MAX as u64),
        "4",
        "Media answers at once for one user; 0 is no limit",
    ),
    serving(
        "limits.upload_bytes_max",
        Kind::Bytes,
        Standard::Number(limits::UPLOAD_BYTES_MAX),
        "4GiB",
        "The largest upload",
    ),
    serving(
        "limits.image_bytes_max",
        Kind::Bytes,
        Standard::Number(limits::IMAGE_BYTES_MAX),
        "5MiB",
        "The largest picture that is sent",
    ),
    serving(
        "limits.uploads_per_user",
        Kind::Count,
        Standard::Number(limits::UPLOADS_PER_USER_MAX as u64),
        "2",
        "Open uploads of one user; 0 is no limit",
    ),
    serving(
        "limits.bytes_per_user",
        Kind::Bytes,
        Standard::Number(0),
        "100GiB",
        "What one user may have sent, all together; 0 is no limit",
    ),
    serving(
        "limits.upload_rate_bytes_min",
        Kind::Bytes,
        Standard::Number(limits::UPLOAD_RATE_BYTES_MIN),
        "4KiB",
        "A request that sends less of a file per second, over 30 s, is ended; the upload stays and can go on",
    ),
    serving(
        "limits.upload_lifetime_ms",
        Kind::Millis,
        Standard::Number(limits::UPLOAD_LIFETIME_MS),
        "24h",
        "An upload that nobody goes on with is removed after this time",
    ),
    serving(
        "store.url",
        Kind::Text,
        Standard::Text(LOCAL),
        "s3://bucket",
        "Where sent files are kept: local, in the data folder, or s3://BUCKET[/PREFIX] with AWS_ENDPOINT_URL, AWS_REGION, \
         AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    )
    .checked(store_url),
    serving(
        "store.io_threads",
        Kind::Count,
        Standard::Number(limits::IO_THREADS as u64),
        "2",
        "Pieces of work with the disk of the data folder at the same time",
    ),
    serving(
        "store.free_bytes_min",
        Kind::Bytes,
        Standard::Number(limits::STORE_FREE_BYTES_MIN),
        "10GiB",
        "What uploads leave free on the disk of the data folder",
    ),
    serving(
        "store.verified_ms",
        Kind::Millis,
        Standard::Number(limits::VERIFIED_MS),
        "60s",
        "A block of a sent file that matched its checksum is trusted for this long",
    ),
    serving(
        "store.cache_bytes",
        Kind::Bytes,
        Standard::Number(limits::S3_CACHE_BYTES),
        "10GiB",
        "Blocks of files in a bucket that are kept on the local disk",
    ),
    serving(
        "stream.wire",
        Kind::Text,
        Standard::Text("auto"),
        "5%",
        "Send files without copying them: auto, off, or a share of the connections; read again on SIGHUP",
    )
    .checked(parses::<Share>),
    serving(
        "stream.segment_bytes_range",
        Kind::Bytes,
        Standard::Number(limits::SEGMENT_BYTES_RANGE),
        "512KiB",
        "What is sent of one range before other clients have their turn: 64 KiB to 4 MiB",
    ),
    serving(
        "stream.segment_bytes_whole",
        Kind::Bytes,
        Standard::Number(limits::SEGMENT_BYTES_WHOLE),
        "1MiB",
        "What is sent of a whole file before other clients have their turn: 64 KiB to 4 MiB",
    ),
    serving(
        "stream.write_stall_ms",
        Kind::Millis,
        Standard::Number(limits::WRITE_STALL_MS),
        "3min",
        "An answer whose client takes nothing for this long is ended",
    ),
    serving(
        "stream.body_stall_ms",
        Kind::Millis,
        Standard::Number(limits::BODY_STALL_MS),
        "30s",
        "A request body of which nothing comes for this long is ended",
    ),
    serving(
        "cdn.sign",
        Kind::Choice(&["off", "odd", "all"]),
        Standard::Text("odd"),
        "all",
        "Which renditions need a signed address or a signed-in user: none, all but presets and the ladder, or all",
    ),
    serving(
        "cdn.ladder",
        Kind::Counts,
        Standard::Numbers(&limits::LADDER_PIXELS),
        "640",
        "The widths in pixels that anybody may have made of a public source",
    )
    .checked(ladder_width),
    serving(
        "cdn.lenient",
        Kind::Switch,
        Standard::No,
        "true",
        "Drop options of an address that cannot be meant, and list them, instead of refusing it",
    ),
    serving(
        "cache.bytes",
        Kind::Bytes,
        Standard::Number(limits::RENDITIONS_BYTES_MAX),
        "100GiB",
        "What renditions may take of the disk, those in the making included",
    ),
    serving(
        "transform.ffmpeg",
        Kind::Path,
        Standard::Unset,
        "/usr/bin/ffmpeg",
        "The program that makes renditions; ffprobe lies beside it [default: the first in PATH]",
    ),
    serving(
        "transform.sandbox",
        Kind::Choice(&["on", "auto", "off"]),
        Standard::Text("on"),
        "auto",
        "Make nothing without a sandbox, take what the system has of one, or use none",
    ),
    serving(
        "transform.jobs_max",
        Kind::Count,
        Standard::Number(limits::JOBS_MAX as u64),
        "4",
        "Renditions in the making at once, where memory and processors allow as many",
    )
    .checked(jobs),
    everywhere(
        "log.level",
        Kind::Text,
        Standard::Text("info"),
        "debug",
        "What is logged: error, warn, info, debug or trace, also by part, as in `info,catalog=debug`",
    )
    .checked(log_level),
    everywhere(
        "log.format",
        Kind::Choice(&["text", "json"]),
        Standard::Text("text"),
        "json",
        "How it is logged, on standard error",
    ),
];
