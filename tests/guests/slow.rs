//! Slow peers, by accident or on purpose: each is given up in its time, and nobody else waits for them.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{Effigy, People, Person, eventually};

/// As many as the goal says.
const SLOW: usize = 10_000;
/// The patience of the service with that many: they are all there before the first is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Slowness is what is tested, not a flood of requests.
const OPENED_AT_ONCE: usize = 16;
/// The files that the service has open besides vary by as many: the database's and the store's.
const OTHER_FILES: usize = 50;
/// The memory that a slow connection may cost the service on average: one chunk of the file that waits for it.
const BYTES_EACH: usize = 64 * 1024;
/// No request of the others takes longer, on a machine however busy.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// Connects and sends the beginning of something.
async fn slow(effigy: &Effigy, beginning: &str) -> TcpStream {
    let mut stream = TcpStream::connect(effigy.url().trim_start_matches("http://")).await.expect("connect");
    stream.write_all(beginning.as_bytes()).await.expect("send");
    stream
}

/// The same; an answer has begun, if there is one.
async fn open(effigy: &Effigy, beginning: &str) -> TcpStream {
    let stream = slow(effigy, beginning).await;
    if beginning.contains("/file") {
        stream.readable().await.expect("an answer");
    }
    stream
}

/// A request for a file, whose answer nobody needs to read.
fn download(person: &Person, image: &str) -> String {
    let token = &person.token;
    format!("GET /image/v2/images/{image}/file HTTP/1.1\r\nHost: effigy\r\nX-Auth-Token: {token}\r\n\r\n")
}

/// The beginning of a body that does not go on.
fn body(person: &Person, method: &str, path: &str) -> String {
    let token = &person.token;
    format!(
        "{method} {path} HTTP/1.1\r\nHost: effigy\r\nX-Auth-Token: {token}\r\nContent-Length: 900000\r\n\
         Content-Type: application/octet-stream\r\n\r\n{{"
    )
}

/// The head of a request that does not end.
const HEAD: &str = "GET /healthz HTTP/1.1\r\nX: ";
/// A stranger's attempt to sign in that does not end.
const SIGN_IN: &str = "POST /identity/v3/auth/tokens HTTP/1.1\r\nHost: effigy\r\nContent-Length: 9000\r\n\r\n{";

/// How many files the service has open.
fn open_files(effigy: &Effigy) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", effigy.pid())).expect("the service runs").count()
}

/// How much memory the service takes, in bytes.
fn memory_bytes(effigy: &Effigy) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", effigy.pid())).expect("the service runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

async fn files_become(effigy: &Effigy, at_most: usize) {
    let what = format!("at most {at_most} open files");
    eventually(&what, Duration::from_secs(60), || async { (open_files(effigy) <= at_most).then_some(()) }).await;
}

/// The usual work of a person; all of it is answered, and soon.
async fn work(person: &Person) {
    let file = vec![7; 300_000];
    let list = soon(person.get("/image/v2/images?limit=25")).await.expect(200);
    assert!(list.json()["images"].is_array());
    let image = soon(person.save_image("good", "raw", file.clone())).await;
    assert!(soon(person.download(&image)).await.expect(200).body == file);
    soon(person.delete(&format!("/image/v2/images/{image}"))).await.expect(204);
}

async fn soon<T>(asked: impl Future<Output = T>) -> T {
    tokio::time::timeout(ANSWERED_WITHIN, asked).await.expect("an answer, soon")
}

