//! Structured replies, chunk by chunk.

use crate::support::{Memory, Server, sample_disk};
use crate::wire::{Chunk, DATA, ERROR, HOLE, STATUS, flagged, reply, request, structured};

const DF: u16 = 1 << 2;
const REQ_ONE: u16 = 1 << 3;

fn data(done: bool, offset: u64, bytes: &[u8]) -> Chunk {
    Chunk { done, kind: DATA, body: [&offset.to_be_bytes()[..], bytes].concat() }
}

#[tokio::test]
async fn holes_come_as_holes_unless_fragments_are_not_wanted() {
    let server = Server::start(Memory::new(sample_disk()));
    let mut stream = structured(&server).await;
    let read = request(0, 390_000, 100_000);
    let hole = [&458_752_u64.to_be_bytes()[..], &31_248_u32.to_be_bytes()].concat();
    let apart = reply(&mut stream, read.clone()).await;
    let first = data(false, 390_000, &sample_disk()[390_000..458_752]);
    assert!(apart == [first, Chunk { done: true, kind: HOLE, body: hole }]);
    let whole = reply(&mut stream, flagged(read, DF)).await;
    assert!(whole == [data(true, 390_000, &sample_disk()[390_000..490_000])]);
}

#[tokio::test]
async fn a_failed_read_is_an_error_and_the_next_one_works() {
    let server = Server::start(Memory { bad: Some(1 << 20), ..Memory::new(sample_disk()) });
    let mut stream = structured(&server).await;
    let failed = reply(&mut stream, request(0, 1 << 20, 4096)).await;
    assert_eq!((failed.len(), failed[0].kind), (1, ERROR));
    assert_eq!(failed[0].body[..4], 5_u32.to_be_bytes());
    let read = reply(&mut stream, request(0, 0, 512)).await;
    assert_eq!(read, [data(true, 0, &sample_disk()[..512])]);
    let nothing = reply(&mut stream, request(0, 0, 0)).await;
    assert_eq!(nothing, [Chunk { done: true, kind: 0, body: vec![] }]);
}

#[tokio::test]
async fn block_status_tells_of_one_extent_or_of_all() {
    let server = Server::start(Memory::new(sample_disk()));
    let mut stream = structured(&server).await;
    let ask = request(7, 100, 600_000);
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
    let one = reply(&mut stream, flagged(ask.clone(), REQ_ONE)).await;
    assert_eq!(one, [Chunk { done: true, kind: STATUS, body: words(&[1, 458_652, 0]) }]);
    let all = reply(&mut stream, ask).await;
    assert_eq!(all, [Chunk { done: true, kind: STATUS, body: words(&[1, 458_652, 0, 141_348, 3]) }]);
}

#[tokio::test]
async fn unknown_flags_are_an_error() {
    let server = Server::start(Memory::new(sample_disk()));
    let mut stream = structured(&server).await;
    for kind in [0, 3, 5, 7] {
        let refused = reply(&mut stream, flagged(request(kind, 0, 512), 1 << 12)).await;
        assert_eq!((refused.len(), refused[0].kind), (1, ERROR));
        assert_eq!(refused[0].body[..4], 22_u32.to_be_bytes());
    }
}
