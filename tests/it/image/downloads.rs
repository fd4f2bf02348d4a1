//! Files on their way out.

use std::time::Duration;

use reqwest::Method;

use super::{bytes, path};
use crate::support::{Answer, Effigy, People, Person};

async fn range(person: &Person, id: &str, range: &str) -> Answer {
    let request = person.request(Method::GET, &format!("{}/file", path(id)));
    Answer::of(request.header("Range", range)).await
}

#[tokio::test]
async fn file_comes_back_bit_for_bit_with_its_checksums() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    for len in [0, 1, 511, 512, 65_535, 65_536, 65_537, 3_000_000] {
        let file = bytes(len as u64, len);
        let id = alice.save_image("a", "raw", file.clone()).await;
        let answer = alice.download(&id).await.expect(200);
        assert!(answer.body == file, "{len} bytes came back changed");
        let image = alice.image(&id).await;
        let hash = |kind| {
            let digest = openssl::hash::hash(kind, &file).unwrap();
            digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        let md5 = hash(openssl::hash::MessageDigest::md5());
        assert_eq!(image["checksum"], md5);
        assert_eq!(image["os_hash_algo"], "sha512");
        assert_eq!(image["os_hash_value"], hash(openssl::hash::MessageDigest::sha512()));
        assert_eq!(image["size"], len);
        assert_eq!(image["virtual_size"], len.next_multiple_of(512));
        assert_eq!(answer.header("content-md5"), Some(md5.as_str()));
        assert_eq!(answer.header("content-length"), Some(len.to_string().as_str()));
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    }
}

#[tokio::test]
async fn one_range_is_served_and_no_more() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let file = bytes(1, 200_000);
    let id = alice.save_image("a", "raw", file.clone()).await;
    let cases = [
        ("bytes=0-0", 0..1),
        ("bytes=0-65535", 0..65_536),
        ("bytes=65535-65536", 65_535..65_537),
        ("bytes=199999-", 199_999..200_000),
        ("bytes=-1", 199_999..200_000),
        ("bytes=-300000", 0..200_000),
        ("bytes=100000-99999999999999999999999", 100_000..200_000),
    ];
    for (asked, expected) in cases {
        let answer = range(&alice, &id, asked).await.expect(206);
        let (first, last) = (expected.start, expected.end - 1);
        assert!(answer.body == file[expected], "{asked}");
        assert_eq!(answer.header("content-range"), Some(format!("bytes {first}-{last}/200000").as_str()), "{asked}");
        assert!(answer.header("content-md5").is_none(), "a part has not the whole's checksum");
    }
    for asked in ["bytes=200000-", "bytes=5-4", "bytes=-0", "bytes=0-1,2-3", "bytes=x-y", "bytes=18446744073709551616-"]
    {
        let answer = range(&alice, &id, asked).await;
        assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */200000")), "{asked}");
    }
    assert_eq!(range(&alice, &id, "pages=1-2").await.expect(200).body.len(), 200_000);
}

#[tokio::test]
async fn download_that_is_dropped_harms_nobody() {
    let effigy = Effigy::start().await;
    let People { alice, .. } = effigy.people().await;
    let file = bytes(1, 8 << 20);
    let id = alice.save_image("a", "raw", file.clone()).await;
    for _ in 0..4 {
        let request = alice.request(Method::GET, &format!("{}/file", path(&id)));
        let mut answer = request.send().await.unwrap();
        answer.chunk().await.unwrap();
        drop(answer);
    }
    let whole = tokio::time::timeout(Duration::from_secs(30), alice.download(&id)).await.unwrap();
    assert!(whole.expect(200).body == file);
}