/// Raises the limit of this program's files; how many slow connections it and the service can have.
fn room_for_slow() -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).expect("raise the limit");
    let files = limit.maximum.map_or(usize::MAX, |files| files as usize);
    // The service keeps a quarter for itself, and both have other files open.
    let room = (files / 4 * 3).saturating_sub(500);
    assert!(room >= SLOW || files < 20_000, "{files} files are enough for {SLOW} connections");
    if room < SLOW {
        #[allow(clippy::print_stderr, reason = "the test is less than its name")]
        {
            eprintln!("only {room} slow connections instead of {SLOW}: the hard limit of open files is {files}");
        }
    }
    room.min(SLOW)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_slow_connections_hold_up_nobody() {
    let count = room_for_slow();
    let effigy =
        Effigy::with(&format!("[server]\nconnections_per_address = {SLOW}0\npatience_secs = {}\n", PATIENCE.as_secs()))
            .await;
    let People { alice, bob, .. } = effigy.people().await;
    let image =
        alice.save_image("large", "raw", (0..8_u32 << 20).map(|n| (n.wrapping_mul(n) >> 11) as u8).collect()).await;
    work(&bob).await;
    let (files, memory) = (open_files(&effigy), memory_bytes(&effigy));

    let began = Instant::now();
    let download = download(&alice, &image);
    // One sends nothing more; one reads nothing; the others send and read a byte a second.
    let kinds = [HEAD, &download, SIGN_IN, &download];
    let opened = stream::iter(0..count).map(|n| open(&effigy, kinds[n % 4])).buffered(OPENED_AT_ONCE);
    let (peers, ()) = tokio::join!(opened.collect::<Vec<_>>(), work(&bob));
    let (opened_in, held, most) = (began.elapsed(), open_files(&effigy) - files, memory_bytes(&effigy) - memory);
    assert!(
        held + OTHER_FILES >= count || opened_in > PATIENCE,
        "{held} of {count} are served {opened_in:?} after the first"
    );
    assert!(most < SLOW * BYTES_EACH, "{held} slow connections take {} MiB", most >> 20);

    while began.elapsed() < opened_in + PATIENCE {
        let round = Instant::now();
        for peer in peers.iter().skip(2).step_by(4) {
            let _ = peer.try_write(b" ");
        }
        for peer in peers.iter().skip(3).step_by(4) {
            let _ = peer.try_read(&mut [0]);
        }
        work(&bob).await;
        tokio::time::sleep_until((round + Duration::from_secs(1)).into()).await;
    }
    files_become(&effigy, files + OTHER_FILES).await;
    work(&bob).await;
    eventually("the memory is given back", Duration::from_secs(30), || async {
        (memory_bytes(&effigy) < memory + (64 << 20)).then_some(())
    })
    .await;
    drop(peers);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_peer_of_each_kind_is_given_up() {
    let effigy = Effigy::with("[server]\npatience_secs = 1\n").await;
    let People { alice, admin, .. } = effigy.people().await;
    let image = alice.save_image("large", "raw", vec![1; 32 << 20]).await;
    let queued = alice.create_image("queued", json!({})).await;
    let server = "/compute/v2.1/servers/0d0c0b0a-0000-4000-8000-000000000000/action";
    let cases = [
        ("says nothing", String::new(), ""),
        ("a head without an end", HEAD.to_owned(), ""),
        ("an answer, then nothing", "GET /healthz HTTP/1.1\r\nHost: effigy\r\n\r\n".to_owned(), "200"),
        ("a body without an end, by nobody", SIGN_IN.to_owned(), "408"),
        ("a body without an end", body(&alice, "POST", "/image/v2/images"), "408"),
        ("an action without an end", body(&alice, "POST", server), "408"),
        ("an upload without an end", body(&alice, "PUT", &format!("/image/v2/images/{queued}/file")), "400"),
    ];
    for (what, sent, status) in cases {
        let mut peer = slow(&effigy, &sent).await;
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(20), peer.read_to_end(&mut answer)).await;
        closed.unwrap_or_else(|_| panic!("{what}: still open")).expect("a clean end");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(answer.split(' ').nth(1).unwrap_or_default(), status, "{what}: {answer}");
    }
    assert_eq!(alice.image(&queued).await["status"], "queued");
    let events = admin.get("/effigy/v1/audit").await.expect(200).text();
    assert!(!events.contains("user.sign_in"), "a sign-in that never came is no event: {events}");

    let files = open_files(&effigy);
    let mut readers = Vec::new();
    for _ in 0..20 {
        readers.push(slow(&effigy, &download(&alice, &image)).await);
    }
    // It asks and asks and reads no answer, until it is cut off.
    let mut talker = slow(&effigy, "").await;
    while talker.write_all(download(&alice, &image).as_bytes()).await.is_ok() {}
    files_become(&effigy, files + 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crowd_leaves_files_for_the_work_of_others() {
    let mut effigy = Effigy::prepared("[server]\npatience_secs = 2\n");
    effigy.run_with_files(256).await;
    let alice = effigy.people().await.alice;
    let mut crowd = Vec::new();
    for _ in 0..400 {
        crowd.push(slow(&effigy, HEAD).await);
    }
    // A client that comes now waits for a place, and has all it needs then.
    let image = alice.save_image("late", "raw", vec![5; 1 << 20]).await;
    assert_eq!(alice.download(&image).await.expect(200).body.len(), 1 << 20);
    assert!(!effigy.log().contains("Too many open files"), "{}", effigy.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn service_without_files_waits_and_goes_on() {
    let effigy = Effigy::start().await;
    let pid = Pid::from_raw(effigy.pid().try_into().expect("a process id"));
    let none = Some(open_files(&effigy) as u64 + 2);
    let before =
        prlimit(pid, Resource::Nofile, Rlimit { current: none, ..getrlimit(Resource::Nofile) }).expect("limit");
    let mut crowd = Vec::new();
    for _ in 0..20 {
        crowd.push(slow(&effigy, HEAD).await);
    }
    let tries = || effigy.log().matches("cannot accept a connection").count();
    eventually("it cannot accept", Duration::from_secs(20), || async { (tries() >= 3).then_some(()) }).await;
    let (began, first) = (Instant::now(), tries());
    eventually("it tries again", Duration::from_secs(20), || async { (tries() >= first + 3).then_some(()) }).await;
    assert!(began.elapsed() > Duration::from_millis(150), "it spins: {} tries", tries());
    prlimit(pid, Resource::Nofile, before).expect("limit");
    drop(crowd);
    effigy.stranger().get("/healthz").await.expect(200);
}
