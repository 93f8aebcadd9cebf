//! The child's end of the socket: lines with open files.

use std::fs::File;
use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use budget::limits::{STEMS_DESCRIPTORS_MAX, STEMS_MESSAGE_BYTES_MAX};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

/// The socket, and what was heard of the next line.
pub(super) struct Line {
    socket: UnixStream,
    heard: Vec<u8>,
    files: Vec<File>,
}

impl Line {
    /// The socket that is the standard input.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub(super) fn of_input() -> io::Result<Line> {
        let socket = io::stdin().as_fd().try_clone_to_owned()?;
        Ok(Line { socket: UnixStream::from(socket), heard: Vec::new(), files: Vec::new() })
    }

    /// The next line, with the files that came until its end; none when the other side is gone.
    ///
    /// # Errors
    /// Of the socket, and for a line that is too long.
    pub(super) fn hear(&mut self) -> io::Result<Option<(String, Vec<File>)>> {
        loop {
            if let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                return Ok(Some((line, std::mem::take(&mut self.files))));
            }
            if self.heard.len() > STEMS_MESSAGE_BYTES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long"));
            }
            if self.receive()? == 0 {
                return Ok(None);
            }
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(STEMS_DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let count = loop {
            let mut slices = [IoSliceMut::new(&mut bytes)];
            match rustix::net::recvmsg(&self.socket, &mut slices, &mut control, flags) {
                Err(Errno::INTR) => {}
                received => break received?.bytes,
            }
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.files.extend(descriptors.map(File::from));
            }
        }
        self.heard.extend(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    /// Says a line.
    ///
    /// # Errors
    /// When nobody hears it.
    pub(super) fn say(&mut self, line: &str) -> io::Result<()> {
        self.socket.write_all(format!("{line}\n").as_bytes())
    }
}
