//! Opens what a command needs from the configuration: databases, vault, keys.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::CliError;
use crate::app::{
    App, AreaIdentity, Bell, BellEnd, Checkpoints, Clinic, Clock, Db, PublicKeys, Random, Replay,
    ReplayConfig, Review, ReviewKeys, Sensor, Shelf, Shelves, Vault, Whole,
};
use crate::config::{self, Clamd, Config, Database, Store};
use crate::domain::backup::Which;
use crate::domain::content::Area;
use crate::domain::event::Role;
use crate::domain::signatures::{SetId, SetKind};
use crate::domain::{Actor, ObjectId, Timestamp};
use crate::flow::signatures;
use crate::ops::handover::Reach;
use crate::ops::store_access::{self, StoreAccess};
use crate::ops::{KeyFile, database};
use crate::scan::ScannerConfig;
use crate::scan::clamd::{CanaryChoice, ClamdSource, ManagedConfig};
use crate::vault::{
    Lifecycle, Lock, LockMode, LockedBucket, S3Credentials, S3Server, S3Settings, VaultError,
};

/// Where a configuration is looked for if none is named.
const USUAL_PLACES: [&str; 3] =
    ["sekisho.toml", "data/sekisho.toml", "/var/lib/sekisho/sekisho.toml"];

/// The configuration, with a clear sentence if there is none yet.
pub(super) fn config(path: Option<&Path>) -> Result<Config, CliError> {
    let Some(path) = path.or_else(|| USUAL_PLACES.iter().map(Path::new).find(|it| it.exists()))
    else {
        let places = USUAL_PLACES.join(", ");
        return Err(
            format!("there is no configuration ({places}); run `sekisho init` first").into()
        );
    };
    Ok(Config::load(path)?)
}

/// Opens everything a command holds but its role's keys.
pub(super) async fn app(config: &Config, role: Role, bell: BellEnd) -> Result<App, CliError> {
    let reach = Reach::open(config, role)?;
    app_with(config, role, Reach { bell, ..reach }).await
}

/// The same for a role, with what was handed over to it.
pub(super) async fn app_with(config: &Config, role: Role, reach: Reach) -> Result<App, CliError> {
    let db = db(config, role, &reach.database_password).await?;
    app_on(config, role, db, reach).await
}

/// The same on a database that is open already.
pub(super) async fn app_on(
    config: &Config,
    role: Role,
    db: Db,
    reach: Reach,
) -> Result<App, CliError> {
    let high_water = db.high_water().await?;
    let public = PublicKeys::read(&config.paths.public_keys())?;
    Ok(App {
        role,
        clinic: Arc::new(clinic(config)?),
        clock: clock(config, high_water),
        random: Random::system(),
        refusals: Arc::default(),
        bell: Arc::new(Bell::connect(reach.bell)?),
        vault: vault(config, reach.store_access)?,
        limits: Arc::new(config.limits.clone()),
        retention: config.retention,
        policy: Arc::new(config.policy()),
        public: Arc::new(public),
        db,
    })
}

fn clock(config: &Config, high_water: Timestamp) -> Clock {
    Clock::system(high_water, config.limits.clock_tolerance, config.limits.clock_absence)
}

async fn db(config: &Config, role: Role, password: &File) -> Result<Db, CliError> {
    let paths = &config.paths;
    Ok(match &config.database {
        Database::Sqlite {} => {
            Db::open_sqlite(&paths.data_db, &paths.keys_db, config.retention).await?
        }
        Database::Postgres { .. } => {
            let password = database::read_password(password.try_clone()?)?;
            let server = super::database::server(config, database::user(role), password)?;
            Db::open_postgres(&server, config.retention).await?
        }
    })
}

/// What the sensor role holds: no store and no key.
pub(super) async fn sensor(config: &Config, password: File) -> Result<Sensor, CliError> {
    let db = db(config, Role::Sensor, &password).await?;
    let high_water = db.high_water().await?;
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    Ok(Sensor {
        db,
        clock: clock(config, high_water),
        random: Random::system(),
        host: host.trim_end().into(),
        window: Duration::from_secs(config.sensor.window),
        most_waiting: Sensor::MOST_WAITING,
    })
}

