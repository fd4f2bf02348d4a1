//! `/metrics`: what Prometheus reads, with the token in `DATA/metrics.token`.
//!
//! Base units (seconds, bytes), `_total` on counters, routes as templates and never as raw paths, so that the
//! number of series is bounded by the code. So are methods: a client may invent any.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, EncodeLabelSet, EncodeMetric as _,
        text::{encode_eof, encode_registry},
    },
    metrics::{
        MetricType,
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
        info::Info,
    },
    registry::{Registry, Unit},
};

use tokio::{sync::Mutex, time::Instant};

use super::{Api, Rooms, error::Answer};
use crate::{
    error::Error,
    identity::{
        lines::{self, Lines},
        passwords::Secret,
    },
};

/// How long a census holds: it counts whole tables.
const CENSUS_HOLDS: Duration = Duration::from_secs(10);
/// The methods that are counted by name.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Upper bounds of the buckets of a request's duration, in seconds: from an answer out of the cache to a long upload.
const DURATION_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    code: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Routed {
    method: &'static str,
    route: String,
}

type Histograms = Family<Routed, Histogram, fn() -> Histogram>;

/// The service's measurements. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Histograms,
    token: blake3::Hash,
    /// The last census as text, and when it was taken. Its lock lets one request count while the others wait for it.
    census: Mutex<Option<(Instant, String)>>,
}

impl Metrics {
    /// Nothing measured yet; shown to those who have this token. The lines are read at each scrape.
    pub fn new(token: Secret, lines: Standing) -> Metrics {
        let mut registry = Registry::default();
        let requests = Family::default();
        let durations: Histograms = Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS));
        registry.register(
            "effigy_build",
            "The version and the build",
            Info::new([("version".to_owned(), crate::VERSION.to_owned())]),
        );
        registry.register("effigy_http_requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "effigy_http_request_duration",
            "From the request's head to the answer's head",
            Unit::Seconds,
            durations.clone(),
        );
        registry.register_collector(Box::new(ThisProcess));
        registry.register_collector(Box::new(lines));
        let token = blake3::hash(token.expose().as_bytes());
        Metrics(Arc::new(Inner { registry, requests, durations, token, census: Mutex::default() }))
    }

    /// Whether a request has the token.
    fn are_for(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer "));
        // Hashes compare in constant time.
        given.is_some_and(|token| blake3::hash(token.as_bytes()) == self.0.token)
    }

    /// Counts one answered request.
    pub fn answered(&self, method: &str, route: &str, code: u16, took: Duration) {
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or("other");
        let route = route.to_owned();
        self.0.durations.get_or_create(&Routed { method, route: route.clone() }).observe(took.as_secs_f64());
        self.0.requests.get_or_create(&Answered { method, route, code }).inc();
    }
}

/// This process as the kernel sees it, read at each scrape.
#[derive(Debug)]
struct ThisProcess;

impl Collector for ThisProcess {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        // proc(5): after the command's closing parenthesis, utime is the 12th field and rss (in pages) the 22nd.
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let field = |n: usize| fields.get(n).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        let seconds = (field(11) + field(12)) as f64 / rustix::param::clock_ticks_per_second() as f64;
        let resident_bytes = field(21) * rustix::param::page_size() as u64;
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
        let open_files = std::fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64);
        let cpu = ConstCounter::new(seconds);
        cpu.encode(encoder.encode_descriptor(
            "process_cpu",
            "CPU time used",
            Some(&Unit::Seconds),
            cpu.metric_type(),
        )?)?;
        let memory = ConstGauge::new(resident_bytes);
        let unit = Some(&Unit::Bytes);
        memory.encode(encoder.encode_descriptor(
            "process_resident_memory",
            "Memory in use",
            unit,
            memory.metric_type(),
        )?)?;
        let files = ConstGauge::new(open_files);
        files.encode(encoder.encode_descriptor(
            "process_open_fds",
            "Open file descriptors",
            None,
            files.metric_type(),
        )?)?;
        let files = ConstGauge::new(limit);
        files.encode(encoder.encode_descriptor(
            "process_max_fds",
            "File descriptors that may be open",
            None,
            files.metric_type(),
        )?)
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfLines {
    of: &'static str,
}

