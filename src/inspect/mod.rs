//! What is inside an image: format safety first.
