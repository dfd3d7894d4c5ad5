use std::sync::mpsc;

use super::support::{Connection, authorization, get, noise, proxy, proxy_with, server};
use crate::network::{HostTraffic, LoopbackTargets, Upstream};

#[test]
fn one_client_connection_serves_two_hosts() {
    let proxy = proxy();
    let answer = |name: &'static str| {
        server(1, move |mut connection: Connection| {
            for _ in 0..2 {
                let path = connection.message().first_line;
                connection.reply(&format!("{name} {path}"));
            }
        })
    };
    let (first, first_thread) = answer("first");
    let mut client = Connection::to(&proxy);
    for path in ["/a", "/b?c=d"] {
        client.send(get(&proxy, &format!("http://{first}{path}")));
        let response = client.message();
        assert_eq!(response.text(), format!("first GET {path} HTTP/1.1"));
    }
    let (second, second_thread) = answer("second");
    for path in ["/a", ""] {
        client.send(get(&proxy, &format!("http://localhost:{}{path}", second.port())));
        let asked = if path.is_empty() { "/" } else { path };
        assert_eq!(client.message().text(), format!("second GET {asked} HTTP/1.1"));
    }
    let traffic = proxy.counters();
    let counts: Vec<_> = traffic
        .hosts
        .iter()
        .map(|(host, traffic)| (host.as_str(), traffic.connections, traffic.requests))
        .collect();
    let mut expected = [
        (format!("{first}"), 1, 2),
        (format!("localhost:{}", second.port()), 1, 2),
    ];
    expected.sort();
    let expected: Vec<_> = expected.iter().map(|(a, b, c)| (a.as_str(), *b, *c)).collect();
    assert_eq!(counts, expected);
    first_thread.join().unwrap();
    second_thread.join().unwrap();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let proxy = proxy();
    let (address, thread) = server(1, |mut connection| {
        for _ in 0..20 {
            let line = connection.message().first_line;
            connection.reply(&line);
        }
    });
    let mut client = Connection::to(&proxy);
    let requests: String = (0..20)
        .map(|number| get(&proxy, &format!("http://{address}/{number}")))
        .collect();
    client.send(requests);
    for number in 0..20 {
        let response = client.message();
        assert_eq!(response.text(), format!("GET /{number} HTTP/1.1"));
    }
    thread.join().unwrap();
}

#[test]
fn plain_traffic_is_counted_to_the_byte() {
    let proxy = proxy();
    let (address, thread) = server(1, |mut connection| {
        let request = connection.message();
        assert_eq!(request.body, noise(50_000));
        connection.send("HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nyes");
    });
    let mut client = Connection::to(&proxy);
    client.send(format!(
        "POST http://{address}/x HTTP/1.1\r\n{}Content-Length: 50000\r\n\r\n",
        authorization(&proxy)
    ));
    client.send(noise(50_000));
    assert_eq!(client.message().status(), "201");
    thread.join().unwrap();
    let head = format!("POST /x HTTP/1.1\r\nContent-Length: 50000\r\nhost: {address}\r\n\r\n");
    let expected = HostTraffic {
        received: 46,
        sent: head.len() as u64 + 50_000,
        connections: 1,
        requests: 1,
    };
    assert_eq!(proxy.take().total(), expected);
    assert_eq!(proxy.take().hosts.len(), 0, "taken once");
    assert_eq!(proxy.counters().hosts[&address.to_string()], expected);
}

#[test]
fn a_chunked_request_body_arrives() {
    let proxy = proxy();
    let (address, thread) = server(1, |mut connection| {
        let request = connection.message();
        assert_eq!(request.text(), "one two");
        connection.reply("");
    });
    let mut client = Connection::to(&proxy);
    client.send(format!(
        "PUT http://{address}/ HTTP/1.1\r\n{}Transfer-Encoding: chunked\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n",
        authorization(&proxy)
    ));
    assert_eq!(client.message().status(), "200");
    thread.join().unwrap();
}

#[test]
fn a_response_is_passed_on_while_it_comes() {
    let proxy = proxy();
    let (seen, wait) = mpsc::channel();
    let (address, thread) = server(1, move |mut connection: Connection| {
        connection.message();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
        // The second half is only sent once the client has the first.
        wait.recv().unwrap();
        connection.send("3\r\ntwo\r\n0\r\n\r\n");
    });
    let mut client = Connection::to(&proxy);
    client.send(get(&proxy, &format!("http://{address}/")));
    assert_eq!(client.head().header("transfer-encoding"), Some("chunked"));
    assert_eq!(client.chunk(), b"one");
    seen.send(()).unwrap();
    assert_eq!(client.chunk(), b"two");
    assert_eq!(client.chunk(), b"");
    thread.join().unwrap();
}

#[test]
fn an_old_server_that_ends_by_closing_is_understood() {
    let proxy = proxy();
    let (address, thread) = server(1, |mut connection| {
        connection.message();
        connection.send("HTTP/1.0 200 OK\r\n\r\nuntil the end");
    });
    let mut client = Connection::to(&proxy);
    client.send(get(&proxy, &format!("http://{address}/")));
    assert_eq!(client.message().text(), "until the end");
    thread.join().unwrap();
}

