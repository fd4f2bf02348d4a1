//! The program under test: started on a free port, killed, started again, stopped.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Bucket, Faults, People, Person, http};

/// How long the program may take to answer on a busy machine before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running service with a data folder of its own. Dropping it ends the service and its guests.
pub struct Effigy {
    folder: TempDir,
    settings: String,
    /// The settings of the database and the store under test, where those are not the default ones.
    database: String,
    /// The bucket of its store, where it has one.
    _bucket: Option<Bucket>,
    /// The command that starts the program, where its limits or its control group are not the test's own.
    wrapper: Vec<String>,
    /// The file calls that fail, where a test lays faults.
    faults: Option<Faults>,
    child: Option<Child>,
    /// A free port at first, that port ever after, so that people and guests find the service again.
    listen: String,
    url: String,
    http: reqwest::Client,
    /// The loopback addresses of its guests.
    loopback: String,
}

impl Effigy {
    /// Starts the service with the default settings.
    pub async fn start() -> Effigy {
        Effigy::with("").await
    }

    /// Starts the service with these settings (TOML).
    pub async fn with(settings: &str) -> Effigy {
        let mut effigy = Effigy::prepared(settings);
        effigy.run().await;
        effigy
    }

    /// A data folder and settings, nothing running yet.
    pub fn prepared(settings: &str) -> Effigy {
        let folder = tempfile::Builder::new().prefix("effigy-test-").tempdir().expect("a temporary folder");
        // The same claims on the other database: EFFIGY_TEST_DATABASE=postgres cargo test --test it identity
        let database = match std::env::var("EFFIGY_TEST_DATABASE").as_deref() {
            Ok("postgres") => format!("\n[database]\nurl = \"{}\"\n", super::Postgres::database()),
            _ => String::new(),
        };
        let bucket = Bucket::of_the_run();
        let store = bucket.as_ref().map(|bucket| format!("\n{}", bucket.settings("local", 64)));
        let database = database + &store.unwrap_or_default();
        std::fs::write(folder.path().join("effigy.toml"), format!("{settings}{database}")).expect("write the settings");
        Effigy {
            folder,
            settings: settings.to_owned(),
            database,
            _bucket: bucket,
            wrapper: Vec::new(),
            faults: None,
            child: None,
            listen: "127.0.0.1:0".into(),
            url: String::new(),
            http: http::client(),
            loopback: super::loopback(),
        }
    }

    /// A data folder and settings with this PostgreSQL database, nothing running yet.
    pub fn prepared_on(database: &str, settings: &str) -> Effigy {
        let mut effigy = Effigy::prepared(settings);
        effigy.database = format!("\n[database]\nurl = \"{database}\"\n");
        effigy.write_settings();
        effigy
    }

    /// A data folder and settings with the database in the folder, nothing running yet.
    pub fn prepared_on_sqlite(settings: &str) -> Effigy {
        let mut effigy = Effigy::prepared(settings);
        effigy.database = String::new();
        effigy.write_settings();
        effigy
    }

    /// The file calls of this service that fail: none at first, and from its next start on those that are laid.
    pub fn faults(&mut self) -> Faults {
        let folder = self.folder.path();
        self.faults.get_or_insert_with(|| Faults::in_folder(folder)).clone()
    }

    /// Starts the program and waits until it says it is ready.
    pub async fn run(&mut self) {
        self.run_until("/readyz").await;
    }

    /// Starts the program and waits until it answers, ready or not.
    pub async fn run_unready(&mut self) {
        self.run_until("/healthz").await;
    }

    /// Starts the program, which can have so many files open, and waits until it says it is ready.
    pub async fn run_with_files(&mut self, files: u64) {
        self.wrapper = vec!["prlimit".into(), format!("--nofile={files}")];
        self.run().await;
    }

    /// Starts the program in a control group, and waits until it says it is ready.
    pub async fn run_in_group(&mut self, group: &Path) {
        let script = "echo $$ >\"$0/cgroup.procs\" && exec \"$@\"";
        self.wrapper = vec!["sh".into(), "-c".into(), script.into(), group.display().to_string()];
        self.run().await;
    }

    /// Starts the program and waits until this page answers well.
    async fn run_until(&mut self, page: &str) {
        self.launch();
        let address = self.data().join("address");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().expect("wait")) {
                panic!("the service ended with {status}:\n{}", self.log());
            }
            if let Ok(url) = std::fs::read_to_string(&address)
                && url.ends_with('\n')
            {
                url.trim_end().clone_into(&mut self.url);
                self.url.trim_start_matches("http://").clone_into(&mut self.listen);
                let ready = self.http.get(self.at(page)).send().await;
                if ready.is_ok_and(|answer| answer.status().is_success()) {
                    return;
                }
            }
            assert!(Instant::now() < deadline, "the service is not ready after {PATIENCE:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Starts the program and returns at once.
    pub fn launch(&mut self) {
        assert!(self.child.is_none(), "the service runs already");
        self.write_settings();
        let _ = std::fs::remove_file(self.data().join("address"));
        let log = File::options().create(true).append(true).open(self.log_file()).expect("open the log");
        let child = self
            .command(&["serve", "--listen", &self.listen])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("clone the log"))
            .stderr(log)
            .spawn()
            .expect("start the service");
        self.child = Some(child);
    }

