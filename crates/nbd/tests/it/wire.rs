//! The protocol by hand.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::support::{NAME, Server};

const OPTION: u64 = 0x4948_4156_454f_5054;
const REQUEST: u32 = 0x2560_9513;

pub(crate) fn option(kind: u32, data: &[u8]) -> Vec<u8> {
    [&OPTION.to_be_bytes()[..], &kind.to_be_bytes(), &(data.len() as u32).to_be_bytes(), data].concat()
}

pub(crate) fn request(kind: u16, offset: u64, len: u32) -> Vec<u8> {
    [
        &REQUEST.to_be_bytes()[..],
        &0_u16.to_be_bytes(),
        &kind.to_be_bytes(),
        &77_u64.to_be_bytes(),
        &offset.to_be_bytes(),
        &len.to_be_bytes(),
    ]
    .concat()
}

/// Says hello and goes over to transmission with simple replies.
pub(crate) async fn transmission(server: &Server) -> UnixStream {
    let mut stream = greeted(server).await;
    stream.write_all(&option(1, NAME.as_bytes())).await.unwrap();
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).await.unwrap();
    stream
}

pub(crate) async fn greeted(server: &Server) -> UnixStream {
    let mut stream = server.connect().await;
    let mut hello = [0; 18];
    stream.read_exact(&mut hello).await.unwrap();
    stream.write_all(&3_u32.to_be_bytes()).await.unwrap();
    stream
}

/// The bytes that the server still sends until it hangs up.
pub(crate) async fn rest(mut stream: UnixStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    read.expect("the server hangs up").ok();
    rest
}

pub(crate) async fn simple_error(stream: &mut UnixStream) -> u32 {
    let mut header = [0; 16];
    stream.read_exact(&mut header).await.unwrap();
    assert_eq!(&header[8..], &77_u64.to_be_bytes());
    u32::from_be_bytes(header[4..8].try_into().unwrap())
}

/// A chunk of a structured reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub done: bool,
    pub kind: u16,
    pub body: Vec<u8>,
}

pub(crate) const DATA: u16 = 1;
pub(crate) const HOLE: u16 = 2;
pub(crate) const STATUS: u16 = 5;
pub(crate) const ERROR: u16 = 1 << 15 | 1;

/// Goes over to transmission with structured replies and `base:allocation`.
pub(crate) async fn structured(server: &Server) -> UnixStream {
    let mut stream = greeted(server).await;
    let name = [&(NAME.len() as u32).to_be_bytes()[..], NAME.as_bytes()].concat();
    let query = [&name[..], b"\0\0\0\x01\0\0\0\x0fbase:allocation"].concat();
    let go = [&name[..], b"\0\0"].concat();
    // The options' answers: ACK; the context, ACK; the export, ACK.
    for (kind, data, replies) in [(8, vec![], 1), (10, query, 2), (7, go, 2)] {
        stream.write_all(&option(kind, &data)).await.unwrap();
        for _ in 0..replies {
            let mut reply = [0; 20];
            stream.read_exact(&mut reply).await.unwrap();
            assert_eq!(reply[12] & 0x80, 0, "option {kind} is refused");
            let len = u32::from_be_bytes(reply[16..].try_into().unwrap());
            stream.read_exact(&mut vec![0; len as usize]).await.unwrap();
        }
    }
    stream
}

pub(crate) async fn chunk(stream: &mut UnixStream) -> Chunk {
    let mut header = [0; 20];
    stream.read_exact(&mut header).await.unwrap();
    assert_eq!(&header[..4], &0x668e_33ef_u32.to_be_bytes());
    let mut body = vec![0; u32::from_be_bytes(header[16..].try_into().unwrap()) as usize];
    stream.read_exact(&mut body).await.unwrap();
    Chunk { done: header[5] & 1 == 1, kind: u16::from_be_bytes([header[6], header[7]]), body }
}

/// Every chunk of one reply.
pub(crate) async fn reply(stream: &mut UnixStream, request: Vec<u8>) -> Vec<Chunk> {
    stream.write_all(&request).await.unwrap();
    let mut chunks = Vec::new();
    while chunks.last().is_none_or(|chunk: &Chunk| !chunk.done) {
        chunks.push(chunk(stream).await);
    }
    chunks
}

/// The same request with these flags.
pub(crate) fn flagged(mut request: Vec<u8>, flags: u16) -> Vec<u8> {
    request[4..6].copy_from_slice(&flags.to_be_bytes());
    request
}
