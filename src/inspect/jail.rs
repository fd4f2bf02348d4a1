//! The process that looks into a disk, from its inside: it gives up every right it has, then reads the first byte.
//!
//! It keeps one socket to ask for bytes, one pipe for its report, the memory and time that it needs. No
//! file can be opened, no socket made, no process started or touched, no memory made executable by mistake or malice:
//! the kernel refuses every call that is not on the list below, whatever the bytes of the disk made of the program, and of
//! those on it the two that could make memory executable when they ask for that.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    io::{self, Read as _, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
    time::Duration,
};

use anyhow::Context as _;
use guest::{Disk, Limits, Scope};
use rustix::{
    process::{Gid, Resource, Rlimit, Uid, geteuid, setpriority_process, setrlimit},
    thread::{set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// The command line's word for it, which only the service uses.
pub const COMMAND: &str = "inspect-disk";
/// A question: an offset and a length.
pub(super) const QUESTION_BYTES: usize = 12;
/// The most that is asked for at once.
pub(super) const MAX_READ_BYTES: u32 = 1 << 20;
/// The bytes follow.
pub(super) const READ: u8 = 0;
/// They cannot be read.
pub(super) const UNREADABLE: u8 = 1;

/// Memory for data: a Debian's disk takes 20 MB, of which 16 are for trying a password.
const MAX_DATA_BYTES: u64 = 128 << 20;
/// A look that nobody waits for computes when no request does (`man 2 setpriority`).
const NICENESS: i32 = 10;
/// All of its memory, the program's own text among it.
const MAX_ADDRESS_BYTES: u64 = 1 << 30;

/// The bounds of one look.
pub(super) fn limits(scope: Scope) -> Limits {
    match scope {
        // People wait for the answer.
        Scope::Windows => Limits { time: Duration::from_secs(10), read_bytes: 512 << 20 },
        Scope::Everything => Limits::default(),
    }
}

/// The word for a scope on the command line.
pub(super) fn word(scope: Scope) -> &'static str {
    match scope {
        Scope::Windows => "windows",
        Scope::Everything => "everything",
    }
}

/// The offset and the length that a question asks for.
pub(super) fn question(bytes: &[u8; QUESTION_BYTES]) -> (u64, u32) {
    let (offset, len) = bytes.split_at(8);
    let offset = offset.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    (offset, len.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
}

/// Looks into the disk on the standard input and writes the report to the standard output.
///
/// # Errors
/// The jail cannot be shut: then nothing is read.
pub fn run(size_bytes: u64, scope: &str, user: u32) -> anyhow::Result<()> {
    let socket = io::stdin().as_fd().try_clone_to_owned().context("no disk")?;
    let scope = if scope == word(Scope::Windows) { Scope::Windows } else { Scope::Everything };
    if scope == Scope::Everything {
        setpriority_process(None, NICENESS).context("cannot lower the priority")?;
    }
    shut(user)?;
    let disk = Remote { socket: RefCell::new(UnixStream::from(socket)), size_bytes };
    let report = guest::inspect(Box::new(disk), scope, limits(scope));
    let report = serde_json::to_vec(&report).context("cannot write the report")?;
    io::stdout().write_all(&report).context("cannot send the report")
}

/// A disk at the other end of a socket.
struct Remote {
    socket: RefCell<UnixStream>,
    size_bytes: u64,
}

impl Disk for Remote {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let socket = &mut *self.socket.borrow_mut();
        for (n, piece) in buf.chunks_mut(MAX_READ_BYTES as usize).enumerate() {
            let offset = offset + n as u64 * u64::from(MAX_READ_BYTES);
            let mut question = [0; QUESTION_BYTES];
            question[..8].copy_from_slice(&offset.to_le_bytes());
            question[8..].copy_from_slice(&(piece.len() as u32).to_le_bytes()); // At most MAX_READ_BYTES.
            socket.write_all(&question)?;
            let mut answer = [UNREADABLE];
            socket.read_exact(&mut answer)?;
            if answer != [READ] {
                return Err(io::Error::other("the disk cannot be read now"));
            }
            socket.read_exact(piece)?;
        }
        Ok(())
    }
}

/// Gives up every right. This thread is the process's only one: another would keep its own.
fn shut(user: u32) -> anyhow::Result<()> {
    let threads = fs::read_dir("/proc/self/task").context("cannot count the threads")?.count();
    anyhow::ensure!(threads == 1, "{threads} threads run already, which would stay outside of the jail");
    if geteuid().is_root() {
        set_thread_groups(&[]).context("cannot leave the groups")?;
        let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
        set_thread_res_gid(gid, gid, gid).context("cannot change the group")?;
        // With the last of root's ids its capabilities go.
        set_thread_res_uid(uid, uid, uid).context("cannot change the user")?;
    }
    set_no_new_privs(true).context("cannot give up new rights")?;
    let bounds = [
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 0),
        (Resource::Nproc, 0),
        (Resource::Data, MAX_DATA_BYTES),
        (Resource::As, MAX_ADDRESS_BYTES),
        (Resource::Cpu, 60),
    ];
    for (resource, bound) in bounds {
        let bound = Rlimit { current: Some(bound), maximum: Some(bound) };
        setrlimit(resource, bound).with_context(|| format!("cannot limit {resource:?}"))?;
    }
    filter().context("cannot filter system calls")
}

