//! Mixed work: clients that make, fill, rename, share, import, read and delete images, and write into the ledger what
//! they are told.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    Ran,
    ledger::{Ledger, May, Record, hash},
    plan::Plan,
    support::{Answer, Effigy, People, Person, qcow2_of},
};

/// Clients at once.
const CLIENTS: usize = 4;
/// Images that a client keeps.
const KEPT: usize = 6;
/// The size of a chunk: contents share them.
const BLOCK: usize = 64 << 10;

/// A service under work.
pub struct Work {
    /// Whose images they are.
    pub alice: Person,
    /// The truth.
    pub ledger: Ledger,
    plan: Plan,
    slowest: Mutex<Duration>,
    is_off: AtomicBool,
    other_project: String,
    blocks: Vec<Vec<u8>>,
    qcow2: Vec<Vec<u8>>,
}

/// The answer to a request, as far as there is one.
enum Told {
    /// It is done.
    Done(Answer),
    /// It is not done, and is not going to be.
    Refused,
    /// A 503, or none at all: it may be done or not.
    Nothing,
}

impl Work {
    /// The work on a fresh service.
    pub async fn on(plan: &Plan, effigy: &Effigy) -> Work {
        let People { alice, alice_batch, .. } = effigy.people().await;
        let blocks: Vec<Vec<u8>> =
            (0..24).map(|n| if n % 3 == 0 { plan.noise(BLOCK / 8).repeat(8) } else { plan.noise(BLOCK) }).collect();
        let disk = |count| plan_disk(plan, &blocks, count);
        let qcow2 = vec![qcow2_of(&disk(9), &[]), qcow2_of(&disk(12), &["-c"]), qcow2_of(&disk(20), &["-c"])];
        Work {
            alice,
            ledger: Ledger::default(),
            plan: plan.clone(),
            slowest: Mutex::default(),
            is_off: AtomicBool::new(false),
            other_project: alice_batch.project_id,
            blocks,
            qcow2,
        }
    }

