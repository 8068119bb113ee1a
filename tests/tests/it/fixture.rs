//! What every test here starts from: a Redis of its own, one configuration file, the real binaries.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use redis::{Cmd, FromRedisValue, cmd};
use sha2::Sha256;
use tempfile::TempDir;
use test_support::{Process, ProcessBuilder, TestRedis, binary};
use textproof::{
    consent::ConsentLedger,
    secret::FingerprintKey,
    store::{RedisSettings, RedisStore, redis::scripts},
};

/// How long anything may take that takes no time on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Of the endpoint `websms`.
pub(crate) const PATH_SECRET: &str = "canary-path-secret-0123456789";
/// Of the endpoint `mac`.
pub(crate) const SIGNING_SECRET: &str = "whsec_canary-signing-secret-0123456789";
pub(crate) const GROUP: &str = "textproof";
pub(crate) const EVENTS: &str = "tp1:{e0}:s";
pub(crate) const QUARANTINE: &str = "tp1:{e0}:q";

const KEY: [u8; 32] = [7; 32];
const ENDPOINTS: &str = r#"
[[endpoint]]
name = "websms"
dialect = "connexus"
auth = { scheme = "path-secret" }
secrets = [{ id = "a", value = "PATH_SECRET" }]

[[endpoint]]
name = "mac"
dialect = "mobile-api-connect"
auth = { scheme = "hmac-body" }
secrets = [{ id = "a", value = "SIGNING_SECRET" }]
"#;

/// A Redis and a configuration, both this test's own.
pub(crate) struct World {
    pub(crate) redis: TestRedis,
    files: TempDir,
}

impl World {
    /// With the endpoints `websms` (secret in the path) and `mac` (signed body).
    pub(crate) async fn start() -> Self {
        Self::on(TestRedis::start().await, "")
    }

    /// On this Redis, with more endpoints.
    pub(crate) fn on(redis: TestRedis, more: &str) -> Self {
        // Building an HTTP client needs a provider; a second installation is refused harmlessly.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let world = Self { redis, files: tempfile::tempdir().expect("a temporary folder") };
        let endpoints =
            ENDPOINTS.replace("PATH_SECRET", PATH_SECRET).replace("SIGNING_SECRET", SIGNING_SECRET);
        world.write("textproof.toml", &(endpoints + more));
        world
    }

