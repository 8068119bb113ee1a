//! One producer and one consumer: publishing, then reading and settling, in memory and on Redis.

use std::time::{Duration, Instant};

use benches::{Numbered, concurrently, empty_store};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use futures_util::future::try_join_all;
use test_support::TestRedis;
use textproof::{
    store::{Published, Store},
    stream::{Consumer, ConsumerSettings, Delivery, Producer},
};
use tokio::runtime::Runtime;

/// Entries that a worker takes at once and settles side by side.
const TAKEN: usize = 256;

fn publishing_and_consuming(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let server = runtime.block_on(TestRedis::start());
    let mut group = criterion.benchmark_group("stream");
    // A sample publishes as many events as it consumes, so samples are few and short.
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .throughput(Throughput::Elements(1));
    for (name, server) in [("memory", None), ("redis", Some(&server))] {
        group.bench_function(BenchmarkId::new("publish", name), |bencher| {
            bencher.to_async(&runtime).iter_custom(|events| publishing(server, events));
        });
        group.bench_function(BenchmarkId::new("consume_and_ack", name), |bencher| {
            bencher.to_async(&runtime).iter_custom(|events| consuming(server, events));
        });
    }
    group.finish();
}

async fn publishing(server: Option<&TestRedis>, events: u64) -> Duration {
    let producer = Producer::new(empty_store(server).await);
    let mut event = Numbered::new();
    let start = Instant::now();
    for n in 0..events {
        let published = event.publish(&producer, n).await;
        assert!(matches!(published, Ok(Published::New)), "{published:?}");
    }
    start.elapsed()
}

async fn consuming(server: Option<&TestRedis>, events: u64) -> Duration {
    let store = empty_store(server).await;
    fill(Producer::new(store.clone() as _), events).await;
    let mut consumer = consumer(store);
    let start = Instant::now();
    let mut left = events;
    while left > 0 {
        let deliveries = consumer.next(TAKEN).await.expect("the store answers");
        left -= deliveries.len() as u64;
        let settled = try_join_all(deliveries.into_iter().map(Delivery::ack)).await;
        assert!(settled.is_ok_and(|all| all.iter().all(|settled| *settled)));
    }
    start.elapsed()
}

async fn fill(producer: Producer, events: u64) {
    let count = u32::try_from(events).expect("few events");
    concurrently(count, move |n| {
        let producer = producer.clone();
        async move {
            let published = Numbered::new().publish(&producer, n.into()).await;
            assert!(matches!(published, Ok(Published::New)), "{published:?}");
        }
    })
    .await;
}

fn consumer(store: std::sync::Arc<dyn Store>) -> Consumer {
    let settings =
        ConsumerSettings { group: "textproof".into(), host: "bench".into(), lease: Duration::from_secs(60) };
    Consumer::of_every_shard(store, &settings).remove(0)
}

criterion_group!(group, publishing_and_consuming);
criterion_main!(group);
