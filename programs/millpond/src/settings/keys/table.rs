//! The keys themselves.

use budget::limits;
use stream::wire::Share;

use super::{Key, Kind, Scope, Standard};
use crate::keeping::LOCAL;
use crate::settings::checks::{
    anything, base_url, jobs, ladder_width, log_level, model, origin, parses, service_url, store_url, workers,
};
use crate::settings::types::{Address, Network, Proxy};

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
        "scan.watch",
        Kind::Switch,
        Standard::Yes,
        "false",
        "Hear what changes in the libraries and look at it at once",
    ),
    serving(
        "scan.rescan_ms",
        Kind::Millis,
        Standard::Number(limits::RESCAN_MS),
        "6h",
        "How often libraries are looked through of which not every change is heard, as on network drives; 0 is never",
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
    serving(
        "stems.public",
        Kind::Switch,
        Standard::No,
        "true",
        "Whether strangers may have songs taken apart: each is minutes of a processor",
    ),
    serving(
        "stems.workers",
        Kind::Count,
        Standard::Number(0),
        "2",
        "Songs that are taken apart at once, where memory allows as many; 0 is one for each processor",
    )
    .checked(workers),
    serving(
        "stems.jobs_per_user",
        Kind::Count,
        Standard::Number(limits::JOBS_PER_USER_MAX),
        "20",
        "Songs of one user that wait to be taken apart, or are",
    ),
    serving(
        "stems.idle_ms",
        Kind::Millis,
        Standard::Number(limits::STEMS_IDLE_MS),
        "60s",
        "How long a model stays in memory when no song needs it",
    ),
    serving(
        "stems.pinned",
        Kind::List,
        Standard::Empty,
        "spleeter:2stems",
        "A model that stays in memory without work, until memory is scarce",
    )
    .checked(model),
    serving(
        "outgoing.private",
        Kind::List,
        Standard::Empty,
        "10.0.0.0/8",
        "Addresses or networks beside the public internet in which podcasts and services may be that users name",
    )
    .checked(parses::<Network>),
    serving(
        "scrobble.listenbrainz_url",
        Kind::Text,
        Standard::Text("https://api.listenbrainz.org"),
        "https://listens.example.org",
        "The ListenBrainz that is told what users play, where they name none of their own",
    )
    .checked(service_url),
    serving(
        "scrobble.lastfm_url",
        Kind::Text,
        Standard::Text("https://ws.audioscrobbler.com/2.0/"),
        "https://libre.fm/2.0/",
        "The API of Last.fm, or of what speaks as it does",
    )
    .checked(service_url),
    serving(
        "scrobble.lastfm_key",
        Kind::Text,
        Standard::Unset,
        "0123456789abcdef0123456789abcdef",
        "This server's API key at Last.fm; without it nobody is told there",
    ),
    serving(
        "scrobble.lastfm_secret",
        Kind::Text,
        Standard::Unset,
        "fedcba9876543210fedcba9876543210",
        "The shared secret of that key",
    )
    .hidden(),
    serving(
        "podcasts.refresh_ms",
        Kind::Millis,
        Standard::Number(limits::PODCAST_REFRESH_MS),
        "1h",
        "The feed of a podcast is read again after this time; 0 is only when somebody asks",
    ),
    serving(
        "podcasts.newest",
        Kind::Count,
        Standard::Number(0),
        "3",
        "So many of the newest episodes of each podcast are fetched without anybody asking, for who follows it",
    ),
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
