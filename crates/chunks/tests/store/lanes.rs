//! However much waits in one lane, another goes on.

use std::time::Duration;

use bytes::Bytes;
use chunks::{CHUNK_BYTES, Digest, Lane};
use futures::future::join_all;

use crate::support::{Place, noise, read};

/// More than all lanes together have under way on any machine of this size.
fn many() -> u64 {
    std::thread::available_parallelism().map_or(2, usize::from) as u64 * 4 + 32
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crowd_of_saves_in_one_lane_keeps_no_save_of_another_waiting() {
    let place = Place::new().await;
    let crowd: Vec<Vec<u8>> = (0..many()).map(|seed| noise(seed, CHUNK_BYTES)).collect();
    place.index.stall(crowd.iter().map(|data| Digest::of(data)));
    let lane = Lane::default();
    let saves = crowd.iter().map(|data| {
        let (store, lane, data) = (place.store.clone(), lane.clone(), Bytes::copy_from_slice(data));
        tokio::spawn(async move {
            let session = store.begin_in(&lane).await.unwrap();
            let mut writer = session.writer();
            writer.write(data).await.unwrap();
            let content = writer.finish().await.unwrap();
            (content, session)
        })
    });
    let saves: Vec<_> = saves.collect();
    while place.index.stalled() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // All of the crowd has come as far as it can.
    tokio::time::sleep(Duration::from_millis(300)).await;

    let other = noise(1 << 40, 3 * CHUNK_BYTES);
    let saved = tokio::time::timeout(Duration::from_secs(20), place.save(&other)).await;
    let content = saved.expect("the other lane's save waits for the crowd");
    assert_eq!(read(&place.store, content.root).await, other);

    place.index.stall([]);
    for saved in join_all(saves).await {
        let (content, session) = saved.unwrap();
        place.roots.add(content.root);
        session.finish().await;
    }
    place.assert_sound().await;
}
