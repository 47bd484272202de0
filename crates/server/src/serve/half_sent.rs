//! A connection that can still be answered after HTTP has given up on it.

use std::{
    error::Error,
    io,
    net::Shutdown,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

const REQUEST_TIMEOUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What a client says first that speaks HTTP/2 (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A TCP stream with two owners: the HTTP connection, and the task that says 408 to a client
/// which sent half a header block and then nothing (the HTTP library just closes).
#[derive(Clone)]
pub(super) struct Shared {
    stream: Arc<TcpStream>,
    /// Whether anything was read since the last write: then a request is half sent.
    half_sent: Arc<AtomicBool>,
    /// How much of [`PREFACE`] the client has said, and nothing else; all of it, once it is known
    /// which HTTP it speaks.
    preface: Arc<AtomicUsize>,
}

impl Shared {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream: Arc::new(stream),
            half_sent: Arc::default(),
            preface: Arc::default(),
        }
    }

    /// Comes back if after `limit` the client has not shown which HTTP it speaks. Until then the
    /// HTTP library has no time-out of its own.
    pub(super) async fn undecided(&self, limit: Duration) {
        tokio::time::sleep(limit).await;
        if self.preface.load(Ordering::Relaxed) == PREFACE.len() {
            std::future::pending::<()>().await;
        }
    }

    /// Answers 408 if `error` is the header time-out and a request had begun.
    pub(super) fn apologise(&self, error: &(dyn Error + 'static)) {
        if is_timeout(error) {
            self.time_out();
        }
    }

    /// Answers 408 if a request had begun.
    pub(super) fn time_out(&self) {
        if self.half_sent.load(Ordering::Relaxed) {
            // The socket's buffer is empty, so this does not block; if it fails, nobody is there.
            let _ = self.stream.try_write(REQUEST_TIMEOUT);
        }
    }
}

impl Shared {
    fn note(&self, came: &[u8]) {
        let said = self.preface.load(Ordering::Relaxed);
        let more = &PREFACE[said..];
        let count = match more.strip_prefix(came) {
            Some(rest) => PREFACE.len() - rest.len(),
            None => PREFACE.len(),
        };
        self.preface.store(count, Ordering::Relaxed);
    }
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let own = error.downcast_ref::<hyper::Error>();
    own.is_some_and(hyper::Error::is_timeout) || error.source().is_some_and(is_timeout)
}

impl AsyncRead for Shared {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    self.half_sent.fetch_or(count > 0, Ordering::Relaxed);
                    let filled = buffer.filled();
                    self.note(&filled[filled.len() - count..]);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Shared {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    self.half_sent.store(false, Ordering::Relaxed);
                    return Poll::Ready(written);
                }
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.stream).shutdown(Shutdown::Write))
    }
}
