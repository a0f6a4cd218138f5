//! A server that runs beside the test, and a client that speaks to it in the words of the wire.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use runnel::protocol::header::read_response_header;
use runnel::protocol::{ApiKey, Reader, Request, RequestHeader, Response, Writer};
use rustix::process::Signal;

use super::running::Running;
use super::{Output, PATIENCE, World};

/// `runnel serve` over a world's directory.
pub(crate) struct Served {
    pub(crate) process: Running,
    pub(crate) address: String,
}

impl World {
    /// Starts a server on a port of its own, and waits until it answers.
    pub(crate) fn serve(&self, args: &[&str]) -> Served {
        let file = self.path("address");
        let _ = std::fs::remove_file(&file);
        let mut process = self
            .runnel(["serve", "-l", "127.0.0.1:0", "--addr-file", "address"])
            .args(["-c", "group.initial.rebalance.delay.ms=0"])
            // Records of tests are often of 1970.
            .args(["-c", "log.retention.hours=-1"])
            .args(args)
            .spawn();
        let address = address_in(&file, &mut process);
        Served { process, address }
    }
}

/// What a server writes into its address file, waited for.
pub(crate) fn address_in(file: &Path, process: &mut Running) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(address) = std::fs::read_to_string(file) {
            return address.trim().to_owned();
        }
        assert!(!process.has_ended() && Instant::now() < deadline, "the server does not come up");
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Served {
    /// A connection.
    pub(crate) fn connect(&self) -> Client {
        Client::connect(&self.address).expect("the server takes connections")
    }

    /// Stops it as a service manager does; it must end well.
    pub(crate) fn stop(self) -> Output {
        self.process.signal(Signal::TERM);
        let said = self.process.wait();
        assert_eq!(said.status, 0, "a stop is clean: {said}");
        said
    }

    /// Kills it without a warning.
    pub(crate) fn kill(self) -> Output {
        self.process.kill()
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    pub(crate) fn connect(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, correlation_id: 0 })
    }

    /// Sends a request and leaves its answer for later.
    pub(crate) fn send(&mut self, version: i16, request: &Request) -> std::io::Result<i32> {
        self.correlation_id += 1;
        let frame = frame(version, self.correlation_id, request);
        self.stream.write_all(&frame)?;
        Ok(self.correlation_id)
    }

    /// The next answer.
    pub(crate) fn receive(
        &mut self,
        api: ApiKey,
        version: i16,
    ) -> std::io::Result<(i32, Response)> {
        let bytes = self.receive_frame()?;
        let mut reader = Reader::new(BytesMut::from(&bytes[..]), 0, false);
        let id = read_response_header(api, version, &mut reader).expect("a header");
        let response = Response::read(api, &mut reader).expect("a response");
        reader.finish().expect("nothing after it");
        Ok((id, response))
    }

    pub(crate) fn receive_frame(&mut self) -> std::io::Result<Vec<u8>> {
        let mut len = [0; 4];
        self.stream.read_exact(&mut len)?;
        let mut bytes = vec![0; u32::from_be_bytes(len) as usize];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Asks, and gives the answer, unless the server is gone.
    pub(crate) fn try_ask(&mut self, version: i16, request: Request) -> std::io::Result<Response> {
        let id = self.send(version, &request)?;
        let (answered, response) = self.receive(request.api(), version)?;
        assert_eq!(answered, id, "answers come in order");
        Ok(response)
    }

    /// Asks in the highest version, and gives the answer.
    pub(crate) fn ask(&mut self, request: Request) -> Response {
        let version = *request.api().served().end();
        self.try_ask(version, request).expect("an answer")
    }

    /// Whether the server has closed the connection; waits until it has, or sends something.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(self.stream.read(&mut byte), Ok(0) | Err(_))
    }
}

/// A request as it goes over the wire, its length before it.
pub(crate) fn frame(version: i16, correlation_id: i32, request: &Request) -> Vec<u8> {
    let api = request.api();
    let header = RequestHeader {
        api_key: api as i16,
        api_version: version,
        correlation_id,
        client_id: "test".to_owned(),
    };
    let mut writer = Writer::new(0, false);
    header.write(api, &mut writer);
    request.write(&mut writer);
    let (bytes, _) = writer.finish();
    let mut frame = u32::try_from(bytes.len()).expect("fits").to_be_bytes().to_vec();
    frame.extend_from_slice(&bytes);
    frame
}

/// The answer of one API, out of [`Client::ask`].
#[macro_export]
macro_rules! ask {
    ($client:expr, $api:ident, $request:expr) => {
        match $client.ask(runnel::protocol::Request::$api($request)) {
            runnel::protocol::Response::$api(response) => response,
            other => panic!("another answer: {other:?}"),
        }
    };
}

/// The same, of [`Client::try_ask`] in a version.
#[macro_export]
macro_rules! try_ask {
    ($client:expr, $api:ident, $version:expr, $request:expr) => {
        $client.try_ask($version, runnel::protocol::Request::$api($request)).map(|response| {
            match response {
                runnel::protocol::Response::$api(response) => response,
                other => panic!("another answer: {other:?}"),
            }
        })
    };
}
