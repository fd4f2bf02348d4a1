//! A PostgreSQL cluster of our own: made on first use, a fresh database for each test, gone when
//! the test program ends. A test that hurts PostgreSQL has a cluster for itself.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster.
pub struct Postgres {
    folder: PathBuf,
    binaries: PathBuf,
    /// The shell that started the server ends it when its standard input closes, which it does
    /// however the test program ends.
    shell: Child,
}

/// PostgreSQL refuses to run as root, so the script steps down first.
/// No syncs: the cluster is thrown away, and what is tested is our SQL.
const SCRIPT: &str = r#"
set -eu
folder=$1 binaries=$2
as_other=
if [ "$(id -u)" = 0 ]; then
    user=nobody
    if id postgres >/dev/null 2>&1; then user=postgres; fi
    chown "$user" "$folder"
    as_other="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups"
fi
cd "$folder"
$as_other "$binaries/initdb" -D "$folder/cluster" -U effigy -A trust -E UTF8 --locale=C --no-sync >"$folder/log" 2>&1
start() {
    $as_other "$binaries/postgres" -D "$folder/cluster" -k "$folder" -c listen_addresses= \
        -c fsync=off -c full_page_writes=off -c max_connections=200 >>"$folder/log" 2>&1 &
    server=$!
}
start
while read -r order; do
    case $order in
        stop) kill -INT "$server"; wait "$server" || true ;;
        # Every process of it ends at once, and the next start recovers.
        kill) kill -QUIT "$server"; wait "$server" || true ;;
        start) start ;;
    esac
done
# A test that was killed may have left it frozen.
kill -CONT "$server" $(ps -o pid= --ppid "$server") 2>/dev/null || true
kill -QUIT "$server" 2>/dev/null || true
wait "$server" 2>/dev/null || true
rm -rf "$folder"
"#;

impl Postgres {
    /// The address of a new, empty database in the cluster of this test program.
    pub fn database() -> String {
        Postgres::cluster().fresh()
    }

    /// A cluster that its test may freeze and stop.
    pub fn alone() -> Postgres {
        Postgres::start()
    }

    /// The address of a new, empty database.
    pub fn fresh(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let made = self.psql(&format!("create database {name} template template0"));
        assert!(made, "create database {name}: see {}", self.folder.join("log").display());
        format!("postgres://effigy@localhost/{name}?host={}", self.folder.display())
    }

    /// Stops every process of the server where it is, as a host does that hangs.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets them go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends every connection, as an operator may.
    pub fn end_connections(&self) {
        assert!(self.psql(
            "select pg_terminate_backend(pid) from pg_stat_activity \
             where backend_type = 'client backend' and pid <> pg_backend_pid()"
        ));
    }

    /// Whether a commit waits for a second server, which there is not: so it hangs, as on a disk that hangs.
    pub fn hang_commits(&self, hang: bool) {
        let second = if hang { "nobody" } else { "" };
        assert!(self.psql(&format!("alter system set synchronous_standby_names = '{second}'")));
        assert!(self.psql("select pg_reload_conf()"));
    }

    /// Locks a table against changes until the answer is dropped, as a person does who forgets a transaction.
    pub fn hold(&self, database: &str, table: &str) -> Child {
        let mut psql = Command::new(self.binaries.join("psql"));
        let mut psql = psql.args(["-X", "-q", database]).stdin(Stdio::piped()).spawn().expect("run psql");
        let orders = psql.stdin.as_mut().expect("its standard input");
        writeln!(orders, "begin; lock table {table} in exclusive mode;").expect("give an order");
        let held = format!(
            "exists (select 1 from pg_locks where mode = 'ExclusiveLock' and relation = '{table}'::regclass and granted)"
        );
        self.wait_until(database, &held);
        psql
    }

