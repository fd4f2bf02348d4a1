//! Which order is legal in which state: one pure function.

use super::{RebootKind, Status, TaskState};
use crate::{
    error::{Error, Result},
    ids::InstanceId,
    model::instance::InstanceState,
};

/// The orders to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Run it.
    Start,
    /// Shut it down.
    Stop,
    /// Switch it off without asking the guest.
    ForceOff,
    /// Shut it down and run it again.
    Reboot(RebootKind),
    /// Let its guest stand still, in memory.
    Pause,
    /// Let it go on.
    Unpause,
    /// Save its guest's memory, and end its process.
    Suspend,
    /// Go on from the saved memory.
    Resume,
    /// Capture its disk into an image.
    Capture,
    /// Give it a fresh disk of an image.
    Rebuild,
    /// Run another system on it.
    Rescue,
    /// Run its own again.
    Unrescue,
    /// Have it leave its host.
    Shelve,
    /// Have it come back.
    Unshelve,
    /// Give it another flavor.
    Resize,
    /// Keep the flavor that it was given.
    ConfirmResize,
    /// Give it the flavor back that it had.
    RevertResize,
    /// End it.
    Delete,
}

impl Order {
    /// The name of the action in the instance's history (Nova's words).
    pub(super) fn action(self) -> &'static str {
        match self {
            Order::Start => "start",
            Order::Stop => "stop",
            Order::ForceOff => "forceOff",
            Order::Reboot(_) => "reboot",
            Order::Pause => "pause",
            Order::Unpause => "unpause",
            Order::Suspend => "suspend",
            Order::Resume => "resume",
            Order::Capture => "createImage",
            Order::Rebuild => "rebuild",
            Order::Rescue => "rescue",
            Order::Unrescue => "unrescue",
            Order::Shelve => "shelve",
            Order::Unshelve => "unshelve",
            Order::Resize => "resize",
            Order::ConfirmResize => "confirmResize",
            Order::RevertResize => "revertResize",
            Order::Delete => "delete",
        }
    }
}

/// Whether `order` may be given to an instance in this state.
///
/// # Errors
/// `Conflict`, saying why not and what to do.
pub(super) fn legal(order: Order, state: &InstanceState, id: InstanceId) -> Result<()> {
    use RebootKind::{Hard, Soft};
    use Status::{Active, Build, Deleted, Error as Failed, Reboot, Shutoff};
    use TaskState::{Deleting, ImageSnapshot, PoweringOff, Rebooting, Shelving};
    match (order, state.status, state.task) {
        (_, Deleted, _) => Err(gone(id)),
        (Order::Delete, _, _) => Ok(()),
        (_, _, Some(Deleting)) => Err(gone(id)),
        (_, _, Some(ImageSnapshot)) => Err(Error::Conflict(format!(
            "Cannot '{}' instance {id} while an image is being made of it; it is free again when that image is ready.",
            order.action()
        ))),
        (_, _, Some(Shelving)) => Err(Error::Conflict(format!(
            "Cannot '{}' instance {id} while it is being shelved; unshelve it when that is done.",
            order.action()
        ))),
        (Order::Capture, Shutoff, None) => Ok(()),
        (Order::Capture, Active, _) => Err(Error::Conflict(format!(
            "Cannot create an image of instance {id} while it is ACTIVE: stop it first, and try again when its \
             status is SHUTOFF."
        ))),
        // The rescue system, or the instance with the new flavor, may not have come up.
        (Order::Unrescue, Failed, None) if state.rescue.is_some() => Ok(()),
        (Order::RevertResize, Failed, None) if state.resized_from.is_some() => Ok(()),
        (_, status, None) if waits(status) => legal_while_it_waits(order, state, id),
        (Order::ConfirmResize | Order::RevertResize, status, None) => Err(Error::Conflict(format!(
            "Cannot '{}' instance {id} in state {status}: there is no resize that waits to be confirmed.",
            order.action()
        ))),
        (Order::Rebuild | Order::Rescue, Active | Shutoff | Failed, None) => Ok(()),
        (Order::Resize | Order::Shelve, Active | Shutoff, None) => Ok(()),
        (Order::Start, Shutoff, None) => Ok(()),
        (Order::Pause | Order::Suspend, Active, None) => Ok(()),
        (Order::Stop | Order::ForceOff, Active | Failed, None) => Ok(()),
        // A guest that does not answer the power button need not be waited for.
        (Order::ForceOff, Active, Some(PoweringOff)) => Ok(()),
        (Order::Reboot(Soft), Active, None) => Ok(()),
        (Order::Reboot(Hard), Active | Shutoff | Failed, None) => Ok(()),
        // A guest that ignores a soft reboot can be rebooted hard at once (Nova allows the same).
        (Order::Reboot(Hard), Reboot, Some(Rebooting)) => Ok(()),
        (_, Build, _) => Err(busy(order, id, "building")),
        (_, _, Some(task)) => Err(busy(order, id, task.into_str())),
        (_, status, None) => Err(busy(order, id, status.into_str())),
    }
}

