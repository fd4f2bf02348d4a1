//! Starts QEMU: for an instance, the probe and the cleaner; and `nft` and `ip`, which set up its network. One other place of the program starts a process, which is the
//! program itself again (`inspect::process`).
//!
//! QEMU is left with: its own user (where we are root), no capabilities and no way to get any, a filter that denies
//! it to start processes or gain rights, a bound on the size of its files, no core dumps; the working directory of
//! its instance and the three sockets it is handed. Its disks are named node by node, with the driver of every
//! level: nothing is ever recognised by its bytes.
//!
//! Start-up goes through `setsid`, `prlimit` and `setpriv` of util-linux, which do between fork and exec what Rust
//! only offers as unsafe code. Each replaces itself by the next, so the pid stays the child's.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::Path,
    process::Stdio,
    sync::OnceLock,
};

use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
};

use super::{
    firmware::VARIABLES,
    folder::Folder,
    network::FIXED_IP,
    process::{Process, guest_name},
    rescue::{OWN_BASE, RESCUE_DISK, RESCUE_VARIABLES},
    start::DISK,
    types::Forward,
};
use crate::{
    exports,
    ids::InstanceId,
    model::hardware::{Bus, Card, Firmware, Hardware, Scsi, Tablet, Topology, Video, Watchdog},
};

/// Seconds that guests' reads wait for our NBD server to come back: longer than any restart or upgrade of the
/// service. After that the guest is paused (`rerror=stop`), and its driver lets it go on.
const RECONNECT_SECS: u64 = 300;

/// The bytes QEMU writes beside the guest's own: tables of the overlay, and logs until the driver trims them.
const FILE_SLACK_BYTES: u64 = 1 << 30;

/// Windows under KVM is told that it runs on a hypervisor, so that it need not wait, look and count by itself (the set
/// that Nova gives it).
const ENLIGHTENMENTS: &str = ",hv-relaxed,hv-vapic,hv-spinlocks=0x1fff,hv-time,hv-vpindex,hv-runtime,hv-synic,hv-stimer,\
    hv-reset,hv-frequencies,hv-tlbflush,hv-ipi";

/// How guests' instructions run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub(super) enum Accel {
    /// By the processor.
    Kvm,
    /// By emulation.
    Tcg,
}

/// One virtual machine, as QEMU is told to make it.
pub(super) struct Machine<'a> {
    pub(super) id: InstanceId,
    pub(super) vcpus: u32,
    pub(super) memory_mib: u64,
    pub(super) disk_bytes: u64,
    pub(super) accel: Accel,
    pub(super) hardware: &'a Hardware,
    /// The code of its firmware, where QEMU does not bring it.
    pub(super) firmware: Option<&'a Path>,
    /// The network card's address; `None`: no network.
    pub(super) mac: Option<&'a str>,
    /// The tap that its card is on; `None`: QEMU's user-mode network.
    pub(super) tap: Option<&'a str>,
    pub(super) forwards: &'a [Forward],
    /// Whether the guest reaches further than its forwarded ports.
    pub(super) outbound: bool,
    /// The own disk of an instance that is rescued: its second one.
    pub(super) beside: Option<&'a Beside>,
    /// The board with its version, of a machine that waits for a saved memory.
    pub(super) resumes: Option<&'a str>,
}

/// A disk beside the one that a machine boots from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside {
    /// Whether it stands on an image's disk.
    pub(super) is_backed: bool,
    /// As [`Hardware::sector_bytes`].
    pub(super) sector_bytes: Option<u32>,
}

/// Starts a machine in its folder. The child's standard input and output are the listening sockets of its monitor
/// and its serial port, so both can be connected to before QEMU has started.
pub(super) fn start(program: &Path, machine: &Machine<'_>, folder: &Folder) -> io::Result<(Child, Process)> {
    let monitor = folder.listen("qmp.sock")?;
    let serial = folder.listen("serial.sock")?;
    let mut command = match machine.mac {
        Some(_) => Command::new("setsid"),
        None => without_network(folder),
    };
    jail(&mut command, program, folder, machine.accel, 2 * machine.disk_bytes + FILE_SLACK_BYTES, &[]);
    command.args(arguments(machine)).stdin(inherited(monitor)).stdout(inherited(serial));
    spawn(command)
}

