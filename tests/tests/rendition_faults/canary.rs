//! What must not be touched, and tells when it was.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::inotify;

/// Files that nobody may open.
pub(crate) struct Files(OwnedFd);

impl Files {
    /// Watches these, and shows that it would tell.
    pub(crate) fn watch(files: &[&Path]) -> Files {
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK).expect("the system watches files");
        for file in files {
            inotify::add_watch(&watch, *file, inotify::WatchFlags::OPEN).expect("a file");
        }
        let files_watched = Files(watch);
        assert!(!files_watched.were_opened(), "nobody did yet");
        drop(std::fs::File::open(files[0]).expect("a file"));
        assert!(files_watched.were_opened(), "the watch tells nothing");
        files_watched
    }

    /// Whether one was opened since the last question.
    pub(crate) fn were_opened(&self) -> bool {
        let mut events = [0; 4_096];
        matches!(rustix::io::read(&self.0, &mut events), Ok(1..))
    }
}

/// A port that nobody may reach, at every address of this machine.
pub(crate) struct Port(TcpListener);

impl Port {
    /// Listens, and shows that it would tell.
    pub(crate) fn listen() -> Port {
        let port = Port(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port"));
        port.0.set_nonblocking(true).expect("a socket");
        assert!(!port.was_reached(), "nobody did yet");
        let _reached = TcpStream::connect((Ipv4Addr::LOCALHOST, port.number())).expect("it listens");
        assert!(port.was_reached(), "the port tells nothing");
        port
    }

    pub(crate) fn number(&self) -> u16 {
        self.0.local_addr().expect("a socket").port()
    }

    /// Whether somebody connected since the last question.
    pub(crate) fn was_reached(&self) -> bool {
        let mut was_reached = false;
        while self.0.accept().is_ok() {
            was_reached = true;
        }
        was_reached
    }
}
