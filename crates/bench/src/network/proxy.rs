//! The proxy as the rest of the program sees it: started, asked, stopped, all without `async`.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::Network;
use super::credentials::{Credentials, USER};
use super::forward::{Client, Shared};
use super::line::{Lane, carry};
use super::traffic::{Counters, Traffic};
use super::upstream::{Upstream, UpstreamError};

/// Between the proxy's part and the shaped line; the queue of a router, as it were.
const PIPE: usize = 64 * 1024;
/// How long a client may still send after all was said to it.
const LINGER: Duration = Duration::from_secs(30);
/// Before accepting again when the system is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A forward HTTP proxy that shapes and counts, running until it is dropped.
///
/// It serves absolute-form requests (`GET http://…`) and `CONNECT` tunnels. The client's side of
/// every connection is shaped, by one line for all of them; see [`Link`](super::Link). It listens
/// on the given address only and answers only who has the password of this run, which is part of
/// [`url`](Self::url).
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    line: Arc<Line>,
    taken: Mutex<Traffic>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// How a proxy is started.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The address to listen on: that of the bridge for builds in containers, 127.0.0.1 for those
    /// with the host's network. The port is chosen by the system.
    pub bind: IpAddr,
    /// The line to begin with.
    pub network: Network,
    /// Other proxies to go through.
    pub upstream: Upstream,
    /// Whether this machine's own servers may be asked for.
    pub loopback: LoopbackTargets,
}

/// Whether the proxy connects to this machine's own addresses (127.0.0.1, `localhost`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoopbackTargets {
    /// Answers 403: a build in a container could not reach them without the proxy, and should not
    /// with it.
    #[default]
    Refuse,
    /// Connects, for a package server on this machine and for tests.
    Allow,
}

/// Why there is no proxy.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The address is not there, or not ours to use.
    #[error("listen on {address} for the benchmark's proxy: {error}")]
    Listen {
        /// The address asked for.
        address: IpAddr,
        /// What the system says.
        error: io::Error,
    },
    /// No thread, no timer or no file descriptor left.
    #[error("start the benchmark's proxy: {0}")]
    Start(io::Error),
    /// The proxy in the environment cannot be gone through.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

#[derive(Debug)]
struct Line {
    up: Lane,
    down: Lane,
}

impl Proxy {
    /// Starts a proxy on `bind`, going through the proxies that the environment names, and not
    /// connecting to this machine's own servers.
    pub fn start(bind: IpAddr, network: Network) -> Result<Self, ProxyError> {
        Self::start_with(Settings {
            bind,
            network,
            upstream: Upstream::from_env()?,
            loopback: LoopbackTargets::Refuse,
        })
    }

    /// Starts a proxy.
    pub fn start_with(settings: Settings) -> Result<Self, ProxyError> {
        let listen = |error| ProxyError::Listen {
            address: settings.bind,
            error,
        };
        let listener = std::net::TcpListener::bind((settings.bind, 0)).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ProxyError::Start)?;
        let entered = runtime.enter();
        let listener = TcpListener::from_std(listener).map_err(ProxyError::Start)?;
        let line = Arc::new(Line {
            up: Lane::new(settings.network),
            down: Lane::new(settings.network),
        });
        drop(entered);
        let shared = Arc::new(Shared {
            credentials: Credentials::generate(),
            counters: Counters::default(),
            upstream: settings.upstream,
            loopback: settings.loopback,
        });
        let (stop, stopped) = oneshot::channel();
        let serving = serve(listener, Arc::clone(&shared), Arc::clone(&line), stopped);
        let thread = std::thread::Builder::new()
            .name("benchmark proxy".to_owned())
            .spawn(move || {
                runtime.block_on(serving);
                // Ends every connection where it stands, and waits for no name look-up.
                runtime.shutdown_background();
            })
            .map_err(ProxyError::Start)?;
        Ok(Self {
            address,
            shared,
            line,
            taken: Mutex::default(),
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL, password included, for who reaches this machine as `host` (a name or an address).
    #[must_use]
    pub fn url(&self, host: impl fmt::Display) -> String {
        let host = host.to_string();
        let host = match host.parse::<Ipv6Addr>() {
            Ok(address) => format!("[{address}]"),
            Err(_) => host,
        };
        let token = self.shared.credentials.token();
        format!("http://{USER}:{token}@{host}:{}", self.address.port())
    }

    /// The predefined build arguments that make a build on a machine that reaches this one as
    /// `host` use the proxy. They are in no image and no cache key. Both cases are given, since
    /// tools read one or the other.
    #[must_use]
    pub fn build_args(&self, host: impl fmt::Display) -> Vec<(String, String)> {
        let url = self.url(host);
        let direct = "localhost,127.0.0.1,::1";
        [
            ("HTTP_PROXY", url.as_str()),
            ("HTTPS_PROXY", url.as_str()),
            ("NO_PROXY", direct),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), name.to_ascii_lowercase()].map(|name| (name, value.to_owned())))
        .collect()
    }

    /// Changes the line for everything that is sent from now on.
    pub fn set_network(&self, network: Network) {
        self.line.up.set_network(network);
        self.line.down.set_network(network);
    }

    /// What came over since the start.
    #[must_use]
    pub fn counters(&self) -> Traffic {
        self.shared.counters.read()
    }

    /// What came over since the last call, or since the start.
    #[must_use]
    pub fn take(&self) -> Traffic {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.counters();
        let new = now.since(&taken);
        *taken = now;
        new
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It is gone already if the thread panicked; there is nothing to stop then.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, line: Arc<Line>, mut stopped: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    tokio::spawn(attend(socket, Arc::clone(&shared), Arc::clone(&line)));
                }
                // Either that one client is gone again, or descriptors are short for a while.
                Err(_) => sleep(ACCEPT_PAUSE).await,
            },
        }
    }
}

/// One client's connection: its bytes go over the line, what arrives is answered.
async fn attend(socket: TcpStream, shared: Arc<Shared>, line: Arc<Line>) {
    // Shaping decides when bytes go; the kernel should not wait on top of that.
    let _ = socket.set_nodelay(true);
    let (inner, outer) = tokio::io::duplex(PIPE);
    tokio::spawn(async move {
        let client = Arc::new(Client::new(shared));
        let service = service_fn(move |request| {
            let client = Arc::clone(&client);
            async move { Ok::<_, std::convert::Infallible>(client.answer(request).await) }
        });
        // It ends with an error where the client sends nonsense (it was told) or went away.
        let _ = http1::Builder::new()
            .half_close(true)
            .auto_date_header(false)
            .preserve_header_case(true)
            .serve_connection(TokioIo::new(inner), service)
            .with_upgrades()
            .await;
    });
    let (from_client, to_client) = socket.into_split();
    let (from_proxy, to_proxy) = tokio::io::split(outer);
    let up = carry(from_client, to_proxy, &line.up);
    let down = carry(from_proxy, to_client, &line.down);
    tokio::pin!(up, down);
    // An error of either means the client is gone: both ends are dropped, which ends the rest. An
    // orderly end of one direction lets the other finish.
    tokio::select! {
        result = &mut up => if result.is_ok() {
            let _ = down.await;
        },
        result = &mut down => if result.is_ok() {
            let _ = timeout(LINGER, up).await;
        },
    }
}
