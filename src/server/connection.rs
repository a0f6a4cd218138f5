//! One connection: requests in, responses out, in order.
//!
//! A request is done as it comes; what must wait (a sync, records, the members of a group) waits
//! beside the requests after it, and holds back just their answers. Nothing more is read while
//! [`REQUESTS_MAX`] answers are due or the client does not take those that it has, so a connection
//! holds no more than that.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Duration, timeout};

use super::api::{self, Advertised, Answer, Context, Session, Waits};
use super::incoming::{Frame, Incoming, MemoryBudget, ReadError};
use super::node::Node;
use super::outgoing::{Outgoing, Output};
use crate::protocol::{ApiKey, DecodeError, Reader, Request, RequestHeader};

/// Answers that may be due on a connection.
const REQUESTS_MAX: usize = 128;
/// After this many bytes, what there is to send is sent before more requests are done.
const SEND_BYTES: usize = 1 << 20;
/// Answers that wait at a stop get this long.
const STOP_TIME: Duration = Duration::from_secs(3);

/// Why the server gave a connection up.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("cannot send: {0}")]
    Send(#[source] std::io::Error),
    #[error("no valid request: {0}")]
    Decode(#[from] DecodeError),
    #[error("API {api} of version {version} is not served")]
    NotServed { api: i16, version: i16 },
    #[error("{0}")]
    Refused(&'static str),
    #[error("idle for {0} ms")]
    Idle(u128),
}

impl ConnectionError {
    /// Whether the network or the client's end is the reason, which happens every day.
    pub(super) const fn is_of_the_network(&self) -> bool {
        matches!(self, Self::Send(_) | Self::Read(ReadError::Io(_)) | Self::Idle(_))
    }
}

/// What connections of one listener share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) node: Arc<Node>,
    pub(super) advertised: Advertised,
    pub(super) budget: MemoryBudget,
    pub(super) frame_bytes_max: usize,
    pub(super) idle: Duration,
    pub(super) stopping: watch::Receiver<bool>,
}

/// An answer that is due.
struct Due {
    version: i16,
    correlation_id: i32,
    api: ApiKey,
    since: Instant,
    waits: Waits,
    /// What its request holds of the memory budget.
    _permit: Option<OwnedSemaphorePermit>,
}

/// A connection and what is under way on it.
struct Connection<'s> {
    shared: &'s Shared,
    stream: TcpStream,
    client_host: String,
    incoming: Incoming,
    outgoing: Outgoing,
    outgoing_bytes: usize,
    due: VecDeque<Due>,
    session: Session,
}

/// What happened on a connection.
enum Event {
    Request(Frame),
    Answer(Option<Output>),
    End,
    Stop,
    Idle,
}

/// Serves a connection until either side ends it.
pub(super) async fn serve(
    shared: &Shared,
    stream: TcpStream,
    peer: SocketAddr,
) -> Result<(), ConnectionError> {
    let mut connection = Connection {
        shared,
        stream,
        client_host: format!("/{}", peer.ip()),
        incoming: Incoming::new(shared.budget.clone(), shared.frame_bytes_max),
        outgoing: Outgoing::default(),
        outgoing_bytes: 0,
        due: VecDeque::new(),
        session: Session::default(),
    };
    connection.run().await
}

