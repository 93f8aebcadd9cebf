//! The word to a connection over a ceiling: it costs a slot among a few, one write, and no parsing.

use std::sync::Arc;

use budget::{Fault, Refused, limits};
use tokio::io::AsyncWriteExt;

use super::House;
use super::linger::linger;
use super::socket::Socket;

/// Tells the client and closes. It must be a client that speaks in clear: the caller closes others without a word.
pub(crate) async fn refuse(mut socket: Socket, refused: Refused, house: Arc<House>) {
    let text = answer(&refused);
    let work = async {
        if socket.write_all(text.as_bytes()).await.is_ok() {
            linger(socket, limits::UNREAD_BODY_BYTES_MAX, house.deadlines.linger / 2).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = house.end.cancelled() => {}
    }
}

/// 429 when the ceiling is the address's own, 503 when it is the server's.
fn answer(refused: &Refused) -> String {
    let (status, body) = match refused.fault {
        Fault::Caller => ("429 Too Many Requests", "too many connections from your address\n"),
        Fault::Server | Fault::Never => ("503 Service Unavailable", "the server is full\n"),
    };
    let seconds = refused.retry_after.as_secs().max(1);
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nRetry-After: {seconds}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}