    /// Waits until a condition holds in a database.
    pub fn wait_until(&self, database: &str, condition: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.holds(database, condition) {
            assert!(Instant::now() < deadline, "still not: {condition}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    fn holds(&self, database: &str, condition: &str) -> bool {
        let statement = format!("do $$ begin if not ({condition}) then raise 'no'; end if; end $$");
        let mut psql = Command::new(self.binaries.join("psql"));
        let output = psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", &statement, database]).output();
        output.expect("run psql").status.success()
    }

    /// Stops the server.
    pub fn stop(&mut self) {
        self.order("stop", false);
    }

    /// Ends the server as a crash does.
    pub fn kill(&mut self) {
        self.order("kill", false);
    }

    /// Starts it again.
    pub fn start_again(&mut self) {
        self.order("start", true);
    }

    fn order(&mut self, order: &str, runs: bool) {
        writeln!(self.shell.stdin.as_mut().expect("its standard input"), "{order}").expect("give an order");
        let deadline = Instant::now() + PATIENCE;
        while self.psql("select 1") != runs {
            assert!(Instant::now() < deadline, "PostgreSQL does not {order}:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn signal(&self, signal: Signal) {
        let file = std::fs::read_to_string(self.folder.join("cluster/postmaster.pid")).unwrap_or_default();
        let Some(server) = file.lines().next().and_then(|line| line.parse::<i32>().ok()) else { return };
        let is_child = |process: &i32| {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
            // After the name, in parentheses: the state and the parent.
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
            parent.is_some_and(|parent| parent == server.to_string())
        };
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let children: Vec<i32> = processes.filter(is_child).collect();
        for process in [server].into_iter().chain(children).filter_map(Pid::from_raw) {
            let _ = kill_process(process, signal);
        }
    }

    /// The address of a new database with what `pg_dump` wrote of another.
    pub fn restored(dump: &Path) -> String {
        let url = Postgres::database();
        let mut psql = Command::new(Postgres::cluster().binaries.join("psql"));
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(dump).arg(&url);
        let output = psql.output().expect("run psql");
        assert!(output.status.success(), "psql: {}", super::http::shown(&output));
        url
    }

    /// Ends the connection that holds the advisory lock of a database, as a restart of PostgreSQL does.
    pub fn end_lock_of(database: &str) {
        assert!(Postgres::with_lock_of(database, "pg_terminate_backend(pid)"), "no connection holds the lock");
    }

    /// Whether a service holds the lock of a database.
    pub fn lock_is_held(database: &str) -> bool {
        Postgres::with_lock_of(database, "true")
    }

    fn with_lock_of(database: &str, does: &str) -> bool {
        let name = database.split_once("?host=").expect("an address of ours").0.rsplit('/').next().unwrap_or_default();
        Postgres::cluster().psql(&format!(
            "do $$ begin if not coalesce((select {does} from pg_locks join pg_database \
             on pg_database.oid = pg_locks.database where locktype = 'advisory' and datname = '{name}'), false) \
             then raise 'nobody holds it'; end if; end $$"
        ))
    }

    fn cluster() -> &'static Postgres {
        static CLUSTER: OnceLock<Postgres> = OnceLock::new();
        CLUSTER.get_or_init(Postgres::start)
    }

    fn start() -> Postgres {
        let folder = tempfile::Builder::new().prefix("effigy-pg-").tempdir().expect("a temporary folder").keep();
        let binaries = binaries();
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "postgres"])
            .args([&folder, &binaries])
            .stdin(Stdio::piped())
            .spawn()
            .expect("start a shell");
        let mut cluster = Postgres { folder, binaries, shell };
        let deadline = Instant::now() + PATIENCE;
        while !cluster.psql("select 1") {
            let ended = cluster.shell.try_wait().expect("wait");
            assert!(ended.is_none() && Instant::now() < deadline, "PostgreSQL does not start:\n{}", cluster.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        cluster
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn psql(&self, statement: &str) -> bool {
        let output = Command::new(self.binaries.join("psql"))
            .args(["-X", "-q", "-U", "effigy", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-c", statement])
            .arg("-h")
            .arg(&self.folder)
            .output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.thaw();
    }
}

/// Where Debian keeps the newest PostgreSQL's programs.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|entry| entry.path().join("bin")).filter(|path| path.join("initdb").exists()).max();
    newest.expect("PostgreSQL's programs; scripts/install.sh test installs them")
}
