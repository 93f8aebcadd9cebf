//! An origin behind `proxy = true`: everything is passed on, and what may be kept is kept as HTTP has it.
//!
//! The table is in the words of RFC 9111: each row is a conversation over one address of its own, with what the origin
//! says when it is asked, and what the client must see of that.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what it found by failing")]
#![allow(
    clippy::disallowed_methods,
    reason = "the files are small and are the test's own, and nothing else runs here"
)]

mod bounds;
mod coming;
mod next;
mod origin;
mod rows;
mod whole;

use std::time::{Duration, SystemTime};

use origin::Origin;
use tests::http::Answer;
use tests::{Options, Server};

/// A server before an origin.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) origin: Origin,
}

impl House {
    pub(crate) fn new(origin: Origin, public: bool, more: &str) -> House {
        let address = origin.address;
        let config = format!(
            "{more}\n[[cdn.origin]]\nname = \"far\"\npath = \"/far/\"\nurl = \"http://{address}/\"\nproxy = true\n\
             public = {public}\nprivate = [\"127.0.0.0/8\"]\n"
        );
        House { server: Server::start(&Options::default().config(&config)), origin }
    }

    pub(crate) fn get(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.server.get(&format!("/far{path}"), fields)
    }
}

/// One request: method, path and fields; what the origin says if it is asked; what must be true then.
type Step = (&'static str, &'static str, &'static str);
/// A conversation over one address.
pub(crate) type Row = (&'static str, &'static [Step]);

/// Dates that are so many seconds from the beginning of a row: `{-60}`.
fn with_dates(text: &str, begun: SystemTime) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once('{') {
        let (seconds, behind) = behind.split_once('}').expect("a number in braces");
        let seconds: i64 = seconds.parse().expect("a number in braces");
        let shift = Duration::from_secs(seconds.unsigned_abs());
        let at = if seconds < 0 { begun - shift } else { begun + shift };
        out += before;
        out += &httpdate::fmt_http_date(at);
        rest = behind;
    }
    out + rest
}

fn check_row(house: &House, number: usize, (name, steps): &Row) -> Result<(), String> {
    let (begun, of_row) = (SystemTime::now(), format!("/rows/{number}/"));
    for (at, (request, reply, expected)) in steps.iter().enumerate() {
        let said = |why: String| format!("{name}, step {at}: {why}");
        let request = with_dates(request, begun);
        let mut lines = request.lines();
        let first = lines.next().unwrap_or_default();
        let (method, rest) = first.split_once(' ').unwrap_or((first, ""));
        let path = format!("{of_row}{rest}");
        let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
        if !reply.is_empty() {
            house.origin.expect(&path, &with_dates(reply, begun));
        }
        // Whatever is asked for meanwhile, under this or another address of the row, this step is the cause of it.
        let before = house.origin.asked_under(&of_row).len();
        let body: &[u8] = if ["POST", "PUT", "M-SEARCH"].contains(&method) { b"abc" } else { b"" };
        let answer = house.server.send(method, &format!("/far{path}"), &fields, body);
        if expected.starts_with("refreshed") {
            let deadline = std::time::Instant::now() + Duration::from_secs(5);
            tests::wait_until(deadline, || house.origin.asked_under(&of_row).len() > before);
        }
        let asked = house.origin.asked_under(&of_row).split_off(before);
        house.origin.take_back(&path);
        for check in expected.split("; ") {
            check_one(check, &answer, &asked, begun)
                .map_err(|why| said(format!("{why}; {}", answer.head())))?;
        }
    }
    Ok(())
}

fn check_one(check: &str, answer: &Answer, asked: &[origin::Asked], begun: SystemTime) -> Result<(), String> {
    let (word, rest) = check.split_once(' ').unwrap_or((check, ""));
    let is_true = match word {
        "kept" => asked.is_empty() && answer.status != 599,
        "asked" | "refreshed" => asked.len() == 1 && answer.status != 599,
        "hit" => answer.is_hit(),
        "twice" => asked.len() == 2,
        "with" => {
            let (name, value) = rest.split_once(": ").expect("a field");
            asked.first().and_then(|asked| asked.field(name)) == Some(&*with_dates(value, begun))
        }
        "without" => asked.first().is_some_and(|asked| asked.field(rest).is_none()),
        "status" => answer.status.to_string() == rest,
        "body" => answer.whole && answer.text() == rest,
        "cut" => !answer.whole,
        "field" => match rest.split_once(": ") {
            Some((name, value)) => answer.header(name) == value,
            None => answer.has(rest),
        },
        "no" => !answer.has(rest),
        "age" => answer.header("age").parse::<u64>().is_ok_and(|age| age >= rest.parse().expect("a number")),
        _ => return Err(format!("no test knows {check:?}")),
    };
    if is_true {
        Ok(())
    } else {
        Err(format!("{check:?} is wrong, asked: {asked:?}, body {:?}", answer.text()))
    }
}

#[test]
fn what_the_rows_say_of_every_conversation() {
    let house = House::new(Origin::scripted(), true, "");
    let rows = rows::ROWS.iter().flat_map(|group| group.iter()).enumerate();
    let wrong: Vec<String> = rows.filter_map(|(number, row)| check_row(&house, number, row).err()).collect();
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
