//! Sieges: a stranger, or a member of one project, tries every bound at once while another project works.
//!
//! The service's memory and the growth of its data folder are bounded. The other project's answers are measured
//! beside those that it got before, in the same run.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

use futures::{SinkExt as _, StreamExt as _, future::join_all};
use reqwest::{Body, Client, Method, RequestBuilder};
use rustix::process::setpriority_process;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpSocket, time::sleep};

use crate::{
    Ran,
    plan::Plan,
    support::{Answer, Effigy, People, Person, Reply, Source, micro_disk, qcow2_of},
};

/// The most memory of the service.
const MEMORY_MIB: u64 = 512;
/// The most that a stranger may add to the data folder, together with the honest work beside it.
const STRANGERS_MIB: u64 = 32;
/// Another project's p99 is at most so many times the one without siege, and so much for compilers and besiegers on the
/// same processors.
const TIMES: u32 = 8;
const NOISE: Duration = Duration::from_millis(500);
/// How long the space of the last deletions may take to come back.
const SETTLING: Duration = Duration::from_secs(20);
/// The member's quota of images' bytes, and the bytes of the largest properties of all its images.
const MEMBERS_MIB: u64 = 256 + 64;

/// A stranger: connections, slow heads, huge bodies, sign-ins of many addresses, pages that need no token.
pub async fn by_a_stranger(plan: Plan) -> Ran {
    let effigy = Effigy::start().await;
    let bob = effigy.people().await.bob;
    let calm = measured(&bob, plan.left() / 6).await;
    let (before, until) = (bytes_below(&effigy.data()), Instant::now() + plan.left());
    plan.goes_on();
    let (url, host) = (effigy.url(), effigy.url().trim_start_matches("http://").to_owned());
    let slow = join_all((0..2000_u16).map(|n| slow_head(&host, n, until)));
    let bodies = join_all((0..8).map(|n| huge_bodies(url, n, until)));
    let sign_ins = join_all((0..16).map(|n| wrong_sign_ins(&plan, url, n, until)));
    let pages = join_all((0..8).map(|n| pages(url, n, until)));
    let siege = async { drop(tokio::join!(slow, bodies, sign_ins, pages)) };
    let under = beside(siege, measured(&bob, plan.left()));
    judge(&plan, &effigy, before, STRANGERS_MIB, &calm, &under);
    Ok(())
}

/// A member: everything that its project may do, as large and as often as it may.
pub async fn by_a_member(plan: Plan) -> Ran {
    // It answers without an end, or not at all.
    let source = Source::start(|path| match path {
        "/held" => Reply::Held(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".to_vec()),
        _ => Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()),
    })
    .await;
    let settings = format!(
        "{}[quota]\nimages = 200\nimage_bytes = {}\nstaged_bytes = {1}\ninstances = 3\n[instances]\naccel = \"tcg\"\n",
        source.settings(),
        64 << 20
    );
    let effigy = Effigy::with(&settings).await;
    let People { alice, bob, .. } = effigy.people().await;
    let golden = alice.save_image("golden", "raw", micro_disk("golden", 2 << 20)).await;
    let guest = alice.launched("guest", &golden).await;
    let calm = measured(&bob, plan.left() / 6).await;
    let (before, until) = (bytes_below(&effigy.data()), Instant::now() + plan.left());
    plan.goes_on();
    for n in 0..100 {
        let properties: serde_json::Map<String, Value> =
            (0..120).map(|p| (format!("property_{p}"), json!("x".repeat(2000 + n)))).collect();
        let tags: Vec<String> = (0..128).map(|tag| format!("{tag}-{}", "t".repeat(200))).collect();
        let mut body = json!({"name": "large", "disk_format": "raw", "container_format": "bare", "tags": tags});
        body.as_object_mut().expect("an object").extend(properties);
        is_sound(Answer::try_of(alice.request(Method::POST, "/image/v2/images").json(&body)).await);
    }
    let lists = join_all((0..8).map(|n| lists(&alice, n, until)));
    let imports = join_all((0..8).map(|n| imports(&alice, &source, n, until)));
    let uploads = join_all((0..24).map(|n| slow_upload(&alice, n, until)));
    let bombs = join_all((0..2).map(|_| bombs(&plan, &alice, until)));
    let looks = join_all((0..4).map(|_| looks(&alice, &golden, until)));
    let consoles = join_all((0..4).map(|_| consoles(&alice, &guest, until)));
    let siege = async { drop(tokio::join!(lists, imports, uploads, bombs, looks, consoles)) };
    let under = beside(siege, measured(&bob, plan.left()));
    judge(&plan, &effigy, before, MEMBERS_MIB, &calm, &under);
    Ok(())
}