    /// Works until the fault has been made. Requests that are under way then end by themselves.
    pub async fn until(&self, fault: impl Future<Output = ()>) {
        let stop = &CancellationToken::new();
        let clients = futures::future::join_all((0..CLIENTS).map(|client| async move {
            while !stop.is_cancelled() {
                if self.step(client).await.is_none() {
                    // A service that is gone answers at once; trying again at full speed says nothing new.
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }));
        tokio::join!(clients, async {
            fault.await;
            stop.cancel();
        });
    }

    /// So many steps of every client.
    pub async fn steps(&self, count: usize) {
        let clients = (0..CLIENTS).map(|client| async move {
            for _ in 0..count {
                self.step(client).await;
            }
        });
        futures::future::join_all(clients).await;
    }

    /// Fails unless the service has all that was acknowledged.
    pub async fn holds(&self, effigy: &Effigy) {
        self.ledger.holds(&self.plan, effigy, &self.alice).await;
    }

    /// Deletes everything and ends the service: nothing may be left.
    pub async fn end(self, mut effigy: Effigy) -> Ran {
        self.ledger.end(&mut effigy, &self.alice).await;
        Ok(())
    }

    /// One act of a client; `None` when it was not answered.
    async fn step(&self, client: usize) -> Option<()> {
        let own = self.ledger.of(client);
        if own.len() < 2 {
            return self.make(client).await;
        }
        let (id, record) = &own[self.plan.number(0..own.len() as u64) as usize];
        let has_file = record.file.sure().is_some_and(Option::is_some);
        match self.plan.number(0..10) {
            _ if own.len() > KEPT => self.delete(id).await,
            0..=2 => self.make(client).await,
            3..=4 if !has_file => self.upload(id).await,
            3..=4 => self.download(id, record).await,
            5 => self.rename(id).await,
            6 => self.share(id, record.shared.sure() != Some(&true)).await,
            7 if !has_file => self.import(id).await,
            8 => self.delete(id).await,
            _ => {
                let list = Answer::try_of(self.alice.request(Method::GET, "/image/v2/images?limit=100")).await.ok()?;
                self.is_answered(&list);
                Some(())
            }
        }
    }

    async fn make(&self, client: usize) -> Option<()> {
        let name = format!("{client}-{:x}", self.plan.number(0..1 << 40));
        let format = self.plan.one_of(&["raw", "raw", "qcow2"]);
        let body = json!({"name": name, "disk_format": format, "container_format": "bare"});
        self.ledger.begin(&name);
        match self.ask(self.alice.request(Method::POST, "/image/v2/images").json(&body)).await {
            Told::Done(answer) => {
                let id = answer.string("/id");
                self.ledger.made(&id, Record::new(client, &name));
                self.save(&id, format, "file").await.map(drop)
            }
            Told::Refused => panic!("{body} was refused"),
            Told::Nothing => None,
        }
    }

    async fn upload(&self, id: &str) -> Option<()> {
        // The ledger does not keep the format: a qcow2 with raw bytes is refused, and nothing changes.
        self.save(id, self.plan.one_of(&["raw", "qcow2"]), "file").await.map(drop)
    }

    /// Sends bytes; whether they were taken.
    async fn save(&self, id: &str, format: &str, to: &str) -> Option<bool> {
        let before = self.ledger.record(id);
        let bytes = self.content(format);
        let hash = hash(&bytes);
        let sent = self.alice.request(Method::PUT, &format!("/image/v2/images/{id}/{to}"));
        let sent = sent.header("Content-Type", "application/octet-stream").body(bytes);
        self.ledger.note(id, |record| record.file.become_(Some(hash.clone())));
        match self.ask(sent).await {
            Told::Done(_) if to == "file" => self.ledger.note(id, |record| record.file = May::is(Some(hash))),
            // Staged bytes may become the image's.
            Told::Done(_) => {}
            Told::Refused => {
                self.ledger.note(id, |record| record.file = before.file);
                return Some(false);
            }
            Told::Nothing => return None,
        }
        Some(true)
    }

    async fn import(&self, id: &str) -> Option<()> {
        if !self.save(id, "raw", "stage").await? {
            return Some(());
        }
        let body = json!({"method": {"name": "glance-direct"}});
        match self.ask(self.alice.request(Method::POST, &format!("/image/v2/images/{id}/import")).json(&body)).await {
            Told::Nothing => None,
            Told::Done(_) | Told::Refused => Some(()),
        }
    }

    async fn download(&self, id: &str, record: &Record) -> Option<()> {
        let answer =
            Answer::try_of(self.alice.request(Method::GET, &format!("/image/v2/images/{id}/file"))).await.ok()?;
        if answer.status == 200 {
            self.plan.compared();
            assert!(record.file.allows(&Some(hash(&answer.body))), "{id} has other bytes than were saved");
        } else {
            self.is_answered(&answer);
        }
        Some(())
    }

    async fn rename(&self, id: &str) -> Option<()> {
        let name = format!("renamed-{:x}", self.plan.number(0..1 << 40));
        let patch = json!([{"op": "replace", "path": "/name", "value": name}]);
        let before = self.ledger.record(id);
        self.ledger.note(id, |record| record.name.become_(name.clone()));
        let request = self.alice.request(Method::PATCH, &format!("/image/v2/images/{id}"));
        let request = request.header("Content-Type", "application/openstack-images-v2.1-json-patch");
        match self.ask(request.body(patch.to_string())).await {
            Told::Done(_) => self.ledger.note(id, |record| record.name = May::is(name)),
            Told::Refused => self.ledger.note(id, |record| record.name = before.name),
            Told::Nothing => return None,
        }
        Some(())
    }

    async fn share(&self, id: &str, shared: bool) -> Option<()> {
        let members = format!("/image/v2/images/{id}/members");
        let request = if shared {
            self.alice.request(Method::POST, &members).json(&json!({"member": self.other_project}))
        } else {
            self.alice.request(Method::DELETE, &format!("{members}/{}", self.other_project))
        };
        let before = self.ledger.record(id);
        self.ledger.note(id, |record| record.shared.become_(shared));
        match self.ask(request).await {
            Told::Done(_) => self.ledger.note(id, |record| record.shared = May::is(shared)),
            Told::Refused => self.ledger.note(id, |record| record.shared = before.shared),
            Told::Nothing => return None,
        }
        Some(())
    }

    async fn delete(&self, id: &str) -> Option<()> {
        let before = self.ledger.record(id);
        self.ledger.note(id, |record| record.there.become_(false));
        match self.ask(self.alice.request(Method::DELETE, &format!("/image/v2/images/{id}"))).await {
            Told::Done(_) => self.ledger.note(id, |record| record.there = May::is(false)),
            // Busy, or gone by an earlier request that was not answered.
            Told::Refused => self.ledger.note(id, |record| record.there = before.there),
            Told::Nothing => return None,
        }
        Some(())
    }

    /// Sends a change. The only server's error is a 503 that says when to come back.
    async fn ask(&self, request: RequestBuilder) -> Told {
        let began = Instant::now();
        let answer = Answer::try_of(request).await;
        let mut slowest = self.slowest.lock().expect("no panic");
        *slowest = slowest.max(began.elapsed());
        match answer {
            Ok(answer) if answer.status < 300 => Told::Done(answer),
            Ok(answer) if answer.status == 503 => {
                assert!(answer.header("retry-after").is_some(), "{}", answer.text());
                Told::Nothing
            }
            Ok(answer) if answer.status < 500 => Told::Refused,
            Ok(_) if self.is_off.load(Ordering::Relaxed) => Told::Nothing,
            Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
            Err(_) => Told::Nothing,
        }
    }

    fn is_answered(&self, answer: &Answer) {
        let is_fine = [200, 503].contains(&answer.status) || self.is_off.load(Ordering::Relaxed);
        assert!(is_fine, "{}: {}", answer.status, answer.text());
    }

    /// The power of the disk is cut: until the service has ended as well, what it says of failures does not count.
    pub fn is_off(&self, is_off: bool) {
        self.is_off.store(is_off, Ordering::Relaxed);
    }

    /// The longest that anybody waited for an answer to a change.
    pub fn slowest(&self) -> Duration {
        *self.slowest.lock().expect("no panic")
    }

    fn content(&self, format: &str) -> Vec<u8> {
        if format == "qcow2" {
            return self.qcow2[self.plan.number(0..self.qcow2.len() as u64) as usize].clone();
        }
        let mut bytes = plan_disk(&self.plan, &self.blocks, self.plan.number(1..40));
        bytes.truncate(bytes.len() - self.plan.number(0..BLOCK as u64) as usize);
        // One block is this content's own.
        bytes.extend(self.plan.noise(512));
        bytes
    }
}

fn plan_disk(plan: &Plan, blocks: &[Vec<u8>], count: u64) -> Vec<u8> {
    (0..count).flat_map(|_| blocks[plan.number(0..blocks.len() as u64) as usize].clone()).collect()
}
