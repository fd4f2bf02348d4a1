//! The ledger: everything that was acknowledged, and whether the service still has it.
//!
//! A change that was sent and not answered may have been carried out or not, so the ledger keeps each value that a part of
//! an image may have. An answer leaves one of them, and so does a look at the image.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use openssl::sha::sha512;
use serde_json::Value;

use crate::{
    plan::Plan,
    support::{Effigy, Person, eventually},
};

/// How long a service that was hurt may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an image may be on its way: a job that was cut off tries again after a while.
const ON_ITS_WAY: Duration = Duration::from_secs(60);

/// The values that a part of an image may have.
#[derive(Clone, Debug)]
pub struct May<T>(Vec<T>);

/// A file as the ledger knows it; `None`: the image has no bytes yet.
pub type File = Option<String>;

/// An image.
#[derive(Clone, Debug)]
pub struct Record {
    /// The client whose it is; no two change the same image at once.
    pub client: usize,
    /// Whether it is there.
    pub there: May<bool>,
    /// Its name.
    pub name: May<String>,
    /// The hash of its file.
    pub file: May<File>,
    /// Whether it is shared with the other project.
    pub shared: May<bool>,
}

/// The images of one project.
#[derive(Default)]
pub struct Ledger {
    images: Mutex<BTreeMap<String, Record>>,
    /// The names of images whose making was not answered.
    unsure: Mutex<BTreeSet<String>>,
}

impl<T: PartialEq + Clone + std::fmt::Debug> May<T> {
    /// A value that is sure.
    pub fn is(value: T) -> May<T> {
        May(vec![value])
    }

    /// Takes another value as possible, before a change to it is sent.
    pub fn become_(&mut self, value: T) {
        if !self.0.contains(&value) {
            self.0.push(value);
        }
    }

    /// Whether it may have this value.
    pub fn allows(&self, value: &T) -> bool {
        self.0.contains(value)
    }

    /// The one value, if there is one.
    pub fn sure(&self) -> Option<&T> {
        if let [only] = &*self.0 { Some(only) } else { None }
    }

    /// Notes the value that was seen.
    fn see(&mut self, seen: T, of: &str) {
        assert!(self.0.contains(&seen), "{of}: is {seen:?} and must be one of {:?}", self.0);
        self.0 = vec![seen];
    }
}

impl Record {
    /// An image without bytes.
    pub fn new(client: usize, name: &str) -> Record {
        Record {
            client,
            there: May::is(true),
            name: May::is(name.to_owned()),
            file: May::is(None),
            shared: May::is(false),
        }
    }
}

impl Ledger {
    /// The name of an image that is about to be made.
    pub fn begin(&self, name: &str) {
        self.unsure.lock().expect("no panic").insert(name.to_owned());
    }

    /// The answer that an image was made.
    pub fn made(&self, id: &str, record: Record) {
        self.unsure.lock().expect("no panic").remove(record.name.sure().expect("a new image has one name"));
        self.images.lock().expect("no panic").insert(id.to_owned(), record);
    }

    /// Changes what is known of an image.
    pub fn note(&self, id: &str, change: impl FnOnce(&mut Record)) {
        change(self.images.lock().expect("no panic").get_mut(id).expect("an image of the ledger"));
    }

    /// The images of a client that may be there.
    pub fn of(&self, client: usize) -> Vec<(String, Record)> {
        let images = self.images.lock().expect("no panic");
        let own = images.iter().filter(|(_, record)| record.client == client && record.there.sure() != Some(&false));
        own.map(|(id, record)| (id.clone(), record.clone())).collect()
    }

