//! The findings of an image as a signed statement: an in-toto statement in a DSSE envelope, signed with the
//! deployment's Ed25519 key.
//!
//! A statement is about one content, named by the digest of its disk's manifest. It is believed when its signature is
//! of the deployment's key, its digest that of the disk in question, and its rules are today's; else it is *forged*,
//! *about another disk* or *stale*, and proves nothing.
// DSSE v1: https://github.com/secure-systems-lab/dsse; in-toto Statement v1: https://in-toto.io/Statement/v1

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use openssl::{
    pkey::{PKey, Private, Public},
    sign::{Signer, Verifier},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::formats::CHECKER_VERSION;
pub use crate::model::verification::Verdict;
use crate::model::verification::{Outcome, Seen};

const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://effigy.cloud/verification/v1";
/// The name of our digest among a subject's.
const DIGEST: &str = "effigyManifest";
/// The file of the key in the data folder.
const KEY_FILE: &str = "verification.key";
/// The version of the rules of formats.
pub const FORMAT_RULES: i64 = CHECKER_VERSION;
/// The version of the rules of what is inside.
pub const GUEST_RULES: u32 = guest::RULES;

/// The key that a deployment signs its statements with.
#[derive(Clone)]
pub struct SigningKey {
    private: PKey<Private>,
    id: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    /// The platform's library makes none.
    pub fn generate() -> anyhow::Result<SigningKey> {
        SigningKey::of(PKey::generate_ed25519()?)
    }

    /// The key in the data folder; made, readable by its owner only, when there is none.
    ///
    /// # Errors
    /// It cannot be read or made.
    pub fn open(data: &Path) -> anyhow::Result<SigningKey> {
        let path = data.join(KEY_FILE);
        match fs::read(&path) {
            Ok(pem) => {
                let key = PKey::private_key_from_pem(&pem)
                    .with_context(|| format!("{} is not a private key", path.display()))?;
                return SigningKey::of(key);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            // A key that is there and cannot be read is not replaced: nothing that it signed would be believed.
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
        let key = SigningKey::generate()?;
        let fresh = data.join(format!(".{KEY_FILE}.new"));
        let _ = fs::remove_file(&fresh);
        let mut file = fs::File::options().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(&key.private.private_key_to_pem_pkcs8()?)?;
        file.sync_all()?;
        fs::rename(&fresh, &path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(key)
    }

    fn of(private: PKey<Private>) -> anyhow::Result<SigningKey> {
        let id = key_id(&private.raw_public_key()?);
        Ok(SigningKey { private, id })
    }

    /// The public half, as PEM.
    pub fn public_pem(&self) -> String {
        let pem = self.private.public_key_to_pem().expect("a key that was made or read can be written");
        String::from_utf8_lossy(&pem).into_owned()
    }

    /// The name of the key: the digest of its public half.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn public(&self) -> anyhow::Result<PKey<Public>> {
        Ok(PKey::public_key_from_pem(self.public_pem().as_bytes())?)
    }

    fn sign(&self, payload: &[u8]) -> anyhow::Result<String> {
        let mut signer = Signer::new_without_digest(&self.private)?;
        let signature = BASE64.encode(signer.sign_oneshot_to_vec(&authenticated(payload))?);
        let envelope = Envelope {
            payload_type: PAYLOAD_TYPE.into(),
            payload: BASE64.encode(payload),
            signatures: vec![Signature { keyid: self.id.clone(), sig: signature }],
        };
        Ok(serde_json::to_string(&envelope)?)
    }
}

fn key_id(public: &[u8]) -> String {
    format!("ed25519:{}", &blake3::hash(public).to_hex()[..32])
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
struct Signature {
    keyid: String,
    sig: String,
}

/// The bytes that DSSE signs: the type and the payload, each with its length (its "pre-authentication encoding").
fn authenticated(payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// The content of a statement about an image.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicate {
    pub verdict: Verdict,
    /// Why it failed, a sentence each.
    pub reasons: Vec<String>,
    pub format_rules: i64,
    /// The version of the rules of what is inside.
    pub guest_rules: u32,
    /// When, in RFC 3339.
    pub verified_at: String,
    /// By which Effigy.
    pub verifier: String,
    /// The findings; none when the look failed.
    pub report: Option<guest::Report>,
}

/// The subject of a statement.
#[derive(Clone, Debug)]
pub struct Subject {
    pub image: String,
    /// The digest of its disk's manifest.
    pub disk_root: String,
    /// The SHA-512 of its file, when it is known.
    pub file_sha512: Option<String>,
}

/// A statement whose signature is right.
#[derive(Clone, Debug)]
pub struct Statement {
    pub subject: Subject,
    pub predicate: Predicate,
}

impl Predicate {
    /// Judges what was found.
    pub fn of(format: Result<(), String>, look: Result<guest::Report, String>) -> Predicate {
        let mut reasons: Vec<String> = format.err().into_iter().collect();
        match &look {
            Err(why) => reasons.push(format!("The content of the disk is unknown: {why}.")),
            Ok(report) => reasons.extend(reasons_of(report)),
        }
        let now = time::OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
        Predicate {
            verdict: if reasons.is_empty() { Verdict::Passed } else { Verdict::Failed },
            reasons,
            format_rules: FORMAT_RULES,
            guest_rules: GUEST_RULES,
            verified_at: now.format(&time::format_description::well_known::Rfc3339).unwrap_or_default(),
            verifier: format!("effigy {}", crate::VERSION),
            report: look.ok(),
        }
    }

    /// The same in short, for lists.
    pub fn outcome(&self, broken_rules: i64) -> Outcome {
        let seen = match &self.report {
            None => Seen::Partly,
            Some(report) if unseen(report).next().is_some() => Seen::Partly,
            Some(report) if report.facts.family.known().is_none() => Seen::Unknown,
            Some(report) if report.volumes.iter().any(|volume| volume.problem.is_some()) => Seen::Partly,
            Some(_) => Seen::Whole,
        };
        let findings = self.report.iter().flat_map(|report| &report.findings);
        let problems = findings.filter(|finding| finding.severity != guest::Severity::Info).count();
        Outcome { verdict: self.verdict, seen, problems: broken_rules + problems as i64 }
    }
}

/// Why the content of a disk does not pass. A part that was not looked at did not pass, either.
fn reasons_of(report: &guest::Report) -> Vec<String> {
    let mut reasons: Vec<String> = unseen(report).collect();
    match &report.facts.family {
        guest::Fact::Unknown(why) if reasons.is_empty() => {
            reasons.push(format!("The system inside is unknown: {why}."));
        }
        guest::Fact::Unknown(_) => {}
        // Beside a system that is known there may be parts that nobody can look into.
        guest::Fact::Known(_) => reasons.extend(report.volumes.iter().filter_map(|volume| {
            let place = volume.partition.map_or("The disk".to_owned(), |number| format!("Partition {number}"));
            let why = volume.problem.as_ref()?;
            Some(format!(
                "{place} could not be looked into: {why}. Remove it, or move its files to an ext4, NTFS or FAT file system."
            ))
        })),
    }
    reasons.extend(report.high_findings().map(|finding| {
        let place = finding.partition.map_or(String::new(), |number| format!("partition {number}, "));
        format!("{} ({place}{}): {}.", finding.id, finding.place, finding.why)
    }));
    reasons
}

/// The bounds that a look met, in sentences: what lies behind them, nobody knows.
pub fn unseen(report: &guest::Report) -> impl Iterator<Item = String> {
    let bounds = report.incomplete.iter().map(|why| format!("Not everything inside could be looked at: {why}."));
    let findings = report.has_more_findings.then(|| {
        let kept = report.findings.len();
        format!("There are more findings than the {kept} that are kept (findings: cure those that are listed first).")
    });
    bounds.chain(findings)
}

/// Writes and signs a statement.
///
/// # Errors
/// The platform's library does not sign.
pub fn sign(key: &SigningKey, subject: &Subject, predicate: &Predicate) -> anyhow::Result<String> {
    let mut subjects = vec![json!({"name": format!("{}/disk", subject.image), "digest": {DIGEST: subject.disk_root}})];
    if let Some(sha512) = &subject.file_sha512 {
        subjects.push(json!({"name": format!("{}/file", subject.image), "digest": {"sha512": sha512}}));
    }
    let statement = json!({
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    });
    key.sign(serde_json::to_string(&statement)?.as_bytes())
}

/// Reads a statement that this key has signed.
///
/// # Errors
/// It is not signed with this key, or it is not a statement of ours.
pub fn read(key: &SigningKey, envelope: &str) -> anyhow::Result<Statement> {
    VerifyingKey(key.public()?).read(envelope)
}

/// The public half of a deployment's key: it tells whether a statement is the deployment's.
pub struct VerifyingKey(PKey<Public>);

impl VerifyingKey {
    /// The public key in a file (PEM).
    ///
    /// # Errors
    /// It cannot be read.
    pub fn from_pem_file(path: &Path) -> anyhow::Result<VerifyingKey> {
        let pem = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let key = PKey::public_key_from_pem(&pem);
        Ok(VerifyingKey(key.with_context(|| format!("{} is not a public key", path.display()))?))
    }

    /// The public half of the key in a data folder.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn of_data_folder(data: &Path) -> anyhow::Result<VerifyingKey> {
        let path = data.join(KEY_FILE);
        let pem = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(VerifyingKey(SigningKey::of(PKey::private_key_from_pem(&pem)?)?.public()?))
    }

    /// Reads a statement that this key has signed.
    ///
    /// # Errors
    /// It is not signed with this key, or it is not a statement of ours.
    pub fn read(&self, envelope: &str) -> anyhow::Result<Statement> {
        let Envelope { payload_type, payload, signatures } =
            serde_json::from_str(envelope).context("it is not a DSSE envelope")?;
        anyhow::ensure!(payload_type == PAYLOAD_TYPE, "its payload is not an in-toto statement");
        let payload = BASE64.decode(&payload).context("its payload is damaged")?;
        let is_signed = signatures.iter().any(|signature| self.has_signed(&payload, signature));
        anyhow::ensure!(
            is_signed,
            "it is not signed with this key: it was forged, altered, or made by another deployment"
        );
        parsed(&payload)
    }

    fn has_signed(&self, payload: &[u8], signature: &Signature) -> bool {
        let Ok(bytes) = BASE64.decode(&signature.sig) else { return false };
        let verify = |mut verifier: Verifier<'_>| verifier.verify_oneshot(&bytes, &authenticated(payload));
        Verifier::new_without_digest(&self.0).and_then(verify).unwrap_or(false)
    }
}

/// The statement in a payload whose signature was found right.
fn parsed(payload: &[u8]) -> anyhow::Result<Statement> {
    let statement: Value = serde_json::from_slice(payload).context("its payload is not JSON")?;
    let is_ours = statement["_type"] == STATEMENT_TYPE && statement["predicateType"] == PREDICATE_TYPE;
    anyhow::ensure!(is_ours, "it is not a verification of an image");
    let subjects = statement["subject"].as_array().cloned().unwrap_or_default();
    let digest = |kind: &str| subjects.iter().find_map(|subject| subject["digest"][kind].as_str().map(str::to_owned));
    let image = subjects.first().and_then(|subject| subject["name"].as_str()?.split('/').next().map(str::to_owned));
    Ok(Statement {
        subject: Subject {
            image: image.unwrap_or_default(),
            disk_root: digest(DIGEST).context("it names no disk")?,
            file_sha512: digest("sha512"),
        },
        predicate: serde_json::from_value(statement["predicate"].clone()).context("it says nothing that is known")?,
    })
}

impl Statement {
    /// Whether it was made by today's rules.
    pub fn is_current(&self) -> bool {
        self.predicate.format_rules == FORMAT_RULES && self.predicate.guest_rules == GUEST_RULES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> (SigningKey, String) {
        let key = SigningKey::generate().unwrap();
        let subject = Subject { image: "i".into(), disk_root: "d".into(), file_sha512: Some("f".into()) };
        let predicate = Predicate::of(Ok(()), Err("nobody looked".into()));
        let signed = sign(&key, &subject, &predicate).unwrap();
        (key, signed)
    }

    #[test]
    fn what_was_signed_is_read_again() {
        let (key, signed) = statement();
        let read = read(&key, &signed).unwrap();
        assert_eq!((read.subject.image.as_str(), read.subject.disk_root.as_str()), ("i", "d"));
        assert_eq!(read.predicate.verdict, Verdict::Failed);
        assert!(read.is_current());
    }

    #[test]
    fn another_key_or_another_byte_is_refused() {
        let (key, signed) = statement();
        assert!(read(&SigningKey::generate().unwrap(), &signed).is_err());
        let mut envelope: Value = serde_json::from_str(&signed).unwrap();
        let payload = BASE64.decode(envelope["payload"].as_str().unwrap()).unwrap();
        let altered = String::from_utf8(payload).unwrap().replace("failed", "passed");
        envelope["payload"] = BASE64.encode(altered).into();
        assert!(read(&key, &envelope.to_string()).is_err());
        envelope["signatures"] = json!([]);
        assert!(read(&key, &envelope.to_string()).is_err());
    }

    fn report(more: Value) -> guest::Report {
        let volume = |content: &str, problem: Option<&str>| {
            json!({"partition": 2, "offset_bytes": 0, "size_bytes": 1, "content": content, "free_bytes": null,
                "problem": problem})
        };
        let unknown = json!({"unknown": ""});
        let mut report = json!({"rules": GUEST_RULES, "disk_bytes": 1, "table": "gpt", "volumes": [volume("ext4", None)],
            "facts": {"family": {"known": "linux"}, "distribution": unknown, "version": unknown, "name": unknown,
                "architecture": unknown, "boot": unknown, "cloud_init": unknown, "guest_agent": unknown,
                "virtio": unknown, "root_free_bytes": unknown},
            "windows": null, "findings": [], "has_more_findings": false, "incomplete": null});
        for (name, value) in more.as_object().unwrap() {
            report[name] = value.clone();
        }
        serde_json::from_value(report).unwrap()
    }

    #[test]
    fn a_thing_that_was_not_looked_at_did_not_pass() {
        assert_eq!(Predicate::of(Ok(()), Ok(report(json!({})))).verdict, Verdict::Passed);
        let xfs = json!([{"partition": 2, "offset_bytes": 0, "size_bytes": 1, "content": "xfs", "free_bytes": null,
            "problem": "xfs is not read here"}]);
        for (more, told) in [
            (json!({"incomplete": "/home has more than 200 homes (homes: remove some)"}), "(homes: remove some)"),
            (json!({"has_more_findings": true}), "(findings: "),
            (json!({"volumes": xfs}), "Partition 2 could not be looked into: xfs is not read here."),
        ] {
            let Predicate { verdict, reasons, .. } = Predicate::of(Ok(()), Ok(report(more)));
            assert_eq!((verdict, reasons.len()), (Verdict::Failed, 1), "{reasons:?}");
            assert!(reasons[0].contains(told), "{reasons:?}");
        }
    }

    #[test]
    fn the_key_is_kept_and_only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let first = SigningKey::open(folder.path()).unwrap();
        assert_eq!(SigningKey::open(folder.path()).unwrap().id(), first.id());
        let mode = fs::metadata(folder.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
