//! An origin of what users sent: everybody sees the same of a public one, and nothing private.

use crate::ground::{House, video};

const ORIGINS: &str = "
[[cdn.origin]]
name = \"sent\"
path = \"/sent/\"
store = true
public = true
[[cdn.origin]]
name = \"inside\"
path = \"/inside/\"
store = true";

impl House {
    /// Sends a video as Mira; its id.
    fn sent(&self, name: &str, hue: u32) -> String {
        let file = self.private(name);
        video(&file, "320x180", 1, hue);
        let bytes = std::fs::read(&file).expect("the file");
        let fields = &[("Authorization", &*self.server.mira.bearer()), ("Content-Type", "video/mp4")];
        let answer = self.server.send("POST", &format!("/uploads?filename={name}"), fields, &bytes);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()["track_id"].as_str().expect("a track").to_owned()
    }
}

#[test]
fn p08_a_public_origin_of_sent_files_shows_strangers_what_is_not_private() {
    let house = House::new("", &format!("tags = [\"ours\"]\n{ORIGINS}"));
    let (open, hidden) = (house.sent("open.mp4", 0), house.sent("hidden.mp4", 90));
    let bearer = house.server.mira.bearer();
    let fields = &[("Authorization", &*bearer), ("Content-Type", "application/json")];
    let answer =
        house.server.send("PATCH", &format!("/tracks/{hidden}"), fields, br#"{"visibility":"private"}"#);
    assert_eq!(answer.status, 200, "{}", answer.text());

    let frame = format!("/sent/{open}/open.mp4?mode=frame&width=160");
    let answer = house.get(&frame);
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/jpeg"), "{}", answer.text());
    assert_eq!(answer.header("access-control-allow-origin"), "*", "{}", answer.head());
    assert!(house.signed_in(&frame).is_hit(), "one rendition for all");
    let original = house.get(&format!("/sent/{open}"));
    assert_eq!(original.body, std::fs::read(house.private("open.mp4")).expect("the file"));
    assert_eq!(
        house.get(&format!("/sent/{open}?width=322")).status,
        403,
        "odd sizes are not free here either"
    );

    // Her own eyes would find it, and then it would be given to everybody.
    let hidden = [format!("/sent/{hidden}"), format!("/inside/{hidden}")];
    assert_eq!(house.get(&hidden[0]).status, 404);
    assert_eq!(house.signed_in(&hidden[0]).status, 404);
    assert_eq!(house.get(&hidden[1]).status, 401);
    let seen = house.signed_in(&hidden[1]);
    assert_eq!(seen.status, 200, "{}", seen.text());
    assert!(!seen.head().contains("access-control-allow-origin: *"), "{}", seen.head());
}

#[test]
fn a_signed_map_names_its_sheet_by_an_address_that_opens_it() {
    let house = House::new("", "");
    let id = house.sent("film.mp4", 0);
    let map = house.url(&house.server.mira.bearer(), &format!("/media/{id}/sprite.vtt?width=96"));
    let answer = house.get(&map);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("access-control-allow-origin"), "*", "{}", answer.head());
    let text = answer.text();
    let sheet = text.lines().find_map(|line| line.split_once("#xywh=")).expect("a cue").0;
    let sheet = house.get(&format!("/media/{id}/{sheet}"));
    assert_eq!((sheet.status, sheet.header("content-type")), (200, "image/jpeg"), "{}", sheet.text());
}
