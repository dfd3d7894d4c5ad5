use super::support::{Connection, authorization, get, noise, proxy, proxy_with, server};
use crate::network::{HostTraffic, LoopbackTargets, Proxy, Upstream};

fn connect(proxy: &Proxy, authority: &str) -> Connection {
    let mut client = Connection::to(proxy);
    client.send(format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{}\r\n",
        authorization(proxy)
    ));
    let response = client.head();
    assert_eq!(response.status(), "200");
    assert_eq!(response.header("content-length"), None);
    assert_eq!(response.header("transfer-encoding"), None);
    client
}

/// Takes `request` bytes, gives `response` bytes, then ends.
fn exchange(client: &mut Connection, request: usize, response: usize) {
    client.send(noise(request));
    assert_eq!(client.exactly(response), noise(response));
    assert_eq!(client.rest(), b"");
}

#[test]
fn tunnels_are_counted_to_the_byte() {
    let proxy = proxy();
    let (address, thread) = server(2, |mut connection| {
        assert_eq!(connection.exactly(12_345), noise(12_345));
        connection.send(noise(300_000));
    });
    for _ in 0..2 {
        exchange(&mut connect(&proxy, &address.to_string()), 12_345, 300_000);
    }
    thread.join().unwrap();
    let expected = HostTraffic {
        received: 600_000,
        sent: 24_690,
        connections: 2,
        requests: 2,
    };
    assert_eq!(proxy.counters().hosts[&address.to_string()], expected);
}

#[test]
fn a_shaped_line_changes_no_byte() {
    let proxy = proxy_with("400mbit/2ms", Upstream::direct(), LoopbackTargets::Allow);
    let (address, thread) = server(1, |mut connection| {
        assert_eq!(connection.exactly(100_000), noise(100_000));
        connection.send(noise(2_000_000));
    });
    exchange(&mut connect(&proxy, &address.to_string()), 100_000, 2_000_000);
    thread.join().unwrap();
}

#[test]
fn each_direction_ends_by_itself() {
    let proxy = proxy();
    let (address, thread) = server(1, |mut connection| {
        // Answers only after the client has said that it is done.
        let question = connection.rest();
        connection.send(question);
    });
    let mut client = connect(&proxy, &address.to_string());
    client.send("to the end");
    client.finish_sending();
    assert_eq!(client.rest(), b"to the end");
    thread.join().unwrap();
}

#[test]
fn what_the_client_sends_before_the_answer_is_not_lost() {
    let proxy = proxy();
    let (address, thread) = server(1, |mut connection| {
        let hello = connection.exactly(5);
        connection.send(hello);
    });
    let mut client = Connection::to(&proxy);
    client.send(format!(
        "CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n{}\r\nhello",
        authorization(&proxy)
    ));
    assert_eq!(client.head().status(), "200");
    assert_eq!(client.exactly(5), b"hello");
    thread.join().unwrap();
}

#[test]
fn an_unreachable_host_is_named() {
    let proxy = proxy();
    let mut client = Connection::to(&proxy);
    // Nothing listens on port 1.
    client.send(format!(
        "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n{}\r\n",
        authorization(&proxy)
    ));
    let response = client.message();
    assert_eq!(response.status(), "502");
    assert!(response.text().contains("127.0.0.1:1"));
    assert_eq!(proxy.counters().total().connections, 0);
}

fn through(parent: &Proxy, user: &str) -> Upstream {
    let url = parent.url("127.0.0.1").replacen("cachemount", user, 1);
    Upstream::from_variables(|name| (name == "all_proxy").then(|| url.clone())).unwrap()
}

#[test]
fn another_proxy_is_gone_through() {
    let parent = proxy();
    // The password holds for the parent only; this one refuses loopback by itself, which does not
    // matter where the parent makes the connection.
    let proxy = proxy_with("as-is", through(&parent, "cachemount"), LoopbackTargets::Refuse);
    let (address, thread) = server(2, |mut connection| {
        let request = connection.message();
        assert_eq!(request.header("proxy-authorization"), None);
        connection.reply(&request.first_line);
    });
    let mut client = Connection::to(&proxy);
    client.send(get(&proxy, &format!("http://{address}/plain")));
    assert_eq!(client.message().text(), "GET /plain HTTP/1.1");

    let mut client = connect(&proxy, &address.to_string());
    client.send("GET /tunnel HTTP/1.1\r\n\r\n");
    assert_eq!(client.message().text(), "GET /tunnel HTTP/1.1");
    thread.join().unwrap();

    let host = address.to_string();
    let (inner, outer) = (proxy.counters(), parent.counters());
    assert_eq!(inner.hosts.keys().collect::<Vec<_>>(), [&host]);
    assert_eq!(outer.hosts[&host].requests, 2);
    assert_eq!(inner.hosts[&host].received, outer.hosts[&host].received);
}

#[test]
fn another_proxy_that_refuses_is_named() {
    let parent = proxy();
    let proxy = proxy_with("as-is", through(&parent, "nobody"), LoopbackTargets::Refuse);
    let mut client = Connection::to(&proxy);
    client.send(format!(
        "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n{}\r\n",
        authorization(&proxy)
    ));
    let response = client.message();
    assert_eq!(response.status(), "502");
    let reason = format!("the proxy {} of this machine refuses: HTTP/1.1 407", parent.address());
    assert!(response.text().contains(&reason), "{}", response.text());
}
