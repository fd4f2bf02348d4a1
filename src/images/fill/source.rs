//! Where an import's bytes are, opened.

use futures::StreamExt as _;
use serde_json::Value;

use super::{
    super::{Image, Images, record},
    Declared, Fill,
    body::{Body, Pace},
};
use crate::{
    error::{Error, Result},
    fetch::Fetched,
    ids::ImageId,
    queue::{Job, Source},
};

/// Properties that are taken over from an image of another service (Glance: `glance_download_properties`).
const TAKEN_OVER: [&str; 5] = ["hw_", "trait:", "os_distro", "os_secure_boot", "os_type"];
/// Reading our own store is never given up for being slow: nobody could send the bytes any faster.
const ANY_RATE: u64 = 0;

/// A source's bytes, and the image with what the source says of it.
pub(super) struct Opened {
    pub(super) image: Image,
    pub(super) declared: Declared,
    pub(super) body: Body,
}

impl Images {
    pub(super) async fn open_source(&self, job: &Job, fill: &Fill, image: &Image, source: &Source) -> Result<Opened> {
        let pace = self.0.pace;
        match source {
            Source::Staged => {
                let staged = fill.staged.as_ref().ok_or_else(|| Error::Conflict("nothing is staged".into()))?;
                let reader = self.reader(image, &staged.root).await?;
                let size_bytes = reader.size_bytes();
                let stream = reader.stream(0..size_bytes).map(|bytes| bytes.map_err(Error::from));
                let sha512 = fill.sha512.clone();
                let declared = Declared { size_bytes: Some(size_bytes), sha512, ..Declared::default() };
                Ok(Opened {
                    image: image.clone(),
                    declared,
                    body: Body::of_source(
                        stream,
                        Pace { min_bytes_a_second: ANY_RATE, total: std::time::Duration::MAX, ..pace },
                    ),
                })
            }
            Source::Web { uri } => {
                let fetched = self.0.fetcher.file(&self.0.fetcher.accept(uri)?).await?;
                Ok(opened(image.clone(), fetched, pace))
            }
            Source::Glance { region, interface, image: remote, base } => {
                let token = self.remote_tokens().get(&job.id).cloned().ok_or_else(|| {
                    Error::Invalid("the service has been restarted and kept no token; import it again".into())
                })?;
                let endpoint = self.endpoint(&token, base.as_deref(), region, interface).await?;
                let (image, sha512) = self.remote_record(&endpoint, *remote, &token, image).await?;
                self.check_formats(&image)?;
                let file = self.0.fetcher.accept(&format!("{endpoint}/images/{remote}/file"))?;
                let mut opened = opened(image, self.0.fetcher.with_token(&file, &token).await?, pace);
                opened.declared.sha512 = sha512;
                Ok(opened)
            }
        }
    }

    /// The address of the image service of a region, below which are its images.
    async fn endpoint(&self, token: &str, base: Option<&str>, region: &str, interface: &str) -> Result<String> {
        let base = base.unwrap_or_default().trim_end_matches('/');
        let endpoints = self.0.identity.image_endpoints(token, base).await?;
        let found = endpoints.iter().find(|one| one.interface == interface && one.region.as_deref() == Some(region));
        let Some(found) = found else {
            return Err(Error::Invalid("the catalog has no image service in that region with that interface".into()));
        };
        let url = found.url.trim_end_matches('/');
        // An address of this service's own begins with the one that its operator gave it, or with nothing.
        if url.starts_with('/') {
            let message = "the image service of that region is this one, which does not know its own address: its \
                           operator sets server.public_url, or give another region";
            return Err(Error::Invalid(message.into()));
        }
        Ok(if url.ends_with("/v2") { url.to_owned() } else { format!("{url}/v2") })
    }

    /// The image with formats and properties of the one that it is made of, and that one's SHA-512.
    async fn remote_record(
        &self,
        endpoint: &str,
        remote: ImageId,
        token: &str,
        image: &Image,
    ) -> Result<(Image, Option<String>)> {
        let address = self.0.fetcher.accept(&format!("{endpoint}/images/{remote}"))?;
        let record = self.0.fetcher.with_token(&address, token).await?.into_bytes().await?;
        let bad = |what: &str| Error::Invalid(format!("the other service's image {remote} {what}"));
        let record: Value = serde_json::from_slice(&record).map_err(|_| bad("has no record that can be read"))?;
        if record["status"] != "active" {
            return Err(bad("is not active"));
        }
        let mut image = image.clone();
        let text = |name: &str| record[name].as_str().map(str::to_owned);
        image.disk_format = text("disk_format").filter(|word| record::DISK_FORMATS.contains(&word.as_str()));
        image.container_format =
            text("container_format").filter(|word| record::CONTAINER_FORMATS.contains(&word.as_str()));
        let mut properties = record::properties_of(&image)?;
        let is_taken = |name: &str| TAKEN_OVER.iter().any(|start| name.starts_with(start));
        for (name, value) in record.as_object().into_iter().flatten() {
            if is_taken(name) && value.is_string() {
                record::set_property(&mut properties, name, value.clone())?;
            }
        }
        record::write_properties(&mut image, &properties)?;
        let is_sha512 = record["os_hash_algo"] == "sha512";
        Ok((image, text("os_hash_value").filter(|_| is_sha512)))
    }

    /// Writes formats and properties of the other service's image into the record.
    pub(super) async fn take_over_record(&self, from: &Image) -> Result<()> {
        self.revise(from.id, |image| {
            image.disk_format.clone_from(&from.disk_format);
            image.container_format.clone_from(&from.container_format);
            image.properties.clone_from(&from.properties);
            Ok(())
        })
        .await
    }
}

fn opened(image: Image, fetched: Fetched, pace: Pace) -> Opened {
    let declared = Declared { size_bytes: fetched.size_bytes, ..Declared::default() };
    Opened { image, declared, body: Body::of_source(fetched.into_stream(), pace) }
}