/// An honest client's answers while the besiegers do their worst. Besiegers have machines of their own: here they get the
/// time of the processors that neither the service nor its client wants, so that the service is measured and not they.
fn beside<T>(siege: impl Future<Output = ()> + Send, honest: impl Future<Output = T>) -> T {
    let here = tokio::runtime::Handle::current();
    let besieged = || {
        setpriority_process(None, 19).expect("a lower priority");
        tokio::runtime::Runtime::new().expect("a runtime").block_on(siege);
    };
    tokio::task::block_in_place(|| {
        std::thread::scope(|scope| {
            let besiegers = scope.spawn(besieged);
            let honest = here.block_on(honest);
            besiegers.join().expect("the besiegers end in peace");
            honest
        })
    })
}

/// Fails when a bound did not hold, and puts the figures into the table.
fn judge(plan: &Plan, effigy: &Effigy, before: u64, budget_mib: u64, calm: &Honest, under: &Honest) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", effigy.pid())).expect("the service runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    let peak_mib = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") >> 10;
    // The space of the last deletions is swept within seconds.
    let (grown_mib, settled) = (|| bytes_below(&effigy.data()).saturating_sub(before) >> 20, Instant::now() + SETTLING);
    while grown_mib() > budget_mib && Instant::now() < settled {
        std::thread::sleep(Duration::from_millis(100));
    }
    let grown_mib = grown_mib();
    plan.remark(format!(
        "memory {peak_mib} MiB at most; data folder {grown_mib} MiB larger; another project's p99 of list, show, upload: \
         {}; without siege {}",
        under.shown(),
        calm.shown()
    ));
    assert!(peak_mib < MEMORY_MIB, "the service took {peak_mib} MiB");
    assert!(grown_mib <= budget_mib, "the data folder grew by {grown_mib} MiB, and may by {budget_mib}");
    for (calm, under) in calm.p99().into_iter().zip(under.p99()) {
        assert!(under <= calm * TIMES + NOISE, "another project waits {under:?}, and {calm:?} without siege");
    }
}

/// The answers to an honest client: the times of lists, shows and uploads, and how many it was told to ask again.
#[derive(Default)]
struct Honest {
    took: [Vec<Duration>; 3],
    told_to_wait: usize,
}

impl Honest {
    /// Sends a request and waits for its answer.
    async fn ask(&mut self, kind: usize, request: RequestBuilder) {
        let began = Instant::now();
        let answer = Answer::of(request).await;
        self.took[kind].push(began.elapsed());
        self.told_to_wait += usize::from(answer.status == 503);
        assert!(answer.status < 300 || answer.status == 503, "{}: {}", answer.status, answer.text());
    }

    /// The p99 of lists, shows and uploads.
    fn p99(&self) -> [Duration; 3] {
        self.took.each_ref().map(|took| {
            let mut sorted = took.clone();
            sorted.sort_unstable();
            sorted[(sorted.len() * 99 / 100).min(sorted.len() - 1)]
        })
    }

    fn shown(&self) -> String {
        let [list, show, upload] = self.p99().map(|p99| p99.as_millis());
        let all: usize = self.took.iter().map(Vec::len).sum();
        format!("{list}, {show}, {upload} ms ({} of {all} answered 503)", self.told_to_wait)
    }
}

/// Works as an honest client does, one request after the other.
async fn measured(person: &Person, lasting: Duration) -> Honest {
    let until = Instant::now() + lasting;
    let mut honest = Honest::default();
    while honest.took[2].is_empty() || Instant::now() < until {
        sleep(Duration::from_millis(20)).await;
        honest.ask(0, person.request(Method::GET, "/image/v2/images?limit=25")).await;
        // Not every image can be made while the database is slow.
        let Ok(id) = made(person, "raw").await else { continue };
        let path = format!("/image/v2/images/{id}");
        honest.ask(1, person.request(Method::GET, &path)).await;
        let upload = person.request(Method::PUT, &format!("{path}/file")).body(vec![2; 64 << 10]);
        honest.ask(2, upload.header("Content-Type", "application/octet-stream")).await;
        is_sound(Answer::try_of(person.request(Method::DELETE, &path)).await);
    }
    honest
}

fn bytes_below(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = |entry: std::fs::DirEntry| match entry.metadata() {
        // Room set aside is no growth, and neither is a guest's sparse disk.
        Ok(_) if entry.file_name() == "ballast" => 0,
        Ok(found) if found.is_dir() => bytes_below(&entry.path()),
        Ok(found) => std::os::unix::fs::MetadataExt::blocks(&found) * 512,
        Err(_) => 0,
    };
    entries.map(bytes).sum()
}

