//! A server that answers writes as a test tells it to, for answers that a real InfluxDB gives too seldom to test with.

use std::io::Read;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How to answer one write.
#[derive(Clone, Debug)]
pub enum Answer {
    /// This status and text.
    Status(u16, &'static str),
    /// The lines are taken, but the connection ends in the middle of the answer.
    TakenThenCut,
}

/// From the lines of a write to its answer.
pub type Temper = dyn Fn(&[String]) -> Answer + Send + Sync;

/// The server; it ends with its test's runtime.
pub struct UnrulyServer {
    pub url: url::Url,
    /// Lines that were taken, in order.
    pub taken: Arc<Mutex<Vec<String>>>,
    /// The `Authorization` of each request.
    pub tokens: Arc<Mutex<Vec<String>>>,
}

impl UnrulyServer {
    pub async fn start(temper: impl Fn(&[String]) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let server = Self { url, taken: Arc::default(), tokens: Arc::default() };
        let (taken, tokens) = (Arc::clone(&server.taken), Arc::clone(&server.tokens));
        let temper: Arc<Temper> = Arc::new(temper);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&temper), Arc::clone(&taken), Arc::clone(&tokens)));
            }
        });
        server
    }
}

async fn serve(
    mut stream: TcpStream,
    temper: Arc<Temper>,
    taken: Arc<Mutex<Vec<String>>>,
    tokens: Arc<Mutex<Vec<String>>>,
) -> Option<()> {
    let mut received = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = received.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut received).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8_lossy(&received[..end]).into_owned();
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let length: usize = header("content-length")?.parse().ok()?;
        while received.len() < end + length {
            if stream.read_buf(&mut received).await.ok()? == 0 {
                return None;
            }
        }
        assert!(head.starts_with("POST /api/v2/write?bucket=b&org=o&precision=ns "), "{head}");
        assert_eq!(header("content-encoding").as_deref(), Some("gzip"));
        tokens.lock().unwrap().extend(header("authorization"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&received[end..end + length]).read_to_string(&mut text).unwrap();
        received.drain(..end + length);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        match temper(&lines) {
            Answer::Status(status, said) => {
                if status == 204 {
                    taken.lock().unwrap().extend(lines);
                }
                let body = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", said.len()) };
                let answer = format!("HTTP/1.1 {status} Told\r\n{body}\r\n{said}");
                stream.write_all(answer.as_bytes()).await.ok()?;
            }
            Answer::TakenThenCut => {
                taken.lock().unwrap().extend(lines);
                stream.write_all(b"HTTP/1.1 500 Told\r\nContent-Length: 100\r\n\r\nhalf of an ans").await.ok()?;
                return None;
            }
        }
    }
}
