//! Somebody who asks, and asks again when he was refused and the time has come.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use budget::limits::COVER_WAIT_MS;
use load::{Findings, Spread};
use tests::http::{self, Answer, Connection};
use tests::{Login, Server};

use crate::metronome::Metronome;
use crate::{Stage, TRIES_MAX};

/// A page waits for its covers for as long as the server lets it, and then for the answer that says so: what takes longer hangs.
const ANSWER_WITHIN: Duration = Duration::from_millis(COVER_WAIT_MS).saturating_add(http::ANSWER_WITHIN);
/// Refusals come sooner than this.
const REFUSED_WITHIN_MS: f64 = 100.0;

/// One client, with the connection that it keeps.
pub(crate) struct Caller<'a> {
    server: &'a Server,
    from: IpAddr,
    credentials: String,
    connection: Option<Connection>,
    answered: usize,
    pub(crate) unanswered: Vec<String>,
    refusals: Vec<Duration>,
    without_time: usize,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(server: &'a Server, login: &Login, from: IpAddr) -> Self {
        let credentials = login.by_key();
        Caller {
            server,
            from,
            credentials,
            connection: None,
            answered: 0,
            unanswered: Vec::new(),
            refusals: Vec::new(),
            without_time: 0,
        }
    }

    /// The answer's content under the name, or nothing when there was none in the end.
    pub(crate) fn subsonic(&mut self, endpoint: &str, query: &str) -> serde_json::Value {
        self.asked(endpoint, query, |answer| {
            let mut body = answer.json();
            (body["subsonic-response"]["status"] == "ok").then(|| body["subsonic-response"].take())
        })
        .unwrap_or_default()
    }

    /// Looks at a picture.
    pub(crate) fn picture(&mut self, endpoint: &str, query: &str) {
        self.asked(endpoint, query, |answer| {
            let begins = [&[0xff, 0xd8][..], b"\x89PNG"].iter().any(|first| answer.body.starts_with(first));
            (answer.status == 200 && begins).then_some(())
        });
    }

    /// Asks until there is an answer that is no refusal, and says what is in it.
    fn asked<T>(&mut self, endpoint: &str, query: &str, read: impl Fn(&Answer) -> Option<T>) -> Option<T> {
        let target = format!("/rest/{endpoint}?{query}&{}", self.credentials);
        for _ in 0..TRIES_MAX {
            let began = Instant::now();
            let answer = match self.once(&target) {
                Ok(answer) => answer,
                Err(error) => {
                    self.unanswered.push(format!("{endpoint}?{query}: {error}"));
                    return None;
                }
            };
            if !self.refused(&answer, began) {
                let read = read(&answer);
                match read {
                    Some(_) => self.answered += 1,
                    None => self.unanswered.push(format!(
                        "{endpoint}?{query}: {} {}",
                        answer.status,
                        answer.text()
                    )),
                }
                return read;
            }
        }
        self.unanswered.push(format!("{endpoint}?{query}: refused {TRIES_MAX} times"));
        None
    }

    pub(crate) fn once(&mut self, target: &str) -> std::io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let mut connection = Connection::open_from(self.from, self.server.address)?;
                connection.socket().set_read_timeout(Some(ANSWER_WITHIN))?;
                connection
            }
        };
        connection.send("GET", target, &[], b"")?;
        let answer = connection.read(false)?;
        if !answer.whole {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if !answer.header("connection").eq_ignore_ascii_case("close") {
            self.connection = Some(connection);
        }
        Ok(answer)
    }

    /// Whether that was a refusal; waits for as long as it says.
    pub(crate) fn refused(&mut self, answer: &Answer, began: Instant) -> bool {
        if !matches!(answer.status, 429 | 503) {
            return false;
        }
        self.refusals.push(began.elapsed());
        self.without_time += usize::from(!answer.come_back());
        true
    }

    /// Both as one, for one report.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.answered += other.answered;
        self.unanswered.extend(other.unanswered);
        self.refusals.extend(other.refusals);
        self.without_time += other.without_time;
        self
    }

    pub(crate) fn report(self, who: &str, stage: &Stage<'_>, findings: &mut Findings) {
        findings.note(format!("{who}: requests answered"), self.answered.to_string());
        findings.equal(format!("{who}: requests never answered"), self.unanswered.len(), 0);
        self.unanswered.iter().take(3).for_each(|what| findings.note("one of them", what));
        let refusals = Spread::of(self.refusals);
        findings.note(format!("{who}: refusals"), refusals.len().to_string());
        findings.equal(format!("{who}: refusals that did not say when to come back"), self.without_time, 0);
        prompt(who, &refusals, &stage.metronome, findings);
    }
}

/// Whether refusals were prompt. One in a hundred may be late, and each by as much as the machine itself was: whoever asks
/// shares its cores with whoever answers, and waits for his own turn too.
pub(crate) fn prompt(who: &str, refusals: &Spread, metronome: &Metronome, findings: &mut Findings) {
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let late = metronome.late();
    let servers = ms(refusals.percentile(99.0).saturating_sub(late));
    let what = format!("{who}: refusals, p99 without {:.1} ms that the machine was late", ms(late));
    findings.at_most(what, servers, REFUSED_WITHIN_MS, "ms");
    let (median, longest) = (ms(refusals.percentile(50.0)), ms(refusals.longest()));
    findings.note(format!("{who}: refusals, median and longest"), format!("{median:.1} ms, {longest:.1} ms"));
}
