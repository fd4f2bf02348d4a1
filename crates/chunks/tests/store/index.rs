//! The claims of every index, for the one in memory.

use chunks::suite::MemoryIndex;

chunks::index_suite!(async { ((), MemoryIndex::new()) });
