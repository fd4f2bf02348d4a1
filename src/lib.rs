//! Effigy
