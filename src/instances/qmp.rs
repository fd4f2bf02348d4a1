//! QEMU's monitor: one JSON object a line, answers by id, events in between.
//!
//! The other side is not trusted: lines are bounded, events beyond the queue are dropped (the driver learns of a
//! guest's end from the process itself), and every question has a time limit.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// The longest line QEMU may send (its answers to our few questions are under a kibibyte).
const MAX_LINE_BYTES: u64 = 256 << 10;
/// Events kept for a driver that is busy.
const EVENT_QUEUE: usize = 64;
/// How long an answer may take: QEMU answers in microseconds unless its main loop hangs.
const ANSWER: Duration = Duration::from_secs(10);

/// The failures of a monitor.
#[derive(Debug, thiserror::Error)]
pub(super) enum QmpError {
    /// QEMU is gone, or going.
    #[error("QEMU closed its monitor")]
    Closed,
    /// QEMU refused a command.
    #[error("QEMU answered: {0}")]
    Refused(String),
    /// QEMU does not answer.
    #[error("QEMU does not answer its monitor")]
    Silent,
    /// The answer is not QMP.
    #[error("QEMU's monitor sent something that is not QMP")]
    Garbled,
}

impl From<io::Error> for QmpError {
    fn from(_: io::Error) -> QmpError {
        QmpError::Closed
    }
}

/// Something QEMU reports by itself.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Event {
    /// Its name, such as `SHUTDOWN`.
    pub(super) event: String,
    #[serde(default)]
    pub(super) data: Value,
}

type Answer = Result<Value, QmpError>;
type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Answer>>>>;

/// An open monitor.
pub(super) struct Qmp {
    write: tokio::sync::Mutex<(OwnedWriteHalf, u64)>,
    waiting: Waiting,
    reader: JoinHandle<()>,
}

impl Drop for Qmp {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Qmp {
    /// Greets QEMU over its socket; waits for the greeting as long as the caller likes.
    pub(super) async fn greet(stream: UnixStream) -> Result<(Qmp, mpsc::Receiver<Event>), QmpError> {
        let (read, write) = stream.into_split();
        let mut read = BufReader::new(read);
        let greeting = next(&mut read).await?;
        if greeting.get("QMP").is_none() {
            return Err(QmpError::Garbled);
        }
        let waiting = Waiting::default();
        let (events, received) = mpsc::channel(EVENT_QUEUE);
        let reader = tokio::spawn(read_on(read, waiting.clone(), events));
        let qmp = Qmp { write: tokio::sync::Mutex::new((write, 0)), waiting, reader };
        qmp.execute("qmp_capabilities", json!({})).await?;
        Ok((qmp, received))
    }

    /// Sends a command whose answer nobody waits for.
    pub(super) async fn send(&self, command: &str) -> Result<(), QmpError> {
        self.ask(command, json!({})).await.map(drop)
    }

    /// Executes one command.
    pub(super) async fn execute(&self, command: &str, arguments: Value) -> Answer {
        let answer = self.ask(command, arguments).await?;
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(QmpError::Closed),
            Err(_) => Err(QmpError::Silent),
        }
    }

    async fn ask(&self, command: &str, arguments: Value) -> Result<oneshot::Receiver<Answer>, QmpError> {
        let (sender, answer) = oneshot::channel();
        let mut write = self.write.lock().await;
        write.1 += 1;
        let id = write.1;
        lock(&self.waiting).insert(id, sender);
        let mut line = json!({"execute": command, "arguments": arguments, "id": id}).to_string();
        line.push('\n');
        // A QEMU that does not read is stuck, and its socket full.
        match tokio::time::timeout(ANSWER, write.0.write_all(line.as_bytes())).await {
            Ok(written) => written.map(|()| answer).map_err(QmpError::from),
            Err(_) => Err(QmpError::Silent),
        }
    }
}

async fn read_on(mut read: BufReader<OwnedReadHalf>, waiting: Waiting, events: mpsc::Sender<Event>) {
    while let Ok(message) = next(&mut read).await {
        if message.get("event").is_some() {
            if let Ok(event) = serde_json::from_value(message) {
                // Full queue: dropped, as the head of this file says.
                let _ = events.try_send(event);
            }
            continue;
        }
        let Some(id) = message.get("id").and_then(Value::as_u64) else { continue };
        let Some(sender) = lock(&waiting).remove(&id) else { continue };
        let answer = match (message.get("return"), message.get("error")) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(error)) => Err(QmpError::Refused(error["desc"].as_str().unwrap_or("an error").to_owned())),
            (None, None) => Err(QmpError::Garbled),
        };
        let _ = sender.send(answer);
    }
    // Dropping the senders wakes everyone who waits, with `Closed`.
    lock(&waiting).clear();
}

async fn next(read: &mut BufReader<OwnedReadHalf>) -> Result<Value, QmpError> {
    let mut line = Vec::new();
    read.take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Err(QmpError::Closed);
    }
    serde_json::from_slice(&line).map_err(|_| QmpError::Garbled)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_find_their_questions_and_events_pass_between() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let qemu = tokio::spawn(async move {
            let (read, mut write) = theirs.into_split();
            let mut lines = BufReader::new(read).lines();
            write.write_all(b"{\"QMP\": {}}\n").await.unwrap();
            while let Ok(Some(line)) = lines.next_line().await {
                let asked: Value = serde_json::from_str(&line).unwrap();
                let answer = match asked["execute"].as_str().unwrap() {
                    "quit" => return,
                    "bad" => json!({"error": {"class": "GenericError", "desc": "no"}, "id": asked["id"]}),
                    name => json!({"return": {"name": name}, "id": asked["id"]}),
                };
                write.write_all(b"{\"event\": \"RESET\", \"data\": {\"guest\": true}}\n").await.unwrap();
                write.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
            }
        });
        let (qmp, mut events) = Qmp::greet(ours).await.unwrap();
        assert_eq!(qmp.execute("query-status", json!({})).await.unwrap()["name"], "query-status");
        assert!(matches!(qmp.execute("bad", json!({})).await, Err(QmpError::Refused(why)) if why == "no"));
        assert_eq!(events.recv().await.unwrap().event, "RESET");
        assert!(matches!(qmp.execute("quit", json!({})).await, Err(QmpError::Closed)));
        qemu.await.unwrap();
    }
}
