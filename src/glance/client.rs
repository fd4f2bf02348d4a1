//! The client: lists, records, members and files of a Glance.

use std::collections::BTreeMap;

use anyhow::Context as _;
use hyper::{StatusCode, body::Incoming};
use serde_json::{Map, Value};

use crate::{
    ids::{ImageId, ProjectId},
    images::MemberStatus,
    remote::{Access, Fault, Remote, words},
};

/// Images of a page.
const PAGE: usize = 200;

/// A Glance, signed in to. Only an admin's token is taken: to others most images do not exist.
pub struct Glance(Remote);

/// The records of a listing by id, and the reasons of those that cannot be read.
pub(super) type Records = BTreeMap<String, Map<String, Value>>;

impl Glance {
    /// Signs in, finds Glance in the catalog, and makes sure that the token is an admin's.
    ///
    /// # Errors
    /// Keystone or Glance is out of reach, or refuses; the error says which.
    pub async fn open(access: Access) -> anyhow::Result<Glance> {
        let glance = Glance(Remote::open(access, "Glance").await?);
        glance.check_admin().await.with_context(|| format!("Glance at {}", glance.0.url()))?;
        Ok(glance)
    }

    /// Whether everything is shown: only admins may list tasks.
    async fn check_admin(&self) -> anyhow::Result<()> {
        let answer = self.0.get("/v2/tasks?limit=1").await?;
        match answer.status {
            StatusCode::OK => Ok(()),
            StatusCode::FORBIDDEN => anyhow::bail!(
                "the token is not an admin's, and to others most images do not exist: take a user with the role admin"
            ),
            other => {
                anyhow::bail!("it answered {other} to the question whether this is an admin: {}", words(&answer.body))
            }
        }
    }

    /// The records of all images, hidden ones too.
    pub(super) async fn records(&self) -> Result<Records, Fault> {
        let mut records = Records::new();
        for hidden in ["false", "true"] {
            let mut marker = String::new();
            loop {
                let path = format!(
                    "/v2/images?limit={PAGE}&visibility=all&member_status=all&os_hidden={hidden}\
                     &sort_key=created_at&sort_dir=asc{marker}"
                );
                let answer = self.asked(&path).await?;
                let page = match answer.get("images") {
                    Some(Value::Array(page)) => page,
                    _ => {
                        let why = "Glance's list has no images: is this address a Glance's?";
                        return Err(Fault::Away(why.into()));
                    }
                };
                for record in page.iter().filter_map(Value::as_object) {
                    let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
                    records.insert(id.to_owned(), record.clone());
                    marker = format!("&marker={id}");
                }
                if answer.get("next").is_none() || page.is_empty() {
                    break;
                }
            }
        }
        Ok(records)
    }

    /// Whether there is such an image.
    pub(super) async fn has(&self, id: ImageId) -> Result<bool, Fault> {
        let answer = self.0.get(&format!("/v2/images/{id}")).await?;
        match answer.status {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            other => Err(Fault::Refused(format!(
                "Glance answers {other} to the question for an image: {}",
                words(&answer.body)
            ))),
        }
    }

    /// The projects that an image is shared with.
    pub(super) async fn members(&self, id: ImageId) -> Result<BTreeMap<ProjectId, MemberStatus>, Fault> {
        let answer = self.asked(&format!("/v2/images/{id}/members")).await?;
        let members = answer.get("members").and_then(Value::as_array).into_iter().flatten();
        let member = |member: &Value| -> Option<(ProjectId, MemberStatus)> {
            let (project, status) = (member["member_id"].as_str()?, member["status"].as_str()?);
            Some((project.parse().ok()?, status.parse().ok()?))
        };
        let unreadable = |one: &Value| Fault::Refused(format!("a member of it cannot be read: {one}"));
        members.map(|one| member(one).ok_or_else(|| unreadable(one))).collect()
    }

    /// An image's file from a byte on, and the byte that the answer really begins with.
    pub(super) async fn file(&self, id: ImageId, from: u64) -> Result<(u64, Incoming), Fault> {
        self.0.file(id, from).await
    }

    /// The JSON of a good answer.
    async fn asked(&self, path: &str) -> Result<Value, Fault> {
        let answer = self.0.get(path).await?;
        match (answer.status, serde_json::from_slice(&answer.body)) {
            (StatusCode::OK, Ok(read)) => Ok(read),
            (StatusCode::OK, Err(_)) => Err(Fault::Refused("Glance's answer is not JSON".into())),
            (other, _) => Err(Fault::Refused(format!("Glance answers {other}: {}", words(&answer.body)))),
        }
    }
}
