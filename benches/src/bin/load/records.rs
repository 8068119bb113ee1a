//! Code records as Redis holds them, many at a time. Their layout is in the library's reserve script.

use anyhow::{Context as _, ensure};
use benches::login;
use data_encoding::BASE64URL_NOPAD;
use redis::{Pipeline, aio::MultiplexedConnection};
use textproof::{
    secret::{Fingerprint, PepperTag},
    store::CodeKey,
};

/// Commands in one write.
const BATCH: usize = 1_000;
/// Longer than any run; the benchmark's own codes live as long.
const LIFETIME_MS: u32 = 600_000;
/// Place of the number of guesses.
const GUESSES_AT: usize = 1;
const GUESSES: u8 = 255;
/// The id of the last check follows it.
const LAST_ID_BYTES: usize = 12;
/// Place of the pepper's tag.
const TAG_AT: usize = 14;

/// Names of records that exist.
pub(crate) struct Records(Vec<String>);

impl Records {
    /// All that are there.
    pub(crate) async fn found(connection: &mut MultiplexedConnection) -> anyhow::Result<Self> {
        let (mut names, mut cursor) = (Vec::new(), 0u64);
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg("tp1:{*}:c:login").arg("COUNT").arg(BATCH);
            let (next, found): (u64, Vec<String>) = scan.query_async(connection).await?;
            names.extend(found);
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        // A key that moves during a scan may be seen twice.
        names.sort_unstable();
        names.dedup();
        Ok(Self(names))
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }

    /// The keys that the library would use for these names.
    pub(crate) fn keys(&self) -> anyhow::Result<Vec<CodeKey>> {
        self.0.iter().map(|name| code_key(name).with_context(|| format!("{name} is no code"))).collect()
    }

    /// The tag of the pepper that the first record was made with.
    pub(crate) async fn pepper_tag(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> anyhow::Result<PepperTag> {
        let record = self.first(connection).await?;
        Ok(PepperTag([record[TAG_AT], record[TAG_AT + 1]]))
    }

    /// Copies the first record to these names.
    pub(crate) async fn copied_to(
        &self,
        connection: &mut MultiplexedConnection,
        names: Vec<String>,
    ) -> anyhow::Result<Self> {
        let record = self.first(connection).await?;
        let copies = Self(names);
        let set = |pipeline: &mut Pipeline, name: &str| {
            pipeline.cmd("SET").arg(name).arg(&record).arg("PX").arg(LIFETIME_MS).ignore();
        };
        copies.each(connection, set).await?;
        Ok(copies)
    }

    /// Puts every record back at 255 guesses and no counted check. More guesses than a policy allows: on the
    /// path that is measured the number makes no difference until it is 0. `redis-benchmark` draws its seed
    /// from clock and process id, so two legs may send the same ids, which must not be taken for repeats.
    pub(crate) async fn renew(&self, connection: &mut MultiplexedConnection) -> anyhow::Result<()> {
        let mut unused = vec![GUESSES];
        unused.extend([0; LAST_ID_BYTES]);
        let renew = |pipeline: &mut Pipeline, name: &str| {
            pipeline.cmd("SETRANGE").arg(name).arg(GUESSES_AT).arg(&unused).ignore();
            // A phone that has failed a hundred times in a row would be locked.
            let tag = name.split_inclusive('}').next().unwrap_or_default();
            pipeline.cmd("DEL").arg(format!("{tag}:f")).ignore();
        };
        self.each(connection, renew).await
    }

    /// Fails unless as many guesses are gone as checks were made, but for repeats of a request id by chance
    /// and codes that ran out.
    pub(crate) async fn assert_guesses_were_spent(
        &self,
        connection: &mut MultiplexedConnection,
        checks: u64,
    ) -> anyhow::Result<()> {
        let mut spent = 0u64;
        for batch in self.0.chunks(BATCH) {
            let records: Vec<Vec<u8>> = redis::cmd("MGET").arg(batch).query_async(connection).await?;
            spent += records.iter().map(|record| u64::from(GUESSES - record[GUESSES_AT])).sum::<u64>();
        }
        // `redis-benchmark` rounds up to whole pipelines, hence both directions.
        ensure!(
            spent.abs_diff(checks) * 1000 <= checks,
            "{spent} of {checks} checks took the measured path: raise --keys or lower --seconds"
        );
        Ok(())
    }

    async fn first(&self, connection: &mut MultiplexedConnection) -> anyhow::Result<Vec<u8>> {
        let name = self.0.first().context("no record")?;
        let record: Vec<u8> = redis::cmd("GET").arg(name).query_async(connection).await?;
        ensure!(record.len() == 44, "the layout of a record has changed: {} bytes", record.len());
        Ok(record)
    }

    async fn each(
        &self,
        connection: &mut MultiplexedConnection,
        add: impl Fn(&mut Pipeline, &str),
    ) -> anyhow::Result<()> {
        for batch in self.0.chunks(BATCH) {
            let mut pipeline = Pipeline::with_capacity(batch.len());
            for name in batch {
                add(&mut pipeline, name);
            }
            let () = pipeline.query_async(connection).await?;
        }
        Ok(())
    }
}

fn code_key(name: &str) -> Option<CodeKey> {
    let tag = name.strip_prefix("tp1:{")?.split('}').next()?;
    let bytes = BASE64URL_NOPAD.decode(tag.as_bytes()).ok()?;
    Some(CodeKey { phone: Fingerprint::from_bytes(bytes.try_into().ok()?), purpose: login(), session: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_back_the_key_it_was_made_of() {
        let phone = Fingerprint::from_bytes([7; 16]);
        let key = code_key(&format!("tp1:{{{}}}:c:login", phone.as_str()));
        assert_eq!(key.map(|key| key.phone), Some(phone));
        assert_eq!(code_key("tp1:{e0}:s"), None);
    }
}
