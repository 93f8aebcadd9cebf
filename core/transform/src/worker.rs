//! Our own program as a child that works for a while: started through the guard as every child is, told what to do over a
//! socket, line by line, and given open files with each line. It opens nothing itself but the files of one folder.

use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;

use budget::limits::{
    CHILD_MEMORY_ROOM_BYTES, CHILD_OVER_PERCENT, CHILDREN_STARTING_MAX, STEMS_DESCRIPTORS_MAX,
    STEMS_MESSAGE_BYTES_MAX,
};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::UnixStream;

use crate::child::{Caps, Child, ChildInput, ChildOutput, Ended, Guard, Starter, ask};
use crate::error::{Error, ErrorKind};
use crate::guard::{Fed, Orders};
use crate::sandbox::{Protection, Sandbox};

/// How workers are started.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// `transform.sandbox`.
    pub sandbox: Sandbox,
    /// What they are started through.
    pub guard: Guard,
    /// What the program is started with, so that it is a worker.
    pub args: Vec<OsString>,
    /// The folder whose files it may open.
    pub reads: PathBuf,
}

/// What starts workers. A clone is the same.
#[derive(Clone, Debug)]
pub struct Workers {
    settings: WorkerSettings,
    protection: Protection,
    starter: Starter,
}

impl Workers {
    /// Asks once what this machine allows to keep a child apart.
    ///
    /// # Errors
    /// `NoFfmpeg`, which is what a child that cannot be kept apart is called, with what is missing in its context.
    pub async fn find(settings: WorkerSettings) -> Result<Workers, Error> {
        let failed =
            |e: io::Error| Error::new(ErrorKind::Io, "no thread for workers").with_words(e.to_string());
        let starter = Starter::new(settings.guard.clone(), CHILDREN_STARTING_MAX).map_err(failed)?;
        let protection = match settings.sandbox {
            Sandbox::Off => Protection::default(),
            Sandbox::On | Sandbox::Auto => ask(&starter).await?,
        };
        if settings.sandbox == Sandbox::On && protection != Protection::FULL {
            let what = protection.missing();
            let said = format!(
                "workers cannot be kept apart here: {what} missing; transform.sandbox = \"auto\" does with what there is"
            );
            return Err(Error::new(ErrorKind::NoFfmpeg, said));
        }
        Ok(Workers { settings, protection, starter })
    }

    /// What every worker is kept from.
    pub fn protection(&self) -> Protection {
        self.protection
    }

    /// Starts a worker that may have so much memory, which is reserved for it. It is gone when the handle is dropped.
    ///
    /// # Errors
    /// `Io` when the system has no process or descriptor left.
    pub async fn start(
        &self,
        reserve_bytes: u64,
        cpu_seconds: u64,
        file_bytes: u64,
    ) -> Result<Worker, Error> {
        let failed = |e: io::Error| {
            Error::new(ErrorKind::Io, "a worker could not be started").with_words(e.to_string())
        };
        let (ours, theirs) = StdStream::pair().map_err(failed)?;
        ours.set_nonblocking(true).map_err(failed)?;
        let line = UnixStream::from_std(ours).map_err(failed)?;
        let orders = Orders {
            protection: self.protection,
            fed: Fed::Nothing,
            caps: Caps { memory_bytes: reserve_bytes + CHILD_MEMORY_ROOM_BYTES, cpu_seconds, file_bytes },
            parent: std::process::id(),
            reads: Some(self.settings.reads.clone()),
            program: self.settings.guard.program().to_owned(),
            args: self.settings.args.clone(),
        };
        let child =
            self.starter.guarded("stems", orders, ChildInput::Line(theirs.into()), ChildOutput::Pipe).await?;
        child.hold_to(reserve_bytes + reserve_bytes * CHILD_OVER_PERCENT / 100);
        Ok(Worker { child, line, heard: Vec::new() })
    }

    /// Returns when every worker is gone that was started, and nobody starts another meanwhile.
    pub async fn settled(&self) {
        let children = &self.starter.children;
        children.close();
        children.wait().await;
        children.reopen();
    }
}

/// A worker. Dropping it kills it.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    line: UnixStream,
    heard: Vec<u8>,
}

impl Worker {
    /// The process.
    pub fn child(&self) -> &Child {
        &self.child
    }

    /// Tells it something: one line, with open files that it gets as its own.
    ///
    /// # Errors
    /// `TooLarge` for a line or a list of files that is too long; `Failed` when it is gone.
    pub async fn tell(&mut self, line: &str, files: &[BorrowedFd<'_>]) -> Result<(), Error> {
        if line.len() >= STEMS_MESSAGE_BYTES_MAX || files.len() > STEMS_DESCRIPTORS_MAX {
            return Err(Error::new(ErrorKind::TooLarge, "a message to a worker is too long"));
        }
        let whole = format!("{line}\n");
        let mut rest = whole.as_bytes();
        // The files come with the first byte.
        let mut files = files;
        while !rest.is_empty() {
            let sent = self.line.async_io(Interest::WRITABLE, || send(&self.line, rest, files)).await;
            let sent = sent.map_err(|e| self.gone(&e))?;
            rest = rest.get(sent..).unwrap_or_default();
            files = &[];
        }
        self.child.moved();
        Ok(())
    }

    /// What it says next, or `None` when it says nothing more. To be asked again after it was given up loses nothing.
    ///
    /// # Errors
    /// `Failed` for a line that is too long.
    pub async fn hear(&mut self) -> Result<Option<String>, Error> {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                self.child.moved();
                return Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()));
            }
            if self.heard.len() > STEMS_MESSAGE_BYTES_MAX {
                return Err(Error::new(ErrorKind::Failed, "a worker says too much at once"));
            }
            match self.line.read_buf(&mut self.heard).await {
                Ok(0) | Err(_) => return Ok(None),
                Ok(_) => {}
            }
        }
    }

    /// Says how it ended, when it has.
    pub async fn wait(&self) -> Ended {
        self.child.wait().await
    }

    /// Kills it, and says when it is gone how it ended.
    pub async fn end(self) -> Ended {
        self.child.cut();
        self.child.wait().await
    }

    fn gone(&self, e: &io::Error) -> Error {
        Error::new(ErrorKind::Failed, "a worker is gone").with_words(e.to_string())
    }
}

fn send(line: &UnixStream, bytes: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(STEMS_DESCRIPTORS_MAX))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() {
        message.push(SendAncillaryMessage::ScmRights(files));
    }
    Ok(rustix::net::sendmsg(line, &[IoSlice::new(bytes)], &mut message, SendFlags::NOSIGNAL)?)
}
