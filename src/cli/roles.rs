//! One role of the service: hardened first, then given its keys, then its doors or its loops.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio_util::sync::CancellationToken;

use super::{CliError, open};
use crate::app::{
    App, AreaIdentity, Datagrams, Eve, Intake, IntakeKeys, Interest, Portal, PortalKeys,
    ReviewKeys, Scanner, StreamListener, Uploads, Worker, WorkerKeys,
};
use crate::config::{Clamd, Config, Door, Sensor, Store};
use crate::domain::Action;
use crate::domain::content::Area;
use crate::domain::event::Role;
use crate::flow;
use crate::flow::copies::Copier;
use crate::http;
use crate::ops::handover::{Handed, Ready};
use crate::ops::listener::Proxies;
use crate::ops::{harden, launch, listener, tls};
use crate::worker::{self, sense};

/// How long requests in flight may finish once a door is closed.
const DRAIN: Duration = Duration::from_secs(20);
/// Most threads for work that blocks, beside one for each upload: secrets are compared, names
/// resolved and stored files opened however many send.
const THREADS_BESIDE: usize = 256;

/// Runs one role until it is asked to stop. Called before any thread is started.
pub(super) fn run(config: &Config, role: Role, handed: Handed) -> Result<(), CliError> {
    harden::enter_role(config, role, handed.terms)?;
    let threads = usize::try_from(config.limits.uploads)?.saturating_add(THREADS_BESIDE);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(threads)
        .build()?;
    runtime.block_on(async {
        match role {
            Role::Intake => intake(config, handed).await,
            Role::Worker => work(config, handed).await,
            Role::Portal => portal(config, handed).await,
            Role::Review => review(config, handed).await,
            Role::Sensor => sense(config, handed).await,
        }
    })
}

async fn intake(config: &Config, handed: Handed) -> Result<(), CliError> {
    let app = open::app_with(config, Role::Intake, handed.reach).await?;
    let held = IntakeKeys::read(keys(handed.keys)?)?;
    let uploads = Arc::new(Uploads::within(&app.limits, &app.vault));
    let intake = Intake { app, keys: Arc::new(held), gate: Arc::default(), uploads };
    started(config, &intake.app).await?;
    // Before the first visitor comes.
    flow::suspend::refresh(&intake).await?;
    let router = http::intake::router(intake.clone(), config);
    let door = Listener::for_people(&config.doors.intake, handed.tls_key, router)?;
    let stop = CancellationToken::new();
    let gate = tokio::spawn(worker::gate::run(intake.clone(), stop.clone()));
    serve(config, &intake.app, vec![door], handed.ready).await?;
    stop.cancel();
    Ok(gate.await?)
}

async fn portal(config: &Config, handed: Handed) -> Result<(), CliError> {
    let app = open::app_with(config, Role::Portal, handed.reach).await?;
    let held = PortalKeys::read(keys(handed.keys)?)?;
    let release = AreaIdentity::new(Area::Release, held.release_identity.clone());
    let portal = Portal { app, keys: Arc::new(held), release: Arc::new(release) };
    started(config, &portal.app).await?;
    let app = portal.app.clone();
    let router = http::portal::router(portal.clone(), config);
    let doctors = Listener::for_people(&config.doors.portal, handed.tls_key, router)?;
    let router = http::machines::router(portal);
    let machines = Listener::for_machines(config, handed.machines_tls_key, router)?;
    serve(config, &app, vec![doctors, machines], handed.ready).await
}

async fn review(config: &Config, handed: Handed) -> Result<(), CliError> {
    let app = open::app_with(config, Role::Review, handed.reach).await?;
    let review = open::review_with(app, ReviewKeys::read(keys(handed.keys)?)?);
    started(config, &review.app).await?;
    let app = review.app.clone();
    let router = http::review::router(review, config);
    let door = Listener::for_people(&config.doors.review, handed.tls_key, router)?;
    serve(config, &app, vec![door], handed.ready).await
}

