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
    /// Capture its disk into an image.
    Capture,
    /// Give it a fresh disk of an image.
    Rebuild,
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
            Order::Capture => "createImage",
            Order::Rebuild => "rebuild",
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
    use Status::{Active, Build, Deleted, Error as Failed, Paused, Reboot, Shutoff, VerifyResize};
    use TaskState::{Deleting, ImageSnapshot, PoweringOff, Rebooting};
    match (order, state.status, state.task) {
        (_, Deleted, _) => Err(gone(id)),
        (Order::Delete, _, _) => Ok(()),
        (_, _, Some(Deleting)) => Err(gone(id)),
        (_, _, Some(ImageSnapshot)) => Err(Error::Conflict(format!(
            "Cannot '{}' instance {id} while an image is being made of it; it is free again when that image is ready.",
            order.action()
        ))),
        (Order::Capture, Shutoff, None) => Ok(()),
        (Order::Capture, Active, _) => Err(Error::Conflict(format!(
            "Cannot create an image of instance {id} while it is ACTIVE: stop it first, and try again when its \
             status is SHUTOFF."
        ))),
        (Order::ForceOff | Order::Reboot(Hard), Paused, None) => Ok(()),
        (Order::Unpause, Paused, None) if state.is_held() => Ok(()),
        // A paused guest hears no power button.
        (_, Paused, None) if state.is_held() => Err(Error::Conflict(format!(
            "Cannot '{}' instance {id} while it is paused: unpause it first. It can be switched off by force, rebooted hard \
             and deleted as it is.",
            order.action()
        ))),
        (_, Paused, None) => Err(Error::Conflict(format!(
            "Cannot '{}' instance {id} while it is paused because its host's disk is nearly full; it goes on by itself \
             when there is room. It can be switched off by force, rebooted hard and deleted.",
            order.action()
        ))),
        (Order::ConfirmResize | Order::RevertResize, VerifyResize, None) => Ok(()),
        // It may not have come up with the new flavor.
        (Order::RevertResize, Failed, None) if state.resized_from.is_some() => Ok(()),
        (Order::ConfirmResize | Order::RevertResize, _, None) => Err(Error::Conflict(format!(
            "Cannot '{}' instance {id} in state {}: there is no resize that waits to be confirmed.",
            order.action(),
            state.status
        ))),
        (_, VerifyResize, None) => Err(Error::Conflict(format!(
            "Cannot '{}' instance {id} while its new flavor waits to be confirmed: confirm or revert the resize first.",
            order.action()
        ))),
        (Order::Rebuild, Active | Shutoff | Failed, None) | (Order::Resize, Active | Shutoff, None) => Ok(()),
        (Order::Start, Shutoff, None) => Ok(()),
        (Order::Pause, Active, None) => Ok(()),
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

    /// Rows: status and task; columns: start, stop, force off, soft, hard, pause, unpause, capture, rebuild, resize,
    /// confirm, revert, delete. `y` legal, `n` conflict, `-` gone.
    const TABLE: &[(Status, Option<TaskState>, &str)] = &[
        (Status::Build, Some(TaskState::Spawning), "nnnnnnnnnnnny"),
        (Status::Build, None, "nnnnnnnnnnnny"),
        (Status::Active, None, "nyyyyynnyynny"),
        (Status::Active, Some(TaskState::PoweringOff), "nnynnnnnnnnny"),
        (Status::Active, Some(TaskState::Pausing), "nnnnnnnnnnnny"),
        (Status::Paused, None, "nnynynynnnnny"),
        (Status::Paused, Some(TaskState::Unpausing), "nnnnnnnnnnnny"),
        (Status::Shutoff, None, "ynnnynnyyynny"),
        (Status::Shutoff, Some(TaskState::PoweringOn), "nnnnnnnnnnnny"),
        (Status::Shutoff, Some(TaskState::ImageSnapshot), "nnnnnnnnnnnny"),
        (Status::Reboot, Some(TaskState::Rebooting), "nnnnynnnnnnny"),
        (Status::Reboot, Some(TaskState::RebootingHard), "nnnnnnnnnnnny"),
        (Status::Error, None, "nyynynnnynnny"),
        (Status::Rebuild, Some(TaskState::Rebuilding), "nnnnnnnnnnnny"),
        (Status::Rebuild, Some(TaskState::RebuildSpawning), "nnnnnnnnnnnny"),
        (Status::Resize, Some(TaskState::ResizePrep), "nnnnnnnnnnnny"),
        (Status::Resize, Some(TaskState::ResizeReverting), "nnnnnnnnnnnny"),
        (Status::VerifyResize, None, "nnnnnnnnnnyyy"),
        (Status::Active, Some(TaskState::Deleting), "------------y"),
        (Status::Deleted, None, "-------------"),
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
            Order::Capture,
            Order::Rebuild,
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