/// The sensor that is shown each file, if there is one.
pub(super) fn replay(config: &Config) -> Result<Option<Replay>, CliError> {
    let Some(replay) = config.sensor.replay.clone() else { return Ok(None) };
    let asked = ReplayConfig {
        socket: replay.socket,
        folder: replay.folder,
        deadline: Duration::from_secs(replay.deadline),
        weights: config.sensor.weights(),
        // With the deadline, which is no longer than this either, within a scan's lease.
        patience: config.limits.lease / 2,
    };
    Ok(Some(Replay::open(asked)?))
}

/// The store, with a role's access to it.
pub(super) fn vault(config: &Config, access: Option<File>) -> Result<Vault, CliError> {
    let Store::S3 {
        endpoint,
        region,
        path_style,
        authority,
        quarantine_bucket,
        release_bucket,
        review_bucket,
    } = &config.store
    else {
        return Ok(Vault::local(&config.paths.store, config.limits.store_free_bytes)?);
    };
    let access = access.ok_or("the role was not handed its access to the store")?;
    let server = S3Server {
        endpoint: endpoint.clone(),
        region: region.clone(),
        path_style: *path_style,
        authority: authority.as_ref().map(std::fs::read).transpose()?,
        networks: config.egress.networks.clone(),
    };
    let settings = S3Settings {
        server,
        quarantine_bucket: quarantine_bucket.clone(),
        release_bucket: release_bucket.clone(),
        review_bucket: review_bucket.clone(),
    };
    let StoreAccess { access_key, secret_key } = store_access::read(access)?;
    let credentials = S3Credentials { access_key, secret_key };
    Ok(Vault::s3(settings, &credentials, tokio::runtime::Handle::current())?)
}

/// The bucket that checkpoints are copied to, if one is configured, with the worker's access.
pub(super) fn locked_bucket(
    config: &Config,
    access: Option<File>,
) -> Result<Option<LockedBucket>, CliError> {
    let Some(bucket) = &config.checkpoints else { return Ok(None) };
    let access = access.ok_or("the role was not handed its access to the bucket of checkpoints")?;
    let server = S3Server {
        endpoint: bucket.endpoint.clone(),
        region: bucket.region.clone(),
        path_style: bucket.path_style,
        authority: bucket.authority.as_ref().map(std::fs::read).transpose()?,
        networks: config.egress.networks.clone(),
    };
    let StoreAccess { access_key, secret_key } = store_access::read(access)?;
    let credentials = S3Credentials { access_key, secret_key };
    let mode = match bucket.lock {
        config::LockMode::Compliance => LockMode::Compliance,
        config::LockMode::Governance => LockMode::Governance,
    };
    let lock = Lock { mode, span: bucket.retain() };
    let opened = LockedBucket::open(&server, &credentials, &bucket.bucket, &bucket.prefix, lock);
    Ok(Some(opened?))
}

/// Tries an area of the store with the rights of the worker, who alone has all of them.
pub(super) async fn probe(
    app: &App,
    vault: &Vault,
    area: Area,
    strangers: Vec<Vault>,
) -> Result<Result<(), VaultError>, CliError> {
    let scratch = ObjectId::new(app.clock.read(), app.random.bytes()?);
    let vault = vault.clone();
    Ok(tokio::task::spawn_blocking(move || vault.probe(area, scratch, &strangers)).await?)
}

/// What the store's server deletes of an area by itself.
pub(super) async fn lifecycle(vault: &Vault, area: Area) -> Result<Lifecycle, CliError> {
    let vault = vault.clone();
    Ok(tokio::task::spawn_blocking(move || vault.lifecycle(area)).await??)
}

/// The buckets with the access of each role that must not read an area's. Who may enter a folder
/// is the system's to keep.
pub(super) fn strangers(config: &Config, area: Area) -> Result<Vec<Vault>, CliError> {
    let own = match area {
        Area::Quarantine => Role::Intake,
        Area::Release => Role::Portal,
        Area::Review => Role::Review,
    };
    if config.store == (Store::Local {}) {
        return Ok(Vec::new());
    }
    let others = Role::WITH_KEYS.into_iter().filter(|role| ![own, Role::Worker].contains(role));
    others.map(|role| vault(config, Reach::open(config, role)?.store_access)).collect()
}

