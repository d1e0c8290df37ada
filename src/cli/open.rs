//! Opens what a command needs from the configuration: databases, vault, keys.

use std::path::Path;
use std::sync::Arc;

use super::CliError;
use crate::app::{
    App, AreaIdentity, Bell, BellEnd, Checkpoints, Clinic, Clock, Db, PublicKeys, Random, Review,
    ReviewKeys, Vault,
};
use crate::config::Config;
use crate::domain::Actor;
use crate::domain::content::Area;
use crate::domain::event::Role;
use crate::ops::KeyFile;

/// Free space below which no new upload is taken, in bytes.
const MINIMUM_FREE_BYTES: u64 = 512 * 1024 * 1024;

/// The configuration, with a clear sentence if there is none yet.
pub fn config(path: &Path) -> Result<Config, CliError> {
    if !path.exists() {
        let path = path.display();
        return Err(format!("there is no configuration at {path}; run `sekisho init` first").into());
    }
    Ok(Config::load(path)?)
}

/// Opens everything a process of the service holds but its role's keys.
pub async fn app(config: &Config, role: Role, bell: BellEnd) -> Result<App, CliError> {
    let paths = &config.paths;
    let db = Db::open_sqlite(&paths.data_db, &paths.keys_db, config.retention).await?;
    let high_water = db.high_water().await?;
    let public = PublicKeys::read(&paths.public_keys())?;
    Ok(App {
        role,
        clinic: Arc::new(clinic(config)?),
        clock: Clock::system(high_water, config.limits.clock_tolerance),
        random: Random::system(),
        bell: Arc::new(Bell::connect(bell)?),
        vault: Vault::local(&paths.store, MINIMUM_FREE_BYTES)?,
        limits: Arc::new(config.limits.clone()),
        retention: config.retention,
        policy: Arc::new(config.policy()),
        public: Arc::new(public),
        db,
    })
}

/// The review role at the command line: whoever may read its key file may grant.
pub async fn review(config: &Config) -> Result<Review, CliError> {
    let app = app(config, Role::Review, BellEnd::Silent).await?;
    let file = KeyFile::open(&config.paths.key_file(Role::Review), Role::Review)?;
    Ok(review_with(app, ReviewKeys::read(file)?))
}

/// The review role with the keys it was handed.
pub fn review_with(app: App, keys: ReviewKeys) -> Review {
    let evidence = AreaIdentity::new(Area::Review, keys.review_identity.clone());
    Review { app, keys: Arc::new(keys), evidence: Arc::new(evidence) }
}

/// The checkpoint file.
pub fn checkpoints(config: &Config, app: &App) -> Checkpoints {
    Checkpoints::new(&config.paths.checkpoints, app.clinic.id, app.public.log.clone())
}

/// Whoever runs the command, by the machine's own user number.
pub fn operator() -> Actor {
    Actor::Operator { uid: rustix::process::getuid().as_raw() }
}

fn clinic(config: &Config) -> Result<Clinic, CliError> {
    let clinic = &config.clinic;
    let id = clinic.id.parse().map_err(|_| "clinic.id is not an id as `sekisho init` makes it")?;
    Ok(Clinic {
        id,
        name_ja: clinic.name_ja.clone(),
        name_en: clinic.name_en.clone(),
        telephone: clinic.telephone.clone(),
    })
}
