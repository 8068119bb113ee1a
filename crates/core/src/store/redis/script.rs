//! Lua scripts: compiled into the binary, called by digest, sent in full when Redis has forgotten them.

use std::{io::Write, sync::LazyLock};

use redis::{ErrorKind, RedisError, Script, ServerErrorKind, Value, aio::ConnectionLike};

use crate::store::StoreError;

/// One script with its name and SHA-1 digest.
pub(super) struct LuaScript {
    name: &'static str,
    source: &'static str,
    digest: String,
}

impl LuaScript {
    fn new(name: &'static str, source: &'static str) -> Self {
        Self { name, source, digest: Script::new(source).get_hash().to_owned() }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn source(&self) -> &'static str {
        self.source
    }

    /// Starts a call on these keys.
    pub(super) fn on<'a>(&'a self, keys: &'a [&'a str]) -> Call<'a> {
        Call { script: self, keys, arguments: Vec::with_capacity(256), ends: Vec::with_capacity(8) }
    }
}

/// A call being put together.
pub(super) struct Call<'a> {
    script: &'a LuaScript,
    keys: &'a [&'a str],
    /// All arguments behind each other, and where each ends.
    arguments: Vec<u8>,
    ends: Vec<usize>,
}

impl Call<'_> {
    pub(super) fn bytes(self, argument: impl AsRef<[u8]>) -> Self {
        self.packed(|packed| packed.extend_from_slice(argument.as_ref()))
    }

    pub(super) fn number(self, argument: u64) -> Self {
        // Writing into memory cannot fail.
        self.packed(|packed| write!(packed, "{argument}").unwrap_or_default())
    }

    /// An argument that is written in place.
    pub(super) fn packed(mut self, pack: impl FnOnce(&mut Vec<u8>)) -> Self {
        pack(&mut self.arguments);
        self.ends.push(self.arguments.len());
        self
    }

    /// Runs the script by its digest. A Redis that has forgotten it (restart, failover, `SCRIPT FLUSH`)
    /// gets one `EVAL` with the source on the same keys: nothing is loaded on other nodes, and nothing
    /// has run before, so the repeat is safe.
    pub(super) async fn run(&self, connection: &mut impl ConnectionLike) -> Result<Value, StoreError> {
        let answer = match self.by_digest().query_async(connection).await {
            Err(error) if is_forgotten(&error) => self.in_full().query_async(connection).await,
            answer => answer,
        };
        answer.map_err(|source| StoreError::Unavailable { action: self.script.name, source })
    }

    /// As [`Call::run`], and once more when the connection was lost: for scripts that recognise a repeat,
    /// by a request id or by what they write. A timeout is not repeated: Redis may hang.
    pub(super) async fn run_repeatable(
        &self,
        connection: &mut impl ConnectionLike,
    ) -> Result<Value, StoreError> {
        match self.run(connection).await {
            Err(StoreError::Unavailable { source, .. }) if source.is_connection_dropped() => {
                self.run(connection).await
            }
            answer => answer,
        }
    }

    pub(super) fn unreadable(&self) -> StoreError {
        StoreError::Unreadable { action: self.script.name }
    }

    pub(super) fn name(&self) -> &'static str {
        self.script.name
    }

    /// The key that decides where the script runs: the others share its hash tag.
    pub(super) fn key(&self) -> &str {
        self.keys.first().copied().unwrap_or_default()
    }

    pub(super) fn by_digest(&self) -> redis::Cmd {
        self.command("EVALSHA", &self.script.digest)
    }

    pub(super) fn in_full(&self) -> redis::Cmd {
        self.command("EVAL", self.script.source)
    }

    fn command(&self, name: &str, script: &str) -> redis::Cmd {
        let mut command = redis::cmd(name);
        command.arg(script).arg(self.keys.len()).arg(self.keys);
        let mut start = 0;
        for end in &self.ends {
            command.arg(&self.arguments[start..*end]);
            start = *end;
        }
        command
    }
}

