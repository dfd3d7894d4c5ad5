//! The way from our proxy to the outside, which may lead through a proxy of the machine's own.

use std::net::IpAddr;

use hyper::Uri;

use super::credentials::base64;

/// Which hosts are reached through which other proxy.
///
/// Read from the variables everybody uses: `http_proxy`, `https_proxy`, `all_proxy` and
/// `no_proxy`, in lower case or, failing that, upper case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Upstream {
    http: Option<Parent>,
    https: Option<Parent>,
    direct: Vec<Direct>,
}

/// A proxy to go through.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of `Proxy-Authorization`, where its URL holds a user.
    pub(super) authorization: Option<String>,
}

/// Shows no password.
impl std::fmt::Debug for Parent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// An entry of `no_proxy`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Direct {
    Everything,
    /// A domain with all below it, or one address, on one port or on all.
    Name(String, Option<u16>),
    Network(IpAddr, u8),
}

/// A proxy in the environment that cannot be gone through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// Its value is no proxy URL. It is not shown, since it may hold a password.
    #[error("read the proxy in ${variable}: it is not of the form http://[USER:PASSWORD@]HOST[:PORT]")]
    Malformed {
        /// The variable's name.
        variable: String,
    },
    /// Its kind is not known here (SOCKS, or a proxy spoken to by TLS).
    #[error("go through the proxy in ${variable}: `{scheme}` proxies are not supported, only `http`")]
    Scheme {
        /// The variable's name.
        variable: String,
        /// What stands before `://`.
        scheme: String,
    },
}

impl Upstream {
    /// No other proxy.
    #[must_use]
    pub fn direct() -> Self {
        Self::default()
    }

    /// What this process's environment says.
    pub fn from_env() -> Result<Self, UpstreamError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// What `variable` says, asked for by name.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, UpstreamError> {
        let find = |lower: &str| {
            [lower.to_owned(), lower.to_ascii_uppercase()]
                .into_iter()
                .find_map(|name| {
                    let value = variable(&name)?;
                    (!value.trim().is_empty()).then_some((name, value))
                })
        };
        let parent = |lower: &str| {
            find(lower)
                .or_else(|| find("all_proxy"))
                .map(|(name, value)| Parent::parse(&name, value.trim()))
                .transpose()
        };
        Ok(Self {
            http: parent("http_proxy")?,
            https: parent("https_proxy")?,
            direct: find("no_proxy").map_or_else(Vec::new, |(_, list)| {
                list.split(|separator: char| separator == ',' || separator.is_whitespace())
                    .filter(|entry| !entry.is_empty())
                    .map(Direct::parse)
                    .collect()
            }),
        })
    }

    /// The proxy to ask for a plain HTTP resource.
    pub(super) fn for_http(&self, host: &str, port: u16) -> Option<&Parent> {
        self.choose(self.http.as_ref(), host, port)
    }

    /// The proxy to ask for a tunnel.
    pub(super) fn for_tunnel(&self, host: &str, port: u16) -> Option<&Parent> {
        self.choose(self.https.as_ref(), host, port)
    }

    fn choose<'a>(&self, parent: Option<&'a Parent>, host: &str, port: u16) -> Option<&'a Parent> {
        parent.filter(|_| !self.direct.iter().any(|entry| entry.covers(host, port)))
    }
}

impl Parent {
    fn parse(variable: &str, text: &str) -> Result<Self, UpstreamError> {
        let malformed = || UpstreamError::Malformed {
            variable: variable.to_owned(),
        };
        let with_scheme = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let uri: Uri = with_scheme.parse().map_err(|_| malformed())?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if scheme != "http" {
            return Err(UpstreamError::Scheme {
                variable: variable.to_owned(),
                scheme: scheme.to_owned(),
            });
        }
        let authority = uri.authority().ok_or_else(malformed)?;
        if authority.host().is_empty() {
            return Err(malformed());
        }
        let authorization = authority.as_str().rsplit_once('@').map(|(user, _)| {
            // A URL always has the colon's two sides in Basic, the second one maybe empty.
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let mut plain = percent_decode(name);
            plain.push(b':');
            plain.extend(percent_decode(password));
            format!("Basic {}", base64(&plain))
        });
        Ok(Self {
            host: bare(authority.host()).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authorization,
        })
    }
}

