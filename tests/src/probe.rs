//! Somebody who asks for little, all the time, while others ask for much.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use load::{Findings, Spread};

use crate::http::{Answer, Connection};
use crate::{Server, wait_until};

/// A moment between two questions.
const EVERY: Duration = Duration::from_millis(50);
/// An answer that takes longer than this is none.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The first bytes of a song.
const RANGE_BYTES: usize = 100_000;

/// A client with an address of its own who signs in anew for each question, each on a new connection.
#[derive(Debug)]
pub struct Probe<'a> {
    server: &'a Server,
    from: IpAddr,
    song: String,
    /// Whether a song may be refused with 503 and `Retry-After`, because the attack is on every slot.
    may_refuse: bool,
}

impl<'a> Probe<'a> {
    /// Asks this server, from that address, for a ping and for the start of the song behind that signed link.
    pub fn new(server: &'a Server, from: IpAddr, song: &str, may_refuse: bool) -> Self {
        Probe { server, from, song: song.to_owned(), may_refuse }
    }

    /// Asks until `over`, and tells how it went.
    pub fn ask(&self, over: &AtomicBool) -> Findings {
        let (mut times, mut failures) = (Vec::new(), Vec::new());
        let (mut refused, mut asked) = (0_usize, 0_usize);
        while !over.load(Ordering::Acquire) {
            for song in [false, true] {
                let began = Instant::now();
                let answer = if song { self.song() } else { self.ping() };
                let took = began.elapsed();
                asked += 1;
                match answer {
                    Ok(answer) if took > ANSWER_WITHIN => {
                        failures.push(format!("{took:?}: {}", answer.head()))
                    }
                    Ok(answer) if song && answer.status == 206 && answer.body.len() == RANGE_BYTES => {
                        times.push(took)
                    }
                    Ok(answer) if !song && answer.status == 200 && answer.text().contains("\"ok\"") => {
                        times.push(took)
                    }
                    Ok(answer)
                        if song && self.may_refuse && answer.status == 503 && answer.has("retry-after") =>
                    {
                        refused += 1;
                        times.push(took);
                    }
                    Ok(answer) => failures.push(answer.head()),
                    Err(error) => failures.push(error.to_string()),
                }
            }
            wait_until(Instant::now() + EVERY, || false);
        }
        let spread = Spread::of(times);
        let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
        let mut findings = Findings::new();
        findings.at_least("questions of the probe", asked as f64, 10.0, "");
        findings.equal("questions of the probe without their answer", failures.len(), 0);
        failures.iter().take(3).for_each(|failure| findings.note("one of them", failure));
        findings.note("answers to the probe, median", ms(spread.percentile(50.0)));
        findings.note("answers to the probe, p99", ms(spread.percentile(99.0)));
        if self.may_refuse {
            // Else the attack was not on every slot.
            findings.at_least("songs refused to the probe with a time to come back", refused as f64, 1.0, "");
        }
        findings
    }

    fn ping(&self) -> std::io::Result<Answer> {
        self.get(&format!("/rest/ping?{}", self.server.admin.by_key()), None)
    }

    fn song(&self) -> std::io::Result<Answer> {
        self.get(&self.song, Some(&format!("bytes=0-{}", RANGE_BYTES - 1)))
    }

    fn get(&self, target: &str, range: Option<&str>) -> std::io::Result<Answer> {
        let mut connection = Connection::open_from(self.from, self.server.address)?;
        let fields: Vec<_> =
            range.map(|range| ("Range", range)).into_iter().chain([("Connection", "close")]).collect();
        connection.send("GET", target, &fields, b"")?;
        let answer = connection.read(false)?;
        if answer.whole { Ok(answer) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
    }
}