async fn work(config: &Config, handed: Handed) -> Result<(), CliError> {
    let mut reach = handed.reach;
    let bucket = open::locked_bucket(config, reach.checkpoint_access.take());
    let app = open::app_with(config, Role::Worker, reach).await?;
    let held = WorkerKeys::read(keys(handed.keys)?)?;
    let quarantine = AreaIdentity::new(Area::Quarantine, held.quarantine_identity.clone());
    if let Store::S3 { .. } = config.store {
        // Folders are tried by `sekisho check`: killed halfway here, a probe would leave one in
        // quarantine that intake cannot use.
        for area in Area::ALL {
            open::probe(&app, &app.vault, area, Vec::new()).await??;
        }
    }
    let run = match &config.clamd {
        Clamd::Managed { run, .. } => run.clone(),
        Clamd::Socket { .. } => config.paths.run.clone(),
    };
    let sets = open::InForce::at_start(config, &app).await?;
    let scanner = Scanner::start(open::scanner_with(config, &run, sets.clone())?).await?;
    let scanner = Arc::new(scanner);
    let checkpoints = open::checkpoints(config, &app);
    started(config, &app).await?;
    tell_rule_faults(&scanner);
    // No condition of a start: the file is the first of the two.
    let bucket = bucket.unwrap_or_else(|error| {
        tracing::error!(error, "checkpoints are not copied to their bucket");
        None
    });
    let copier = bucket.map(|bucket| Copier { file: checkpoints.clone(), bucket });
    // The engines have just started anew: what an earlier fault of theirs keeps waiting need not.
    app.db.end_back_offs().await?;
    flow::expire::reckon(&app).await?;
    let worker = Worker {
        app,
        keys: Arc::new(held),
        quarantine: Arc::new(quarantine),
        scanner: Arc::clone(&scanner),
        replay: open::replay(config)?.map(Arc::new),
        shelves: open::shelves(config)?,
        promotion: config.signatures.promotion,
    };
    for shelf in worker.shelves.all() {
        if let Some(id) = sets.id(shelf.kind) {
            flow::signatures::take_first(&worker.app, shelf, id).await?;
        }
    }
    let stop = CancellationToken::new();
    let loops = tokio::spawn(worker::run(worker, checkpoints, copier, eves(config), stop.clone()));
    handed.ready.tell();
    launch::asked_to_stop().await?;
    stop.cancel();
    loops.await?;
    if let Some(scanner) = Arc::into_inner(scanner) {
        scanner.stop().await;
    }
    Ok(())
}

/// Wherever the service's own detections are told.
fn eves(config: &Config) -> Vec<Eve> {
    let seed = config.sensor.community_seed;
    let file = config.eve.file.clone().map(|path| Eve::to_file(path, seed));
    file.into_iter()
        .chain(config.eve.socket.clone().map(|path| Eve::to_socket(path, seed)))
        .collect()
}

async fn sense(config: &Config, handed: Handed) -> Result<(), CliError> {
    let Handed { reach, ready, .. } = handed;
    let sensor = open::sensor(config, reach.database_password).await?;
    let sources = sources(config)?;
    flow::sensor::started(&sensor, env!("CARGO_PKG_VERSION"), &sources.places).await?;
    let stop = CancellationToken::new();
    let loops = tokio::spawn(sense::run(sensor, sources, stop.clone()));
    ready.tell();
    launch::asked_to_stop().await?;
    stop.cancel();
    Ok(loops.await?)
}

/// Where the sensor tells what it sees; sockets listen from here on.
fn sources(config: &Config) -> Result<sense::Sources, CliError> {
    let sensor = &config.sensor;
    Ok(sense::Sources {
        files: sensor.files.clone(),
        stream: sensor.stream.as_deref().map(StreamListener::bind).transpose()?,
        datagrams: sensor.datagram.as_deref().map(Datagrams::bind).transpose()?,
        interest: Interest { services: sensor.services(config), weights: sensor.weights() },
        places: places(config),
    })
}

fn places(config: &Config) -> flow::sensor::Places {
    let Sensor { files, stream, datagram, .. } = &config.sensor;
    let name = |path: &PathBuf| path.to_string_lossy().into_owned();
    flow::sensor::Places {
        files: files.iter().map(name).collect(),
        sockets: stream.iter().chain(datagram).map(name).collect(),
    }
}

