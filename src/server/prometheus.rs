//! `GET /metrics` for Prometheus: one request a connection, and nothing else of HTTP.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::node::Node;

/// Bytes of a request that are looked at.
const REQUEST_BYTES_MAX: usize = 8 << 10;
/// A request and its answer get this long.
const TIME_MAX: Duration = Duration::from_secs(5);

/// Answers until the server stops. One at a time: a scraper asks every few seconds.
pub(super) async fn serve(
    listener: TcpListener,
    node: Arc<Node>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Ok(Err(error)) = timeout(TIME_MAX, answer(&stream, &node)).await {
                    tracing::debug!(%peer, %error, "metrics request failed");
                }
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn answer(stream: &TcpStream, node: &Node) -> io::Result<()> {
    let mut request = Vec::with_capacity(1 << 10);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        stream.readable().await?;
        match stream.try_read_buf(&mut request) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) if request.len() > REQUEST_BYTES_MAX => {
                return Err(io::ErrorKind::InvalidData.into());
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    let (status, body) = match request.split(u8::is_ascii_whitespace).nth(1) {
        Some(b"/metrics" | b"/") if request.starts_with(b"GET ") => ("200 OK", node.exposition()),
        _ => ("404 Not Found", "GET /metrics\n".to_owned()),
    };
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut rest = response.as_bytes();
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
