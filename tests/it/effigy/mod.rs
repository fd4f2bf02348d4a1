//! Effigy's own API: what its document says is what the service does.

mod administration;
mod channels;
mod document;
mod filters;
mod projects;
mod schema;
mod shares;
