//! Bits flip on the disk.

use std::{fs::File, os::unix::fs::FileExt as _, path::PathBuf};

use crate::{
    Ran,
    ledger::hash,
    plan::Plan,
    support::{Effigy, Person},
};

/// A bit flips that nobody has read yet. No wrong byte is served, and the same content saved again heals it before it is
/// acknowledged.
pub async fn flips(plan: Plan) -> Ran {
    let mut effigy = Effigy::start().await;
    let alice = effigy.people().await.alice;
    let mut images = Vec::new();
    for n in 0..12 {
        let bytes = [plan.noise(200_000), plan.noise(1000).repeat(100 + n)].concat();
        images.push((alice.save_image("kept", "raw", bytes.clone()).await, bytes));
    }
    while plan.goes_on() {
        effigy.stop().await;
        for _ in 0..plan.number(1..20) {
            flip(&plan, &segments(&effigy));
        }
        effigy.run().await;
        if plan.number(0..2) == 0 {
            for (id, bytes) in &images {
                no_wrong_byte(&plan, &alice, id, bytes).await;
            }
        }
        for (id, bytes) in &images {
            let again = alice.save_image("again", "raw", bytes.clone()).await;
            for id in [&again, id] {
                let found = alice.download(id).await.expect(200).body;
                plan.compared();
                assert_eq!(hash(&found), hash(bytes), "{id} is not healed");
            }
            alice.delete(&format!("/image/v2/images/{again}")).await.expect(204);
        }
        // Garbage may have been hit, which a sweep removes; all that is reachable is whole.
        effigy.check_store();
    }
    Ok(())
}

async fn no_wrong_byte(plan: &Plan, alice: &Person, id: &str, bytes: &[u8]) {
    let answer = alice.request(reqwest::Method::GET, &format!("/image/v2/images/{id}/file")).send().await;
    let mut answer = answer.expect("an answer");
    let mut at = 0;
    while let Ok(Some(piece)) = answer.chunk().await
        && answer.status() == 200
    {
        assert!(bytes.get(at..at + piece.len()) == Some(&piece[..]), "wrong bytes of {id} at {at}");
        at += piece.len();
    }
    plan.compared();
}

fn segments(effigy: &Effigy) -> Vec<PathBuf> {
    let files = std::fs::read_dir(effigy.data().join("store/segments")).expect("segments");
    files.map(|file| file.expect("a file").path()).collect()
}

fn flip(plan: &Plan, segments: &[PathBuf]) {
    let path = &segments[plan.number(0..segments.len() as u64) as usize];
    let file = File::options().read(true).write(true).open(path).expect("a segment");
    let length = file.metadata().expect("a segment").len();
    if length > 0 {
        let (at, mut byte) = (plan.number(0..length), [0]);
        file.read_exact_at(&mut byte, at).expect("read");
        byte[0] ^= 1 << plan.number(0..8);
        file.write_all_at(&byte, at).expect("write");
    }
}
