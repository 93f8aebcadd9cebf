//! Signed addresses: what they let their bearer see and make, for how long, and what ends them.

use std::time::Duration;

use serde_json::json;
use tests::eventually;
use tests::http::Answer;

use crate::ground::{House, WITHIN, video};

fn house() -> House {
    let house = House::new("", "");
    video(&house.public("a.mp4"), "320x180", 1, 0);
    video(&house.private("b.mp4"), "320x180", 1, 90);
    house
}

impl House {
    fn sign(&self, bearer: &str, url: &str, expires_in_ms: Option<u64>) -> Answer {
        let mut form = json!({ "url": url });
        if let Some(ms) = expires_in_ms {
            form["expires_in_ms"] = json!(ms);
        }
        self.post("/cdn/sign", bearer, &form.to_string())
    }

    pub(crate) fn url(&self, bearer: &str, url: &str) -> String {
        let answer = self.sign(bearer, url, None);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["url"].as_str().expect("an address").to_owned()
    }
}

#[test]
fn p08_a_signed_address_gives_exactly_what_it_names() {
    let house = house();
    let mira = house.server.mira.bearer();
    let (odd, private) =
        (house.url(&mira, "/clips/a.mp4?width=122&mode=frame"), "/own/b.mp4?width=160&mode=frame");
    assert_eq!(house.get("/clips/a.mp4?width=122&mode=frame").status, 403);
    assert_eq!(house.get(&odd).status, 200, "a stranger may have it made");
    assert_eq!(house.get(private).status, 401);
    let signed = house.url(&mira, private);
    let answer = house.get(&signed);
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/jpeg"), "{}", answer.text());
    assert_eq!(answer.header("access-control-allow-origin"), "*", "pages of every origin may show it");
    assert!(
        !answer.header("cache-control").contains("public"),
        "no cache on the way keeps it: {}",
        answer.head()
    );
    assert_eq!(house.get(private).status, 401, "nor does it open anything else");
    for (from, to) in [("width=160", "width=162"), ("mode=frame", "mode=frame&time=0s"), ("/own/b", "/own/c")]
    {
        let answer = house.get(&signed.replace(from, to));
        assert_eq!(answer.code(), "signature_wrong", "{to}: {}", answer.text());
    }
    let original = house.url(&mira, "/own/b.mp4");
    assert_eq!(house.get(&original).body, std::fs::read(house.private("b.mp4")).expect("the file"));
    // The operator's own, which no user answers for.
    let (done, said) = house.command(&["sign", private]);
    assert!(done, "{said}");
    let line = said.lines().find(|line| line.contains("signature=")).expect("an address");
    assert!(!line.contains("signer="), "{line}");
    assert_eq!(house.get(line).status, 200);
}

#[test]
fn p08_a_signature_ends_with_its_time_and_with_the_right_of_its_signer() {
    let house = house();
    let (mira, admin) = (house.server.mira.bearer(), house.server.admin.bearer());
    let target = "/own/b.mp4?width=160&mode=frame";
    // What is kept is given at once, so that the time of the address is enough to see that it is good.
    house.kept(target);
    let short = house.sign(&mira, target, Some(3_000)).json()["url"].as_str().expect("an address").to_owned();
    assert_eq!(house.get(&short).status, 200, "it is good at first");
    eventually("it ends", Duration::from_secs(20), || {
        let answer = house.get(&short);
        answer.status == 403 && answer.code() == "signature_expired"
    });
    let (hers, admins) = (house.url(&mira, target), house.url(&admin, target));
    assert_eq!((house.get(&hers).status, house.get(&admins).status), (200, 200));
    let (done, said) = house.command(&["user", "change", &house.server.mira.name, "--rights", "none"]);
    assert!(done, "{said}");
    eventually("hers is worth nothing without the right", WITHIN, || {
        let answer = house.get(&hers);
        answer.status == 403 && answer.code() == "signer_lost"
    });
    assert_eq!(house.get(&admins).status, 200);
    eventually("she signs nothing any more", WITHIN, || house.sign(&mira, target, None).status == 403);
    let (done, said) = house.command(&["user", "remove", &house.server.mira.name]);
    assert!(done, "{said}");
    assert_eq!(house.get(&hers).status, 403);
}

#[test]
fn what_is_signed_is_what_the_command_would_sign() {
    let house = house();
    let mira = house.server.mira.bearer();
    for (url, expires, expected) in [
        ("/clips/a.mp4?width=9", None, "`width` must be a whole number"),
        ("/clips/a.mp4", None, "the address asks for no rendition"),
        ("/elsewhere/a.mp4", None, "the address is of no rendition"),
        ("/media/tr-1/video.avi", None, "the address is of no rendition"),
        ("clips/a.mp4?width=700", None, "url must be a path"),
        ("/clips/a b.mp4?width=700", None, "url must be a path"),
        ("/clips/a.mp4?width=700", Some(0), "expires_in_ms must be"),
        ("/clips/a.mp4?width=700", Some(400 * 24 * 3_600_000), "expires_in_ms must be"),
    ] {
        let answer = house.sign(&mira, url, expires);
        assert_eq!((answer.status, &*answer.code()), (400, "invalid"), "{url}");
        assert!(answer.text().contains(expected), "{url}: {}", answer.text());
    }
    assert_eq!(house.sign("Bearer wrong", "/clips/a.mp4?width=700", None).status, 401);
}
