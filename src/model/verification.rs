//! What was stated of an image.

/// What was stated of an image.
#[derive(Clone, Debug)]
pub struct VerificationRow {
    /// The disk it is about.
    pub disk_root: String,
    /// The versions of the rules.
    pub rules: String,
    /// A DSSE envelope.
    pub statement: String,
}