/// Whether an instance of this status waits for an order of its owner, or for room, and for little else.
fn waits(status: Status) -> bool {
    use Status::{Paused, Rescue, ShelvedOffloaded, Suspended, VerifyResize};
    matches!(status, Paused | Suspended | Rescue | ShelvedOffloaded | VerifyResize)
}

/// The same for one that waits.
fn legal_while_it_waits(order: Order, state: &InstanceState, id: InstanceId) -> Result<()> {
    use RebootKind::Hard;
    use Status::{Paused, Rescue, ShelvedOffloaded, Suspended, VerifyResize};
    let action = order.action();
    Err(Error::Conflict(match (order, state.status) {
        (Order::ForceOff | Order::Reboot(Hard), Paused) => return Ok(()),
        (Order::Unpause | Order::Shelve, Paused) if state.is_held() => return Ok(()),
        (Order::Resume | Order::Reboot(Hard), Suspended) => return Ok(()),
        (Order::Unrescue, Rescue) | (Order::Unshelve, ShelvedOffloaded) => return Ok(()),
        (Order::ConfirmResize | Order::RevertResize, VerifyResize) => return Ok(()),
        // A paused guest hears no power button.
        (_, Paused) if state.is_held() => format!(
            "Cannot '{action}' instance {id} while it is paused: unpause it first. It can be switched off by force, rebooted hard \
             and deleted as it is."
        ),
        (_, Paused) => format!(
            "Cannot '{action}' instance {id} while it is paused because its host's disk is nearly full; it goes on by itself \
             when there is room. It can be switched off by force, rebooted hard and deleted."
        ),
        (_, Suspended) => format!(
            "Cannot '{action}' instance {id} while it is suspended: resume it first. Rebooted hard, it starts from its disk, and \
             what its guest had in memory is lost."
        ),
        (_, Rescue) => format!("Cannot '{action}' instance {id} while it is rescued: unrescue it first."),
        (_, ShelvedOffloaded) => format!("Cannot '{action}' instance {id} while it is shelved: unshelve it first."),
        _ => format!(
            "Cannot '{action}' instance {id} while its new flavor waits to be confirmed: confirm or revert the resize first."
        ),
    }))
}

fn gone(id: InstanceId) -> Error {
    Error::NotFound(format!("Instance {id} could not be found."))
}

