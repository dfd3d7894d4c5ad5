//! What came over the line, host by host.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Traffic by host. A host is named without its port where that is 80 or 443, else `host:port`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Per host, in alphabetical order.
    pub hosts: BTreeMap<String, HostTraffic>,
}

/// What went to and came from one host.
///
/// Bytes are those of the connection to the host, once it stands: for a tunnel (https) what went
/// through it, encryption and all; for plain HTTP the heads and bodies of requests and responses.
/// Packet headers below that, and what a chained proxy was told to open the tunnel, are not in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostTraffic {
    /// Bytes received from the host.
    pub received: u64,
    /// Bytes sent to the host.
    pub sent: u64,
    /// Connections opened to the host.
    pub connections: u64,
    /// Requests for the host: one for each plain HTTP request and for each tunnel. What goes on
    /// inside a tunnel cannot be seen.
    pub requests: u64,
}

impl HostTraffic {
    fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.sent += other.sent;
        self.connections += other.connections;
        self.requests += other.requests;
    }

    fn since(&self, earlier: &Self) -> Self {
        Self {
            received: self.received.saturating_sub(earlier.received),
            sent: self.sent.saturating_sub(earlier.sent),
            connections: self.connections.saturating_sub(earlier.connections),
            requests: self.requests.saturating_sub(earlier.requests),
        }
    }
}

impl Traffic {
    /// All hosts together.
    #[must_use]
    pub fn total(&self) -> HostTraffic {
        let mut total = HostTraffic::default();
        for host in self.hosts.values() {
            total.add(host);
        }
        total
    }

    /// What came after `earlier`, an older reading of the same proxy. Hosts without anything new
    /// are left out.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let hosts = self
            .hosts
            .iter()
            .map(|(host, traffic)| {
                let before = earlier.hosts.get(host).copied().unwrap_or_default();
                (host.clone(), traffic.since(&before))
            })
            .filter(|(_, traffic)| *traffic != HostTraffic::default())
            .collect();
        Self { hosts }
    }
}

/// The running counters of one host.
#[derive(Debug, Default)]
pub(super) struct HostCounter {
    received: AtomicU64,
    sent: AtomicU64,
    connections: AtomicU64,
    requests: AtomicU64,
}

impl HostCounter {
    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn requested(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}

/// The running counters of all hosts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    hosts: Mutex<BTreeMap<String, Arc<HostCounter>>>,
}

impl Counters {
    pub(super) fn host(&self, name: &str) -> Arc<HostCounter> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(hosts.entry(name.to_owned()).or_default())
    }

    pub(super) fn read(&self) -> Traffic {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            hosts: hosts
                .iter()
                .map(|(name, counter)| {
                    let traffic = HostTraffic {
                        received: read(&counter.received),
                        sent: read(&counter.sent),
                        connections: read(&counter.connections),
                        requests: read(&counter.requests),
                    };
                    (name.clone(), traffic)
                })
                .collect(),
        }
    }
}

/// A connection to a host, whose bytes are counted.
#[derive(Debug)]
pub(super) struct Counted<S> {
    stream: S,
    counter: Arc<HostCounter>,
}

impl<S> Counted<S> {
    pub(super) fn new(stream: S, counter: Arc<HostCounter>) -> Self {
        Self { stream, counter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len().saturating_sub(before);
        self.counter.received.fetch_add(read as u64, Ordering::Relaxed);
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(written)) = result {
            self.counter.sent.fetch_add(written as u64, Ordering::Relaxed);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
