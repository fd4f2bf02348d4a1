//! `POST /servers/{id}/action`: one word, and what it takes.

use axum::{
    Extension, Json,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{
    body::{Body, Fields},
    console,
    launch::metadata,
    microversion::Microversion,
    remakes, server_id,
    server_view::{For, View},
};
use crate::{
    api::{
        Rooms,
        at_work::AtWork,
        caller::Asked,
        error::{Answer, ApiError},
        trail::Trail,
    },
    error::{Error, Result},
    identity::{Caller, policy},
    ids::InstanceId,
    images::Backup,
    instances::RebootKind,
};

/// The actions that Nova has and Effigy does not offer: the action, since when and until when Nova has it, and why not
/// here.
const NOT_OFFERED: &[(&str, u16, u16, &str)] = &[
    ("restore", 1, 96, "A deleted instance is gone at once."),
    ("changePassword", 1, 96, "Passwords inside a guest are its own; sign in with a key pair."),
    ("migrate", 1, 96, "There is one host."),
    ("os-migrateLive", 1, 96, "There is one host."),
    ("evacuate", 1, 96, "There is one host."),
    ("os-resetState", 1, 96, "A state cannot be set by hand; stop, start or delete the instance instead."),
    ("os-resetNetwork", 1, 96, "The network of an instance cannot be reset."),
    ("resetNetwork", 1, 96, "The network of an instance cannot be reset."),
    ("injectNetworkInfo", 1, 96, "Nothing is injected into guests."),
    ("addFixedIp", 1, 43, "An instance has the one address of its network."),
    ("removeFixedIp", 1, 43, "An instance has the one address of its network."),
    ("addFloatingIp", 1, 43, "An instance keeps its floating address for as long as it is there."),
    ("removeFloatingIp", 1, 43, "An instance keeps its floating address for as long as it is there."),
    ("addSecurityGroup", 1, 96, "There is one security group, and every instance with a network is in it."),
    ("removeSecurityGroup", 1, 96, "There is one security group, and every instance with a network is in it."),
    ("trigger_crash_dump", 17, 96, "A crash dump cannot be triggered."),
    ("os-getSPICEConsole", 1, 5, "There is no SPICE console; use novnc or serial."),
    ("os-getRDPConsole", 1, 5, "There is no RDP console; use novnc or serial."),
];

/// `POST /servers/{id}/action`
pub(super) async fn act(
    Asked { rooms, caller, url }: Asked,
    version: Microversion,
    Path(id): Path<String>,
    trail: Extension<Trail>,
    at_work: Extension<AtWork>,
    Body(body): Body,
) -> Answer<Response> {
    let id = server_id(&id)?;
    let (word, argument) = one_action(body)?;
    if let Some(action) = action_of(&word) {
        trail.does(&action, None);
    }
    let target = Target { rooms: &rooms, caller: &caller, id, version, url: &url, trail: &trail };
    match word.as_str() {
        "createImage" | "createBackup" => {
            // It may wait for a look into the disk, which has turns of its own and takes seconds.
            at_work.end();
            target.create_image(&word, argument).await
        }
        "rebuild" => target.rebuild(argument).await,
        "rescue" => target.rescue(argument).await,
        "confirmResize" => target.confirm_resize(&argument).await,
        "os-getConsoleOutput" => target.console_output(argument).await,
        "os-getVNCConsole" if version.0 <= 5 => target.console(argument, "vnc").await,
        "os-getSerialConsole" if version.0 <= 5 => target.console(argument, "serial").await,
        _ => match target.order(&word, argument).await? {
            true => Ok(StatusCode::ACCEPTED.into_response()),
            false => target.refuse(&word).await,
        },
    }
}

/// The name of an action in the audit, if it is a plain word.
fn action_of(word: &str) -> Option<String> {
    let does = word.strip_prefix("os-").unwrap_or(word);
    let is_plain = does.len() <= 40 && does.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain.then(|| format!("instance.{does}"))
}

fn one_action(body: Value) -> Result<(String, Value)> {
    let Value::Object(body) = body else {
        return Err(Error::Invalid("Malformed request body: it must be an object with one action.".into()));
    };
    let mut entries = body.into_iter();
    match (entries.next(), entries.next()) {
        (Some(action), None) => Ok(action),
        (None, _) => Err(Error::Invalid("There is no action in the request.".into())),
        (Some(_), Some(_)) => Err(Error::Invalid("A request has one action, not several.".into())),
    }
}

fn reboot_kind(argument: Value) -> Result<RebootKind> {
    let mut fields = Fields::of(argument, "reboot")?;
    let kind = fields.required_text("type", 16)?;
    fields.done()?;
    match kind.to_ascii_uppercase().as_str() {
        "SOFT" => Ok(RebootKind::Soft),
        "HARD" => Ok(RebootKind::Hard),
        _ => Err(Error::Invalid(format!(
            "Invalid input for field/attribute type. Value: {kind}. It must be SOFT or HARD."
        ))),
    }
}

fn lock_reason(argument: Value, version: Microversion) -> Result<Option<String>> {
    if argument.is_null() || !version.since(73) {
        return Ok(None);
    }
    let mut fields = Fields::of(argument, "lock")?;
    let reason = fields.text("locked_reason", 255)?;
    fields.done()?;
    Ok(reason)
}

/// The server an action is for, and who asks.
struct Target<'a> {
    rooms: &'a Rooms,
    caller: &'a Caller,
    id: InstanceId,
    version: Microversion,
    url: &'a str,
    trail: &'a Trail,
}