#[test]
fn a_response_that_breaks_off_is_not_made_whole() {
    let proxy = proxy();
    let (address, thread) = server(1, |mut connection| {
        connection.message();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    });
    let mut client = Connection::to(&proxy);
    client.send(get(&proxy, &format!("http://{address}/")));
    assert_eq!(client.head().header("content-length"), Some("100"));
    assert_eq!(client.rest(), b"short");
    thread.join().unwrap();
}

#[test]
fn what_concerns_one_connection_is_not_passed_on() {
    let proxy = proxy();
    let (tell, told) = mpsc::channel();
    let (address, thread) = server(1, move |mut connection: Connection| {
        tell.send(connection.message()).unwrap();
        connection.send(
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: timeout=5\r\nConnection: x-own\r\nX-Own: 1\r\nETag: \"e\"\r\n\r\n",
        );
    });
    let mut client = Connection::to(&proxy);
    client.send(format!(
        "GET http://user@{address}/ HTTP/1.1\r\nHost: elsewhere\r\n{}Proxy-Connection: keep-alive\r\nConnection: TE, x-secret\r\nTE: trailers\r\nX-Secret: 1\r\nX-Kept: Yes\r\nRange: bytes=0-\r\n\r\n",
        authorization(&proxy)
    ));
    let response = client.message();
    assert_eq!(response.header("keep-alive"), None);
    assert_eq!(response.header("x-own"), None);
    assert_eq!(response.header("etag"), Some("\"e\""));
    let request = told.recv().unwrap();
    let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Host", "Range", "X-Kept"]);
    assert_eq!(request.header("host"), Some(address.to_string().as_str()));
    thread.join().unwrap();
}

#[test]
fn a_kept_connection_that_the_server_closed_is_replaced() {
    let proxy = proxy();
    let (address, thread) = server(3, |mut connection| {
        connection.message();
        connection.reply("once");
        // Closed without a word, after an answer that did not say so.
    });
    let mut client = Connection::to(&proxy);
    for _ in 0..3 {
        client.send(get(&proxy, &format!("http://{address}/")));
        assert_eq!(client.message().text(), "once");
    }
    assert_eq!(proxy.counters().total().connections, 3);
    thread.join().unwrap();
}

#[test]
fn head_and_not_modified_have_no_body() {
    let proxy = proxy();
    let (address, thread) = server(1, |mut connection| {
        connection.message();
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n");
        connection.message();
        connection.send("HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n");
        connection.message();
        connection.reply("after");
    });
    let mut client = Connection::to(&proxy);
    let url = format!("http://{address}/");
    client.send(get(&proxy, &url).replacen("GET", "HEAD", 1));
    assert_eq!(client.head().header("content-length"), Some("12345"));
    client.send(get(&proxy, &url));
    assert_eq!(client.message().status(), "304");
    client.send(get(&proxy, &url));
    assert_eq!(client.message().text(), "after");
    thread.join().unwrap();
}

#[test]
fn without_the_password_nothing_is_passed_on() {
    let proxy = proxy();
    let mut client = Connection::to(&proxy);
    for header in ["", "Proxy-Authorization: Basic Y2FjaGVtb3VudDp4\r\n"] {
        client.send(format!("GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: x\r\n{header}\r\n"));
        let response = client.message();
        assert_eq!(response.status(), "407");
        assert_eq!(
            response.header("proxy-authenticate"),
            Some("Basic realm=\"cachemount\"")
        );
    }
    client.send("CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(client.message().status(), "407");
    assert!(proxy.counters().hosts.is_empty());
}

#[test]
fn hosts_that_cannot_be_reached_are_named() {
    let proxy = proxy();
    // Nothing listens on port 1.
    for host in ["127.0.0.1:1", "no-such-host.invalid"] {
        let mut client = Connection::to(&proxy);
        client.send(get(&proxy, &format!("http://{host}/")));
        let response = client.message();
        assert_eq!(response.status(), "502");
        assert!(response.text().contains(host), "{}", response.text());
    }
}

#[test]
fn a_server_that_says_nothing_is_named() {
    let proxy = proxy();
    let (address, thread) = server(1, |mut connection| {
        connection.message();
    });
    let mut client = Connection::to(&proxy);
    client.send(get(&proxy, &format!("http://{address}/")));
    let response = client.message();
    assert_eq!(response.status(), "502");
    assert!(response.text().contains(&address.to_string()));
    thread.join().unwrap();
}

#[test]
fn this_machine_is_out_of_bounds_unless_allowed() {
    let proxy = proxy_with("as-is", Upstream::direct(), LoopbackTargets::Refuse);
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1.2.3",
        "[::1]",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
    ] {
        let mut client = Connection::to(&proxy);
        client.send(get(&proxy, &format!("http://{host}:1/")));
        assert_eq!(client.message().status(), "403", "{host}");
    }
}

#[test]
fn what_is_no_proxy_request_is_refused() {
    let proxy = proxy();
    for target in ["/", "https://example.org/"] {
        let mut client = Connection::to(&proxy);
        client.send(get(&proxy, target));
        assert_eq!(client.message().status(), "400", "{target}");
    }
}
