//! Copies between stores.

use bytes::Bytes;
use chunks::CHUNK_BYTES;

use crate::support::{Place, noise, read};

/// Data, a hole of more than a leaf, and a tail that fills no chunk.
async fn sparse(place: &Place) -> chunks::Content {
    let size_bytes = (5_000 * CHUNK_BYTES + 77) as u64;
    let session = place.store.begin().await.unwrap();
    let mut patch = session.patch(None, size_bytes).await.unwrap();
    for chunk in (0..40).chain(4_990..5_000) {
        patch.put(chunk, Bytes::from(noise(chunk, CHUNK_BYTES))).await.unwrap();
    }
    let mut tail = noise(9, 77);
    tail.resize(CHUNK_BYTES, 0);
    patch.put(5_000, Bytes::from(tail)).await.unwrap();
    let content = patch.finish().await.unwrap();
    place.roots.add(content.root);
    session.finish().await;
    content
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_in_another_store_is_the_same_content() {
    let (one, other) = (Place::new().await, Place::new().await);
    let content = sparse(&one).await;
    let session = other.store.begin().await.unwrap();
    let copy = session.copy(&one.store.reader(content.root).await.unwrap()).await.unwrap();
    other.roots.add(copy.root);
    session.finish().await;
    assert_eq!((copy.root, copy.size_bytes), (content.root, content.size_bytes));
    assert!(read(&other.store, copy.root).await == read(&one.store, content.root).await);
    other.sweep_out().await;
    other.assert_sound().await;

    let stored_bytes = other.stored_bytes().await;
    let session = other.store.begin().await.unwrap();
    let again = session.copy(&one.store.reader(content.root).await.unwrap()).await.unwrap();
    assert_eq!(again.root, content.root);
    assert_eq!(other.stored_bytes().await, stored_bytes, "what is there is not written again");
    session.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_content_is_not_copied() {
    let (one, other) = (Place::new().await, Place::new().await);
    let content = one.save(&noise(1, 8 * CHUNK_BYTES)).await;
    one.store.close().await;
    for file in one.segment_files() {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
    }
    let reader = one.second().await.reader(content.root).await.unwrap();
    let session = other.store.begin().await.unwrap();
    let copied = session.copy(&reader).await;
    assert!(matches!(copied, Err(chunks::Error::Damaged { .. })), "{copied:?}");
    session.abandon().await;
}