impl Target<'_> {
    /// Gives the order that a word stands for, of those that answer nothing; `false` where it stands for none.
    async fn order(&self, word: &str, argument: Value) -> Result<bool> {
        let (instances, caller, id) = (&self.rooms.instances, self.caller, self.id);
        match word {
            "os-start" => instances.start(caller, id).await?,
            "os-stop" => instances.stop(caller, id).await?,
            "reboot" => instances.reboot(caller, id, reboot_kind(argument)?).await?,
            "pause" => instances.pause(caller, id).await?,
            "unpause" => instances.unpause(caller, id).await?,
            "suspend" => instances.suspend(caller, id).await?,
            "resume" => instances.resume(caller, id).await?,
            "unrescue" => instances.unrescue(caller, id).await?,
            "shelve" => instances.shelve(caller, id).await?,
            "unshelve" => {
                remakes::unshelve(argument, self.version)?;
                instances.unshelve(caller, id).await?;
            }
            "shelveOffload" => return Err(self.not_to_offload().await?),
            "resize" => instances.resize(caller, id, &remakes::resize(argument)?).await?,
            "revertResize" => {
                remakes::nothing(&argument, word)?;
                instances.revert_resize(caller, id).await?;
            }
            "lock" => instances.lock(caller, id, lock_reason(argument, self.version)?).await?,
            "unlock" => instances.unlock(caller, id).await?,
            "forceDelete" => instances.delete(caller, id).await?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// From 2.45 on the image's id is in the body; before, it ends the `Location`.
    async fn create_image(&self, word: &str, argument: Value) -> Answer<Response> {
        let (instances, caller, id) = (&self.rooms.instances, self.caller, self.id);
        let mut fields = Fields::of(argument, word)?;
        let name = fields.name("name")?.ok_or_else(|| fields.missing("name"))?;
        let properties = fields.take("metadata").map(metadata).transpose()?.unwrap_or_default();
        let image = match word {
            "createBackup" => {
                let kind = fields.required_text("backup_type", 255)?;
                let rotation = fields.number("rotation", 0)?.ok_or_else(|| fields.missing("rotation"))? as u32;
                fields.done()?;
                instances.create_backup(caller, id, &name, properties, Backup { kind, rotation }).await?
            }
            _ => {
                fields.done()?;
                instances.create_image(caller, id, &name, properties).await?
            }
        };
        // The audit names both: the image may belong to another project than the caller's.
        self.trail.does(&format!("instance.{word}"), Some(format!("{}/{image}", self.id)));
        if self.version.since(45) {
            return Ok((StatusCode::ACCEPTED, Json(json!({"image_id": image}))).into_response());
        }
        let location = format!("{}/image/v2/images/{image}", self.url);
        Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)]).into_response())
    }

    /// The answer is the server as it now is, with a password that reaches no guest.
    async fn rebuild(&self, argument: Value) -> Answer<Response> {
        let (wanted, password) = remakes::rebuild(argument, self.version)?;
        self.rooms.instances.rebuild(self.caller, self.id, wanted).await?;
        let instance = self.rooms.instances.show(self.caller, self.id).await?;
        let view = View { version: self.version, url: self.url, is_admin: policy::see_hosts(self.caller) };
        let mut server = view.full(&instance, For::Update);
        server["adminPass"] = json!(password);
        // Nova has it here under another name.
        server.as_object_mut().map(|server| server.remove("OS-EXT-SRV-ATTR:user_data"));
        if self.version.since(54) {
            server["key_name"] = json!(instance.key_name);
        }
        if self.version.since(57) {
            let data = self.rooms.instances.user_data(self.caller, self.id).await?;
            server["user_data"] = json!(data.map(|data| STANDARD.encode(data)));
        }
        let location = format!("{}/compute/v2.1/servers/{}", self.url, self.id);
        Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(json!({ "server": server }))).into_response())
    }

    /// The answer has a password, as Nova's has, that reaches no guest: the rescue system has the instance's key pair.
    async fn rescue(&self, argument: Value) -> Answer<Response> {
        let (image, password) = remakes::rescue(argument)?;
        self.rooms.instances.rescue(self.caller, self.id, image).await?;
        Ok(Json(json!({ "adminPass": password })).into_response())
    }

    /// A shelved instance has left its host already.
    async fn not_to_offload(&self) -> Result<Error> {
        let instance = self.rooms.instances.show(self.caller, self.id).await?;
        let (id, status) = (self.id, instance.status);
        Ok(Error::Conflict(format!(
            "Cannot 'shelveOffload' instance {id} while it is in state {status}: a shelved instance leaves its host at once."
        )))
    }

    async fn confirm_resize(&self, argument: &Value) -> Answer<Response> {
        remakes::nothing(argument, "confirmResize")?;
        self.rooms.instances.confirm_resize(self.caller, self.id).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    async fn console_output(&self, argument: Value) -> Answer<Response> {
        let lines = match argument {
            Value::Null => None,
            argument => {
                let mut fields = Fields::of(argument, "os-getConsoleOutput")?;
                // Nova: -1, as much as an empty word, is all of it.
                let lines = match fields.take("length") {
                    Some(length) if length == -1 || length == "-1" || length == "" => None,
                    Some(length) => Some(console_lines(&fields, &length)?),
                    None => None,
                };
                fields.done()?;
                lines
            }
        };
        let output = self.rooms.instances.console_output(self.caller, self.id, lines).await?;
        Ok(Json(json!({ "output": output })).into_response())
    }

    async fn console(&self, argument: Value, protocol: &str) -> Answer<Response> {
        let mut fields = Fields::of(argument, "the console action")?;
        let kind = fields.required_text("type", 32)?;
        fields.done()?;
        let url = console::open(self.rooms, self.caller, self.id, protocol, &kind, self.url).await?;
        Ok(Json(json!({"console": {"type": kind, "url": url}})).into_response())
    }

    /// Refuses an action that does not exist or is not offered. A missing server is reported first, as in Nova.
    async fn refuse(&self, word: &str) -> Answer<Response> {
        self.rooms.instances.show(self.caller, self.id).await?;
        let known =
            NOT_OFFERED.iter().find(|(name, from, to, _)| *name == word && (*from..=*to).contains(&self.version.0));
        match known {
            Some((_, _, _, why)) => {
                Err(ApiError::new(StatusCode::NOT_IMPLEMENTED, format!("The action {word} is not offered. {why}")))
            }
            None => {
                let word: String = word.chars().take(80).collect();
                let message = format!("There is no such action: {word} (microversion {}).", self.version);
                Err(ApiError::new(StatusCode::BAD_REQUEST, message))
            }
        }
    }
}

fn console_lines(fields: &Fields, length: &Value) -> Result<usize> {
    let number = length.as_u64().or_else(|| length.as_str().and_then(|text| text.parse().ok()));
    match number.and_then(|number| usize::try_from(number).ok()) {
        Some(lines) => Ok(lines),
        None => Err(fields.invalid("length", length, "a number of lines, or -1 for all")),
    }
}
