//! The report of an import: what was done, and what differs.

use std::fmt;

/// The result of an import or of a comparison.
#[derive(Debug, Default)]
pub struct Report {
    /// Images in Glance.
    pub there: usize,
    pub brought: usize,
    pub changed: usize,
    pub bytes: u64,
    pub(super) lines: Vec<Line>,
}

/// One image, and why it is named.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) kind: Kind,
    pub(super) image: Named,
    pub(super) why: String,
}

/// An image as people know it.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) name: String,
}

/// Why an image is named in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is not the same here.
    Differs,
    /// Its bytes are on their way in Glance, or it changes there.
    Waits,
    /// It has no bytes in Glance, and never will.
    LeftOut,
    /// It is no longer in Glance, and is here.
    Gone,
    /// It was deleted here, as in Glance.
    Deleted,
    /// The rules of this deployment keep it from being seen by others.
    Held,
}

impl Kind {
    fn is_a_difference(self) -> bool {
        match self {
            Kind::Differs | Kind::Waits | Kind::Gone => true,
            Kind::LeftOut | Kind::Deleted | Kind::Held => false,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Kind::Differs => "differs",
            Kind::Waits => "waits",
            Kind::LeftOut => "left out",
            Kind::Gone => "gone",
            Kind::Deleted => "deleted",
            Kind::Held => "held",
        }
    }
}

impl Report {
    pub(super) fn add(&mut self, kind: Kind, image: Named, why: String) {
        self.lines.push(Line { kind, image, why });
    }

    /// Whether every image of Glance is here as it is there.
    pub fn is_the_same(&self) -> bool {
        !self.lines.iter().any(|line| line.kind.is_a_difference())
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.id, self.name)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Line { kind, image, why } in &self.lines {
            writeln!(f, "{:<9} {image}: {why}", kind.word())?;
        }
        let Report { there, brought, changed, .. } = self;
        writeln!(
            f,
            "{there} images in Glance: {brought} brought now ({}), {changed} brought up to date",
            size(self.bytes)
        )?;
        match self.lines.iter().filter(|line| line.kind.is_a_difference()).count() {
            0 => writeln!(f, "nothing differs"),
            1 => writeln!(f, "1 difference"),
            more => writeln!(f, "{more} differences"),
        }
    }
}

/// A number of bytes as people read it.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}
