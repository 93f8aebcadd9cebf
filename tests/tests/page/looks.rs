//! How the page looks, in every form, and whether a browser would install it.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::media::{noise, video};
use tests::people::Login;
use tests::tus::{Tus, metadata};
use tests::{Library, Options, Server, eventually};

use super::{CONFIG, WITHIN, play};

#[test]
fn a_browser_would_install_the_page() {
    let server = Server::start(&Options::default());
    let folder = tempfile::tempdir().expect("a folder");
    let seen = play(server.address, &server.mira, "installed", json!({ "folder": folder.path() }));
    assert_eq!((&seen["errors"], &seen["installability"]), (&json!([]), &json!([])), "{seen}");
    assert_eq!((&seen["display"], &seen["start"]), (&json!("standalone"), &json!(200)), "{seen}");
    for icon in seen["icons"].as_array().expect("icons") {
        assert!(icon[0] == "any" || icon[0] == icon[1], "it is as large as it says: {seen}");
    }
}

/// A server with something to see in every view, of which its admin is told.
struct Show {
    server: Server,
    library: Library,
    more: TempDir,
    views: Vec<String>,
    playlist: String,
    video: String,
    stems: String,
}

impl Show {
    fn new() -> Self {
        let (library, more) = (Library::small(), tempfile::tempdir().expect("a folder"));
        noise(&more.path().join("Sung.wav"), 30);
        fs::write(more.path().join("Sung.lrc"), "[00:00.00]The mill turns\n[00:10.00]The water stays\n")
            .expect("a file");
        video(&more.path().join("Moving.mp4"), "1280x720", 8, &[]);
        let (libraries, tracks) =
            (vec![library.root.clone(), more.path().to_owned()], library.songs.len() + 2);
        let server = Server::start(&Options { libraries, tracks, ..Options::default() }.config(CONFIG));
        let (bearer, sung) = (server.admin.bearer(), server.track("Sung"));
        let ask = |method, target: &str, body: &str| {
            let fields = [("Authorization", &*bearer), ("Content-Type", "application/json")];
            let answer = server.send(method, target, &fields, body.as_bytes());
            assert!(answer.status < 300, "{target}: {}", answer.text());
            answer
        };
        ask("POST", &format!("/tracks/{sung}/stems?stems=2&engine=spectral"), "");
        // A name of one word is wider than a telephone.
        let name =
            "Sung by the Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";
        let made = json!({ "name": name, "tracks": [sung, server.track("First Ripple")] });
        let list = ask("POST", "/playlists", &made.to_string()).json();
        let list = list["id"].as_str().expect("an id").to_owned();
        ask("PUT", &format!("/stars/{sung}"), "");
        Tus::of(&server, &server.admin)
            .create(Some(1_000), &metadata(&[("filename", "Half sent.wav")]), &[])
            .expect("an upload");
        let stems = format!("/tracks/{sung}/stems");
        eventually("it is taken apart", WITHIN, || {
            server.get(&stems, &[("Authorization", &bearer)]).json()["stems"][0].is_object()
        });
        let [playlist, video, stems] = [
            format!("playlist/{list}"),
            format!("video/{}", server.track("Moving")),
            format!("stems/{sung}"),
        ];
        let views = VIEWS.iter().map(|view| (*view).to_owned());
        let views = views.chain([playlist.clone(), video.clone(), stems.clone()]).collect();
        Show { server, library, more, views, playlist, video, stems }
    }
}

impl Show {
    /// Files to be sent: one that is done soon, one that is none of sound, and two that take their time.
    fn files(&self) -> [PathBuf; 4] {
        let files = ["Done.wav", "No sound.wav", "Paused.wav", "On its way.wav"];
        let files = files.map(|name| self.more.path().join("sent").join(name));
        fs::create_dir(self.more.path().join("sent")).expect("a folder");
        for (seconds, file) in [(5, &files[0]), (60, &files[2]), (61, &files[3])] {
            noise(file, seconds);
        }
        fs::write(&files[1], "This is a letter, and no sound at all.\n".repeat(100)).expect("a file");
        files
    }
}

const VIEWS: [&str; 17] = [
    "",
    "albums",
    "albums/name",
    "album/al-1",
    "artists",
    "artist/ar-1",
    "songs",
    "genres",
    "playlists",
    "starred",
    "search/ripple",
    "videos",
    "uploads",
    "server",
    "server/users",
    "server/libraries",
    "account",
];

/// Pictures of views in four forms, each of which everybody can see and use; they are there to be looked at.
pub(super) fn looked_at(server: &Server, who: &Login, mut more: Value, forms: usize) {
    more["pictures"] = json!(xtask::files::target().join("tests/page"));
    let told = play(server.address, who, "views", more);
    let seen = told["seen"].as_array().expect("views");
    assert_eq!(seen.len(), 4 * forms);
    let lively = told["lively"].as_array().expect("numbers");
    assert!(lively.iter().all(|moving| moving.as_u64() > Some(0)), "for others it does move: {lively:?}");
    for view in seen {
        assert_eq!((&view["violations"], &view["moving"]), (&json!([]), &json!(0)), "{view}");
        assert!(view["wide"].as_u64() <= view["width"].as_u64(), "it fits the window: {view}");
    }
}

