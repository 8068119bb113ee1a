//! `webhook-ingest` over HTTP, as it is shipped: verify, name, look up, append, mark, answer. Beside it a handler
//! that does nothing on the same kind of server, and receivers that decode and log and store nothing.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context as _, ensure};
use benches::{Receiver, Sender, Signed, cpu_time, median, resident_kb};
use test_support::TestRedis;

use crate::{
    args::Args,
    callers::{Caller, drive},
    pinned,
    report::Report,
    run::order,
};

const TARGET: f64 = 0.55;
const TARGET_GO: f64 = 1.1;
const TARGET_GO_PINNED: f64 = 1.2;
const TARGET_EXPRESS: f64 = 10.0;
const STREAM: &str = "tp1:{e0}:s";

/// Runs the legs.
pub(crate) async fn run(server: &TestRedis, args: &Args) -> anyhow::Result<Report> {
    let mut replicas = Vec::new();
    for _ in 0..args.replicas {
        replicas.push(server.replica().await);
    }
    if args.pinned {
        for redis in replicas.iter().chain([server]) {
            pinned::pin(redis.pid(), pinned::CLIENTS)?;
        }
    }
    let sides = Sides::start(server, args).await?;
    let names: Vec<_> = sides.0.iter().map(|side| side.name).collect();
    let mut report = Report::new("ingest", TARGET, args, &names);
    for (at, name) in names.iter().enumerate().skip(2) {
        match *name {
            GO => report.compare("ingest/Go", 1, at, if args.pinned { TARGET_GO_PINNED } else { TARGET_GO }),
            EXPRESS => report.compare("ingest/Express", 1, at, TARGET_EXPRESS),
            _ => report.compare("ingest/other build", 1, at, 1.0),
        }
    }
    let mut spent: Vec<Vec<Spent>> = names.iter().map(|_| Vec::new()).collect();
    let signed = Arc::new(Signed::new(args.requests));
    let mut connection = server.connection().await;
    for at in order(names.len(), args.rounds) {
        let side = &sides.0[at];
        let () = redis::cmd("FLUSHALL").query_async(&mut connection).await.context("FLUSHALL")?;
        let sent = Arc::new(AtomicUsize::new(0));
        let mut callers = Vec::new();
        for _ in 0..args.tasks {
            let sender = Sender::connect(side.receiver.address()).await?;
            let (signed, sent) = (Arc::clone(&signed), Arc::clone(&sent));
            callers.push(Post { sender, signed, sent });
        }
        let before = Spent::by(side, server)?;
        let leg = drive(callers, args.leg()).await?;
        let sent = sent.load(Ordering::Relaxed);
        spent[at].push(Spent::by(side, server)?.since(&before, sent));
        if side.stores {
            let stored: usize = redis::cmd("XLEN").arg(STREAM).query_async(&mut connection).await?;
            ensure!(sent <= args.requests as usize, "a leg needs more requests: --requests {}", sent * 2);
            ensure!(stored == sent, "{sent} webhooks were acknowledged and {stored} are on the stream");
        }
        report.add(at, leg);
    }
    eprintln!("microseconds of CPU a request, medians of the legs; memory now");
    for (side, spent) in sides.0.iter().zip(&spent) {
        let of = |figure: fn(&Spent) -> f64| median(spent.iter().map(figure).collect());
        let (receiver, redis, callers) =
            (of(|spent| spent.receiver), of(|spent| spent.redis), of(|spent| spent.callers));
        let resident = resident_kb(side.receiver.pid()?)? / 1024;
        eprintln!(
            "{}: {receiver:.1}, Redis {redis:.1}, callers {callers:.1}; {resident} MB resident",
            side.name
        );
    }
    Ok(report)
}

/// CPU time in microseconds: so far, or a request.
struct Spent {
    receiver: f64,
    redis: f64,
    callers: f64,
}

impl Spent {
    fn by(side: &Side, redis: &TestRedis) -> anyhow::Result<Self> {
        let of = |pid| anyhow::Ok(cpu_time(pid)?.as_secs_f64() * 1e6);
        let receiver = of(side.receiver.pid()?)?;
        Ok(Self { receiver, redis: of(redis.pid())?, callers: of(std::process::id())? })
    }

    fn since(&self, before: &Self, requests: usize) -> Self {
        let each = |now: f64, before: f64| (now - before) / requests as f64;
        Self {
            receiver: each(self.receiver, before.receiver),
            redis: each(self.redis, before.redis),
            callers: each(self.callers, before.callers),
        }
    }
}

const GO: &str = "Go net/http";
const EXPRESS: &str = "Express";

struct Side {
    name: &'static str,
    receiver: Receiver,
    stores: bool,
}

struct Sides(Vec<Side>);

impl Sides {
    async fn start(server: &TestRedis, args: &Args) -> anyhow::Result<Self> {
        let cpu = args.pinned.then_some(pinned::RECEIVERS);
        let ingest = async |binary| Receiver::ingest(binary, &server.url(), args.replicas, cpu).await;
        let side = |name, receiver, stores| Side { name, receiver, stores };
        let mut sides = vec![
            side("bare handler", Receiver::bare(cpu).await?, false),
            side("webhook-ingest", ingest(None).await?, true),
        ];
        if let Some(beside) = &args.beside {
            sides.push(side("other build", ingest(Some(beside.as_path())).await?, true));
        }
        if let Some(go) = Receiver::go(cpu).await? {
            sides.push(side(GO, go, false));
        }
        if let Some(express) = Receiver::express(cpu).await? {
            sides.push(side(EXPRESS, express, false));
        }
        Ok(Self(sides))
    }
}

struct Post {
    sender: Sender,
    signed: Arc<Signed>,
    sent: Arc<AtomicUsize>,
}

impl Caller for Post {
    async fn call(&mut self) -> anyhow::Result<bool> {
        let n = self.sent.fetch_add(1, Ordering::Relaxed);
        Ok(self.sender.send(self.signed.nth(n)).await? == 200)
    }
}
