//! A line between a client and the service that a test can hold.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use super::Effigy;

/// A line to the service that ends nowhere after so many bytes: they wait until the test lets them go.
pub struct Line {
    /// Where it begins.
    pub address: SocketAddr,
    /// The bytes that may pass, from the command and to it.
    open: watch::Sender<(usize, usize)>,
    held: Arc<AtomicUsize>,
}

impl Line {
    /// Lets so many bytes pass to the service, and so many from it.
    pub async fn to(effigy: &Effigy, sent: usize, fetched: usize) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("an address");
        let service = effigy.url().trim_start_matches("http://").to_owned();
        let (open, passing) = watch::channel((sent, fetched));
        let held = Arc::new(AtomicUsize::new(0));
        let holds = held.clone();
        let (out, back) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(&service).await else { continue };
                let ((from, to), (further, nearer)) = (near.into_split(), far.into_split());
                let (passing, holds) = (passing.clone(), holds.clone());
                let (out, back) = (out.clone(), back.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = pass(from, nearer, &out, passing.clone(), |open| open.0, &holds) => {}
                        () = pass(further, to, &back, passing.clone(), |open| open.1, &holds) => {}
                    }
                });
            }
        });
        Line { address, open, held }
    }

    /// Waits until something is held.
    pub async fn holds(&self) {
        let held = || async { (self.held.load(Ordering::Relaxed) > 0).then_some(()) };
        super::eventually("bytes that are held", Duration::from_secs(60), held).await;
    }

    /// Lets all pass.
    pub fn let_go(&self) {
        self.open.send_replace((usize::MAX, usize::MAX));
    }
}

/// Passes bytes on until one side ends, and no more than may pass.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    passed: &AtomicUsize,
    mut open: watch::Receiver<(usize, usize)>,
    which: fn(&(usize, usize)) -> usize,
    held: &AtomicUsize,
) {
    let mut piece = vec![0; 16 << 10];
    while let Ok(len @ 1..) = from.read(&mut piece).await {
        let so_far = passed.fetch_add(len, Ordering::Relaxed) + len;
        if so_far > which(&open.borrow()) {
            held.fetch_add(1, Ordering::Relaxed);
            let wide = open.wait_for(|open| so_far <= which(open)).await.is_ok();
            held.fetch_sub(1, Ordering::Relaxed);
            if !wide {
                return;
            }
        }
        if to.write_all(&piece[..len]).await.is_err() {
            return;
        }
    }
}
