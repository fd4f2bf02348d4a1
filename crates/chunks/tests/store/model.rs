//! Random lives of a store: saves, patches, deletions, sweeps and deaths, in two processes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chunks::{CHUNK_BYTES, Digest, Options, Session, Store, Writer, suite::MemoryIndex};
use object_store::memory::InMemory;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::support::{Committed, chunk, options, options_before, read};

#[derive(Debug, Clone)]
enum Step {
    Save(Vec<u64>),
    /// Begins a save and leaves it open.
    Start(Vec<u64>),
    /// Writes more into the oldest open save.
    More(Vec<u64>),
    /// Ends the oldest open save; as a content, or not.
    End {
        commit: bool,
    },
    Patch {
        base: usize,
        changes: Vec<(usize, u64)>,
    },
    Delete(usize),
    Sweep,
    /// The process dies and another takes its place.
    Die,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    // Some fill a batch, which is on its way before the save ends.
    let seeds = || prop::collection::vec(0_u64..25, 0..80);
    prop_oneof![
        3 => seeds().prop_map(Step::Save),
        2 => seeds().prop_map(Step::Start),
        2 => seeds().prop_map(Step::More),
        2 => any::<bool>().prop_map(|commit| Step::End { commit }),
        3 => (0_usize..8, prop::collection::vec((0_usize..30, 0_u64..25), 0..6))
            .prop_map(|(base, changes)| Step::Patch { base, changes }),
        3 => (0_usize..8).prop_map(Step::Delete),
        4 => Just(Step::Sweep),
        1 => Just(Step::Die),
        1 => Just(Step::Close),
    ]
}

struct Process {
    runtime: Runtime,
    store: Store,
    open: Vec<(Session, Writer, Vec<u8>)>,
}

struct World {
    dir: tempfile::TempDir,
    index: Arc<MemoryIndex>,
    roots: Committed,
    contents: Vec<(Digest, Vec<u8>)>,
    options: Options,
}

impl World {
    fn process(&self) -> Process {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let open = Store::open(self.dir.path(), self.index.clone(), self.options.clone());
        let store = runtime.block_on(open).unwrap();
        Process { runtime, store, open: Vec::new() }
    }

    fn commit(&mut self, root: Digest, data: Vec<u8>) {
        self.roots.add(root);
        self.contents.push((root, data));
    }

    async fn step(&mut self, process: &mut Process, step: Step) {
        match step {
            Step::Save(seeds) => {
                self.start(process, &seeds).await;
                let (session, writer, data) = process.open.pop().unwrap();
                self.end(session, writer, data).await;
            }
            Step::Start(seeds) => self.start(process, &seeds).await,
            Step::More(seeds) => {
                if let Some((_, writer, data)) = process.open.first_mut() {
                    let more: Vec<u8> = seeds.iter().flat_map(|seed| chunk(*seed)).collect();
                    writer.write(Bytes::from(more.clone())).await.unwrap();
                    data.extend(more);
                }
            }
            Step::End { commit } => {
                if process.open.is_empty() {
                    return;
                }
                let (session, writer, data) = process.open.remove(0);
                match commit {
                    true => self.end(session, writer, data).await,
                    false => drop(writer),
                }
            }
            Step::Patch { base, changes } => self.patch(process, base, changes).await,
            Step::Delete(which) => {
                if let Some((root, _)) = self.contents.get(which) {
                    self.roots.remove(*root);
                    self.contents.swap_remove(which);
                }
            }
            Step::Sweep => {
                process.store.sweep(&self.roots).await.unwrap();
            }
            Step::Die | Step::Close => unreachable!("done by the caller"),
        }
    }

    async fn start(&self, process: &mut Process, seeds: &[u64]) {
        let session = process.store.begin().await.unwrap();
        let mut writer = session.writer();
        let data: Vec<u8> = seeds.iter().flat_map(|seed| chunk(*seed)).collect();
        writer.write(Bytes::from(data.clone())).await.unwrap();
        process.open.push((session, writer, data));
    }

    async fn end(&mut self, session: Session, writer: Writer, data: Vec<u8>) {
        let content = writer.finish().await.unwrap();
        self.commit(content.root, data);
        session.finish().await;
    }

    async fn patch(&mut self, process: &Process, base: usize, mut changes: Vec<(usize, u64)>) {
        let Some((root, mut data)) = self.contents.get(base).cloned() else { return };
        let session = process.store.begin().await.unwrap();
        let mut patch = session.patch(Some(root), data.len() as u64).await.unwrap();
        changes.sort_unstable();
        changes.dedup_by_key(|(at, _)| *at);
        changes.retain(|(at, _)| (at + 1) * CHUNK_BYTES <= data.len());
        for (at, seed) in changes {
            data[at * CHUNK_BYTES..(at + 1) * CHUNK_BYTES].copy_from_slice(&chunk(seed));
            patch.put(at as u64, Bytes::from(chunk(seed))).await.unwrap();
        }
        let content = patch.finish().await.unwrap();
        self.commit(content.root, data);
        session.finish().await;
    }

    async fn assert_whole(&self, store: &Store) {
        for (root, data) in &self.contents {
            assert_eq!(read(store, *root).await, *data);
        }
        let report = store.check(&self.roots).await.unwrap();
        assert!(report.is_sound(), "{report:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_sweep_never_takes_what_is_reached(steps in lives()) {
        live(steps, options());
    }

    #[test]
    fn a_sweep_never_takes_what_is_reached_in_a_bucket(steps in lives()) {
        live(steps, options_before(Arc::new(InMemory::new())));
    }
}

fn lives() -> impl Strategy<Value = Vec<(usize, Step)>> {
    prop::collection::vec((0_usize..2, step()), 1..40)
}

fn live(steps: Vec<(usize, Step)>, options: Options) {
    let mut world = World {
        dir: tempfile::tempdir().unwrap(),
        index: Arc::new(MemoryIndex::new()),
        roots: Committed::default(),
        contents: Vec::new(),
        options,
    };
    let mut processes = [Some(world.process()), Some(world.process())];
    for (which, step) in steps {
        let mut process = processes[which].take().unwrap();
        processes[which] = Some(match step {
            Step::Die => {
                process.runtime.shutdown_timeout(Duration::from_secs(5));
                drop((process.open, process.store));
                world.process()
            }
            Step::Close => {
                process.runtime.block_on(async {
                    process.open.clear();
                    process.store.close().await;
                });
                process.runtime.shutdown_timeout(Duration::from_secs(5));
                drop(process.store);
                world.process()
            }
            step => {
                let runtime = process.runtime.handle().clone();
                runtime.block_on(world.step(&mut process, step));
                process
            }
        });
    }
    let [Some(mut one), Some(two)] = processes else { unreachable!() };
    let runtime = one.runtime.handle().clone();
    runtime.block_on(world.assert_whole(&one.store));
    two.runtime.shutdown_timeout(Duration::from_secs(5));
    drop((two.open, two.store));
    runtime.block_on(async {
        one.open.clear();
        world.roots.0.lock().unwrap().clear();
        while one.store.stats().await.unwrap().totals.sessions > 0 {
            one.store.sweep(&world.roots).await.unwrap();
        }
        for _ in 0..2 {
            one.store.sweep(&world.roots).await.unwrap();
        }
        let stats = one.store.stats().await.unwrap();
        assert_eq!((stats.totals.chunks, stats.file_bytes), (0, 0), "{stats:?}");
    });
}
