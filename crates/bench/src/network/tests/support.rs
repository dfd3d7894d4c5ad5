//! A server that runs a closure per connection, and a client that speaks HTTP by hand.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;

use crate::network::{LoopbackTargets, Network, Proxy, Settings, Upstream};

pub(super) fn proxy() -> Proxy {
    proxy_with("as-is", Upstream::direct(), LoopbackTargets::Allow)
}

pub(super) fn proxy_with(network: &str, upstream: Upstream, loopback: LoopbackTargets) -> Proxy {
    Proxy::start_with(Settings {
        bind: Ipv4Addr::LOCALHOST.into(),
        network: Network::parse(network).unwrap(),
        upstream,
        loopback,
    })
    .unwrap()
}

/// Serves the given number of connections one after another, each with `serve`.
pub(super) fn server(
    connections: usize,
    mut serve: impl FnMut(Connection) + Send + 'static,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        for _ in 0..connections {
            serve(Connection::new(listener.accept().unwrap().0));
        }
    });
    (address, thread)
}

/// Either end of a connection.
pub(super) struct Connection {
    reader: BufReader<TcpStream>,
}

/// A request or a response, its body decoded.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) first_line: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn status(&self) -> &str {
        self.first_line.split(' ').nth(1).unwrap()
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            reader: BufReader::new(stream),
        }
    }

    pub(super) fn to(proxy: &Proxy) -> Self {
        Self::new(TcpStream::connect(proxy.address()).unwrap())
    }

    pub(super) fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream().write_all(bytes.as_ref()).unwrap();
    }

    pub(super) fn finish_sending(&mut self) {
        self.stream().shutdown(Shutdown::Write).unwrap();
    }

    pub(super) fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    pub(super) fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).unwrap();
        bytes
    }

    pub(super) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    /// Up to the empty line.
    pub(super) fn head(&mut self) -> Message {
        let first_line = self.line();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Message {
            first_line,
            headers,
            body: Vec::new(),
        }
    }

    pub(super) fn chunk(&mut self) -> Vec<u8> {
        let size = usize::from_str_radix(&self.line(), 16).unwrap();
        let bytes = self.exactly(size);
        assert_eq!(self.line(), "");
        bytes
    }

    /// Head and body, by `Content-Length` or chunks; without either there is no body.
    pub(super) fn message(&mut self) -> Message {
        let mut message = self.head();
        if message.header("transfer-encoding") == Some("chunked") {
            loop {
                let chunk = self.chunk();
                if chunk.is_empty() {
                    break;
                }
                message.body.extend(chunk);
            }
        } else if let Some(length) = message.header("content-length") {
            message.body = self.exactly(length.parse().unwrap());
        }
        message
    }

    pub(super) fn reply(&mut self, body: &str) {
        let length = body.len();
        self.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"));
    }
}

/// The header line that opens the proxy.
pub(super) fn authorization(proxy: &Proxy) -> String {
    let url = proxy.url("host");
    let user = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('@'))
        .unwrap()
        .0;
    let encoded = crate::network::credentials::base64(user.as_bytes());
    format!("Proxy-Authorization: Basic {encoded}\r\n")
}

pub(super) fn get(proxy: &Proxy, url: &str) -> String {
    format!("GET {url} HTTP/1.1\r\nHost: ignored\r\n{}\r\n", authorization(proxy))
}

/// Bytes that no accident repeats in the wrong order.
pub(super) fn noise(count: usize) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(count)
    .collect()
}
