//! The program itself: starting, stopping, being killed, its settings and its health pages.

mod lifecycle;
mod settings;
