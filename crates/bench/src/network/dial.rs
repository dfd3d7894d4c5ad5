//! Opens connections to hosts.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hyper::http::uri::Authority;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::proxy::LoopbackTargets;
use super::upstream::{Parent, bare};

/// For each address of a host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// For another proxy to open a tunnel.
const TUNNEL_TIMEOUT: Duration = Duration::from_mins(1);
/// An answer to CONNECT longer than this is none.
const LONGEST_HEAD: usize = 16 * 1024;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// In lower case, without the brackets of IPv6.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Target {
    /// `None` without a host, or without a port where there is no default.
    pub(super) fn new(authority: &Authority, default_port: Option<u16>) -> Option<Self> {
        let host = bare(authority.host()).to_ascii_lowercase();
        let port = authority.port_u16().or(default_port)?;
        (!host.is_empty()).then_some(Self { host, port })
    }

    /// `host:port`, with brackets around IPv6.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The name in [`Traffic`](super::Traffic).
    pub(super) fn counted_as(&self) -> String {
        if matches!(self.port, 80 | 443) {
            self.host.clone()
        } else {
            self.authority()
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("it is this machine itself, which a build could not reach without the proxy")]
    Loopback,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the proxy {parent} of this machine refuses: {answer}")]
    Parent { parent: String, answer: String },
}

/// Connects to the first of the host's addresses that answers.
pub(super) async fn connect(target: &Target, loopback: LoopbackTargets) -> Result<TcpStream, DialError> {
    let mut addresses: Vec<SocketAddr> = lookup_host((target.host.as_str(), target.port)).await?.collect();
    if loopback == LoopbackTargets::Refuse {
        addresses.retain(|address| !is_this_machine(address.ip()));
        if addresses.is_empty() {
            return Err(DialError::Loopback);
        }
    }
    Ok(connect_to_any(&addresses).await?)
}

/// Opens a tunnel through another proxy.
pub(super) async fn tunnel_through(parent: &Parent, target: &Target) -> Result<TcpStream, DialError> {
    let mut stream = connect_to_parent(parent).await?;
    let authority = target.authority();
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(authorization) = &parent.authorization {
        head.push_str("Proxy-Authorization: ");
        head.push_str(authorization);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    let answer = timeout(TUNNEL_TIMEOUT, read_head(&mut stream))
        .await
        .map_err(|_| timed_out())??;
    let status_line = answer.lines().next().unwrap_or_default();
    let status = status_line.split(' ').nth(1).unwrap_or_default();
    if status.len() == 3 && status.starts_with('2') {
        Ok(stream)
    } else {
        Err(DialError::Parent {
            parent: format!("{parent:?}"),
            answer: status_line.to_owned(),
        })
    }
}

/// Connects to another proxy.
pub(super) async fn connect_to_parent(parent: &Parent) -> Result<TcpStream, DialError> {
    let addresses: Vec<SocketAddr> = lookup_host((parent.host.as_str(), parent.port)).await?.collect();
    Ok(connect_to_any(&addresses).await?)
}

async fn connect_to_any(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Without it small requests wait for the acknowledgement of earlier ones.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => failure = error,
            Err(_) => failure = timed_out(),
        }
    }
    Err(failure)
}

/// Reads up to the empty line. Byte by byte, because what follows belongs to the tunnel.
async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == LONGEST_HEAD {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the other proxy's answer has no end",
            ));
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

fn is_this_machine(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
}
