//! A server of S3 inside the test: over a folder, with signatures checked, and with a line that can be cut. Or one outside.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch};

const KEY: &str = "effigy-test";
const SECRET: &str = "not-a-secret-at-all";

/// A bucket named `images`, of which a service knows the key.
pub struct Bucket {
    folder: TempDir,
    endpoint: String,
    is_cut: Arc<AtomicBool>,
    cuts: watch::Sender<()>,
}

impl Bucket {
    /// The same claims on a store in a bucket: `EFFIGY_TEST_STORE=bucket cargo test --test it image`; or in that of a
    /// server which `scripts/bucket.sh` has started, of which the variable has the address.
    pub fn of_the_run() -> Option<Bucket> {
        let endpoint = std::env::var("EFFIGY_TEST_STORE").ok()?;
        let bucket = Bucket::start();
        Some(if endpoint == "bucket" { bucket } else { Bucket { endpoint, ..bucket } })
    }

    /// Serves an empty bucket.
    pub fn start() -> Bucket {
        let folder = tempfile::Builder::new().prefix("effigy-bucket-").tempdir().expect("a temporary folder");
        std::fs::create_dir_all(folder.path().join("objects/images")).expect("make the bucket");
        std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).expect("write the secret");
        let files = s3s_fs::FileSystem::new(folder.path().join("objects")).expect("a server over a folder");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = service.build();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listen");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let (is_cut, (cuts, cut)) = (Arc::new(AtomicBool::new(false)), watch::channel(()));
        let refuses = is_cut.clone();
        // A thread of its own: a test that waits for a command would keep the server from answering it.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener of the runtime");
                let http = Builder::new(TokioExecutor::new());
                let mut ends = cut.clone();
                loop {
                    let socket = tokio::select! {
                        accepted = listener.accept() => accepted.expect("accept").0,
                        // The bucket is dropped.
                        _ = ends.wait_for(|()| false) => return,
                    };
                    // Closed at once: a line that is cut answers with a reset.
                    if refuses.load(Ordering::SeqCst) {
                        continue;
                    }
                    let connection = http.serve_connection(TokioIo::new(socket), service.clone()).into_owned();
                    let mut cut = cut.clone();
                    // Cuts of long ago are not this connection's.
                    cut.mark_unchanged();
                    tokio::spawn(async move {
                        tokio::select! {
                            _ = connection => {}
                            _ = cut.changed() => {}
                        }
                    });
                }
            });
        });
        Bucket { folder, endpoint, is_cut, cuts }
    }

    /// The settings of a store of this name in the bucket; its folder keeps so many MiB.
    pub fn settings(&self, store: &str, cache_mib: u64) -> String {
        format!(
            "[stores.{store}]\nbackend = \"s3\"\nbucket = \"images\"\nendpoint = \"{}\"\nprefix = \"{}\"\naccess_key = \"{KEY}\"\n\
             secret_key_file = \"{}\"\ncache_mib = {cache_mib}\n",
            self.endpoint,
            self.prefix(store),
            self.folder.path().join("secret").display(),
        )
    }

    /// A server outside has the objects of many tests.
    fn prefix(&self, store: &str) -> String {
        let folder = self.folder.path().file_name().expect("a name").to_string_lossy();
        format!("{folder}/{store}")
    }

    /// Cuts every connection, and refuses new ones.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        self.cuts.send_replace(());
    }

    /// Lets connections come again.
    pub fn heal(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }

    /// The names of the objects that are segments of this store.
    pub fn segments(&self, store: &str) -> Vec<String> {
        let found =
            std::fs::read_dir(self.folder.path().join("objects/images").join(self.prefix(store)).join("segments"));
        let names =
            found.into_iter().flatten().map(|file| file.expect("a file").file_name().into_string().expect("a name"));
        names.filter(|name| name.ends_with(".segment")).collect()
    }
}