/// One of the addresses of this machine that nobody else uses.
fn address(n: u16) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 9, (n >> 8) as u8, n as u8))
}

fn client(n: u16) -> Client {
    effigy::tls::provide();
    let client = Client::builder().local_address(address(n)).timeout(Duration::from_secs(60)).no_proxy();
    client.build().expect("a client")
}

/// The answer to a request of a besieger: anything but a failure of the service.
fn is_sound(answer: Result<Answer, reqwest::Error>) {
    // The connection may be closed at once.
    if let Ok(answer) = answer {
        assert!(answer.status < 500 || answer.status == 503, "{}: {}", answer.status, answer.text());
    }
}

/// Connections of twenty addresses that say a byte a second and never end; each comes again when it was given up.
async fn slow_head(host: &str, n: u16, until: Instant) {
    while Instant::now() < until {
        let socket = TcpSocket::new_v4().expect("a socket");
        let _ = socket.bind((address(n % 20), 0).into());
        if let Ok(mut stream) = socket.connect(host.parse().expect("an address")).await {
            let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nX: ").await;
            while Instant::now() < until && stream.write_all(b"x").await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Bodies as large as a stranger may announce, to every page that reads one.
async fn huge_bodies(url: &str, n: u16, until: Instant) {
    let client = client(100 + n);
    let pages =
        ["/identity/v3/auth/tokens", "/session", "/image/v2/images", "/compute/v2.1/servers", "/identity/v3/users"];
    for page in pages.iter().cycle() {
        if Instant::now() > until {
            return;
        }
        for body in [format!("[{}1]", "[1],".repeat(200_000)), format!("{{\"a\":\"{}\"}}", "x".repeat(15_000))] {
            let request = client.post(format!("{url}{page}")).header("Content-Type", "application/json").body(body);
            is_sound(Answer::try_of(request).await);
        }
    }
}

/// Sign-ins that are refused: of one name from many addresses, and of many names.
async fn wrong_sign_ins(plan: &Plan, url: &str, n: u16, until: Instant) {
    let clients: Vec<Client> = (0..16).map(|of| client(200 + 16 * n + of)).collect();
    while Instant::now() < until {
        for client in &clients {
            let unknown = format!("{}-{}", plan.number(0..1 << 40), "n".repeat(200));
            let name = plan.one_of(&["bob", "admin", &unknown]);
            let user = json!({"name": name, "password": "wrong", "domain": {"id": "default"}});
            let body = json!({"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}});
            is_sound(Answer::try_of(client.post(format!("{url}/identity/v3/auth/tokens")).json(&body)).await);
        }
    }
}

/// Pages that need no token, and those that do.
async fn pages(url: &str, n: u16, until: Instant) {
    let client = client(120 + n);
    while Instant::now() < until {
        for page in
            ["/readyz", "/metrics", "/openapi.json", "/", "/image/v2/images", "/console/x", "/nowhere", "/version"]
        {
            is_sound(Answer::try_of(client.get(format!("{url}{page}"))).await);
        }
        let method = Method::from_bytes(b"INVENTED").expect("a method");
        is_sound(Answer::try_of(client.request(method, format!("{url}/healthz"))).await);
    }
}

/// Whole pages of the largest records, with as many filters, choices and keys to sort by as there may be.
async fn lists(member: &Person, n: usize, until: Instant) {
    let filters: String = (0..60).map(|f| format!("&property_{f}={}", "x".repeat(100))).collect();
    let sorts: String = ["name", "status", "size", "created_at", "id"].map(|key| format!("&sort_key={key}")).concat();
    let regexes: String = (0..100).map(|_| r"&ip=\w{20}".to_owned()).collect();
    let choices = vec!["large"; 400].join(",");
    let urls = [
        "/image/v2/images?limit=1000".to_owned(),
        format!("/image/v2/images?limit=1000{filters}"),
        format!("/image/v2/images?limit=1000{sorts}"),
        format!("/image/v2/images?name=in:{choices}"),
        format!("/compute/v2.1/servers/detail?all=1{regexes}"),
        "/effigy/v1/images?limit=1000".to_owned(),
    ];
    while Instant::now() < until {
        for url in urls.iter().cycle().skip(n).take(urls.len()) {
            is_sound(Answer::try_of(member.request(Method::GET, url)).await);
        }
    }
}

/// Imports of addresses that do not resolve, answer never, or without an end; and the tasks that they leave.
async fn imports(member: &Person, source: &Source, n: usize, until: Instant) {
    let Some(made) = made_until(member, "raw", until).await else { return };
    while Instant::now() < until {
        let uri = match n % 3 {
            0 => format!("http://nowhere.invalid/{}", "x".repeat(1900)),
            1 => source.at("/held"),
            _ => source.at("/endless"),
        };
        let body = json!({"method": {"name": "web-download", "uri": uri}});
        is_sound(
            Answer::try_of(member.request(Method::POST, &format!("/image/v2/images/{made}/import")).json(&body)).await,
        );
        is_sound(Answer::try_of(member.request(Method::GET, &format!("/image/v2/images/{made}/tasks"))).await);
        sleep(Duration::from_millis(50)).await;
    }
    source.let_go();
}

/// An upload of one KiB a second, begun again when it is given up.
async fn slow_upload(member: &Person, n: usize, until: Instant) {
    let Some(made) = made_until(member, "raw", until).await else { return };
    while Instant::now() < until {
        let pieces = futures::stream::unfold((), move |()| async move {
            sleep(Duration::from_millis(1000 + n as u64)).await;
            (Instant::now() < until).then(|| (Ok::<_, std::io::Error>(vec![7_u8; 1100]), ()))
        });
        let request = member.request(Method::PUT, &format!("/image/v2/images/{made}/file"));
        let request = request.header("Content-Type", "application/octet-stream").body(Body::wrap_stream(pieces));
        is_sound(Answer::try_of(request).await);
        sleep(Duration::from_millis(500)).await;
    }
}

/// Files that unpack to many times their size, deleted again.
async fn bombs(plan: &Plan, member: &Person, until: Instant) {
    while Instant::now() < until {
        let disk: Vec<u8> = (0..8).flat_map(|_| plan.noise(31_000).repeat(68)[..2 << 20].to_vec()).collect();
        let file =
            tokio::task::block_in_place(|| qcow2_of(&disk, &["-c", "-o", "cluster_size=2M,compression_type=zstd"]));
        let Some(made) = made_until(member, "qcow2", until).await else { return };
        let request = member.request(Method::PUT, &format!("/image/v2/images/{made}/file"));
        is_sound(Answer::try_of(request.header("Content-Type", "application/octet-stream").body(file)).await);
        is_sound(Answer::try_of(member.request(Method::DELETE, &format!("/image/v2/images/{made}"))).await);
    }
}

/// Verifications in a loop, and definitions of metadata as large as they may be.
async fn looks(member: &Person, image: &str, until: Instant) {
    let large = json!({"namespace": format!("large_{image}"), "description": "d".repeat(60_000)});
    while Instant::now() < until {
        let again = member.request(Method::POST, &format!("/effigy/v1/images/{image}/verification"));
        is_sound(Answer::try_of(again).await);
        is_sound(Answer::try_of(member.request(Method::POST, "/image/v2/metadefs/namespaces").json(&large)).await);
        is_sound(Answer::try_of(member.request(Method::GET, "/image/v2/metadefs/namespaces?limit=1000")).await);
    }
}

/// Consoles are opened, flooded with keys and left.
async fn consoles(member: &Person, guest: &str, until: Instant) {
    let open: Mutex<Vec<_>> = Mutex::default();
    while Instant::now() < until {
        let body = json!({"remote_console": {"protocol": "serial", "type": "serial"}});
        let request = member.request(Method::POST, &format!("/compute/v2.1/servers/{guest}/remote-consoles"));
        let answer = Answer::of(request.header("OpenStack-API-Version", "compute 2.96").json(&body)).await;
        if answer.status == 200
            && let Ok((mut console, _)) = tokio_tungstenite::connect_async(answer.string("/remote_console/url")).await
        {
            let _ = console.send(tokio_tungstenite::tungstenite::Message::binary(vec![b'x'; 4096])).await;
            let _ = tokio::time::timeout(Duration::from_millis(100), console.next()).await;
            let mut open = open.lock().expect("no panic");
            open.push(console);
            // Two hundred stay open and say nothing.
            if open.len() > 50 {
                open.remove(0);
            }
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// A new image; an error when the quota is used up, or it is to be tried again.
async fn made(member: &Person, format: &str) -> Result<String, u16> {
    let body = json!({"name": "siege", "disk_format": format, "container_format": "bare"});
    let answer = member.post("/image/v2/images", body).await;
    if answer.status == 201 { Ok(answer.string("/id")) } else { Err(answer.status) }
}

/// The same, tried again until a time.
async fn made_until(person: &Person, format: &str, until: Instant) -> Option<String> {
    while Instant::now() < until {
        match made(person, format).await {
            Ok(id) => return Some(id),
            Err(_) => sleep(Duration::from_secs(1)).await,
        }
    }
    None
}
