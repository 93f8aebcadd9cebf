//! The zero-copy wire between hyper and the socket, with a client that takes all that it is given.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, Version};
use http_body::Body as _;
use store::Source;
use stream::wire::{Blanks, Line, More, Offer, Outlet};

use crate::Result;
use crate::answers::{House, asking};

/// As long as a head usually is.
const HEAD: [u8; 320] = [b'h'; 320];

/// A connection that counts what it is given. What the kernel does with it is no instruction of ours.
#[derive(Default)]
struct Counting {
    head_bytes: u64,
    file_bytes: u64,
}

impl Outlet for Counting {
    fn piece_bytes(&self) -> usize {
        usize::MAX
    }

    fn poll_head(&mut self, _: &mut Context<'_>, head: &[IoSlice<'_>], _: More) -> Poll<io::Result<usize>> {
        let count = head.iter().map(|slice| slice.len()).sum();
        self.head_bytes += count as u64;
        Poll::Ready(Ok(count))
    }

    fn poll_file(
        &mut self,
        _: &mut Context<'_>,
        _: &Source,
        _: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        self.file_bytes += count as u64;
        Poll::Ready(Ok(count))
    }

    fn poll_room(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_copy(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        // The wire may copy where it cannot send; here that would be another path than the one that is measured.
        Poll::Ready(Err(io::Error::other("the wire copies")))
    }
}

/// A range of 256 KiB: the answer, the late swap, and one turn of the wire.
pub(crate) fn turn(count: u64) -> Result<()> {
    let house = House::of(1_000_000)?;
    sent(&house, &asking("bytes=262144-524287"), 262_144, count)
}

/// A whole file of 5 MB: the same with one turn for each window.
pub(crate) fn whole_5_mb(count: u64) -> Result<()> {
    sent(&House::of(5_000_000)?, &HeaderMap::new(), 5_000_000, count)
}

/// So many answers to the same request, sent to their ends over one connection.
fn sent(house: &House, headers: &HeaderMap, expected_bytes: u64, count: u64) -> Result<()> {
    let line = Line::new();
    house.runtime.block_on(async {
        for _ in 0..count {
            let mut answer = house.answer(&Method::GET, headers)?;
            let offer = Offer::fits(&Method::GET, Version::HTTP_11, &mut answer).ok_or("no offer")?;
            let mut outlet = Counting::default();
            finish(&line, Blanks::new(offer, Arc::clone(&line), answer.into_body()), &mut outlet).await?;
            let Counting { head_bytes, file_bytes } = outlet;
            if (head_bytes, file_bytes) != (HEAD.len() as u64, expected_bytes) {
                return Err(format!("{head_bytes} and {file_bytes} bytes were sent").into());
            }
        }
        Ok(())
    })
}

/// What hyper does with a body: it queues a piece, and writes the queue until it is empty.
async fn finish(line: &Line, mut body: Blanks, outlet: &mut Counting) -> Result<()> {
    let mut head: &[u8] = &HEAD;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let mut piece = frame?.into_data().unwrap_or_default();
        while !piece.is_empty() {
            let written = poll_fn(|context| write(line, context, outlet, head, &piece)).await?;
            let of_head = written.min(head.len());
            head = head.get(of_head..).unwrap_or_default();
            drop(piece.split_to((written - of_head).min(piece.len())));
        }
    }
    Ok(())
}

fn write(
    line: &Line,
    context: &mut Context<'_>,
    outlet: &mut Counting,
    head: &[u8],
    piece: &Bytes,
) -> Poll<io::Result<usize>> {
    let both = [IoSlice::new(head), IoSlice::new(piece)];
    let slices = if head.is_empty() { &both[1..] } else { &both[..] };
    line.poll_send(context, outlet, slices)
        .unwrap_or_else(|| Poll::Ready(Err(io::Error::other("a piece that is no blank"))))
}