/// The requests in the lines, of both kinds.
#[derive(Debug)]
pub struct Standing {
    pub projects: Lines,
    pub addresses: Lines,
}

impl Standing {
    fn gauge(
        &self,
        encoder: &mut DescriptorEncoder,
        (name, help): (&str, &str),
        number: fn(lines::Standing) -> usize,
    ) -> Result<(), std::fmt::Error> {
        let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (of, lines) in [("projects", &self.projects), ("addresses", &self.addresses)] {
            let number = number(lines.standing()) as u64;
            ConstGauge::new(number).encode(gauge.encode_family(&OfLines { of })?)?;
        }
        Ok(())
    }
}

impl Collector for Standing {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let of = "of projects, and of addresses whose callers are not known yet";
        self.gauge(&mut encoder, ("effigy_requests_at_work", &format!("Requests at work, {of}")), |of| of.at_work)?;
        self.gauge(&mut encoder, ("effigy_requests_waiting", &format!("Requests that wait in line, {of}")), |of| {
            of.waiting
        })
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfImages {
    status: String,
    visibility: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfInstances {
    status: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfStore {
    store: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfStores {
    store: String,
    state: &'static str,
}

/// The buckets of stores that have one.
#[derive(Default)]
struct Buckets {
    away: Family<OfStore, Gauge>,
    requests: Family<OfStores, Counter>,
    bytes: Family<OfStores, Counter>,
    hits: Family<OfStore, Counter>,
    cached: Family<OfStore, Gauge>,
}

impl Buckets {
    fn of(rooms: &Rooms) -> Buckets {
        let buckets = Buckets::default();
        for store in rooms.stores.all() {
            let Some(stats) = store.chunks.bucket_stats() else { continue };
            let of = |state| OfStores { store: store.name.clone(), state };
            let own = OfStore { store: store.name.clone() };
            for (state, count) in [("put", stats.puts), ("get", stats.gets), ("failed", stats.failures)] {
                buckets.requests.get_or_create(&of(state)).inc_by(count);
            }
            for (state, bytes) in [("put", stats.put_bytes), ("get", stats.get_bytes)] {
                buckets.bytes.get_or_create(&of(state)).inc_by(bytes);
            }
            buckets.hits.get_or_create(&own).inc_by(stats.hits);
            buckets.away.get_or_create(&own).set(store.chunks.is_away().into());
            buckets.cached.get_or_create(&own).set(i64::try_from(stats.cached_bytes).unwrap_or(i64::MAX));
        }
        buckets
    }

    fn register(self, registry: &mut Registry) {
        registry.register("effigy_bucket_away", "1 while the bucket of a store does not answer", self.away);
        registry.register("effigy_bucket_requests", "Requests to the bucket of a store", self.requests);
        let help = "Bytes that were sent to the bucket of a store, or came from it";
        registry.register_with_unit("effigy_bucket_transferred", help, Unit::Bytes, self.bytes);
        let help = "Reads that found all they needed in the folder before a bucket";
        registry.register("effigy_bucket_cache_hits", help, self.hits);
        let help = "Bytes of a bucket that its folder keeps";
        registry.register_with_unit("effigy_bucket_cache", help, Unit::Bytes, self.cached);
    }
}

/// The images, instances and stores of this moment.
async fn census(rooms: &Rooms) -> Answer<Registry> {
    let (images, bytes) = (Family::<OfImages, Gauge>::default(), Family::<OfImages, Gauge>::default());
    for counted in rooms.images.census().await? {
        let labels = OfImages { status: counted.status, visibility: counted.visibility };
        images.get_or_create(&labels).set(counted.images);
        bytes.get_or_create(&labels).set(counted.bytes);
    }
    let instances = Family::<OfInstances, Gauge>::default();
    for (status, count) in rooms.instances.census().await? {
        instances.get_or_create(&OfInstances { status }).set(count);
    }
    let stores = Family::<OfStores, Gauge>::default();
    for store in rooms.stores.all() {
        for (state, bytes) in [("used", store.index.file_bytes().await?), ("free", store.free_bytes()?)] {
            let labels = OfStores { store: store.name.clone(), state };
            stores.get_or_create(&labels).set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
    }
    let (stopped, damaged) = (Family::<OfStore, Gauge>::default(), Family::<OfStore, Gauge>::default());
    for store in rooms.stores.all() {
        let labels = OfStore { store: store.name.clone() };
        stopped.get_or_create(&labels).set(store.is_sweep_stopped().into());
        let chunks = store.index.damaged_chunks().await?;
        damaged.get_or_create(&labels).set(i64::try_from(chunks).unwrap_or(i64::MAX));
    }
    let uploads = Gauge::<i64>::default();
    uploads.set(rooms.images.uploads_under_way() as i64);
    let mut registry = Registry::default();
    Buckets::of(rooms).register(&mut registry);
    registry.register_with_unit("effigy_store", "Bytes of sealed segments, and of free disk", Unit::Bytes, stores);
    let help = "1 when the last sweep left something undone; the log says why";
    registry.register("effigy_store_sweep_stopped", help, stopped);
    let help = "Chunks that are known to be damaged; effigy store check names the images";
    registry.register("effigy_store_damaged_chunks", help, damaged);
    registry.register("effigy_uploads_in_progress", "Uploads and stagings under way", uploads);
    registry.register("effigy_images", "Images", images);
    registry.register_with_unit("effigy_image", "Bytes of the images' files", Unit::Bytes, bytes);
    registry.register("effigy_instances", "Instances", instances);
    Ok(registry)
}

/// The census as text, at most some seconds old.
async fn lately(rooms: &Rooms) -> Answer<String> {
    let mut last = rooms.metrics.0.census.lock().await;
    if let Some((at, text)) = &*last
        && at.elapsed() < CENSUS_HOLDS
    {
        return Ok(text.clone());
    }
    let mut text = String::new();
    encode_registry(&mut text, &census(rooms).await?).map_err(Error::internal)?;
    *last = Some((Instant::now(), text.clone()));
    Ok(text)
}

/// Everything measured: in OpenMetrics text where that is asked for, else in the text that every scraper reads.
pub async fn show(State(rooms): State<Api>, headers: HeaderMap) -> Answer<Response> {
    if !rooms.metrics.are_for(&headers) {
        let message =
            "The metrics are for the operator: send the token in DATA/metrics.token as Authorization: Bearer.";
        return Err(Error::Unauthenticated(message.into()).into());
    }
    let mut text = String::new();
    encode_registry(&mut text, &rooms.metrics.0.registry).map_err(Error::internal)?;
    text.push_str(&lately(&rooms).await?);
    encode_eof(&mut text).map_err(Error::internal)?;
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (media_type, text) = match accept.contains("application/openmetrics-text") {
        true => ("application/openmetrics-text; version=1.0.0; charset=utf-8", text),
        false => ("text/plain; version=0.0.4; charset=utf-8", in_old_text(&text)),
    };
    Ok(([(header::CONTENT_TYPE, media_type)], text).into_response())
}

/// OpenMetrics text in Prometheus's own text format: there a family has the name of its samples, and fewer types.
fn in_old_text(text: &str) -> String {
    let mut old = String::with_capacity(text.len());
    let mut help = "";
    for line in text.lines() {
        if let Some(told) = line.strip_prefix("# HELP ") {
            // The name in it depends on the type, which comes next.
            help = told.split_once(' ').map_or("", |(_, words)| words);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|told| told.split_once(' ')) {
            let (ending, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                kind => ("", kind),
            };
            old += &format!("# HELP {name}{ending} {help}\n# TYPE {name}{ending} {kind}\n");
        } else if !line.starts_with('#') {
            old += line;
            old.push('\n');
        }
    }
    old
}
