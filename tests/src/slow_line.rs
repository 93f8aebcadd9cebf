//! A line between two peers on which every byte takes a while, or which falls silent without being cut.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::wait::wait_until;

/// Read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces on their way in one direction: a long line holds many bytes, and the delay must not make it a narrow one.
const PIECES: usize = 256;
/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(3_600);

/// Such a line to one server; cut when dropped.
#[derive(Debug)]
pub struct SlowLine {
    /// Where it begins.
    pub address: SocketAddr,
    line: Arc<Line>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Line {
    to: SocketAddr,
    delay: Duration,
    is_silent: AtomicBool,
    is_over: AtomicBool,
    sockets: Mutex<Vec<TcpStream>>,
    movers: Mutex<Vec<JoinHandle<()>>>,
}

impl SlowLine {
    /// A line to this server on which bytes take so long in each direction.
    ///
    /// # Panics
    /// When there is no port for it.
    pub fn to(server: SocketAddr, delay: Duration) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let line = Arc::new(Line {
            to: server,
            delay,
            is_silent: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            sockets: Mutex::default(),
            movers: Mutex::default(),
        });
        let accepting = Some(std::thread::spawn({
            let line = Arc::clone(&line);
            move || line.accept(&listener)
        }));
        SlowLine { address, line, accepting }
    }

    /// Nothing moves on it from now on, or again.
    pub fn fall_silent(&self, is_silent: bool) {
        self.line.is_silent.store(is_silent, Ordering::Release);
    }
}

impl Line {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for near in listener.incoming() {
            if self.is_over.load(Ordering::Acquire) {
                return;
            }
            let (Ok(near), Ok(far)) = (near, TcpStream::connect(self.to)) else { continue };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            self.direction(&near, &far);
            self.direction(&far, &near);
        }
    }

    /// Moves bytes one way.
    fn direction(self: &Arc<Self>, from: &TcpStream, to: &TcpStream) {
        let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
        self.sockets.lock().expect("no mover panics").push(from.try_clone().expect("a handle"));
        let (send, receive) = sync_channel(PIECES);
        let line = Arc::clone(self);
        let movers = [
            std::thread::spawn({
                let line = Arc::clone(self);
                move || line.take(from, &send)
            }),
            std::thread::spawn(move || line.give(to, &receive)),
        ];
        self.movers.lock().expect("no mover panics").extend(movers);
    }

    fn take(&self, mut from: TcpStream, send: &SyncSender<(Instant, Vec<u8>)>) {
        let mut piece = vec![0; PIECE_BYTES];
        while let Ok(count) = from.read(&mut piece)
            && count > 0
            && send.send((Instant::now() + self.delay, piece[..count].to_vec())).is_ok()
        {}
    }

    fn give(&self, mut to: TcpStream, receive: &Receiver<(Instant, Vec<u8>)>) {
        for (due, piece) in receive {
            wait_until(due, || self.is_over.load(Ordering::Acquire));
            self.await_sound();
            if to.write_all(&piece).is_err() {
                break;
            }
        }
        self.await_sound();
        let _ = to.shutdown(Shutdown::Write);
    }

    fn await_sound(&self) {
        wait_until(Instant::now() + FOR_EVER, || {
            !self.is_silent.load(Ordering::Acquire) || self.is_over.load(Ordering::Acquire)
        });
    }
}

impl Drop for SlowLine {
    fn drop(&mut self) {
        self.line.is_over.store(true, Ordering::Release);
        // Whoever waits for the next connection gets this one.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        for socket in self.line.sockets.lock().expect("no mover panics").drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
        let movers = std::mem::take(&mut *self.line.movers.lock().expect("no mover panics"));
        for mover in movers {
            let _ = mover.join();
        }
    }
}
