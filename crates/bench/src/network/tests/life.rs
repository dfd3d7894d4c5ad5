//! Starting, stopping, and clients that behave badly.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown};
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, ReadBuf};

use super::support::{Connection, authorization, get, noise, proxy, server};
use crate::network::line::{Lane, carry};
use crate::network::{Network, Proxy, ProxyError};

#[test]
fn dropping_it_closes_everything() {
    let (opened, wait) = mpsc::channel();
    let (address, thread) = server(1, move |mut connection: Connection| {
        opened.send(()).unwrap();
        assert_eq!(connection.rest(), b"", "closed, and nothing came");
    });
    let proxy = proxy();
    let mut client = Connection::to(&proxy);
    client.send(format!(
        "CONNECT {address} HTTP/1.1\r\nHost: x\r\n{}\r\n",
        authorization(&proxy)
    ));
    assert_eq!(client.head().status(), "200");
    wait.recv().unwrap();
    drop(proxy);
    thread.join().unwrap();
    let mut byte = [0];
    assert!(matches!(client.stream().read(&mut byte), Ok(0) | Err(_)));
}

#[test]
fn a_client_that_vanishes_frees_the_server() {
    let proxy = proxy();
    let (address, thread) = server(1, |mut connection| {
        connection.message();
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        // Without end: only the proxy's hanging up stops it.
        let mut chunk = b"10000\r\n".to_vec();
        chunk.extend(noise(0x1_0000));
        chunk.extend(b"\r\n");
        while connection.stream().write_all(&chunk).is_ok() {}
    });
    let mut client = Connection::to(&proxy);
    client.send(get(&proxy, &format!("http://{address}/")));
    assert_eq!(client.head().status(), "200");
    client.chunk();
    client.stream().shutdown(Shutdown::Both).unwrap();
    drop(client);
    thread.join().unwrap();
}

#[test]
fn a_client_that_is_done_asking_still_gets_its_answer() {
    let proxy = proxy();
    let (address, thread) = server(1, |mut connection| {
        connection.message();
        connection.reply("late");
    });
    let mut client = Connection::to(&proxy);
    client.send(get(&proxy, &format!("http://{address}/")));
    client.finish_sending();
    assert_eq!(client.message().text(), "late");
    assert_eq!(client.rest(), b"");
    thread.join().unwrap();
}

#[test]
fn nonsense_does_not_disturb_others() {
    let proxy = proxy();
    let (address, thread) = server(1, |mut connection| {
        connection.message();
        connection.reply("fine");
    });
    let mut other = Connection::to(&proxy);
    let mut client = Connection::to(&proxy);
    client.send("\x16\x03\x01 this is no HTTP\r\n\r\n");
    assert_eq!(client.head().status(), "400");
    other.send(get(&proxy, &format!("http://{address}/")));
    assert_eq!(other.message().text(), "fine");
    thread.join().unwrap();
}

#[test]
fn an_address_of_others_is_an_error() {
    // From the block that documentation uses (RFC 5737); no machine has it.
    let error = Proxy::start(Ipv4Addr::new(192, 0, 2, 1).into(), Network::AS_IS).unwrap_err();
    assert!(matches!(error, ProxyError::Listen { .. }));
    let text = error.to_string();
    assert!(
        text.starts_with("listen on 192.0.2.1 for the benchmark's proxy: "),
        "{text}"
    );
}

#[test]
fn build_arguments_come_in_both_cases() {
    let proxy = proxy();
    let url = proxy.url("172.17.0.1");
    let port = proxy.address().port();
    assert!(url.starts_with("http://cachemount:"));
    assert!(url.ends_with(&format!("@172.17.0.1:{port}")));
    assert!(proxy.url("fd00::1").ends_with(&format!("@[fd00::1]:{port}")));
    let arguments = proxy.build_args("172.17.0.1");
    let names: Vec<_> = arguments.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "NO_PROXY",
            "no_proxy"
        ]
    );
    assert!(arguments[..4].iter().all(|(_, value)| *value == url));
    assert!(
        arguments[4..]
            .iter()
            .all(|(_, value)| value == "localhost,127.0.0.1,::1")
    );
}

/// Gives bytes without end, and counts them.
struct Endless<'a>(&'a mut usize);

impl AsyncRead for Endless<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let room = buffer.remaining();
        buffer.put_slice(&vec![0; room]);
        *self.0 += room;
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_client_that_does_not_read_stops_the_reading() {
    let lane = Lane::new(Network::AS_IS);
    let mut read = 0;
    {
        let (stuck, _other_end) = tokio::io::duplex(1);
        let mut carrying = pin!(carry(Endless(&mut read), stuck, &lane));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            assert!(carrying.as_mut().poll(&mut context).is_pending());
        }
    }
    assert_eq!(read, 4 * 32 * 1024, "the capacity, and not a byte more");
}