/// Starts the probe guest, whose serial port is the child's standard output. It ends with the service.
pub(super) fn start_probe(program: &Path, folder: &Folder, image: &str, accel: Accel) -> io::Result<(Child, Process)> {
    let mut command = without_network(folder);
    jail(&mut command, program, folder, accel, FILE_SLACK_BYTES, &["--pdeathsig", "KILL"]);
    let disk = json!({"driver": "raw", "node-name": "disk", "read-only": true,
        "file": {"driver": "file", "filename": image, "locking": "off"}});
    command.args(["-name", "guest=effigy-probe", "-machine", "pc", "-accel", accel.into_str(), "-m", "32"]);
    command.args(["-blockdev", &disk.to_string(), "-device", "virtio-blk-pci,drive=disk,bootindex=1"]);
    command.args(["-chardev", "stdio,id=serial0,signal=off", "-serial", "chardev:serial0"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    spawn(command)
}

/// The names of the cleaner's files in its folder.
pub(super) const CLEANER_KERNEL: &str = "kernel";
pub(super) const CLEANER_MEMORY: &str = "initramfs";

/// Memory of the cleaner: 40 MiB are its own, the rest is for the tables of the file systems that it checks.
pub(super) const CLEANER_MEMORY_MIB: u32 = 256;

/// The guest that cleans a copy of an image's disk ([`super::cleaner`]).
pub(super) struct Cleaner<'a> {
    pub(super) id: InstanceId,
    pub(super) disk_bytes: u64,
    pub(super) accel: Accel,
    /// The word that begins its lines.
    pub(super) word: &'a str,
    /// The partitions it cleans; 0 for a disk without any.
    pub(super) volumes: &'a [u32],
}

/// Starts the cleaner, whose serial port is the child's standard output. It has no network, and ends with the service.
pub(super) fn start_cleaner(program: &Path, cleaner: &Cleaner<'_>, folder: &Folder) -> io::Result<(Child, Process)> {
    let bound_bytes = 2 * cleaner.disk_bytes + FILE_SLACK_BYTES;
    // setpriv asks for the signal before it becomes QEMU. A service that is killed before that leaves the guest to its
    // next start, which ends every process in a folder that no instance owns.
    let mut command = without_network(folder);
    // It computes when no request does.
    command.args(["nice", "-n", "10"]);
    jail(&mut command, program, folder, cleaner.accel, bound_bytes, &["--pdeathsig", "KILL"]);
    let volumes: Vec<String> = cleaner.volumes.iter().map(u32::to_string).collect();
    let (word, volumes) = (cleaner.word, volumes.join(","));
    command.args(["-name", &guest_name(cleaner.id), "-machine", "pc", "-smp", "1", "-no-reboot"]);
    command.args(processor(cleaner.accel)).args(["-m", &CLEANER_MEMORY_MIB.to_string()]);
    command.args(["-kernel", CLEANER_KERNEL, "-initrd", CLEANER_MEMORY, "-append"]);
    // A kernel that panics ends at once; what it says may have names of the disk in it, so it says nothing.
    command.arg(format!("console=ttyS0 quiet loglevel=0 panic=-1 effigy.word={word} effigy.volumes={volumes}"));
    let (base, disk) = (base_node("base", "nbd.sock"), disk_node("disk", DISK, Some("base")));
    command.args(["-blockdev", &base.to_string(), "-blockdev", &disk.to_string()]);
    // No driver would continue this guest after a disk error stopped it, so the guest gets the error itself.
    command.args(["-device", "virtio-blk-pci,drive=disk,rerror=report,werror=report"]);
    command.args(["-chardev", "stdio,id=serial0,signal=off", "-serial", "chardev:serial0"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    spawn(command)
}

fn spawn(mut command: Command) -> io::Result<(Child, Process)> {
    let child = command.spawn()?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    let process = pid.map(Process::open).transpose()?.flatten();
    process.map(|process| (child, process)).ok_or_else(|| io::Error::other("QEMU ended as it was started"))
}

/// Gives the kernel's packet filter a script of nftables, which it takes as a whole or not at all, and returns the answer.
///
/// # Errors
/// The first words of `nft` about it; or that there is no such program.
pub(super) async fn packet_filter(options: &[&str], script: &str) -> io::Result<String> {
    host_tool("nft", &[options, &["-f", "-"]].concat(), script).await
}

/// Runs a program that sets up the host's network, with this input; its output.
///
/// # Errors
/// The first words of the program about it; or that there is no such program.
pub(super) async fn host_tool(program: &str, arguments: &[&str], input_text: &str) -> io::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.kill_on_drop(true).spawn();
    let mut child = child.map_err(|error| io::Error::other(format!("{program}: {error}")))?;
    let mut input = child.stdin.take().expect("it is a pipe");
    // A program that fails early does not read to the end, and its words say why.
    let _ = input.write_all(input_text.as_bytes()).await;
    drop(input);
    let output = child.wait_with_output().await?;
    let words = String::from_utf8_lossy(&output.stderr);
    match words.lines().next() {
        _ if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        words => Err(io::Error::other(words.map_or_else(|| format!("{program} failed without a word"), str::to_owned))),
    }
}

fn inherited(listener: UnixListener) -> Stdio {
    Stdio::from(OwnedFd::from(listener))
}

/// The beginning of the command line of a QEMU that has no network to serve. Where the service may make one, it gets an empty
/// network of its own: were it taken over, it would reach no port of this host or of the operator's networks.
fn without_network(folder: &Folder) -> Command {
    static CAN_UNSHARE: OnceLock<bool> = OnceLock::new();
    let mut command = Command::new("setsid");
    let can_unshare = || {
        let tried = std::process::Command::new("unshare").args(["--net", "true"]).stderr(Stdio::null()).status();
        let can = tried.is_ok_and(|status| status.success());
        if !can {
            tracing::warn!("this host gives QEMU no network of its own: instances without a network share the host's");
        }
        can
    };
    if folder.owner().is_some() && *CAN_UNSHARE.get_or_init(can_unshare) {
        command.args(["unshare", "--net"]);
    }
    command
}

/// The command line up to QEMU's own, shared by everything that is started.
fn jail(command: &mut Command, program: &Path, folder: &Folder, accel: Accel, file_bytes: u64, lifetime: &[&str]) {
    command.args(["prlimit", "--core=0", &format!("--fsize={file_bytes}"), "setpriv", "--no-new-privs"]);
    command.arg("--inh-caps=-all").args(lifetime);
    if let Some(user) = folder.owner() {
        command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--bounding-set=-all"]);
        match (accel, kvm_group()) {
            (Accel::Kvm, Some(group)) => command.arg(format!("--groups={group}")),
            _ => command.arg("--clear-groups"),
        };
    }
    command.arg("--").arg(program).args(["-nodefaults", "-no-user-config", "-display", "none"]);
    command.args(["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"]);
    command.current_dir(folder.path()).env_clear().kill_on_drop(false);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    match folder.appending("qemu.log") {
        Ok(log) => command.stderr(log),
        Err(_) => command.stderr(Stdio::null()),
    };
}

/// The group that may use /dev/kvm, if one may.
fn kvm_group() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let device = std::fs::metadata("/dev/kvm").ok()?;
    (device.mode() & 0o060 == 0o060).then(|| device.gid())
}

fn arguments(machine: &Machine<'_>) -> Vec<String> {
    let hardware = machine.hardware;
    let mut args: Vec<String> = Vec::with_capacity(64);
    let mut arg = |option: &str, value: String| args.extend([option.to_owned(), value]);
    arg("-name", guest_name(machine.id));
    arg("-uuid", machine.id.to_string());
    arg("-machine", board(machine));
    let [option, accel, other, processor] = processor(machine.accel);
    arg(option, accel.to_owned());
    let is_enlightened = hardware.is_windows && machine.accel == Accel::Kvm;
    arg(other, if is_enlightened { format!("{processor}{ENLIGHTENMENTS}") } else { processor.to_owned() });
    arg(
        "-smp",
        match hardware.topology {
            None => machine.vcpus.to_string(),
            Some(Topology { sockets, cores, threads }) => {
                format!("{},sockets={sockets},cores={cores},threads={threads}", machine.vcpus)
            }
        },
    );
    arg("-m", machine.memory_mib.to_string());
    // cloud-init looks for its data where the product has this name (`ds-identify`).
    arg(
        "-smbios",
        format!(
            "type=1,manufacturer=Effigy,product=OpenStack Nova,serial={0},uuid={0},family=Virtual Machine",
            machine.id
        ),
    );
    arg("-chardev", "socket,id=monitor,fd=0,server=on,wait=off".to_owned());
    arg("-mon", "chardev=monitor,mode=control".to_owned());
    arg("-chardev", "socket,id=serial0,fd=1,server=on,wait=off,logfile=console.log,logappend=on".to_owned());
    arg("-serial", "chardev:serial0".to_owned());
    for node in nodes(machine) {
        arg("-blockdev", node.to_string());
    }
    if hardware.firmware == Firmware::SecureUefi {
        // Only the firmware's own code, in the processor's system management mode, writes the variables.
        arg("-global", "driver=cfi.pflash01,property=secure,value=on".to_owned());
        arg("-global", "ICH9-LPC.disable_s3=1".to_owned());
    }
    for device in disks(machine) {
        arg("-device", device);
    }
    if let Some(mac) = machine.mac {
        arg("-netdev", network(machine));
        // No boot ROM: nothing boots over this network, and SeaBIOS is faster without.
        arg("-device", format!("{},netdev=net0,mac={mac},romfile=", card(hardware.card)));
    }
    if hardware.is_windows {
        arg("-rtc", "base=localtime".to_owned());
    }
    arg("-object", "rng-builtin,id=rng0".to_owned());
    arg("-device", "virtio-rng-pci,rng=rng0".to_owned());
    for [option, value] in extras(hardware) {
        arg(&option, value);
    }
    arg("-vnc", "unix:vnc/vnc.sock".to_owned());
    if machine.resumes.is_some() {
        arg("-incoming", "defer".to_owned());
        // Its guest goes on when it is told to.
        args.push("-S".to_owned());
    }
    args
}

fn board(machine: &Machine<'_>) -> String {
    let hardware = machine.hardware;
    let hpet = match hardware.hpet {
        None => "",
        Some(true) => ",hpet=on",
        Some(false) => ",hpet=off",
    };
    let firmware = match hardware.firmware {
        Firmware::Bios => "",
        Firmware::Uefi => ",pflash0=code,pflash1=vars",
        Firmware::SecureUefi => ",smm=on,pflash0=code,pflash1=vars",
    };
    format!("{}{hpet}{firmware}", machine.resumes.unwrap_or(hardware.board.into_str()))
}

fn processor(accel: Accel) -> [&'static str; 4] {
    match accel {
        Accel::Kvm => ["-accel", "kvm", "-cpu", "host"],
        // QEMU's default for the cache of translated code is a gibibyte a guest.
        Accel::Tcg => ["-accel", "tcg,tb-size=128", "-cpu", "max"],
    }
}

/// The disks and the firmware, each level with its driver.
fn nodes(machine: &Machine<'_>) -> Vec<Value> {
    let file = |name: &Path| json!({"driver": "file", "filename": name, "locking": "off", "read-only": true});
    let fixed =
        |node: &str, name: &Path| json!({"driver": "raw", "node-name": node, "read-only": true, "file": file(name)});
    let (disk, variables) = match machine.beside {
        None => (DISK, VARIABLES),
        Some(_) => (RESCUE_DISK, RESCUE_VARIABLES),
    };
    let base = machine.hardware.cd.is_none().then_some("base");
    let mut nodes =
        vec![base_node("base", "nbd.sock"), disk_node("disk", disk, base), fixed("config", Path::new("config.img"))];
    if let Some(own) = machine.beside {
        if own.is_backed {
            nodes.push(base_node("own-base", OWN_BASE));
        }
        nodes.push(disk_node("own", DISK, own.is_backed.then_some("own-base")));
    }
    if let Some(code) = machine.firmware {
        nodes.push(fixed("code", code));
        nodes.push(json!({"driver": "raw", "node-name": "vars",
            "file": {"driver": "file", "filename": variables, "locking": "on"}}));
    }
    nodes
}

/// The image's disk, or its CD.
fn base_node(node: &str, socket: &str) -> Value {
    json!({"driver": "raw", "node-name": node, "read-only": true, "file": {
        "driver": "nbd", "export": exports::NAME, "read-only": true,
        "server": {"type": "unix", "path": socket},
        "reconnect-delay": RECONNECT_SECS, "open-timeout": RECONNECT_SECS}})
}

/// The overlay. Its header names no backing file; this does.
fn disk_node(node: &str, file: &str, base: Option<&str>) -> Value {
    json!({"driver": "qcow2", "node-name": node, "backing": base,
        "discard": "unmap", "detect-zeroes": "unmap",
        // The lock holds as long as QEMU lives: no second one can ever open the disk.
        "file": {"driver": "file", "filename": file, "discard": "unmap", "locking": "on"}})
}

fn network(machine: &Machine<'_>) -> String {
    if let Some(tap) = machine.tap {
        return format!("tap,id=net0,ifname={tap},script=no,downscript=no");
    }
    let mut net = format!("user,id=net0,restrict={}", if machine.outbound { "off" } else { "on" });
    for forward in machine.forwards {
        let (address, port) = (forward.address, forward.listens());
        net += &format!(",hostfwd=tcp:{address}:{port}-{FIXED_IP}:{}", forward.guest_port);
    }
    net
}

/// The controllers of the disks, then the disks.
fn disks(machine: &Machine<'_>) -> Vec<String> {
    let hardware = machine.hardware;
    let mut devices = Vec::new();
    let mut device = |device: &str| devices.push(device.to_owned());
    let (bus, tablet) = (hardware.disk_bus, hardware.tablet);
    if bus == Bus::Scsi || hardware.cd == Some(Bus::Scsi) {
        device(match hardware.scsi {
            Scsi::Virtio => "virtio-scsi-pci,id=scsi0",
            Scsi::LsiLogic => "lsi53c895a,id=scsi0",
            Scsi::Sas1068 => "mptsas1068,id=scsi0",
            Scsi::Sas1078 => "megasas,id=scsi0",
            Scsi::Paravirtual => "pvscsi,id=scsi0",
        });
    }
    if bus == Bus::Sata || hardware.cd == Some(Bus::Sata) {
        device("ahci,id=ahci0");
    }
    // QEMU's IDE disks cannot be read-only, as the config drive is: beside them it is a USB stick.
    let is_stick = matches!(bus, Bus::Ide | Bus::Sata);
    if is_stick || tablet == Some(Tablet::Usb) {
        device("qemu-xhci,id=usb0");
    }
    let disk = match bus {
        Bus::Virtio => "virtio-blk-pci,drive=disk",
        Bus::Scsi => "scsi-hd,drive=disk,bus=scsi0.0",
        Bus::Sata => "ide-hd,drive=disk,bus=ahci0.0",
        Bus::Ide => "ide-hd,drive=disk,bus=ide.0",
    };
    let sectors =
        |n: Option<u32>| n.map(|n| format!(",logical_block_size={n},physical_block_size={n}")).unwrap_or_default();
    device(&format!("{disk},bootindex=1,rerror=stop,werror=stop{}", sectors(hardware.sector_bytes)));
    if let Some(own) = machine.beside {
        let disk = match bus {
            Bus::Scsi => "scsi-hd,drive=own,bus=scsi0.0",
            // An IDE disk has sectors of 512 bytes.
            Bus::Sata if own.sector_bytes.is_none() => "ide-hd,drive=own,bus=ahci0.2",
            Bus::Ide if own.sector_bytes.is_none() => "ide-hd,drive=own,bus=ide.0,unit=1",
            _ => "virtio-blk-pci,drive=own",
        };
        device(&format!("{disk},rerror=stop,werror=stop{}", sectors(own.sector_bytes)));
    }
    // An empty disk does not boot, so the CD does until something is installed.
    if let Some(bus) = hardware.cd {
        let cd = match bus {
            Bus::Ide => "ide-cd,bus=ide.1",
            Bus::Sata => "ide-cd,bus=ahci0.1",
            Bus::Virtio | Bus::Scsi => "scsi-cd,bus=scsi0.0",
        };
        device(&format!("{cd},drive=base,bootindex=2,rerror=stop"));
    }
    device(match bus {
        Bus::Virtio => "virtio-blk-pci,drive=config",
        Bus::Scsi => "scsi-hd,drive=config,bus=scsi0.0",
        Bus::Sata | Bus::Ide => "usb-storage,drive=config,bus=usb0.0",
    });
    devices
}

fn card(card: Card) -> &'static str {
    match card {
        Card::Virtio => "virtio-net-pci",
        Card::E1000 => "e1000",
        Card::E1000e => "e1000e",
        Card::Rtl8139 => "rtl8139",
        Card::Vmxnet3 => "vmxnet3",
        Card::Pcnet => "pcnet",
        Card::Ne2k => "ne2k_pci",
    }
}

