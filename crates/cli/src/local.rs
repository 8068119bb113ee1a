//! All of it in one process: sandbox, ingest and worker around one store, on real HTTP.

mod feed;
mod forward;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use data_encoding::BASE64URL_NOPAD;
use rand::{TryRng, rngs::SysRng};
use sandbox::{Sandbox, Settings as SandboxSettings, Webhooks};
use secrecy::SecretString;
use textproof::{
    Countries, Otp, OtpSettings,
    consent::ConsentLedger,
    delivery::Deliveries,
    gateway::{Connexus, ConnexusSettings, Gateway},
    secret::{FingerprintKey, Pepper, Peppers},
    store::{DeliveryStore, EventStore, Store, TokenStore},
    webhook::{Authentication, Dialect, Endpoint, EndpointSettings, HmacBody, SecretEntry},
};
use textproof_service::http::{self, Limits};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use webhook_ingest::{Ingest, ReadLimits, Storage, router};
use worker::{
    Worker, WorkerOptions,
    handlers::{ApplyRules, KeepConsent, MergeDeliveryReports},
};

pub(crate) use feed::Feed;
pub(crate) use forward::ForwardTo;

/// Tenant of everything here.
pub(crate) const TENANT: &str = "default";
/// The one host that the origin-bound last line may name.
pub(crate) const WEB_OTP_DOMAIN: &str = "app.example.com";

/// Where the servers listen; port 0 picks a free one.
pub(crate) struct Binds {
    pub(crate) sandbox: SocketAddr,
    pub(crate) ingest: SocketAddr,
}

/// The running whole. Secrets are drawn at start and never leave the process.
pub(crate) struct Local {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) gateway: Arc<dyn Gateway>,
    pub(crate) otp: Otp,
    pub(crate) consent: ConsentLedger,
    pub(crate) sandbox: Sandbox,
    pub(crate) feed: Feed,
    pub(crate) ingest: SocketAddr,
    pub(crate) path_secret: String,
    pub(crate) signing_secret: String,
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Local {
    /// Starts everything on `store`.
    pub(crate) async fn start(
        store: Arc<dyn Store>,
        binds: Binds,
        forward: Option<&ForwardTo>,
        shutdown: CancellationToken,
    ) -> anyhow::Result<Self> {
        let (path_secret, signing_secret) = (random_text()?, format!("whsec_{}", random_text()?));
        let credentials = SandboxSettings {
            bind: binds.sandbox,
            client_secret: format!("csk_{}", random_text()?),
            mac_secret: signing_secret.clone(),
            ..SandboxSettings::default()
        };
        let sandbox = sandbox::start(credentials.clone(), shutdown.clone()).await.context("the sandbox")?;

        let fingerprint_key = FingerprintKey::new(&random_bytes()?)?;
        let peppers = Peppers::new(vec![Pepper::new("local", &random_bytes()?)?])?;
        let tokens = Arc::clone(&store) as Arc<dyn TokenStore>;
        let secret = SecretString::from(credentials.client_secret);
        let settings = ConnexusSettings::new(sandbox.connexus_base_url(), credentials.client_id, secret);
        let gateway: Arc<dyn Gateway> =
            Arc::new(Connexus::new(settings, tokens, peppers.clone(), &fingerprint_key)?);
        let countries = Countries::new(["NZ", "AU"], Some("NZ"))?;
        let settings = OtpSettings {
            web_otp_domains: vec![WEB_OTP_DOMAIN.into()],
            ..OtpSettings::new(TENANT, countries, fingerprint_key.clone(), peppers)
        };
        let otp = Otp::new(settings, Arc::clone(&store), vec![Arc::clone(&gateway)])?;

        let feed = Feed::new();
        let forward = forward.map(|forward| forward.handler(&store, &fingerprint_key)).transpose()?;
        let consent = ConsentLedger::new(Arc::clone(&store), fingerprint_key);
        let mut tasks = JoinSet::new();
        let worker = worker(&store, consent.clone(), forward, feed.clone());
        tasks.spawn(worker.run(shutdown.clone()));
        let endpoints = endpoints(&path_secret, &signing_secret)?;
        let ingest = Ingest::new(
            endpoints,
            Storage::new(Arc::clone(&store) as Arc<dyn EventStore>),
            ReadLimits::default(),
        );
        let listener = http::bind(binds.ingest).await?;
        let ingest_addr = listener.local_addr()?;
        let served = http::serve(listener, router(Arc::new(ingest)), Limits::default(), shutdown.clone());
        tasks.spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "the ingest stopped");
            }
        });
        sandbox.set_webhooks(&Webhooks {
            connexus: Some(vec![format!("http://{ingest_addr}/hooks/websms/{path_secret}")]),
            mobile_api_connect: Some(vec![format!("http://{ingest_addr}/hooks/mac")]),
        })?;
        let ingest = ingest_addr;
        Ok(Self {
            store,
            gateway,
            otp,
            consent,
            sandbox,
            feed,
            ingest,
            path_secret,
            signing_secret,
            tasks,
            shutdown,
        })
    }

    /// Stops everything; each part drains within its own deadline.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        while self.tasks.join_next().await.is_some() {}
        self.sandbox.stopped().await;
    }
}

fn worker(store: &Arc<dyn Store>, consent: ConsentLedger, forward: Option<ApplyRules>, feed: Feed) -> Worker {
    let deliveries = Deliveries::new(Arc::clone(store) as Arc<dyn DeliveryStore>);
    let mut handlers: Vec<Box<dyn worker::Handler>> =
        vec![Box::new(KeepConsent::new(consent)), Box::new(MergeDeliveryReports::new(deliveries))];
    handlers.push(Box::new(feed));
    // Short: what an interrupted run left in somebody's hands is taken over while a tour still waits. A receiver has its
    // ten seconds.
    let lease = Duration::from_secs(if forward.is_some() { 15 } else { 3 });
    handlers.extend(forward.map(|forward| Box::new(forward) as Box<dyn worker::Handler>));
    let options = WorkerOptions { lease, ..WorkerOptions::default() };
    Worker::new(Arc::clone(store) as Arc<dyn EventStore>, handlers, options)
}

fn endpoints(path_secret: &str, signing_secret: &str) -> anyhow::Result<[Endpoint; 2]> {
    let endpoint = |name: &str, dialect, authentication, secret: &str| {
        let value = SecretString::from(secret.to_owned());
        Endpoint::new(EndpointSettings {
            name: name.into(),
            tenant: TENANT.into(),
            dialect,
            authentication,
            secrets: vec![SecretEntry { id: "local".into(), value, not_after: None }],
            addresses: None,
        })
    };
    Ok([
        endpoint("websms", Dialect::Connexus, Authentication::PathSecret {}, path_secret)?,
        endpoint(
            "mac",
            Dialect::MobileApiConnect,
            Authentication::HmacBody(HmacBody::default()),
            signing_secret,
        )?,
    ])
}

fn random_bytes() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    SysRng.try_fill_bytes(&mut bytes).context("the operating system gave no random bytes")?;
    Ok(bytes)
}

fn random_text() -> anyhow::Result<String> {
    Ok(BASE64URL_NOPAD.encode(&random_bytes()?))
}
