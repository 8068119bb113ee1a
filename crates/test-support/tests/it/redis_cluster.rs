use redis::{RedisResult, ServerErrorKind, cmd};
use test_support::{TestCluster, TestRedis};

async fn set(master: &TestRedis, key: &str) -> RedisResult<()> {
    cmd("SET").arg(key).arg("value").query_async(&mut master.connection().await).await
}

async fn keys(master: &TestRedis) -> u64 {
    cmd("DBSIZE").query_async(&mut master.connection().await).await.unwrap()
}

#[tokio::test]
async fn a_slot_moves_in_steps_and_its_keys_with_it() {
    let cluster = TestCluster::start().await;
    let from = cluster.owner_of("{tag}").await;
    let to = (from + 1) % 3;
    let masters = cluster.masters();
    set(&masters[from], "{tag}1").await.unwrap();
    set(&masters[from], "{tag}2").await.unwrap();

    let migration = cluster.migrate("{tag}", to).await;
    assert_eq!(migration.move_keys(1).await, 1);
    assert_eq!((keys(&masters[from]).await, keys(&masters[to]).await), (1, 1));
    let error = set(&masters[from], "{tag}3").await.unwrap_err();
    assert_eq!(error.kind(), ServerErrorKind::Ask.into(), "{error}");
    migration.finish().await;

    assert_eq!(cluster.owner_of("{tag}").await, to);
    assert_eq!((keys(&masters[from]).await, keys(&masters[to]).await), (0, 2));
    let error = set(&masters[from], "{tag}1").await.unwrap_err();
    assert_eq!(
        error.redirect_node(),
        Some((&*masters[to].addr().to_string(), cluster.slot_of("{tag}").await))
    );
    assert_eq!(cluster.dump_all().await.find("value"), ["{tag}1", "{tag}2"]);
}
