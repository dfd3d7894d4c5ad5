//! What the proxy does with a request: RFC 9110 and 9112, as far as a forward proxy goes.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::{Authority, PathAndQuery, Scheme};
use hyper::{Method, Request, Response, StatusCode, Uri, Version};
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::credentials::{Credentials, USER};
use super::dial::{self, DialError, Target};
use super::proxy::LoopbackTargets;
use super::traffic::{Counted, Counters, HostCounter};
use super::upstream::{Parent, Upstream};

/// For a kept connection to put the previous response away, which has been passed on by then.
const KEPT_CONNECTION_TIMEOUT: Duration = Duration::from_millis(100);

pub(super) type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) credentials: Credentials,
    pub(super) counters: Counters,
    pub(super) upstream: Upstream,
    pub(super) loopback: LoopbackTargets,
}

/// One client's connection.
#[derive(Debug)]
pub(super) struct Client {
    shared: Arc<Shared>,
    /// The connection of the last plain request: clients ask one host again and again.
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    target: Target,
    sender: SendRequest<Body>,
}

/// Why a request was not passed on; each has its status.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the password in the proxy's URL is missing or not that of this run")]
    Unauthorized,
    #[error("it was sent {0}")]
    Unusable(&'static str),
    #[error("failed to connect to {target}: {error}")]
    Dial { target: String, error: DialError },
    #[error("failed to get an answer from {target}: {error}")]
    Answer { target: String, error: hyper::Error },
}

impl Refusal {
    fn response(&self) -> Response<Body> {
        let text = format!("The proxy of a cachemount benchmark: {self}\n");
        let mut response = Response::new(whole(text));
        *response.status_mut() = match self {
            Self::Unauthorized => StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            Self::Unusable(_) => StatusCode::BAD_REQUEST,
            Self::Dial {
                error: DialError::Loopback,
                ..
            } => StatusCode::FORBIDDEN,
            Self::Dial { .. } | Self::Answer { .. } => StatusCode::BAD_GATEWAY,
        };
        let headers = response.headers_mut();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, plain);
        if matches!(self, Self::Unauthorized) {
            let challenge = HeaderValue::from_str(&format!("Basic realm=\"{USER}\""));
            if let Ok(challenge) = challenge {
                headers.insert(header::PROXY_AUTHENTICATE, challenge);
            }
        }
        response
    }
}

fn whole(text: String) -> Body {
    Full::new(Bytes::from(text))
        .map_err(|never| match never {})
        .boxed_unsync()
}