#[test]
fn every_view_is_for_everybody() {
    let show = Show::new();
    // With the door, what plays, its queue and words, a solo, the keys, a menu, uploads, and the dialogs of users, secrets, a
    // playlist and the cache.
    let forms = show.views.len() + 15;
    looked_at(
        &show.server,
        &show.server.admin,
        json!({ "named": "", "views": show.views, "played": "Sung", "sung": "The mill turns", "stems": show.stems, "files": show.files(),
            "user": show.server.mira.name, "playlist": show.playlist }),
        forms,
    );
}

#[test]
fn a_view_without_anything_in_it_is_for_everybody_too() {
    let server = Server::start(&Options::default());
    let views =
        ["", "albums", "albums/starred", "artists", "songs", "genres", "playlists", "starred", "videos"];
    looked_at(&server, &server.admin, json!({ "named": "empty-", "views": views }), views.len() + 1);
}

#[test]
fn what_is_for_admins_is_nothing_for_others_and_looks_like_it() {
    let server = Server::start(&Options::default());
    let views = ["server", "server/users", "account"];
    looked_at(&server, &server.mira, json!({ "named": "plain-", "views": views }), views.len() + 1);
}

#[test]
fn whatever_can_be_pressed_is_come_to_by_keys() {
    let show = Show::new();
    let shown = json!({ "songs": "Play Sung", &show.stems: "Solo vocals", &show.video: "Play video" });
    let seen =
        play(show.server.address, &show.server.admin, "keys", json!({ "views": show.views, "shown": shown }));
    assert_eq!((&seen["missed"], &seen["unseen"]), (&json!([]), &json!([])), "{seen}");
    assert_eq!(seen["first"], "To the content", "{seen}");
    let songs = show.library.songs.len() as u64 + 2;
    assert!(seen["reached"]["songs"].as_u64() > Some(songs), "each song is counted: {seen}");
}

#[test]
fn nothing_moves_when_covers_come() {
    let server = Server::start(&Options::library(&Library::small()));
    let seen = play(server.address, &server.mira, "still", json!({}));
    assert!(seen["awaited"].as_u64() > Some(0) && seen["moved"].as_f64() > Some(0.0), "{seen}");
    assert_eq!(seen["still"].as_f64(), Some(0.0), "{seen}");
}

#[test]
fn a_window_is_as_narrow_as_a_phone_or_as_wide_as_a_wall() {
    let show = Show::new();
    let seen = play(show.server.address, &show.server.admin, "widths", json!({ "views": show.views }));
    let seen = seen["seen"].as_array().expect("views");
    assert_eq!(seen.len(), 2 * show.views.len());
    for view in seen {
        assert!(view["wide"].as_u64() <= view["width"].as_u64(), "it fits the window: {view}");
        assert!(view["share"].as_f64() > Some(0.7), "it uses the window: {view}");
        assert_eq!(view["beside"], 0, "it lies in the middle: {view}");
    }
}

#[test]
fn the_pictures_of_readme_are_taken() {
    let music = xtask::files::target().join("tests/demo");
    let tracks = xtask::demo::make(&music).expect("music");
    let words = "[00:00.00]The water keeps the colour of the sky\n[00:03.00]And every reed is writing where it stands\n\
        [00:06.00]I read a line before the wind goes by\n[00:09.00]And lose it to the current in my hands\n\
        [00:12.00]Stay, little river, stay\n[00:15.00]The mill will turn without us for a day\n";
    fs::write(music.join("Ada Lindqvist/Reeds (2022)/02 Vass.lrc"), words).expect("a file");
    // A limit beside which what is held can be seen.
    let config = format!("{CONFIG}[memory]\nlimit = \"256MiB\"\n");
    let server =
        Server::start(&Options { libraries: vec![music], tracks, ..Options::default() }.config(&config));
    let bearer = server.admin.bearer();
    let fields = [("Authorization", &*bearer)];
    for heard in ["Mist on the Weir", "Left: Home", "Prelude for Green"] {
        let target = format!("/tracks/{}", server.track(heard));
        let album = server.get(&target, &fields).json()["album_id"].clone();
        for (method, target) in [
            ("POST", format!("{target}/plays")),
            ("PUT", format!("/stars/{}", album.as_str().expect("an id"))),
        ] {
            assert!(server.send(method, &target, &fields, b"").status < 300, "{target}");
        }
    }
    let pictures = xtask::files::target().join("tests/page/readme");
    let more = json!({ "pictures": pictures, "song": "Vass", "sung": "And every reed is writing", "track": server.track("Vass") });
    let seen = play(server.address, &server.admin, "readme", more);
    assert_eq!(seen["taken"], json!(["library.png", "player.png", "server.png", "stems.png"]), "{seen}");
}