/// True when the script has not run, since Redis knows only its source.
pub(super) fn is_forgotten(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

macro_rules! scripts {
    ($($constant:ident = $name:literal, [$($file:literal),+];)+) => {
        $(pub(super) static $constant: LazyLock<LuaScript> =
            LazyLock::new(|| LuaScript::new($name, concat!($(include_str!(concat!("lua/", $file))),+)));)+

        /// Every script with its digest, for those who watch Redis (`SLOWLOG`, ACL rules) or test it.
        #[must_use]
        pub fn scripts() -> Vec<ScriptInfo> {
            vec![$(ScriptInfo {
                name: $constant.name,
                source: $constant.source,
                digest: $constant.digest.clone(),
            }),+]
        }
    };
}

scripts! {
    RESERVE = "reserve", ["send_times.lua", "reserve.lua"];
    SETTLE_SEND = "settle_send", ["send_times.lua", "settle_send.lua"];
    CHECK = "check", ["send_times.lua", "failures.lua", "receipts.lua", "check.lua"];
    REDEEM = "redeem", ["send_times.lua", "receipts.lua", "redeem.lua"];
    NOW = "now", ["send_times.lua", "now.lua"];
    ERASE = "erase", ["erase.lua"];
    CHARGE = "charge", ["limits.lua", "charge.lua"];
    REFUND = "refund", ["limits.lua", "refund.lua"];
    CREDIT_VERIFIED = "credit_verified", ["limits.lua", "credit_verified.lua"];
    CLAIM_KEY = "claim_key", ["claim_key.lua"];
    FINISH_KEY = "finish_key", ["finish_key.lua"];
    RELEASE_KEY = "release_key", ["release_key.lua"];
    ENTER_GATEWAY = "enter_gateway", ["enter_gateway.lua"];
    REPORT_GATEWAY = "report_gateway", ["report_gateway.lua"];
    ACQUIRE_TOKEN = "acquire_token", ["acquire_token.lua"];
    KEEP_TOKEN = "keep_token", ["keep_token.lua"];
    DISCARD_TOKEN = "discard_token", ["discard_token.lua"];
    BLOCK_TOKEN = "block_token", ["block_token.lua"];
    PUBLISH = "publish", ["trim_to_age.lua", "publish.lua"];
    SETTLE_EVENTS = "settle_events", ["held.lua", "settle_events.lua"];
    GIVE_BACK = "give_back", ["held.lua", "give_back.lua"];
    DELAY_EVENT = "delay_event", ["held.lua", "delay_event.lua"];
    BURY_EVENT = "bury_event", ["held.lua", "trim_to_age.lua", "bury_event.lua"];
    DUE = "due", ["due.lua"];
    MOVE_DUE = "move_due", ["held.lua", "delayed_fields.lua", "move_due.lua"];
    REDRIVE = "redrive", ["held.lua", "redrive.lua"];
    SWEEP = "sweep", ["sweep.lua"];
    LET_GO = "let_go", ["let_go.lua"];
    ERASE_EVENT = "erase_event", ["held.lua", "erase_event.lua"];
    DELAYED_PAGE = "delayed_page", ["delayed_fields.lua", "delayed_page.lua"];
    RETIRE = "retire", ["retire.lua"];
    REAP = "reap", ["reap.lua"];
    DROP_EXPIRED = "drop_expired", ["trim_to_age.lua", "drop_expired.lua"];
    GROUP_STATE = "group_state", ["group_state.lua"];
    AGREE = "agree", ["agree.lua"];
    QUIET_FOR = "quiet_for", ["quiet_for.lua"];
    REWRITE_SHARDS = "rewrite_shards", ["rewrite_shards.lua"];
    DELIVERY = "delivery", ["delivery.lua"];
    CONSENT = "consent", ["consent.lua"];
    ERASE_CONSENT = "erase_consent", ["erase_consent.lua"];
    ADD_REVIEW = "add_review", ["add_review.lua"];
    CLAIM_REPLY = "claim_reply", ["claim_reply.lua"];
    RECORD_REPLY = "record_reply", ["recent_replies.lua", "record_reply.lua"];
    RELEASE_REPLY = "release_reply", ["recent_replies.lua", "release_reply.lua"];
    KEEP_FORWARDED = "keep_forwarded", ["keep_forwarded.lua"];
}

/// A script as Redis knows it.
#[derive(Clone, Debug)]
pub struct ScriptInfo {
    /// Its name in errors and in this repository.
    pub name: &'static str,
    /// What `EVAL` gets.
    pub source: &'static str,
    /// SHA-1 in hex: what `EVALSHA` gets.
    pub digest: String,
}