    /// Fails unless the service is ready and has all that was acknowledged, and nothing else.
    pub async fn holds(&self, plan: &Plan, effigy: &Effigy, person: &Person) {
        eventually("the service is ready", PATIENCE, || async {
            (effigy.stranger().get("/readyz").await.status == 200).then_some(())
        })
        .await;
        let ids: Vec<String> = self.images.lock().expect("no panic").keys().cloned().collect();
        for id in &ids {
            self.image_holds(plan, person, id).await;
        }
        let list = person.get("/image/v2/images?limit=1000").await.expect(200).json();
        let list = list["images"].as_array().cloned().expect("a list");
        for image in &list {
            let (id, name) = (text(image, "id"), text(image, "name"));
            if !ids.contains(&id) {
                assert!(self.unsure.lock().expect("no panic").remove(&name), "nobody made {image}");
                person.delete(&format!("/image/v2/images/{id}")).await.expect(204);
            }
        }
        self.unsure.lock().expect("no panic").clear();
        let there = ids.iter().filter(|id| self.record(id).there.sure() == Some(&true)).count();
        let usage = person.get("/image/v2/info/usage").await.expect(200).json()["usage"].clone();
        assert_eq!(usage["image_count_total"]["usage"], there, "images that the quota counts");
        assert_eq!(usage["image_count_uploading"]["usage"], 0, "uploads that the quota counts");
        let sizes: i64 = list.iter().filter_map(|image| image["size"].as_i64()).sum();
        let counted = usage["image_size_total"]["usage"].as_i64().expect("a number");
        assert!((sizes >> 20..=3 * (sizes >> 20) + 2).contains(&counted), "the quota counts {counted} MiB of {sizes}");
        effigy.check_store();
    }

    /// An image as it is known now.
    pub fn record(&self, id: &str) -> Record {
        self.images.lock().expect("no panic")[id].clone()
    }

    async fn image_holds(&self, plan: &Plan, person: &Person, id: &str) {
        let path = format!("/image/v2/images/{id}");
        let shown = eventually(&format!("image {id} is at rest"), ON_ITS_WAY, || async {
            let answer = person.get(&path).await;
            if answer.status == 404 {
                return Some(None);
            }
            let shown = answer.expect(200).json();
            (!["saving", "importing"].contains(&&*text(&shown, "status"))).then_some(Some(shown))
        })
        .await;
        let of = format!("image {id}");
        self.note(id, |record| record.there.see(shown.is_some(), &of));
        let Some(shown) = shown else { return };
        let members = person.get(&format!("{path}/members")).await.expect(200).json();
        let is_shared = members["members"].as_array().is_some_and(|members| !members.is_empty());
        self.note(id, |record| {
            record.name.see(text(&shown, "name"), &of);
            record.shared.see(is_shared, &of);
        });
        let file = match &*text(&shown, "status") {
            "active" => {
                let bytes = person.download(id).await.expect(200).body;
                plan.compared();
                let hash = hash(&bytes);
                assert_eq!(text(&shown, "os_hash_value"), hash, "the service's own hash of {shown}");
                Some(hash)
            }
            "queued" | "uploading" => None,
            _ => panic!("{shown}"),
        };
        self.note(id, |record| record.file.see(file, &format!("the file of {shown}")));
    }

    /// Deletes every image and sweeps: fails when anything is left.
    pub async fn end(self, effigy: &mut Effigy, person: &Person) {
        for id in self.images.into_inner().expect("no panic").into_keys() {
            let answer = person.delete(&format!("/image/v2/images/{id}")).await;
            assert!([204, 404].contains(&answer.status), "{}", answer.text());
        }
        let usage = person.get("/image/v2/info/usage").await.expect(200).json()["usage"].clone();
        for word in ["image_count_total", "image_size_total", "image_count_uploading", "image_stage_total"] {
            assert_eq!(usage[word]["usage"], 0, "{usage}");
        }
        effigy.stop().await;
        let swept = effigy.output(&["store", "sweep"]);
        assert!(swept.status.success(), "{}", String::from_utf8_lossy(&swept.stderr));
        let stats = String::from_utf8_lossy(&effigy.output(&["store", "stats"]).stdout).into_owned();
        assert!(stats.lines().any(|line| line.split_whitespace().eq(["chunks", "0"])), "left over: {stats}");
    }
}

/// A file as the ledger knows it.
pub fn hash(bytes: &[u8]) -> String {
    sha512(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(shown: &Value, field: &str) -> String {
    shown[field].as_str().unwrap_or_default().to_owned()
}