/// The review role at the command line: whoever may read its key file may grant.
pub(super) async fn review(config: &Config) -> Result<Review, CliError> {
    let app = app(config, Role::Review, BellEnd::Silent).await?;
    let file = KeyFile::open(&config.paths.key_file(Role::Review), Role::Review)?;
    Ok(review_with(app, ReviewKeys::read(file)?))
}

/// The review role with the keys it was handed.
pub(super) fn review_with(app: App, keys: ReviewKeys) -> Review {
    let evidence = AreaIdentity::new(Area::Review, keys.review_identity.clone());
    Review { app, keys: Arc::new(keys), evidence: Arc::new(evidence) }
}

/// The checkpoint file.
pub(super) fn checkpoints(config: &Config, app: &App) -> Checkpoints {
    Checkpoints::new(&config.paths.checkpoints, app.clinic.id, app.public.log.clone())
}

/// The checkpoint file, where there may be no database yet.
pub(super) fn checkpoint_file(config: &Config) -> Result<Checkpoints, CliError> {
    let public = PublicKeys::read(&config.paths.public_keys())?;
    Ok(Checkpoints::new(&config.paths.checkpoints, clinic(config)?.id, public.log))
}

/// A database as a whole, made if it is absent; a server's as its owner.
pub(super) async fn whole(config: &Config, which: Which) -> Result<Whole, CliError> {
    Ok(match &config.database {
        Database::Sqlite {} => Whole::sqlite(database_file(config, which), which).await?,
        Database::Postgres { .. } => {
            Whole::postgres(&super::database::owner(config)?, which).await?
        }
    })
}

/// The same, and nothing is made: an absent file is an empty database in memory.
pub(super) async fn whole_as_it_is(config: &Config, which: Which) -> Result<Whole, CliError> {
    let file = database_file(config, which);
    if config.database == (Database::Sqlite {}) && !file.exists() {
        return Ok(Whole::sqlite(Path::new(":memory:"), which).await?);
    }
    whole(config, which).await
}

pub(super) fn database_file(config: &Config, which: Which) -> &Path {
    match which {
        Which::Data => &config.paths.data_db,
        Which::Keys => &config.paths.keys_db,
    }
}

/// Whoever runs the command, by the machine's own user number.
pub(super) fn operator() -> Actor {
    Actor::Operator { uid: rustix::process::getuid().as_raw() }
}

pub(super) fn clinic(config: &Config) -> Result<Clinic, CliError> {
    let clinic = &config.clinic;
    let id = clinic.id.parse().map_err(|_| "clinic.id is not an id as `sekisho init` makes it")?;
    Ok(Clinic {
        id,
        name_ja: clinic.name_ja.clone(),
        name_en: clinic.name_en.clone(),
        telephone: clinic.telephone.clone(),
    })
}

/// The shelves of this machine's worker.
pub(super) fn shelves(config: &Config) -> Result<Shelves, CliError> {
    let clamav = match &config.clamd {
        Clamd::Managed { signatures, .. } => Some(signatures.clone()),
        Clamd::Socket { .. } => None,
    };
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    let paths = &config.paths;
    Ok(Shelves::new(&paths.sets, host.trim_end(), paths.yara.clone(), clamav))
}

/// Where the sets are that engines are started with: those in force where a worker has put some
/// there, the watched folders before that.
#[derive(Clone, Debug)]
pub(super) struct InForce {
    yara: PathBuf,
    clamav: Option<PathBuf>,
    yara_id: Option<SetId>,
    clamav_id: Option<SetId>,
}

impl InForce {
    /// As a worker has left it.
    pub(super) fn now(config: &Config) -> Result<Self, CliError> {
        Self::of(config, Shelf::current)
    }

