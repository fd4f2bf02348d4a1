//! The process that looks into a disk, from the outside: what it has when it asks for the first byte.

use std::{
    io::Read as _,
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Child, Command, Stdio},
};

/// The id of the user that the process becomes.
const USER: u32 = 899_999;

/// The process, and its disk's end of the socket.
fn started(allocator: &str) -> (Child, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_effigy"));
    command
        .args(["inspect-disk", "--size-bytes", "1048576", "--scope", "everything", "--user", &USER.to_string()])
        .env_clear()
        .env("_RJEM_MALLOC_CONF", allocator);
    (stdio(&mut command, theirs).spawn().unwrap(), ours)
}

fn stdio(command: &mut Command, socket: UnixStream) -> &mut Command {
    command.stdin(OwnedFd::from(socket)).stdout(Stdio::piped()).stderr(Stdio::null())
}

/// The kinds of the files that a process has open, sorted.
fn open_files(pid: u32) -> Vec<String> {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let paths = files.map(|file| std::fs::read_link(file.unwrap().path()).unwrap().display().to_string());
    let mut kinds: Vec<String> = paths.map(|path| path.split(':').next().unwrap_or_default().to_owned()).collect();
    kinds.sort();
    kinds
}

/// A line of `/proc/PID/status` or `/proc/PID/limits`, without its name.
fn line(pid: u32, file: &str, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let found = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
    found.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn before_the_first_byte_is_read_every_right_is_given_up() {
    let (mut child, mut ours) = started("background_thread:false");
    // It asks, so the jail is shut; it gets no answer, so it waits.
    ours.read_exact(&mut [0; 12]).unwrap();
    let pid = child.id();
    // 2: a filter decides about every system call.
    assert_eq!(line(pid, "status", "Seccomp:"), ["2"]);
    assert_eq!(line(pid, "status", "NoNewPrivs:"), ["1"]);
    assert_eq!(line(pid, "status", "Threads:"), ["1"]);
    // The words after the name in brackets begin with the third field of `man 5 proc_pid_stat`; the nineteenth is nice.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let own = std::fs::read_to_string("/proc/self/stat").unwrap();
    let nice = |stat: &str| stat.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap().parse::<i32>().unwrap();
    assert_eq!(nice(&stat), nice(&own).max(10));
    let is_root = line(std::process::id(), "status", "Uid:")[1] == "0";
    if is_root {
        assert_eq!(line(pid, "status", "Uid:"), vec![USER.to_string(); 4]);
        assert_eq!(line(pid, "status", "CapEff:"), ["0000000000000000"]);
        assert!(line(pid, "status", "Groups:").is_empty());
    }
    for (limit, most) in
        [("Max open files", 0), ("Max processes", 0), ("Max file size", 0), ("Max data size", 128 << 20)]
    {
        assert_eq!(line(pid, "limits", limit)[..2], [most.to_string(), most.to_string()], "{limit}");
    }
    // A child of these tests has what it was given, and what their own parent left open; the process has its socket
    // once more, and nothing else.
    if is_root {
        let (socket, _) = UnixStream::pair().unwrap();
        let mut plain = stdio(Command::new("sleep").arg("60"), socket).spawn().unwrap();
        // It sleeps: what its start opened is closed.
        while line(plain.id(), "status", "State:")[0] != "S" {
            std::thread::yield_now();
        }
        let mut expected = open_files(plain.id());
        expected.push("socket".to_owned());
        expected.sort();
        plain.kill().unwrap();
        plain.wait().unwrap();
        assert_eq!(open_files(pid), expected);
    }
    drop(ours);
    assert!(child.wait().is_ok());
}

#[test]
fn with_a_thread_that_would_stay_outside_nothing_is_read() {
    let (mut child, mut ours) = started("background_thread:true");
    assert!(ours.read_exact(&mut [0; 12]).is_err(), "it asks for bytes");
    assert!(!child.wait().unwrap().success());
}
