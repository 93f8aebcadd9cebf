//! Somebody who sends songs to be taken apart.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::http::{Answer, Connection};
use crate::{Login, Server, form, wait_until};

/// Somebody who was refused so often asks no more.
const TRIES_MAX: usize = 100;
/// How often he asks what became of his song.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// No song is in line for longer.
const DONE_WITHIN: Duration = Duration::from_secs(3_000);

/// One musician, who comes from one address.
#[derive(Clone, Debug)]
pub struct Musician {
    server: SocketAddr,
    bearer: String,
    from: IpAddr,
    engine: &'static str,
}

impl Musician {
    /// This person at this server, for the engine that needs no model.
    pub fn of(server: &Server, login: &Login, from: IpAddr) -> Self {
        Musician { server: server.address, bearer: login.bearer(), from, engine: "spectral" }
    }

    /// The same for another engine.
    #[must_use]
    pub fn with_engine(self, engine: &'static str) -> Self {
        Musician { engine, ..self }
    }

    /// Sends a song, and again when he is refused and the time has come: the job.
    ///
    /// # Errors
    /// Why there is none.
    pub fn send(&self, file_name: &str, song: &[u8]) -> Result<String, String> {
        let form = form::body(&[
            ("async_mode", None, b"true"),
            ("engine", None, self.engine.as_bytes()),
            ("file", Some(file_name), song),
        ]);
        let answer = self.ask("POST", "/separate", &form)?;
        match (answer.status, answer.json()["job_id"].as_str()) {
            (202, Some(job)) => Ok(job.to_owned()),
            _ => Err(format!("{} {}", answer.head(), answer.text())),
        }
    }

    /// What a job is: `pending`, `processing`, `completed`, `failed` or `cancelled`.
    ///
    /// # Errors
    /// What the server says instead.
    pub fn state(&self, job: &str) -> Result<String, String> {
        let answer = self.ask("GET", &format!("/jobs/{job}/status"), b"")?;
        match (answer.status, answer.json()["job"]["status"].as_str()) {
            (200, Some(state)) => Ok(state.to_owned()),
            _ => Err(format!("{} {}", answer.head(), answer.text())),
        }
    }

    /// Asks until the job has come to its end, which must be a good one.
    ///
    /// # Errors
    /// What came of it otherwise.
    pub fn done(&self, job: &str) -> Result<(), String> {
        let deadline = Instant::now() + DONE_WITHIN;
        loop {
            match self.state(job)?.as_str() {
                "completed" => return Ok(()),
                "pending" | "processing" if Instant::now() < deadline => {}
                state => return Err(format!("the job is {state}")),
            }
            wait_until(Instant::now() + LOOK_EVERY, || false);
        }
    }

    /// Any request, with a form or without one, and again when it is refused and the time has come.
    ///
    /// # Errors
    /// What the system says, or that there was no other answer than refusals.
    pub fn ask(&self, method: &str, target: &str, form: &[u8]) -> Result<Answer, String> {
        for _ in 0..TRIES_MAX {
            let answer = self.once(method, target, form).map_err(|error| error.to_string())?;
            if !matches!(answer.status, 429 | 503) {
                return Ok(answer);
            }
            answer.come_back();
        }
        Err(format!("{target}: refused {TRIES_MAX} times"))
    }

    fn once(&self, method: &str, target: &str, form: &[u8]) -> std::io::Result<Answer> {
        let mut connection = Connection::open_from(self.from, self.server)?;
        let kind = form::kind();
        let mut fields = vec![("Authorization", self.bearer.as_str()), ("Connection", "close")];
        if !form.is_empty() {
            fields.push(("Content-Type", &kind));
        }
        connection.send(method, target, &fields, form)?;
        connection.read(false)
    }
}
