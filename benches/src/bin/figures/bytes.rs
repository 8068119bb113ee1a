//! Bytes in Redis: a million live codes, then the same without the sends of their phones.

use anyhow::ensure;
use benches::{Reserver, concurrently, redis_store};
use redis::aio::MultiplexedConnection;
use test_support::TestRedis;
use textproof::store::RequestId;

pub(crate) async fn run(codes: u32) -> anyhow::Result<()> {
    println!("bytes for each of {codes} live codes, keys, expiry and hash tables included");
    let records = each(codes, true).await?;
    println!("code record                    {records:>6.1}  (target 200)");
    let both = each(codes, false).await?;
    println!("with the sends of its phone    {both:>6.1}  (target 380)");
    Ok(())
}

/// Bytes for each code; `alone` deletes each phone's sends at once, so that the hash tables never hold them.
async fn each(codes: u32, alone: bool) -> anyhow::Result<f64> {
    let server = TestRedis::start().await;
    let mut connection = server.connection().await;
    let empty = used(&mut connection).await?;
    let reserver = Reserver::new(&redis_store(&server));
    let deleting = connection.clone();
    concurrently(codes, move |_| {
        let (reserver, mut deleting) = (reserver.clone(), deleting.clone());
        async move {
            let (key, send) = (reserver.phone(), RequestId::random());
            assert!(reserver.reserve(&key, send).await.expect("the store answers"), "granted");
            assert!(reserver.settle(&key, send).await.expect("the store answers"), "settled");
            if alone {
                let sends = format!("tp1:{{{}}}:w", key.phone.as_str());
                let () = redis::cmd("DEL").arg(sends).query_async(&mut deleting).await.expect("DEL answers");
            }
        }
    })
    .await;
    let keys: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await?;
    let expected = u64::from(codes) * if alone { 1 } else { 2 };
    ensure!(keys == expected, "{keys} keys for {codes} codes");
    let bytes = used(&mut connection).await? - empty;
    Ok(bytes as f64 / f64::from(codes))
}

async fn used(connection: &mut MultiplexedConnection) -> anyhow::Result<u64> {
    let info: String = redis::cmd("INFO").arg("memory").query_async(connection).await?;
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(line.unwrap_or_default().trim().parse()?)
}
