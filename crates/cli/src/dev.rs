//! `textproof dev`: everything in one process, and a page with a phone that shows its texts and can reply.

mod page;

use std::{process::ExitCode, sync::Arc};

use textproof::store::MemoryStore;
use textproof_service::{
    http::{self, Limits},
    shutdown::shutdown_signal,
};

use crate::{
    arguments::DevOptions,
    local::{Binds, ForwardTo, Local},
    output,
};

pub(crate) async fn run(options: DevOptions) -> anyhow::Result<ExitCode> {
    let shutdown = shutdown_signal();
    let forward = options.forward.map(ForwardTo::new).transpose()?;
    let listener = http::bind(options.bind).await?;
    let binds = Binds { sandbox: options.sandbox_bind, ingest: options.ingest_bind };
    let local = Local::start(Arc::new(MemoryStore::new()), binds, forward.as_ref(), shutdown.clone());
    let local = local.await?;
    http::announce(&listener)?;
    output::line(&format!(
        "sandbox       http://{}  (plays both gateways; /sandbox/… controls it)",
        local.sandbox.addr()
    ))?;
    output::line(&format!("ingest        http://{}  (receives their webhooks)", local.ingest))?;
    if let Some(forward) = &forward {
        output::line(&format!(
            "forward       {}  (gets every event, signed with {})",
            forward.url, forward.secret
        ))?;
    }
    output::line("Everything is in memory. Open the first address; Ctrl-C stops it.")?;
    let page = page::router(&local, shutdown.clone())?;
    let served = http::serve(listener, page, Limits::default(), shutdown.clone()).await;
    shutdown.cancel();
    local.stop().await;
    served?;
    Ok(ExitCode::SUCCESS)
}
