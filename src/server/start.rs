//! Starting and stopping.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, lookup_host};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::api::Advertised;
use super::connection::Shared;
use super::incoming::MemoryBudget;
use super::node::Node;
use super::{group_timers, housekeeping, listener, prometheus, transaction_timers};
use crate::broker::{self, Broker};

/// Threads that requests run on, whatever the machine has: with one, a slow disk would stop all.
const THREADS_MIN: usize = 2;
const THREADS_MAX: usize = 8;

/// Bytes of requests that may be in memory at once, unless `queued.max.request.bytes` says so.
const QUEUED_BYTES_MAX: usize = 64 << 20;

/// Connections that may wait to be taken.
const BACKLOG: u32 = 1024;

/// For ever, as far as a timer goes.
const IDLE_MAX: Duration = Duration::from_secs(365 * 86_400);

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Host or IP address.
    pub host: String,
    /// Port; 0 lets the system pick one.
    pub port: u16,
}

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where clients connect; at least one.
    pub listen: Vec<Listen>,
    /// What clients are told, of the first listener; its own address if `None`.
    pub advertise: Option<Listen>,
    /// Where Prometheus asks.
    pub metrics: Option<Listen>,
    /// Whether acks=all waits for the disk.
    pub durable: bool,
}

/// Why the server did not start, or did not stop cleanly.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address can't be listened on.
    #[error("cannot listen on {host}:{port}: {source}")]
    Listen {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The system's answer.
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start threads: {0}")]
    Threads(#[source] io::Error),
    /// The engine said no.
    #[error(transparent)]
    Broker(#[from] broker::Error),
}

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    runtime: Runtime,
    node: Arc<Node>,
    stopping: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
    addresses: Vec<SocketAddr>,
    metrics_address: Option<SocketAddr>,
}

impl Server {
    /// Starts to serve a directory that is open for it. Clients can connect when this returns.
    ///
    /// # Errors
    /// [`Error::Listen`] where an address is taken or not ours.
    pub fn start(broker: Arc<Broker>, options: &Options) -> Result<Self, Error> {
        let threads = std::thread::available_parallelism().map_or(THREADS_MIN, usize::from);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.clamp(THREADS_MIN, THREADS_MAX))
            .thread_name("runnel-serve")
            .enable_all()
            .build()
            .map_err(Error::Threads)?;
        let (stopping, receiver) = watch::channel(false);
        let node = Arc::new(Node::open(broker, options.durable, receiver.clone())?);
        let mut server = Self {
            runtime,
            node,
            stopping,
            listeners: Vec::new(),
            addresses: Vec::new(),
            metrics_address: None,
        };
        server.open_listeners(options, &receiver)?;
        let timers = group_timers::run(Arc::clone(&server.node), receiver.clone());
        server.listeners.push(server.runtime.spawn(timers));
        let timers = transaction_timers::run(Arc::clone(&server.node), receiver.clone());
        let housekeeping = housekeeping::run(Arc::clone(&server.node), receiver);
        server.listeners.push(server.runtime.spawn(timers));
        server.listeners.push(server.runtime.spawn(housekeeping));
        Ok(server)
    }

    fn open_listeners(
        &mut self,
        options: &Options,
        stopping: &watch::Receiver<bool>,
    ) -> Result<(), Error> {
        let config = self.node.broker.config();
        let size = |number: i64| usize::try_from(number).unwrap_or(0);
        let connections = size(config.max_connections.into()).min(Semaphore::MAX_PERMITS);
        let connections = Arc::new(Semaphore::new(connections));
        let queued_bytes_max = match config.queued_max_request_bytes {
            bytes @ 1.. => size(bytes),
            _ => QUEUED_BYTES_MAX,
        };
        let budget = MemoryBudget::new(queued_bytes_max);
        for (number, listen) in options.listen.iter().enumerate() {
            let (socket, address) = self.bind(listen)?;
            let advertise = options.advertise.as_ref().filter(|_| number == 0);
            let shared = Shared {
                node: Arc::clone(&self.node),
                advertised: advertised(advertise.unwrap_or(listen), address),
                budget: budget.clone(),
                frame_bytes_max: size(config.socket_request_max_bytes.into()),
                idle: idle_time(config.connections_max_idle_ms),
                stopping: stopping.clone(),
            };
            let (connections, stopping) = (Arc::clone(&connections), stopping.clone());
            let task = listener::listen(socket, Arc::new(shared), connections, stopping);
            self.listeners.push(self.runtime.spawn(task));
            self.addresses.push(address);
        }
        if let Some(listen) = &options.metrics {
            let (socket, address) = self.bind(listen)?;
            let task = prometheus::serve(socket, Arc::clone(&self.node), stopping.clone());
            self.listeners.push(self.runtime.spawn(task));
            self.metrics_address = Some(address);
        }
        Ok(())
    }

    fn bind(&self, listen: &Listen) -> Result<(TcpListener, SocketAddr), Error> {
        let bound = self.runtime.block_on(async {
            let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
            for address in lookup_host((listen.host.as_str(), listen.port)).await? {
                match listen_at(address) {
                    Ok(listener) => {
                        let address = listener.local_addr()?;
                        return Ok((listener, address));
                    }
                    Err(error) => last = error,
                }
            }
            Err(last)
        });
        bound.map_err(|source| Error::Listen {
            host: listen.host.clone(),
            port: listen.port,
            source,
        })
    }

    /// Where it listens, in the order of the options.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where Prometheus is answered.
    #[must_use]
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// What all connections share.
    #[must_use]
    pub const fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Stops: takes nothing new, answers what waits, makes all durable, and leaves the directory
    /// as Kafka leaves it after a clean stop.
    ///
    /// # Errors
    /// As the file system says; what was acknowledged as durable is.
    pub fn stop(self) -> Result<(), Error> {
        self.stopping.send_replace(true);
        self.runtime.block_on(async {
            for listener in self.listeners {
                // One that panicked has told of it already.
                let _ = listener.await;
            }
        });
        self.runtime.shutdown_timeout(Duration::from_secs(1));
        Ok(self.node.close()?)
    }
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // So that a server can follow another at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What clients are told: what was asked for, with the port that the system picked.
fn advertised(named: &Listen, bound: SocketAddr) -> Advertised {
    let port = if named.port == 0 { bound.port() } else { named.port };
    // Nobody can connect to "any address"; on this machine the loopback is meant.
    let host = match named.host.as_str() {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" | "[::]" => "::1".to_owned(),
        host => host.to_owned(),
    };
    Advertised { host, port }
}

/// How long a connection may be idle; negative is for ever.
fn idle_time(ms: i64) -> Duration {
    u64::try_from(ms).map_or(IDLE_MAX, |ms| Duration::from_millis(ms).min(IDLE_MAX))
}
