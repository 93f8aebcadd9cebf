//! Several origins of one path: what is only read is asked of the next where one does not have it or fails.

use tests::{Options, Server};

use crate::origin::Origin;

#[test]
fn the_next_origin_is_asked_for_what_one_does_not_give_and_never_to_change_something() {
    let (first, second) = (Origin::scripted(), Origin::scripted());
    let one = |name: &str, address: std::net::SocketAddr| {
        format!(
            "[[cdn.origin]]\nname = \"{name}\"\npath = \"/far/\"\nurl = \"http://{address}/\"\nproxy = true\n\
             public = true\nprivate = [\"127.0.0.0/8\"]\n"
        )
    };
    let config = [one("first", first.address), one("second", second.address)].concat();
    let server = Server::start(&Options::default().config(&config));
    let absent = "404\nCache-Control: no-store\n\nabsent";
    let broken = "500\nCache-Control: no-store\n\nbroken";
    let here = "200\nCache-Control: max-age=60\n\nhere";
    for (number, (of_first, of_second, status, text)) in [
        (here, absent, 200, "here"),
        (absent, here, 200, "here"),
        (broken, here, 200, "here"),
        (broken, absent, 500, "broken"),
        (absent, broken, 500, "broken"),
        (absent, absent, 404, "absent"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/{number}");
        first.expect(&path, of_first);
        second.expect(&path, of_second);
        let answer = server.get(&format!("/far{path}"), &[]);
        assert_eq!((answer.status, &*answer.text()), (status, text), "{of_first} {of_second}");
    }
    first.expect("/change", absent);
    second.expect("/change", here);
    let answer = server.send("POST", "/far/change", &[], b"abc");
    assert_eq!((answer.status, second.asked_under("/change").len()), (404, 0), "{}", answer.head());
}
