//! Remote consoles: `POST /servers/{id}/remote-consoles`, and the older actions.

use axum::{Json, extract::Path};
use serde_json::json;

use super::{
    body::{Body, Fields},
    console_socket,
    microversion::Microversion,
    server_id,
};
use crate::{
    api::{Rooms, caller::Asked, error::Answer},
    error::{Error, Result},
    identity::Caller,
    ids::InstanceId,
    instances::ConsoleKind,
};

/// `POST /servers/{id}/remote-consoles`, from 2.6 on
pub(super) async fn create(
    Asked { rooms, caller, url }: Asked,
    version: Microversion,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    version.begins(6)?;
    let id = server_id(&id)?;
    let mut fields = Fields::under(body, "remote_console", &[])?;
    let (protocol, kind) = (fields.required_text("protocol", 32)?, fields.required_text("type", 32)?);
    fields.done()?;
    let url = open(&rooms, &caller, id, &protocol, &kind, &url).await?;
    Ok(Json(json!({"remote_console": {"protocol": protocol, "type": kind, "url": url}})))
}

/// Hands out the address of a console, with a token that opens it for a short while.
pub(super) async fn open(
    rooms: &Rooms,
    caller: &Caller,
    id: InstanceId,
    protocol: &str,
    kind: &str,
    url: &str,
) -> Result<String> {
    let kind = match (protocol, kind) {
        ("vnc", "novnc") => ConsoleKind::Vnc,
        ("serial", "serial") => ConsoleKind::Serial,
        _ => {
            rooms.instances.show(caller, id).await?;
            return Err(Error::Invalid(format!(
                "Unavailable console type {kind}: use novnc (protocol vnc) or serial (protocol serial)."
            )));
        }
    };
    let token = rooms.instances.remote_console(caller, id, kind).await?;
    Ok(console_socket::address(url, &token))
}
