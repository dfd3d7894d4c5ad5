//! Carries the bytes of one connection over the shaped line.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Network;
use super::shaper::{Link, Passage};

/// One direction of the line, shared by all connections.
#[derive(Debug)]
pub(super) struct Lane {
    link: Mutex<Link>,
    origin: Instant,
}

impl Lane {
    pub(super) fn new(network: Network) -> Self {
        Self {
            link: Mutex::new(Link::new(network)),
            origin: Instant::now(),
        }
    }

    pub(super) fn set_network(&self, network: Network) {
        self.with(|link| link.set_network(network));
    }

    fn with<T>(&self, action: impl FnOnce(&mut Link) -> T) -> T {
        action(&mut self.link.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn send(&self, bytes: usize) -> Passage {
        // The clock is read under the lock, so that it does not run backwards for the link.
        self.with(|link| link.send(self.origin.elapsed(), bytes))
    }

    /// Waits for a moment on the lane's clock.
    async fn until(&self, moment: Duration) {
        // The timer wakes after the moment, by half a millisecond on average and never less than
        // nothing; a chunk that is due within that is let go at once, which halves the error.
        if moment > self.origin.elapsed() + TIMER_ERROR {
            sleep_until(self.origin + moment - TIMER_ERROR).await;
        }
    }
}

const TIMER_ERROR: Duration = Duration::from_micros(500);

/// What is under way on one direction of one connection.
#[derive(Debug, Default)]
struct UnderWay {
    state: Mutex<State>,
    came: Notify,
    left: Notify,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<(Duration, Vec<u8>)>,
    bytes: usize,
    ended: bool,
}

impl UnderWay {
    fn with<T>(&self, action: impl FnOnce(&mut State) -> T) -> T {
        action(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Carries everything from `reader` to `writer`, then closes the writer. An error of either ends it.
///
/// Holds at most [`Link::capacity`] bytes: a writer that does not take them stops the reading.
pub(super) async fn carry<R, W>(reader: R, writer: W, lane: &Lane) -> io::Result<()>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let under_way = UnderWay::default();
    tokio::try_join!(take(reader, &under_way, lane), deliver(writer, &under_way, lane))?;
    Ok(())
}

async fn take<R: AsyncRead + Unpin>(mut reader: R, under_way: &UnderWay, lane: &Lane) -> io::Result<()> {
    loop {
        let (size, capacity) = lane.with(|link| (link.chunk(), link.capacity()));
        while under_way.with(|state| state.bytes + size > capacity) {
            under_way.left.notified().await;
        }
        let mut chunk = Vec::with_capacity(size);
        let read = (&mut reader).take(size as u64).read_buf(&mut chunk).await?;
        if read == 0 {
            under_way.with(|state| state.ended = true);
            under_way.came.notify_one();
            return Ok(());
        }
        let passage = lane.send(read);
        under_way.with(|state| {
            state.bytes += read;
            state.chunks.push_back((passage.arrives, chunk));
        });
        under_way.came.notify_one();
        lane.until(passage.next).await;
    }
}

async fn deliver<W: AsyncWrite + Unpin>(mut writer: W, under_way: &UnderWay, lane: &Lane) -> io::Result<()> {
    loop {
        let (next, ended) = under_way.with(|state| (state.chunks.pop_front(), state.ended));
        match next {
            Some((arrives, chunk)) => {
                lane.until(arrives).await;
                writer.write_all(&chunk).await?;
                under_way.with(|state| state.bytes -= chunk.len());
                under_way.left.notify_one();
            }
            None if ended => return writer.shutdown().await,
            None => under_way.came.notified().await,
        }
    }
}
