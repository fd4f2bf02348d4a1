//! Clients that lie, and a server that stops.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Memory, NAME, Server, sample_disk};
use crate::wire::{greeted, option, request, rest, simple_error, transmission};

#[tokio::test]
async fn nonsense_in_the_handshake_hangs_up() {
    let server = Server::start(Memory::new(sample_disk()));
    let mut long = option(3, &[]);
    long[12..].copy_from_slice(&u32::MAX.to_be_bytes());
    for bytes in [vec![0xff; 64], long, option(1, b"other")] {
        let mut stream = greeted(&server).await;
        stream.write_all(&bytes).await.unwrap();
        rest(stream).await;
    }
    let mut stream = server.connect().await;
    stream.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    assert_eq!(rest(stream).await.len(), 18);
}

#[tokio::test]
async fn endless_options_hang_up() {
    let server = Server::start(Memory::new(sample_disk()));
    let mut stream = greeted(&server).await;
    let sent = option(99, b"?").repeat(1000);
    stream.write_all(&sent).await.ok();
    assert!(rest(stream).await.len() < 64 * 64);
}

#[tokio::test]
async fn malformed_options_are_invalid_and_the_handshake_goes_on() {
    let server = Server::start(Memory::new(sample_disk()));
    let mut stream = greeted(&server).await;
    let malformed: [&[u8]; 5] = [
        b"",
        b"\0\0\0\x09disk\0\0",
        b"\0\0\0\x04disk\0\x01",
        b"\0\0\0\x04disk\xff\xff\xff\xff",
        b"\xff\xff\xff\xffdisk",
    ];
    for kind in [6, 7, 9, 10] {
        for data in malformed {
            stream.write_all(&option(kind, data)).await.unwrap();
            let mut reply = [0; 20];
            stream.read_exact(&mut reply).await.unwrap();
            assert_eq!(&reply[12..16], &(1_u32 << 31 | 3).to_be_bytes(), "{kind} {data:?}");
            let len = u32::from_be_bytes(reply[16..].try_into().unwrap());
            stream.read_exact(&mut vec![0; len as usize]).await.unwrap();
        }
    }
    stream.write_all(&option(1, NAME.as_bytes())).await.unwrap();
    stream.read_exact(&mut [0; 10]).await.unwrap();
}

#[tokio::test]
async fn impossible_requests_are_errors_and_the_next_one_works() {
    let server = Server::start(Memory::new(sample_disk()));
    let mut stream = transmission(&server).await;
    let size = sample_disk().len() as u64;
    for bytes in [
        request(0, size, 1),
        request(0, size - 1, 2),
        request(0, u64::MAX, u32::MAX),
        request(0, 0, (32 << 20) + 1),
        request(0, 0, u32::MAX),
        request(7, 0, 512),
        request(99, 0, 512),
        request(5, size, 1),
    ] {
        stream.write_all(&bytes).await.unwrap();
        assert_eq!(simple_error(&mut stream).await, 22);
    }
    stream.write_all(&request(1, 0, 3)).await.unwrap();
    stream.write_all(b"abc").await.unwrap();
    assert_eq!(simple_error(&mut stream).await, 1);
    stream.write_all(&request(0, size - 512, 512)).await.unwrap();
    assert_eq!(simple_error(&mut stream).await, 0);
    let mut data = vec![0; 512];
    stream.read_exact(&mut data).await.unwrap();
    assert_eq!(data, sample_disk()[size as usize - 512..]);
}

#[tokio::test]
async fn nonsense_in_transmission_hangs_up() {
    let server = Server::start(Memory::new(sample_disk()));
    for bytes in [vec![0; 28], request(1, 0, u32::MAX), request(0, 0, 512)[..20].to_vec()] {
        let mut stream = transmission(&server).await;
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        assert!(rest(stream).await.is_empty());
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_holds_a_bounded_amount() {
    let server = Server::start(Memory::new(sample_disk()));
    let mut stream = transmission(&server).await;
    let one = request(0, 0, 8 << 20);
    // The server takes a few, then the socket's buffer, then no more.
    let flood = async {
        for _ in 0..100_000 {
            stream.write_all(&one).await.unwrap();
        }
    };
    assert!(tokio::time::timeout(Duration::from_millis(500), flood).await.is_err());
}

#[tokio::test]
async fn stop_answers_what_was_taken_and_hangs_up() {
    let server = Server::start(Memory::new(sample_disk()));
    let mut idle = transmission(&server).await;
    let shaking = greeted(&server).await;
    let stuck = {
        let mut stream = transmission(&server).await;
        stream.write_all(&request(0, 0, 8 << 20)).await.unwrap();
        stream
    };
    idle.write_all(&request(0, 0, 512)).await.unwrap();
    assert_eq!(simple_error(&mut idle).await, 0);
    server.stop.cancel();
    assert_eq!(rest(idle).await.len(), 512);
    assert!(rest(shaking).await.is_empty());
    server.connections.close();
    let waited = tokio::time::timeout(Duration::from_secs(5), server.connections.wait()).await;
    waited.expect("a client that does not read does not hold the server");
    drop(stuck);
}
