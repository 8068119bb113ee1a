//! Bytes in Redis: a million live codes, then the same without the sends of their phones.

use anyhow::ensure;
use benches::{Reserver, concurrently, redis_store};
use redis::aio::MultiplexedConnection;
use test_support::TestRedis;
use textproof::store::RequestId;

pub(crate) async fn run(codes: u32) -> anyhow::Result<()> {
    let server = TestRedis::start().await;
    let mut connection = server.connection().await;
    let empty = used(&mut connection).await?;
    let reserver = Reserver::new(&redis_store(&server));
    concurrently(codes, move |_| {
        let reserver = reserver.clone();
        async move {
            let (key, send) = (reserver.phone(), RequestId::random());
            assert!(reserver.reserve(&key, send).await.expect("the store answers"), "granted");
            assert!(reserver.settle(&key, send).await.expect("the store answers"), "settled");
        }
    })
    .await;
    let keys: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await?;
    ensure!(keys == u64::from(codes) * 2, "{keys} keys for {codes} codes");
    let both = used(&mut connection).await? - empty;
    delete_sends(&mut connection).await?;
    let records = used(&mut connection).await? - empty;
    let each = |bytes: u64| bytes as f64 / f64::from(codes);
    println!("bytes for each of {codes} live codes, keys, expiry and hash tables included");
    println!("code record                    {:>6.1}  (target 200)", each(records));
    println!("with the sends of its phone    {:>6.1}  (target 380)", each(both));
    Ok(())
}

async fn delete_sends(connection: &mut MultiplexedConnection) -> anyhow::Result<()> {
    let mut cursor = 0u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg("tp1:{*}:w").arg("COUNT").arg(5_000);
        let (next, names): (u64, Vec<String>) = scan.query_async(connection).await?;
        if !names.is_empty() {
            let () = redis::cmd("DEL").arg(names).query_async(connection).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

async fn used(connection: &mut MultiplexedConnection) -> anyhow::Result<u64> {
    let info: String = redis::cmd("INFO").arg("memory").query_async(connection).await?;
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(line.unwrap_or_default().trim().parse()?)
}
