//! Instances on real QEMU, with the micro guest.

mod adoption;
mod capture;
mod faults;
mod hardware;
mod life;
mod remake;
mod suspend;
mod world;
