//! A PostgreSQL cluster of our own: made on first use, a fresh database for each test, gone when
//! the test program ends.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// The one cluster of this test program.
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
$as_other "$binaries/postgres" -D "$folder/cluster" -k "$folder" -c listen_addresses= \
    -c fsync=off -c full_page_writes=off -c max_connections=200 >>"$folder/log" 2>&1 &
server=$!
read -r _ || true
kill -QUIT "$server" 2>/dev/null || true
wait "$server" 2>/dev/null || true
rm -rf "$folder"
"#;

impl Postgres {
    /// The address of a new, empty database.
    pub fn database() -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let cluster = Postgres::cluster();
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let made = cluster.psql(&format!("create database {name} template template0"));
        assert!(made, "create database {name}: see {}", cluster.folder.join("log").display());
        format!("postgres://effigy@localhost/{name}?host={}", cluster.folder.display())
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
        let name = database.split_once("?host=").expect("an address of ours").0.rsplit('/').next().unwrap_or_default();
        let ended = Postgres::cluster().psql(&format!(
            "do $$ begin if not coalesce((select pg_terminate_backend(pid) from pg_locks join pg_database \
             on pg_database.oid = pg_locks.database where locktype = 'advisory' and datname = '{name}'), false) \
             then raise 'nobody holds it'; end if; end $$"
        ));
        assert!(ended, "no connection holds the lock of {name}");
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
        let deadline = Instant::now() + Duration::from_secs(60);
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

/// Where Debian keeps the newest PostgreSQL's programs.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|entry| entry.path().join("bin")).filter(|path| path.join("initdb").exists()).max();
    newest.expect("PostgreSQL's programs; scripts/install.sh test installs them")
}