impl Direct {
    fn parse(entry: &str) -> Self {
        let entry = entry.to_ascii_lowercase();
        if entry == "*" {
            return Self::Everything;
        }
        if let Some((address, length)) = entry.split_once('/')
            && let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse())
        {
            return Self::Network(address, length);
        }
        if entry.parse::<IpAddr>().is_ok() {
            return Self::Name(entry, None);
        }
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => (name, port.parse().ok()),
            _ => (entry.as_str(), None),
        };
        let name = name.strip_prefix('*').unwrap_or(name);
        Self::Name(bare(name.trim_start_matches('.')).to_owned(), port)
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        let host = bare(host).trim_end_matches('.').to_ascii_lowercase();
        match self {
            Self::Everything => true,
            Self::Name(name, at) => {
                let below = || host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
                at.is_none_or(|at| at == port) && (host == *name || below())
            }
            Self::Network(network, length) => host
                .parse::<IpAddr>()
                .is_ok_and(|address| same_network(address, *network, *length)),
        }
    }
}

fn same_network(left: IpAddr, right: IpAddr, length: u8) -> bool {
    let (left, right, width) = match (left, right) {
        (IpAddr::V4(left), IpAddr::V4(right)) => (u128::from(left.to_bits()), u128::from(right.to_bits()), 32),
        (IpAddr::V6(left), IpAddr::V6(right)) => (left.to_bits(), right.to_bits(), 128),
        _ => return false,
    };
    let host_bits = width - u32::from(length).min(width);
    (left ^ right).checked_shr(host_bits).unwrap_or(0) == 0
}

/// An address without the brackets that IPv6 has in URLs.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host)
}

fn percent_decode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let decoded = (first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = decoded {
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(variables: &[(&str, &str)]) -> Result<Upstream, UpstreamError> {
        Upstream::from_variables(|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn lower_case_wins_and_empty_is_unset() {
        let read = upstream(&[
            ("http_proxy", "http://one:3128/"),
            ("HTTP_PROXY", "http://two"),
            ("https_proxy", " "),
            ("ALL_PROXY", "three:8080"),
        ])
        .unwrap();
        assert_eq!(format!("{:?}", read.for_http("example.org", 80).unwrap()), "one:3128");
        assert_eq!(
            format!("{:?}", read.for_tunnel("example.org", 443).unwrap()),
            "three:8080"
        );
        assert_eq!(upstream(&[]).unwrap(), Upstream::direct());
    }

    #[test]
    fn the_password_is_decoded_and_never_shown() {
        let read = upstream(&[("https_proxy", "http://Aladdin:open%20sesame@[2001:db8::1]:99")]);
        let read = read.unwrap();
        let parent = read.for_tunnel("example.org", 443).unwrap();
        assert_eq!(
            parent.authorization.as_deref(),
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        );
        assert_eq!((parent.host.as_str(), parent.port), ("2001:db8::1", 99));
        assert!(!format!("{read:?}").contains("sesame"));
    }

    #[test]
    fn other_kinds_of_proxy_are_refused() {
        let error = upstream(&[("ALL_PROXY", "socks5://one:1080")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "go through the proxy in $ALL_PROXY: `socks5` proxies are not supported, only `http`"
        );
        let error = upstream(&[("http_proxy", "http://secret word@")]).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn no_proxy_names_domains_addresses_networks_and_ports() {
        let read = upstream(&[
            ("http_proxy", "http://one"),
            (
                "no_proxy",
                "localhost, .example.org example.com:8080,10.0.0.0/8,192.0.2.7,fd00::/8,*.test",
            ),
        ])
        .unwrap();
        let direct = |host: &str, port| read.for_http(host, port).is_none();
        assert!(direct("localhost", 80));
        assert!(direct("Example.ORG", 80));
        assert!(direct("a.b.example.org.", 80));
        assert!(!direct("notexample.org", 80));
        assert!(direct("example.com", 8080));
        assert!(!direct("example.com", 80));
        assert!(direct("10.255.1.2", 80));
        assert!(!direct("11.0.0.1", 80));
        assert!(direct("192.0.2.7", 80));
        assert!(!direct("192.0.2.8", 80));
        assert!(direct("[fd12::1]", 80));
        assert!(!direct("fe80::1", 80));
        assert!(direct("a.test", 80));
        let all = upstream(&[("http_proxy", "http://one"), ("NO_PROXY", "*")]).unwrap();
        assert!(all.for_http("example.org", 80).is_none());
    }
}