    /// Ends the service as a power cut would end it. Its guests go on.
    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("the service runs");
        child.kill().expect("kill");
        child.wait().expect("wait");
    }

    /// Waits for a service that a fault is to kill, and kills one that meets no fault in this time.
    pub async fn is_killed_within(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let child = self.child.as_mut().expect("the service runs");
        while child.try_wait().expect("wait").is_none() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.kill9();
    }

    /// Sends the service a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(pid(self.child.as_ref().expect("the service runs")), signal).expect("signal");
    }

    /// Asks the service to end (SIGTERM) and waits for it.
    pub async fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the service runs");
        kill_process(pid(&child), Signal::TERM).expect("signal");
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().expect("wait") {
                return status;
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                panic!("the service did not end within {PATIENCE:?}:\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the service has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the service runs");
        super::eventually("the service has ended", PATIENCE, || std::future::ready(child.try_wait().expect("wait")))
            .await
    }

    /// Stops the service and starts it again.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.run().await;
    }

    /// Stops the service and starts it again with other settings.
    pub async fn restart_with(&mut self, settings: &str) {
        self.stop().await;
        self.run_with(settings).await;
    }

    /// Starts the service, which does not run, with other settings.
    pub async fn run_with(&mut self, settings: &str) {
        settings.clone_into(&mut self.settings);
        self.run().await;
    }

    /// Stops the service and starts it with settings under which it is up and not ready.
    pub async fn restart_unready_with(&mut self, settings: &str) {
        self.stop().await;
        settings.clone_into(&mut self.settings);
        self.run_unready().await;
    }

    /// The service, which does not run, with other settings.
    pub fn with_settings(mut self, settings: &str) -> Effigy {
        settings.clone_into(&mut self.settings);
        self.write_settings();
        self
    }

    /// Writes the settings where the program is told to look; starting it does so by itself.
    pub fn write_settings(&self) {
        let settings = format!("{}{}", self.settings, self.database);
        std::fs::write(self.settings_file(), settings).expect("write the settings");
    }

    /// The program with this data folder and these settings, for its other commands.
    pub fn command(&self, arguments: &[&str]) -> Command {
        // Another build of the program, for long campaigns and figures.
        let program = std::env::var("EFFIGY_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_effigy").into());
        let mut words = self.wrapper.iter().chain([&program]);
        let mut command = Command::new(words.next().expect("the program at least"));
        command.args(words);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("EFFIGY") || name.starts_with("OS_")) {
            command.env_remove(name);
        }
        // A service that fetches must use neither: a proxy that answers nobody, and the passwords in a home folder.
        command.env("http_proxy", "http://127.0.0.1:9").env("HTTPS_PROXY", "http://127.0.0.1:9");
        command.env("HOME", self.scratch());
        command.env("EFFIGY__INSTANCES__NETWORK__LOOPBACK", &self.loopback);
        if let Some(faults) = &self.faults {
            faults.reach(&mut command);
        }
        command.args(arguments).arg("--data").arg(self.data());
        if !(self.settings.is_empty() && self.database.is_empty()) {
            command.arg("--config").arg(self.settings_file());
        }
        command
    }

    /// Runs another command of the program to its end.
    pub fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).stdin(Stdio::null()).output().expect("run the program")
    }

    /// Fails the test unless `effigy store check` finds the store whole.
    pub fn check_store(&self) {
        let output = self.output(&["store", "check"]);
        assert!(output.status.success(), "store check: {}\n{}", http::shown(&output), self.log());
    }

    /// The address the service answers on, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The whole address of a path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder for the test's own files, gone with the service.
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// Everything the service has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The process id of the running service.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the service runs").id()
    }

    /// An HTTP client that nobody has signed in with.
    pub fn stranger(&self) -> Person {
        Person::stranger(&self.url, &self.http)
    }

    /// Signs in by password; scoped to the project if one is named.
    pub async fn sign_in(&self, user: &str, password: &str, project: Option<&str>) -> Person {
        self.stranger().sign_in(user, password, project).await
    }

    /// The administrator that the first start made, with the password from `clouds.yaml`.
    pub async fn admin(&self) -> Person {
        self.sign_in("admin", &self.admin_password(), Some("admin")).await
    }

    /// The administrator's password.
    pub fn admin_password(&self) -> String {
        let clouds = std::fs::read_to_string(self.data().join("clouds.yaml")).expect("clouds.yaml");
        let line = clouds.lines().find_map(|line| line.trim().strip_prefix("password:"));
        line.expect("a password in clouds.yaml").trim().trim_matches(['"', '\'']).to_owned()
    }

    /// The page that Prometheus reads.
    pub async fn metrics(&self) -> String {
        let token = std::fs::read_to_string(self.data().join("metrics.token")).expect("metrics.token");
        let request = self.stranger().request(reqwest::Method::GET, "/metrics").bearer_auth(token.trim());
        super::Answer::of(request).await.expect(200).text()
    }

    /// The people of the tests, made on first use of a fresh service.
    pub async fn people(&self) -> People {
        People::make(self).await
    }

    fn settings_file(&self) -> PathBuf {
        self.folder.path().join("effigy.toml")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("service.log")
    }

    /// The process ids of the guests that this service has started, in order.
    pub fn guests(&self) -> Vec<u32> {
        // Each runs in its instance's folder.
        let ours = |id: &u32| {
            let folder = std::fs::read_link(format!("/proc/{id}/cwd"));
            folder.is_ok_and(|folder| folder.starts_with(self.data().join("instances")))
        };
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut guests: Vec<u32> =
            processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(ours).collect();
        guests.sort_unstable();
        guests
    }

    /// Guests outlive the service by design, so a test ends them itself.
    fn end_guests(&self) {
        for id in self.guests() {
            if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                let _ = kill_process(id, Signal::KILL);
            }
        }
    }
}

impl Drop for Effigy {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.end_guests();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(60).collect();
            let tail: Vec<_> = tail.into_iter().rev().collect();
            #[allow(clippy::print_stderr, reason = "a failed test shows what the service said")]
            {
                eprintln!("--- the end of the service's log ---\n{}", tail.join("\n"));
            }
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}
