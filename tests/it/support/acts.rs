//! The acts that tests repeat, each over the wire as a client would.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, Person, eventually};

/// How long a guest may take under emulation on a busy machine.
const GUEST: Duration = Duration::from_secs(120);

impl Person {
    /// Makes an image record; the rest of its fields as JSON.
    pub async fn create_image(&self, name: &str, fields: Value) -> String {
        let mut body = json!({"name": name, "disk_format": "raw", "container_format": "bare"});
        merge(&mut body, fields);
        self.post("/image/v2/images", body).await.expect(201).string("/id")
    }

    /// Uploads an image's file.
    pub async fn upload(&self, image: &str, file: impl Into<reqwest::Body>) -> Answer {
        self.put_bytes(&format!("/image/v2/images/{image}/file"), file).await
    }

    /// Makes an image and uploads its file.
    pub async fn save_image(&self, name: &str, format: &str, file: Vec<u8>) -> String {
        let id = self.create_image(name, json!({"disk_format": format})).await;
        self.upload(&id, file).await.expect(204);
        id
    }

    /// Shows an image.
    pub async fn image(&self, id: &str) -> Value {
        self.get(&format!("/image/v2/images/{id}")).await.expect(200).json()
    }

    /// Downloads an image's file.
    pub async fn download(&self, id: &str) -> Answer {
        self.get(&format!("/image/v2/images/{id}/file")).await
    }

    /// Launches an instance without waiting for it.
    pub async fn launch(&self, name: &str, image: &str, fields: Value) -> Answer {
        let flavor = self.flavor("m1.nano").await;
        let mut server = json!({"name": name, "imageRef": image, "flavorRef": flavor, "networks": "none"});
        merge(&mut server, fields);
        let request = self.request(reqwest::Method::POST, "/compute/v2.1/servers");
        Answer::of(request.header("OpenStack-API-Version", "compute 2.96").json(&json!({ "server": server }))).await
    }

    /// Launches an instance and waits until it is ACTIVE.
    pub async fn launched(&self, name: &str, image: &str) -> String {
        let id = self.launch(name, image, json!({})).await.expect(202).string("/server/id");
        self.instance_becomes(&id, "ACTIVE").await;
        id
    }

    /// The id of a flavor.
    pub async fn flavor(&self, name: &str) -> String {
        let list = self.get("/compute/v2.1/flavors/detail").await.expect(200).json();
        let flavors = list["flavors"].as_array().cloned().unwrap_or_default();
        let found = flavors.iter().find(|flavor| flavor["name"] == name);
        found.and_then(|flavor| flavor["id"].as_str()).unwrap_or_else(|| panic!("no flavor {name} in {list}")).into()
    }

    /// Shows an instance.
    pub async fn instance(&self, id: &str) -> Value {
        self.get(&format!("/compute/v2.1/servers/{id}")).await.expect(200).json()["server"].clone()
    }

    /// Sends an action to an instance.
    pub async fn act(&self, id: &str, action: Value) -> Answer {
        let path = format!("/compute/v2.1/servers/{id}/action");
        let request = self.request(reqwest::Method::POST, &path).header("OpenStack-API-Version", "compute 2.45");
        Answer::of(request.json(&action)).await
    }

    /// Waits until an instance has a status, and no task under way; ERROR fails the test at once.
    pub async fn instance_becomes(&self, id: &str, status: &str) -> Value {
        eventually(&format!("instance {id} {status}"), GUEST, || async {
            let shown = self.instance(id).await;
            assert!(status == "ERROR" || shown["status"] != "ERROR", "instance {id} failed: {shown}");
            (shown["status"] == status && shown["OS-EXT-STS:task_state"].is_null()).then_some(shown)
        })
        .await
    }

    /// Waits until an image has a status.
    pub async fn image_becomes(&self, id: &str, status: &str) -> Value {
        eventually(&format!("image {id} {status}"), GUEST, || async {
            let shown = self.image(id).await;
            (shown["status"] == status).then_some(shown)
        })
        .await
    }

    /// Stops an instance and waits for it.
    pub async fn stop(&self, id: &str) {
        self.act(id, json!({"os-stop": null})).await.expect(202);
        self.instance_becomes(id, "SHUTOFF").await;
    }

    /// Starts an instance and waits for it.
    pub async fn start(&self, id: &str) {
        self.act(id, json!({"os-start": null})).await.expect(202);
        self.instance_becomes(id, "ACTIVE").await;
    }

    /// Asks for an image of an instance; the image's id.
    pub async fn cast(&self, instance: &str, name: &str) -> String {
        self.act(instance, json!({"createImage": {"name": name}})).await.expect(202).string("/image_id")
    }

    /// An instance's console log.
    pub async fn console_log(&self, id: &str) -> String {
        self.act(id, json!({"os-getConsoleOutput": {}})).await.expect(200).string("/output")
    }

    /// Waits until an instance's console log has this text.
    pub async fn console_says(&self, id: &str, text: &str) -> String {
        eventually(&format!("{text:?} on the console of {id}"), GUEST, || async {
            let log = self.console_log(id).await;
            log.contains(text).then_some(log)
        })
        .await
    }

    /// Types on an instance's serial console; the keys are in QEMU's hands when this returns.
    pub async fn types(&self, id: &str, keys: &str) {
        assert!(self.types_if_it_runs(id, keys).await, "instance {id} does not run");
    }

    /// The same, for an instance that may be paused or off in that moment; says whether it was typed.
    pub async fn types_if_it_runs(&self, id: &str, keys: &str) -> bool {
        use futures::{SinkExt as _, StreamExt as _};
        use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

        let path = format!("/compute/v2.1/servers/{id}/remote-consoles");
        let request = self.request(reqwest::Method::POST, &path).header("OpenStack-API-Version", "compute 2.96");
        let body = json!({"remote_console": {"protocol": "serial", "type": "serial"}});
        let answer = Answer::of(request.json(&body)).await;
        if answer.status == 409 {
            return false;
        }
        let url = answer.expect(200).string("/remote_console/url");
        let request = url.into_client_request().expect("a console address");
        let Ok((mut console, _)) = tokio_tungstenite::connect_async(request).await else { return false };
        console.send(Message::binary(keys.as_bytes().to_vec())).await.expect("type");
        let _ = console.close(None).await;
        // The service answers the close after it has passed on what came before it: without the answer, a test that
        // kills the service next might kill the keys with it.
        while let Some(Ok(_)) = console.next().await {}
        true
    }
}

fn merge(body: &mut Value, fields: Value) {
    if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
        body.extend(fields);
    }
}