/// Rules that are left out weaken every scan until somebody mends them: told at each start, one by one.
fn tell_rule_faults(scanner: &Scanner) {
    for fault in scanner.ready().rule_faults {
        let (file, rule, message) = (&fault.source, &fault.rule, &fault.message);
        tracing::error!(file, rule, message, "a YARA rule does not compile and is left out");
    }
}

/// Starting is itself an event: a gap in the log is explained by it. Nothing starts on a database
/// that was put back unsaid.
async fn started(config: &Config, app: &App) -> Result<(), CliError> {
    flow::log::expect_not_put_back(app, &open::checkpoints(config, app)).await?;
    let event = app.event(app.itself(), Action::ServiceStart)?;
    Ok(app.db.append(&event.fact("version", env!("CARGO_PKG_VERSION"))).await?)
}

/// A listener, bound and ready to serve.
struct Listener {
    socket: std::net::TcpListener,
    tls: Arc<rustls::ServerConfig>,
    proxies: Proxies,
    router: Router,
}

impl Listener {
    fn for_people(door: &Door, key: Option<File>, router: Router) -> Result<Self, CliError> {
        let tls = tls::for_people(&std::fs::read(&door.certificate)?, &private_key(key)?)?;
        Self::bind(door, tls, router)
    }

    fn for_machines(config: &Config, key: Option<File>, router: Router) -> Result<Self, CliError> {
        let door = &config.doors.machines;
        let authority = std::fs::read(&config.paths.machine_ca)?;
        let chain = std::fs::read(&door.certificate)?;
        let tls = tls::for_machines(&chain, &private_key(key)?, &authority)?;
        Self::bind(door, tls, router)
    }

    fn bind(door: &Door, tls: Arc<rustls::ServerConfig>, router: Router) -> Result<Self, CliError> {
        let proxies = Proxies::at(door.proxies.clone());
        Ok(Self { socket: listener::bind(door.listen)?, tls, proxies, router })
    }
}

async fn serve(
    config: &Config,
    app: &App,
    doors: Vec<Listener>,
    ready: Ready,
) -> Result<(), CliError> {
    let stop = CancellationToken::new();
    let refusals = tokio::spawn(worker::refusals::run(app.clone(), stop.clone()));
    let handle = listener::Handle::new();
    let bounds = listener::Bounds {
        body_stall: config.limits.upload_stall,
        connections: listener::CONNECTIONS,
        network_connections: config.limits.network_connections,
        patience: listener::Patience {
            idle: listener::IDLE,
            // Of all requests an upload may take longest; its answer, as a page.
            longest: config.limits.upload_deadline + config.limits.page_deadline,
            stall: config.limits.upload_stall,
        },
    };
    let app = app.clone();
    let turned_away: listener::TurnedAway =
        Arc::new(move |code| flow::refused_stranger(&app, code));
    let mut serving = tokio::task::JoinSet::new();
    for door in doors {
        let (turned_away, handle) = (Arc::clone(&turned_away), handle.clone());
        let Listener { socket, tls, proxies, router } = door;
        let door = listener::serve(socket, tls, proxies, router, bounds, turned_away, handle);
        serving.spawn(door);
    }
    ready.tell();
    tokio::select! {
        asked = launch::asked_to_stop() => asked?,
        // A door that ends by itself ends the role: the parent starts it again.
        Some(ended) = serving.join_next() => ended??,
    }
    handle.graceful_shutdown(Some(DRAIN));
    while let Some(ended) = serving.join_next().await {
        ended??;
    }
    stop.cancel();
    Ok(refusals.await?)
}

fn keys(file: Option<File>) -> Result<File, CliError> {
    Ok(file.ok_or("the role was not handed its keys")?)
}

fn private_key(file: Option<File>) -> Result<zeroize::Zeroizing<Vec<u8>>, CliError> {
    let mut key = zeroize::Zeroizing::new(Vec::new());
    file.ok_or("the role was not handed its TLS key")?.take(64 * 1024).read_to_end(&mut key)?;
    Ok(key)
}