    /// Writes a file beside the configuration.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::write(&path, text).expect("a file in the temporary folder");
        path
    }

    /// An empty folder beside the configuration.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.files.path().join(name);
        std::fs::create_dir_all(&path).expect("a folder in the temporary folder");
        path
    }

    /// A binary of this workspace, in the folder of the configuration, on this Redis and on free ports.
    pub(crate) fn binary(&self, name: &str) -> ProcessBuilder {
        self.on_this(Process::new(binary(name)))
    }

    /// The same, in a process whose files cannot grow beyond so many bytes, as on a full disk.
    pub(crate) fn limited_binary(&self, name: &str, bytes: u64) -> ProcessBuilder {
        // Only the soft limit: whoever runs as somebody else can raise it again.
        let limit = format!("--fsize={bytes}:");
        self.on_this(Process::new("prlimit").arg(limit).arg(binary(name)))
    }

    fn on_this(&self, process: ProcessBuilder) -> ProcessBuilder {
        process
            .current_dir(self.files.path())
            .env("TEXTPROOF_REDIS_URL", self.redis.url())
            .env("TEXTPROOF_FINGERPRINT_KEY", BASE64.encode(&KEY))
            .env("TEXTPROOF_INGEST_BIND", "127.0.0.1:0")
            .env("TEXTPROOF_WORKER_BIND", "127.0.0.1:0")
            .env("TEXTPROOF_METRICS_BIND", "127.0.0.1:0")
    }

    /// The store as the binaries see it.
    pub(crate) fn store(&self) -> RedisStore {
        RedisStore::new(&RedisSettings::new(self.redis.url())).expect("the URL of a test's Redis")
    }

    /// The consent register as the worker sees it.
    pub(crate) fn ledger(&self) -> ConsentLedger {
        let key = FingerprintKey::new(&KEY).expect("32 bytes");
        ConsentLedger::new(Arc::new(self.store()), key)
    }

    /// Asks Redis.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        let answer = command.query_async(&mut self.redis.connection().await).await;
        answer.unwrap_or_else(|error| panic!("the test's Redis: {error}"))
    }

    /// Loads every script, so that a call is always a call by digest.
    pub(crate) async fn load_scripts(&self) {
        for script in scripts() {
            let digest: String = self.ask(cmd("SCRIPT").arg("LOAD").arg(script.source)).await;
            assert_eq!(digest, script.digest, "{}", script.name);
        }
    }

    /// Entries of a stream.
    pub(crate) async fn depth(&self, stream: &str) -> usize {
        self.ask(cmd("XLEN").arg(stream)).await
    }

    /// Position and event id of every entry of a stream, in order.
    pub(crate) async fn entries(&self, stream: &str) -> Vec<(String, String)> {
        let entries: Vec<(String, HashMap<String, Vec<u8>>)> =
            self.ask(cmd("XRANGE").arg(stream).arg("-").arg("+")).await;
        let named = |(position, fields): (String, HashMap<String, Vec<u8>>)| {
            (position, String::from_utf8_lossy(&fields["i"]).into_owned())
        };
        entries.into_iter().map(named).collect()
    }

    /// What was handed out and not settled.
    pub(crate) async fn pending(&self) -> Vec<Pending> {
        let asked = cmd("XPENDING")
            .arg(EVENTS)
            .arg(GROUP)
            .arg("-")
            .arg("+")
            .arg(10_000)
            .query_async::<Vec<(String, String, u64, u64)>>(&mut self.redis.connection().await)
            .await;
        match asked {
            // No worker was there yet.
            Err(error) if error.code() == Some("NOGROUP") => Vec::new(),
            asked => asked
                .unwrap_or_else(|error| panic!("the test's Redis: {error}"))
                .into_iter()
                .map(|(position, consumer, _, deliveries)| Pending { position, consumer, deliveries })
                .collect(),
        }
    }

    /// Every identity mark: event id and state (`L` live, `D` done).
    pub(crate) async fn marks(&self) -> HashMap<String, char> {
        let dump = self.redis.dump_all().await;
        let marks = dump.keys.iter().filter_map(|key| {
            let name = std::str::from_utf8(&key.key).ok()?;
            let id = name.strip_prefix("tp1:{e0}:i:")?;
            Some((id.to_owned(), char::from(*key.contents.first()?.first()?)))
        });
        marks.collect()
    }

    /// Nothing on the streams, no identity known: as if no webhook had ever come.
    pub(crate) async fn assert_untouched(&self) {
        assert_eq!(self.depth(EVENTS).await + self.depth(QUARANTINE).await, 0);
        assert_eq!(self.marks().await, HashMap::new());
    }
}

/// An entry in the hands of a consumer.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) position: String,
    pub(crate) consumer: String,
    pub(crate) deliveries: u64,
}

/// The key of an event's identity mark; of all that a worker sends, only settling an event names it.
pub(crate) fn mark_key(event_id: &str) -> String {
    format!("tp1:{{e0}}:i:{event_id}")
}

/// How a call of this script looks on the wire.
pub(crate) fn digest(script: &str) -> String {
    let mut all = scripts().into_iter();
    all.find(|known| known.name == script).unwrap_or_else(|| panic!("no script is called {script}")).digest
}

/// What `X-MAC-Signature` must say of this body.
pub(crate) fn signature(body: impl AsRef<[u8]>) -> String {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(SIGNING_SECRET.as_bytes()).expect("a key of any length");
    mac.update(body.as_ref());
    format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
}

/// Where `websms` posts to.
pub(crate) fn websms(ingest: &Process) -> String {
    format!("{}/hooks/websms/{PATH_SECRET}", ingest.url())
}

/// A delivery report of Connexus that says delivered.
pub(crate) fn delivered(message_id: &str) -> String {
    format!(
        r#"{{"type":"dlr","messageId":"{message_id}","status":"DELIVRD","statusCode":1,"timestamp":1234567890}}"#
    )
}

/// A reply on Connexus, `seconds` after the epoch.
pub(crate) fn reply(message_id: &str, from: &str, text: &str, seconds: u64) -> String {
    format!(
        r#"{{"type":"mo","messageId":"{message_id}","from":"{from}","to":"552","body":"{text}","timestamp":{seconds}}}"#
    )
}

/// Posts a body and gives the status and the answer's body.
pub(crate) async fn post(
    http: &reqwest::Client,
    url: &str,
    body: impl Into<reqwest::Body>,
) -> (u16, Vec<u8>) {
    let answer = http
        .post(url)
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap_or_else(|error| panic!("no answer: {}", error.without_url()));
    let status = answer.status().as_u16();
    (status, answer.bytes().await.expect("a whole answer").to_vec())
}

/// A client that waits [`PATIENCE`]; a [`World`] must be there before.
pub(crate) fn http() -> reqwest::Client {
    let client = reqwest::Client::builder().timeout(PATIENCE).build();
    client.expect("an HTTP client")
}