    /// As a worker takes it at its start: where nothing is in force, the watched folder's set is
    /// copied first. It comes into force once the engines run with it.
    pub(super) async fn at_start(config: &Config, app: &App) -> Result<Self, CliError> {
        let mut first = Vec::new();
        for shelf in shelves(config)?.all() {
            shelf.prepare()?;
            first.push((shelf.kind, signatures::first(app, shelf).await?));
        }
        let of = |shelf: &Shelf| first.iter().find(|(kind, _)| *kind == shelf.kind)?.1.clone();
        Self::of(config, of)
    }

    pub(super) fn id(&self, kind: SetKind) -> Option<&SetId> {
        match kind {
            SetKind::Clamav => self.clamav_id.as_ref(),
            SetKind::Yara => self.yara_id.as_ref(),
        }
    }

    fn of(config: &Config, set: impl Fn(&Shelf) -> Option<SetId>) -> Result<Self, CliError> {
        let shelves = shelves(config)?;
        let of = |kind| {
            let shelf = shelves.of(kind)?;
            set(shelf).map(|id| (shelf.path(&id), id))
        };
        let (yara, clamav) = (of(SetKind::Yara), of(SetKind::Clamav));
        let watched = match &config.clamd {
            Clamd::Managed { signatures, .. } => Some(signatures.clone()),
            Clamd::Socket { .. } => None,
        };
        Ok(Self {
            yara_id: yara.as_ref().map(|(_, id)| id.clone()),
            clamav_id: clamav.as_ref().map(|(_, id)| id.clone()),
            yara: yara.map_or_else(|| config.paths.yara.clone(), |(path, _)| path),
            clamav: clamav.map(|(path, _)| path).or(watched),
        })
    }
}

/// What the engines are started with by a command; clamd's socket and temporary files go into `run`.
pub(super) fn scanner(config: &Config, run: &Path) -> Result<ScannerConfig, CliError> {
    // A clamd that ends with the command needs no folder beside others.
    let in_force = InForce { clamav_id: None, ..InForce::now(config)? };
    scanner_with(config, run, in_force)
}

/// The same with these sets.
pub(super) fn scanner_with(
    config: &Config,
    run: &Path,
    in_force: InForce,
) -> Result<ScannerConfig, CliError> {
    let clamd = match &config.clamd {
        Clamd::Socket { path } => ClamdSource::External { socket: path.clone() },
        Clamd::Managed { program, signatures, .. } => ClamdSource::Managed(ManagedConfig {
            program: program.clone(),
            jail: Some(config.paths.jail.clone()),
            database: in_force.clamav.unwrap_or_else(|| signatures.clone()),
            set: in_force.clamav_id.clone(),
            run: run.to_owned(),
            threads: std::thread::available_parallelism().map_or(2, usize::from),
        }),
    };
    Ok(ScannerConfig {
        jail: config.paths.jail.clone(),
        yara_sources: yara_sources(&in_force.yara)?,
        // No condition of a start: documents that need it are refused with a reason that names it.
        font: font(&config.paths.cjk_font).unwrap_or_else(|error| {
            let path = config.paths.cjk_font.display();
            tracing::warn!(error, %path, "no font for East Asian text");
            Vec::new()
        }),
        clamd,
        clamav_set: in_force.clamav_id,
        canary: CanaryChoice::Either,
        limits: config.limits.clone(),
    })
}

/// The font for East Asian text of documents that bring none.
pub(super) fn font(path: &Path) -> Result<Vec<u8>, String> {
    let read = || {
        let mut font = Vec::new();
        File::open(path)?.take(FONT_LIMIT + 1).read_to_end(&mut font).map(|_| font)
    };
    let font = read().map_err(|error: std::io::Error| error.to_string())?;
    let fits = font.len() as u64 <= FONT_LIMIT;
    if fits { Ok(font) } else { Err(format!("larger than {FONT_LIMIT} bytes")) }
}

/// Largest font, in bytes.
const FONT_LIMIT: u64 = 48 * 1024 * 1024;

/// The rule files of a folder by name, so that every process sees the same set in the same order.
pub(super) fn yara_sources(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, CliError> {
    let sources = crate::ops::rule_files::load(folder)
        .map_err(|error| format!("the YARA rules in {}: {error}", folder.display()))?;
    if sources.is_empty() {
        return Err(format!("there is no YARA rule in {}", folder.display()).into());
    }
    Ok(sources)
}