impl Connection<'_> {
    async fn run(&mut self) -> Result<(), ConnectionError> {
        let mut stopping = self.shared.stopping.clone();
        loop {
            match self.next_event(&mut stopping).await? {
                Event::Request(frame) => {
                    let done = self.request(frame).and_then(|()| self.requests_at_hand());
                    if done.is_err() {
                        // Those before it were good, and are answered.
                        self.flush().await?;
                    }
                    done?;
                }
                Event::Answer(output) => self.answer(output)?,
                Event::End => return Ok(()),
                Event::Idle => return Err(ConnectionError::Idle(self.shared.idle.as_millis())),
                Event::Stop => return self.finish().await,
            }
            self.flush().await?;
            // A client that always has another request must not keep others from their turn.
            tokio::task::consume_budget().await;
        }
    }

    async fn next_event(
        &mut self,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<Event, ConnectionError> {
        let may_read = self.due.len() < REQUESTS_MAX;
        let is_quiet = self.due.is_empty();
        let due = &mut self.due;
        tokio::select! {
            biased;
            output = poll_fn(|cx| match due.front_mut() {
                Some(first) => first.waits.as_mut().poll(cx),
                None => std::task::Poll::Pending,
            }) => Ok(Event::Answer(output)),
            _ = stopping.wait_for(|stopping| *stopping) => Ok(Event::Stop),
            frame = self.incoming.next(&self.stream), if may_read => {
                Ok(frame?.map_or(Event::End, Event::Request))
            }
            () = tokio::time::sleep(self.shared.idle), if is_quiet => Ok(Event::Idle),
        }
    }

    /// Does the requests that have come whole already, so that their answers go out together.
    fn requests_at_hand(&mut self) -> Result<(), ConnectionError> {
        while self.due.len() < REQUESTS_MAX && self.outgoing_bytes < SEND_BYTES {
            match self.incoming.take_whole()? {
                Some(frame) => self.request(frame)?,
                None => break,
            }
        }
        Ok(())
    }

    fn request(&mut self, frame: Frame) -> Result<(), ConnectionError> {
        let since = Instant::now();
        let metrics = &self.shared.node.metrics;
        metrics.received_bytes.fetch_add(frame.bytes.len() as u64 + 4, Relaxed);
        let mut reader = Reader::new(frame.bytes, 0, false);
        let header = RequestHeader::read(&mut reader)?;
        let (version, correlation_id) = (header.api_version, header.correlation_id);
        let Some(api) = ApiKey::find(header.api_key) else {
            return Err(ConnectionError::NotServed { api: header.api_key, version });
        };
        let context = Context {
            node: &self.shared.node,
            version,
            client_id: &header.client_id,
            client_host: &self.client_host,
            advertised: &self.shared.advertised,
        };
        let (version, answer) = if api.served().contains(&version) {
            let request = Request::read(api, &mut reader)?;
            (version, api::answer(&context, &self.session, request))
        } else if api == ApiKey::ApiVersions {
            // The form of version 0 is understood by all. Source: KIP-511.
            (0, Answer::Ready(api::api_versions::unsupported().into()))
        } else {
            return Err(ConnectionError::NotServed { api: header.api_key, version });
        };
        let waits = match answer {
            Answer::Ready(output) if self.due.is_empty() => {
                self.send(api, since, version, correlation_id, output);
                return Ok(());
            }
            Answer::Ready(output) => Box::pin(std::future::ready(Some(output))),
            Answer::Waits(waits) => waits,
            Answer::None => return Ok(()),
            Answer::Close(why) => return Err(ConnectionError::Refused(why)),
        };
        let _permit = frame.permit;
        self.due.push_back(Due { version, correlation_id, api, since, waits, _permit });
        Ok(())
    }

    /// Takes the answer that all after it waited for.
    fn answer(&mut self, output: Option<Output>) -> Result<(), ConnectionError> {
        let due = self.due.pop_front().expect("an answer is of the request that waits longest");
        let Some(output) = output else {
            return Err(ConnectionError::Refused("the request was given up"));
        };
        self.send(due.api, due.since, due.version, due.correlation_id, output);
        Ok(())
    }

    fn send(&mut self, api: ApiKey, since: Instant, version: i16, id: i32, output: Output) {
        let size = self.outgoing.push(version, id, output);
        self.outgoing_bytes += size;
        let metrics = &self.shared.node.metrics;
        metrics.sent_bytes.fetch_add(size as u64, Relaxed);
        metrics.answered(api, u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX));
    }

    /// Sends what there is. A client that takes nothing is given up after the idle time, or soon
    /// where the server stops.
    async fn flush(&mut self) -> Result<(), ConnectionError> {
        if self.outgoing.is_empty() {
            return Ok(());
        }
        let idle = self.shared.idle;
        let mut stopping = self.shared.stopping.clone();
        let stopped = async {
            let _ = stopping.wait_for(|stopping| *stopping).await;
            tokio::time::sleep(STOP_TIME).await;
        };
        self.outgoing_bytes = 0;
        tokio::select! {
            biased;
            sent = self.outgoing.flush(&self.stream) => sent.map_err(ConnectionError::Send),
            () = tokio::time::sleep(idle) => Err(ConnectionError::Idle(idle.as_millis())),
            () = stopped => Err(ConnectionError::Refused("it takes no answers, and the server stops")),
        }
    }

    /// Answers what is due at a stop, as far as it can be.
    async fn finish(&mut self) -> Result<(), ConnectionError> {
        let answers = async {
            while let Some(first) = self.due.front_mut() {
                let output = first.waits.as_mut().await;
                self.answer(output)?;
                self.flush().await?;
            }
            Ok(())
        };
        timeout(STOP_TIME, answers).await.unwrap_or(Ok(()))
    }
}