/// The devices that come after all others, so that those have the places on the bus that they always had.
fn extras(hardware: &Hardware) -> Vec<[String; 2]> {
    let mut extras = Vec::new();
    let mut extra = |option: &str, value: &str| extras.push([option.to_owned(), value.to_owned()]);
    match hardware.video {
        Video::Vga => extra("-device", "VGA,vgamem_mb=16"),
        Video::Virtio => extra("-device", "virtio-vga"),
        Video::Cirrus => extra("-device", "cirrus-vga"),
        Video::Qxl => extra("-device", "qxl-vga"),
        Video::Bochs => extra("-device", "bochs-display"),
        Video::None => {}
    }
    match hardware.tablet {
        Some(Tablet::Usb) => extra("-device", "usb-tablet,bus=usb0.0"),
        Some(Tablet::Virtio) => extra("-device", "virtio-tablet-pci"),
        None => {}
    }
    if hardware.has_agent {
        // QEMU makes this socket, as it makes the screen's.
        extra("-chardev", "socket,id=agent,path=vnc/agent.sock,server=on,wait=off");
        extra("-device", "virtio-serial-pci,id=ports0");
        extra("-device", "virtserialport,bus=ports0.0,chardev=agent,name=org.qemu.guest_agent.0");
    }
    if hardware.watchdog != Watchdog::Disabled {
        extra("-device", "i6300esb");
        extra("-action", &format!("watchdog={}", hardware.watchdog.into_str()));
    }
    if hardware.has_boot_menu {
        extra("-boot", "menu=on");
    }
    extras
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const FORWARDS: [Forward; 1] = [Forward {
        guest_port: 22,
        address: Ipv4Addr::new(127, 64, 0, 1),
        host_port: 22,
        behind: Some(4000),
        obstacle: None,
    }];

    fn machine(hardware: &Hardware, accel: Accel, outbound: bool) -> Machine<'_> {
        Machine {
            id: InstanceId::new(),
            vcpus: 2,
            memory_mib: 64,
            disk_bytes: 1 << 20,
            accel,
            hardware,
            firmware: None,
            mac: Some("fa:16:3e:00:00:01"),
            tap: None,
            forwards: &FORWARDS,
            outbound,
            beside: None,
            resumes: None,
        }
    }

    fn line(hardware: &Hardware, accel: Accel, outbound: bool) -> String {
        arguments(&machine(hardware, accel, outbound)).join(" ")
    }

    #[test]
    fn every_disk_level_names_its_driver_and_only_the_firmware_lies_elsewhere() {
        let code = "/usr/share/OVMF/OVMF_CODE_4M.fd";
        let hardware = Hardware::default();
        for node in nodes(&Machine { firmware: Some(Path::new(code)), ..machine(&hardware, Accel::Tcg, false) }) {
            assert!(node["driver"].is_string());
            assert!(node["file"]["driver"].is_string() && !node["node-name"].is_null());
            let name = node["file"]["filename"].as_str().unwrap_or("relative");
            assert_eq!(name.starts_with('/'), node["node-name"] == "code", "{name}");
        }
    }

    #[test]
    fn clock_of_windows_is_in_local_time_and_kvm_tells_it_of_itself() {
        let windows = Hardware { is_windows: true, ..Hardware::default() };
        let tcg = line(&windows, Accel::Tcg, false);
        assert!(tcg.contains("-rtc base=localtime") && !tcg.contains("hv-"), "{tcg}");
        assert!(line(&windows, Accel::Kvm, false).contains("-cpu host,hv-relaxed,"));
        let other = line(&Hardware::default(), Accel::Kvm, false);
        assert!(!other.contains("-rtc") && !other.contains("hv-"), "{other}");
    }

    #[test]
    fn guest_reaches_no_further_than_its_ports_unless_it_may() {
        let hardware = Hardware::default();
        let restricted = line(&hardware, Accel::Tcg, false);
        assert!(restricted.contains("restrict=on,hostfwd=tcp:127.64.0.1:4000-10.0.2.15:22"));
        assert!(line(&hardware, Accel::Tcg, true).contains("restrict=off"));
    }
}
