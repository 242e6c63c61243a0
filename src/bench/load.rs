//! Requests from many connections at once, by a client that does as little as one can: the cores are shared with what is measured.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rust_decimal::Decimal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kernel::problem::Problem;

/// One kept connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Errors
    /// 500 where it is none, or the status is none of success.
    pub fn json(&self) -> Result<serde_json::Value, Problem> {
        if !(200..300).contains(&self.status) {
            return Err(Problem::internal(format!("{}: {}", self.status, String::from_utf8_lossy(&self.body))));
        }
        serde_json::from_slice(&self.body).map_err(Problem::internal)
    }
}

/// Where the head of an answer ends.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at.saturating_add(4))
}

fn broken() -> Problem {
    Problem::internal("the server's answer is no HTTP with a length")
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// 500 where nobody answers.
    pub async fn connect(address: SocketAddr) -> Result<Self, Problem> {
        let stream = TcpStream::connect(address).await.map_err(Problem::internal)?;
        stream.set_nodelay(true).map_err(Problem::internal)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16_384) })
    }

    /// Sends a request as it is and reads the answer.
    ///
    /// # Errors
    /// 500 where the connection breaks.
    pub async fn send(&mut self, request: &[u8]) -> Result<Answer, Problem> {
        self.stream.write_all(request).await.map_err(Problem::internal)?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = end_of_head(&self.buffer) {
                break end;
            }
            if self.stream.read_buf(&mut self.buffer).await.map_err(Problem::internal)? == 0 {
                return Err(broken());
            }
        };
        let text = std::str::from_utf8(self.buffer.get(..head).ok_or_else(broken)?).map_err(Problem::internal)?;
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
        let length = text.lines().find_map(|line| line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length")).and_then(|(_, value)| value.trim().parse::<usize>().ok()));
        let end = head.saturating_add(length.ok_or_else(broken)?);
        while self.buffer.len() < end {
            if self.stream.read_buf(&mut self.buffer).await.map_err(Problem::internal)? == 0 {
                return Err(broken());
            }
        }
        Ok(Answer { status, body: self.buffer.get(head..end).ok_or_else(broken)?.to_vec() })
    }
}

/// A request that reads.
#[must_use]
pub fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// A request that writes, with its headers `Idempotency-Key` and `If-Match` where they are not empty.
#[must_use]
pub fn post(path: &str, token: &str, body: &str, key: &str, version: &str) -> Vec<u8> {
    let header = |name: &str, value: &str| if value.is_empty() { String::new() } else { format!("{name}: {value}\r\n") };
    let headers = format!("{}{}", header("Idempotency-Key", key), header("If-Match", version));
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}

/// What many connections came to.
pub struct Load {
    /// How many were done.
    pub done: usize,
    /// How long it took.
    pub time: Duration,
    /// The time that 99 of 100 took at most.
    pub p99: Duration,
}

impl Load {
    /// How many a second.
    #[must_use]
    pub fn per_second(&self) -> Decimal {
        let seconds = super::milliseconds(self.time).checked_div(Decimal::from(1_000)).unwrap_or_default();
        Decimal::from(self.done).checked_div(seconds).unwrap_or_default()
    }
}

/// Works on so many connections until the time is over; each work is counted and timed.
///
/// # Errors
/// 500 where a work fails.
pub async fn for_a_while<W, F>(connections: usize, address: SocketAddr, time: Duration, work: W) -> Result<Load, Problem>
where
    W: Fn(usize) -> F + Clone + Send + 'static,
    F: AsyncWork + Send,
{
    let start = Instant::now();
    let mut tasks = Vec::with_capacity(connections);
    for number in 0..connections {
        let (mut client, mut work) = (Client::connect(address).await?, work(number));
        tasks.push(tokio::spawn(async move {
            let mut took = Vec::new();
            while start.elapsed() < time {
                let begun = Instant::now();
                work.once(&mut client).await?;
                took.push(begun.elapsed());
            }
            Ok::<_, Problem>(took)
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.map_err(Problem::internal)??);
    }
    let time = start.elapsed();
    all.sort_unstable();
    let p99 = all.len().saturating_mul(99).checked_div(100).and_then(|at| all.get(at)).copied().unwrap_or_default();
    Ok(Load { done: all.len(), time, p99 })
}

/// One connection's work, again and again.
pub trait AsyncWork: 'static {
    /// Does it once.
    fn once(&mut self, client: &mut Client) -> impl Future<Output = Result<(), Problem>> + Send;
}