fn busy(order: Order, id: InstanceId, state: &str) -> Error {
    let advice = match order {
        Order::Capture => "; an image can be made only of a stopped instance: stop it first",
        _ => "",
    };
    Error::Conflict(format!("Cannot '{}' instance {id} while it is in state {state}{advice}.", order.action()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::instance::Fault;

    /// Rows: status and task; columns: start, stop, force off, soft, hard, pause, unpause, suspend, resume, capture,
    /// rebuild, rescue, unrescue, shelve, unshelve, resize, confirm, revert, delete. `y` legal, `n` conflict, `-` gone.
    const TABLE: &[(Status, Option<TaskState>, &str)] = &[
        (Status::Build, Some(TaskState::Spawning), "nnnnnnnnnnnnnnnnnny"),
        (Status::Build, None, "nnnnnnnnnnnnnnnnnny"),
        (Status::Active, None, "nyyyyynynnyynynynny"),
        (Status::Active, Some(TaskState::PoweringOff), "nnynnnnnnnnnnnnnnny"),
        (Status::Active, Some(TaskState::Pausing), "nnnnnnnnnnnnnnnnnny"),
        (Status::Paused, None, "nnynynynnnnnnynnnny"),
        (Status::Paused, Some(TaskState::Unpausing), "nnnnnnnnnnnnnnnnnny"),
        (Status::Active, Some(TaskState::Suspending), "nnnnnnnnnnnnnnnnnny"),
        (Status::Suspended, None, "nnnnynnnynnnnnnnnny"),
        (Status::Suspended, Some(TaskState::Resuming), "nnnnnnnnnnnnnnnnnny"),
        (Status::Shutoff, None, "ynnnynnnnyyynynynny"),
        (Status::Shutoff, Some(TaskState::PoweringOn), "nnnnnnnnnnnnnnnnnny"),
        (Status::Shutoff, Some(TaskState::ImageSnapshot), "nnnnnnnnnnnnnnnnnny"),
        (Status::Reboot, Some(TaskState::Rebooting), "nnnnynnnnnnnnnnnnny"),
        (Status::Reboot, Some(TaskState::RebootingHard), "nnnnnnnnnnnnnnnnnny"),
        (Status::Error, None, "nyynynnnnnyynnnnnny"),
        (Status::Rebuild, Some(TaskState::Rebuilding), "nnnnnnnnnnnnnnnnnny"),
        (Status::Rebuild, Some(TaskState::RebuildSpawning), "nnnnnnnnnnnnnnnnnny"),
        (Status::Resize, Some(TaskState::ResizePrep), "nnnnnnnnnnnnnnnnnny"),
        (Status::Resize, Some(TaskState::ResizeReverting), "nnnnnnnnnnnnnnnnnny"),
        (Status::VerifyResize, None, "nnnnnnnnnnnnnnnnyyy"),
        (Status::Active, Some(TaskState::Rescuing), "nnnnnnnnnnnnnnnnnny"),
        (Status::Rescue, None, "nnnnnnnnnnnnynnnnny"),
        (Status::Rescue, Some(TaskState::Unrescuing), "nnnnnnnnnnnnnnnnnny"),
        (Status::Active, Some(TaskState::Shelving), "nnnnnnnnnnnnnnnnnny"),
        (Status::ShelvedOffloaded, None, "nnnnnnnnnnnnnnynnny"),
        (Status::ShelvedOffloaded, Some(TaskState::Unshelving), "nnnnnnnnnnnnnnnnnny"),
        (Status::Active, Some(TaskState::Deleting), "------------------y"),
        (Status::Deleted, None, "-------------------"),
    ];

    #[test]
    fn every_order_is_legal_exactly_where_the_table_says() {
        let orders = [
            Order::Start,
            Order::Stop,
            Order::ForceOff,
            Order::Reboot(RebootKind::Soft),
            Order::Reboot(RebootKind::Hard),
            Order::Pause,
            Order::Unpause,
            Order::Suspend,
            Order::Resume,
            Order::Capture,
            Order::Rebuild,
            Order::Rescue,
            Order::Unrescue,
            Order::Shelve,
            Order::Unshelve,
            Order::Resize,
            Order::ConfirmResize,
            Order::RevertResize,
            Order::Delete,
        ];
        for (status, task, row) in TABLE {
            for (order, expected) in orders.iter().zip(row.chars()) {
                let found = match legal(*order, &InstanceState::new(*status, *task), InstanceId::new()) {
                    Ok(()) => 'y',
                    Err(Error::NotFound(_)) => '-',
                    Err(_) => 'n',
                };
                assert_eq!(found, expected, "{order:?} in {status} {task:?}");
            }
        }
    }

    #[test]
    fn guest_that_is_paused_for_want_of_room_goes_on_by_itself_alone() {
        let fault = Some(Fault { code: 507, message: "full".into(), created_ms: 0 });
        let state = InstanceState { fault, ..InstanceState::new(Status::Paused, None) };
        let error = legal(Order::Unpause, &state, InstanceId::new()).unwrap_err();
        assert!(error.to_string().contains("goes on by itself"), "{error}");
    }

    #[test]
    fn capture_of_a_running_instance_says_to_stop_it_first() {
        let error = legal(Order::Capture, &InstanceState::new(Status::Active, None), InstanceId::new()).unwrap_err();
        assert!(error.to_string().contains("stop it first"), "{error}");
    }
}