impl Client {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            kept: Mutex::new(None),
        }
    }

    /// Answers a request; what cannot be passed on is answered with the reason.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let result = if !self.authorized(request.headers()) {
            Err(Refusal::Unauthorized)
        } else if request.method() == Method::CONNECT {
            self.tunnel(request).await
        } else {
            self.forward(request).await
        };
        result.unwrap_or_else(|refusal| refusal.response())
    }

    fn authorized(&self, headers: &HeaderMap) -> bool {
        headers
            .get(header::PROXY_AUTHORIZATION)
            .is_some_and(|value| self.shared.credentials.accept(value.as_bytes()))
    }

    async fn tunnel(&self, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        let authority = request.uri().authority();
        let target = authority
            .and_then(|authority| Target::new(authority, None))
            .ok_or(Refusal::Unusable("a CONNECT without host and port"))?;
        let counter = self.shared.counters.host(&target.counted_as());
        counter.requested();
        let stream = match self.shared.upstream.for_tunnel(&target.host, target.port) {
            Some(parent) => dial::tunnel_through(parent, &target).await,
            None => dial::connect(&target, self.shared.loopback).await,
        }
        .map_err(|error| Refusal::Dial {
            target: target.authority(),
            error,
        })?;
        counter.connected();
        let mut stream = Counted::new(stream, counter);
        tokio::spawn(async move {
            // The upgrade fails where the client went away before the answer, and copying where
            // either side does later; both sides learn of it by their connection's end.
            if let Ok(upgraded) = hyper::upgrade::on(request).await {
                let mut client = TokioIo::new(upgraded);
                let _ = tokio::io::copy_bidirectional(&mut client, &mut stream).await;
            }
        });
        Ok(Response::new(
            Empty::new().map_err(|never| match never {}).boxed_unsync(),
        ))
    }

    async fn forward(&self, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        if request.uri().scheme() != Some(&Scheme::HTTP) {
            return Err(Refusal::Unusable("neither a CONNECT nor a request for an http:// URL"));
        }
        let authority = request.uri().authority().cloned();
        let (authority, target) = authority
            .and_then(|authority| Target::new(&authority, Some(80)).map(|to| (authority, to)))
            .ok_or(Refusal::Unusable("a URL without a host"))?;
        let counter = self.shared.counters.host(&target.counted_as());
        counter.requested();

        let parent = self.shared.upstream.for_http(&target.host, target.port);
        let mut request = request.map(http_body_util::BodyExt::boxed_unsync);
        remove_hop_by_hop(request.headers_mut());
        set_host(request.headers_mut(), &authority);
        if let Some(parent) = parent {
            if let Some(value) = &parent.authorization
                && let Ok(value) = HeaderValue::from_str(value)
            {
                request.headers_mut().insert(header::PROXY_AUTHORIZATION, value);
            }
        } else {
            *request.uri_mut() = origin_form(request.uri());
        }
        *request.version_mut() = Version::HTTP_11;

        let mut response = self.send(request, target, parent, counter).await?;
        remove_hop_by_hop(response.headers_mut());
        // No `Via`, although RFC 9110 asks for it: servers switch compression off when they see
        // one, and the build would be measured with other bytes than it has without us.
        *response.version_mut() = Version::HTTP_11;
        Ok(response.map(http_body_util::BodyExt::boxed_unsync))
    }

    /// Sends on the kept connection if there is one to this target, else on a new one.
    async fn send(
        &self,
        mut request: Request<Body>,
        target: Target,
        parent: Option<&Parent>,
        counter: Arc<HostCounter>,
    ) -> Result<Response<Incoming>, Refusal> {
        let failed = |error| Refusal::Answer {
            target: target.authority(),
            error,
        };
        let mut kept = self.kept.lock().await;
        if let Some(mut sender) = usable(kept.take(), &target).await {
            // The host may close a kept connection just as we use it. hyper hands the request back
            // if it had not gone out by then; if it had, only one that asks for a document and
            // changes nothing may be asked again (RFC 9110, section 9.2.2).
            let again = repeated(&request);
            match sender.try_send_request(request).await {
                Ok(response) => {
                    *kept = Some(Kept { target, sender });
                    return Ok(response);
                }
                Err(mut error) => match error.take_message().or(again) {
                    Some(unsent) => request = unsent,
                    None => return Err(failed(error.into_error())),
                },
            }
        }
        let mut sender = self.open(&target, parent, counter).await?;
        let response = sender.send_request(request).await.map_err(failed)?;
        *kept = Some(Kept { target, sender });
        Ok(response)
    }

    async fn open(
        &self,
        target: &Target,
        parent: Option<&Parent>,
        counter: Arc<HostCounter>,
    ) -> Result<SendRequest<Body>, Refusal> {
        let stream = match parent {
            Some(parent) => dial::connect_to_parent(parent).await,
            None => dial::connect(target, self.shared.loopback).await,
        }
        .map_err(|error| Refusal::Dial {
            target: target.authority(),
            error,
        })?;
        counter.connected();
        let (sender, connection) = http1::Builder::new()
            .preserve_header_case(true)
            .handshake(TokioIo::new(Counted::new(stream, counter)))
            .await
            .map_err(|error| Refusal::Answer {
                target: target.authority(),
                error,
            })?;
        tokio::spawn(async move {
            // Its errors reach whoever waits for a response or reads its body.
            let _ = connection.await;
        });
        Ok(sender)
    }
}

/// The kept connection, if it leads to `target` and takes another request.
async fn usable(kept: Option<Kept>, target: &Target) -> Option<SendRequest<Body>> {
    let mut kept = kept.filter(|kept| kept.target == *target)?;
    let ready = timeout(KEPT_CONNECTION_TIMEOUT, kept.sender.ready()).await;
    matches!(ready, Ok(Ok(()))).then_some(kept.sender)
}

/// The same request once more, if it may be sent twice.
fn repeated(request: &Request<Body>) -> Option<Request<Body>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) || !request.body().is_end_stream() {
        return None;
    }
    let empty = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut again = Request::new(empty);
    again.method_mut().clone_from(request.method());
    again.uri_mut().clone_from(request.uri());
    again.headers_mut().clone_from(request.headers());
    Some(again)
}

/// Removes what concerns one connection only (RFC 9110, section 7.6.1), and what `Connection` names.
/// The framing of the body is hyper's, on each side by itself.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let known = [
        header::CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ];
    for name in known.into_iter().chain(named) {
        headers.remove(name);
    }
}

/// `Host` is what the URL says, whatever the client said (RFC 9112, section 3.2.2).
fn set_host(headers: &mut HeaderMap, authority: &Authority) {
    let host = authority.as_str();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    if let Ok(host) = HeaderValue::from_str(host) {
        headers.insert(header::HOST, host);
    }
}

fn origin_form(uri: &Uri) -> Uri {
    let path = uri
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::from(path)
}