/// The calls that reading a socket, computing and writing a pipe take.
const CALLS: [i64; 27] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_ppoll,
    libc::SYS_close,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Of these, the ones that say what memory is for, in their third argument.
const MAPPING_CALLS: [i64; 2] = [libc::SYS_mmap, libc::SYS_mprotect];

fn filter() -> anyhow::Result<()> {
    Ok(seccompiler::apply_filter(&program()?)?)
}

fn program() -> anyhow::Result<BpfProgram> {
    // A call without a rule of its own is let through whatever its arguments are.
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = CALLS.iter().map(|call| (*call, Vec::new())).collect();
    let executable = libc::PROT_EXEC as u64;
    let is_data = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(executable), 0)?;
    for call in MAPPING_CALLS {
        rules.insert(call, vec![SeccompRule::new(vec![is_data.clone()])?]);
    }
    let arch = std::env::consts::ARCH.try_into()?;
    // EPERM for all others.
    let filter = SeccompFilter::new(rules, SeccompAction::Errno(1), SeccompAction::Allow, arch)?;
    Ok(filter.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: u32 = 0x7fff_0000;
    const EPERM: u32 = 0x0005_0001;

    /// The filter's answer to a call, computed as the kernel does: `man 2 seccomp`, and its `struct seccomp_data`.
    fn answer(program: &BpfProgram, call: i64, third: u64) -> u32 {
        let arch: u32 = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };
        let mut data = [0; 64];
        data[..4].copy_from_slice(&(call as u32).to_le_bytes());
        data[4..8].copy_from_slice(&arch.to_le_bytes());
        data[32..40].copy_from_slice(&third.to_le_bytes());
        let (mut at, mut held) = (0, 0_u32);
        loop {
            let step = &program[at];
            at += 1;
            let is_met = match step.code {
                0x20 => {
                    let word = &data[step.k as usize..][..4];
                    held = u32::from_le_bytes(word.try_into().unwrap());
                    continue;
                }
                0x54 => {
                    held &= step.k;
                    continue;
                }
                0x05 => {
                    at += step.k as usize;
                    continue;
                }
                0x06 => return step.k,
                0x15 => held == step.k,
                0x25 => held > step.k,
                0x35 => held >= step.k,
                other => panic!("an instruction that filters do not have: {other:#x}"),
            };
            at += usize::from(if is_met { step.jt } else { step.jf });
        }
    }

    #[test]
    fn no_memory_is_made_executable() {
        let program = program().unwrap();
        let (read, write, executable) = (libc::PROT_READ as u64, libc::PROT_WRITE as u64, libc::PROT_EXEC as u64);
        for call in MAPPING_CALLS {
            for data in [0, read, read | write] {
                assert_eq!(answer(&program, call, data), ALLOW, "{call}: {data}");
                assert_eq!(answer(&program, call, data | executable), EPERM, "{call}: {data}");
            }
        }
    }

    #[test]
    fn only_the_calls_of_the_list_are_let_through() {
        let program = program().unwrap();
        for call in 0..1000 {
            let expected = if CALLS.contains(&call) { ALLOW } else { EPERM };
            assert_eq!(answer(&program, call, 0), expected, "{call}");
        }
    }
}
