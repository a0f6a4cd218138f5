//! Taking connections: as many as there may be, each on a task of its own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::connection::{self, ConnectionError, Shared};

/// After a connection could not be taken for want of something, this long nothing is tried.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes connections until the server stops, and then waits for those that there are.
pub(super) async fn listen(
    listener: TcpListener,
    shared: Arc<Shared>,
    connections: Arc<Semaphore>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let metrics = &shared.node.metrics;
        let Ok(slot) = Arc::clone(&connections).try_acquire_owned() else {
            metrics.connections_refused.fetch_add(1, Relaxed);
            tracing::warn!(%peer, "refused: max.connections are open");
            continue;
        };
        metrics.connections_total.fetch_add(1, Relaxed);
        let shared = Arc::clone(&shared);
        tasks.spawn(async move {
            let _slot = slot;
            serve(&shared, stream, peer).await;
        });
    }
    // No new ones: who connects now is told so at once.
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

async fn serve(shared: &Shared, stream: TcpStream, peer: SocketAddr) {
    let metrics = &shared.node.metrics;
    metrics.connections_open.fetch_add(1, Relaxed);
    let served = match prepare(&stream) {
        Ok(()) => connection::serve(shared, stream, peer).await,
        Err(error) => Err(ConnectionError::Send(error)),
    };
    metrics.connections_open.fetch_sub(1, Relaxed);
    match served {
        Ok(()) => tracing::debug!(%peer, "connection closed"),
        Err(error) if error.is_of_the_network() => {
            tracing::debug!(%peer, %error, "connection lost");
        }
        Err(error) => {
            metrics.connections_failed.fetch_add(1, Relaxed);
            tracing::warn!(%peer, %error, "connection closed");
        }
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    Ok(sockopt::set_socket_keepalive(stream, true)?)
}
