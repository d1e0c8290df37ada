//! What becomes of a transaction whose connection is cut at its n-th message, for every n: before the
//! server has heard it, or after, when its answer is lost.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::approvals;
use super::world::{NOW, Place, SECOND, World, prepared, sealed, server};
use crate::db::{Commit, Db, DbError, LogTree};
use crate::domain::content::{Area, Wrap};
use crate::domain::retention::Retention;
use crate::domain::state::StateName;
use crate::domain::{Action, ArtifactId};

/// When a connection is cut, of the message that it is cut at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    /// The server never hears it.
    Before,
    /// The server has answered; nobody hears the answer.
    After,
    /// Nothing is heard any more, and nobody is told.
    Silent,
}

/// Messages that may still pass, and how the next one ends.
type Plan = Arc<Mutex<Option<(u32, Cut)>>>;

/// More messages than any of the transactions has.
const MOST_MESSAGES: u32 = 40;
/// How long a silent line is listened to.
const DEADLINE: Duration = Duration::from_secs(1);
/// More than the connections that one process has.
const SILENCES: u32 = 10;
/// Each of a deadline at most: together longer than a silent connection is looked at.
const MOST_TRIES: u32 = 60;
/// What `PostgreSQL` calls its socket.
const SOCKET: &str = ".s.PGSQL.5432";

/// Stands between a pool and a server.
struct Line {
    folder: tempfile::TempDir,
    plan: Plan,
}

impl Line {
    fn to(cluster: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = UnixListener::bind(folder.path().join(SOCKET)).expect("listens");
        let (plan, target) = (Plan::default(), cluster.join(SOCKET));
        tokio::spawn(accept(listener, target, Arc::clone(&plan)));
        Self { folder, plan }
    }

    /// Cuts at the n-th message from now on.
    fn cut_at(&self, message: u32, cut: Cut) {
        *self.plan.lock().expect("a plan") = Some((message, cut));
    }

    /// Cuts nothing any more; whether it did since.
    fn heal(&self) -> bool {
        self.plan.lock().expect("a plan").take().is_none()
    }
}

async fn accept(listener: UnixListener, target: PathBuf, plan: Plan) {
    while let Ok((client, _)) = listener.accept().await {
        let server = UnixStream::connect(&target).await.expect("a server");
        tokio::spawn(carry(client, server, Arc::clone(&plan)));
    }
}

/// One connection, until either side ends or the plan does.
async fn carry(mut client: UnixStream, mut server: UnixStream, plan: Plan) -> io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let message = asked.get(..length?).unwrap_or_default();
                if message.is_empty() {
                    return Ok(());
                }
                match due(&plan) {
                    None => server.write_all(message).await?,
                    Some(Cut::Before) => return Ok(()),
                    Some(Cut::Silent) => return std::future::pending().await,
                    Some(Cut::After) => {
                        server.write_all(message).await?;
                        server.readable().await?;
                        return Ok(());
                    }
                }
            }
            length = server.read(&mut answered) => {
                let answer = answered.get(..length?).unwrap_or_default();
                if answer.is_empty() {
                    return Ok(());
                }
                client.write_all(answer).await?;
            }
        }
    }
}

/// Whether this message is the one, and one less to go if not.
fn due(plan: &Plan) -> Option<Cut> {
    let mut plan = plan.lock().expect("a plan");
    let (left, cut) = plan.take()?;
    let Some(left) = left.checked_sub(1) else { return Some(cut) };
    *plan = Some((left, cut));
    None
}

/// Both sides of the line: what is cut, and what looks at the outcome.
struct Rig {
    world: World,
    line: Line,
    cut: Db,
}

/// Runs a step at every place where its connection can be cut, and once whole; then it must have
/// been done. Each time `outcome` looks at what there is.
async fn everywhere<T>(
    rig: &Rig,
    mut prepare: impl AsyncFnMut(&World, u16) -> T,
    step: impl AsyncFn(&Db, &T) -> bool,
    outcome: impl AsyncFn(&World, &T, Option<bool>),
) {
    let mut place = 0;
    for cut in [Cut::Before, Cut::After] {
        for message in 0..=MOST_MESSAGES {
            assert!(message < MOST_MESSAGES, "it never came to its end");
            place += 1;
            let prepared = prepare(&rig.world, place).await;
            // A connection from the pool, or a new one: as after any break.
            rig.cut.count_in(StateName::Purged, 1).await.expect("a line that is whole");
            rig.line.cut_at(message, cut);
            let done = step(&rig.cut, &prepared).await;
            let was_cut = rig.line.heal();
            outcome(&rig.world, &prepared, if was_cut { done.then_some(true) } else { Some(done) })
                .await;
            if !was_cut {
                assert!(done && message > 0, "whole only where nothing was in its way");
                break;
            }
        }
    }
}

async fn rig(name: &str, deadline: Duration) -> Rig {
    let cluster = prepared().await;
    let place = Place::on_server(&cluster, name);
    let line = Line::to(cluster.socket());
    let mut address = server(&cluster, name, "postgres");
    address.deadline = deadline;
    address.host = crate::db::Host::Socket(line.folder.path().to_owned());
    let cut = Db::open_postgres(&address, Retention::default()).await.expect("opens");
    Rig { world: World::on(place).await, line, cut }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_cut_is_whole_or_not_there_and_what_was_confirmed_is_there() {
    let rig = rig("cut", Duration::from_secs(30)).await;
    a_file_that_is_received(&rig).await;
    a_wrapped_key(&rig).await;
    a_disposition_under_a_lease(&rig).await;
    a_second_approval(&rig).await;
    the_log(&rig).await;
}

/// A server that vanished without a word would otherwise hold whoever asked it for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_comes_is_given_up_and_takes_no_connection_with_it() {
    let rig = rig("silent", DEADLINE).await;
    for _ in 0..SILENCES {
        // Past the look at an idle connection: met by this question, or by the look at one that is
        // just given back.
        rig.line.cut_at(1, Cut::Silent);
        let _ = rig.cut.count_in(StateName::Purged, 1).await;
        rig.line.heal();
        wait_until_heard(&rig).await;
    }
}

async fn wait_until_heard(rig: &Rig) {
    let mut tries = 0..MOST_TRIES;
    while rig.cut.count_in(StateName::Purged, 1).await.is_err() {
        assert!(tries.next().is_some(), "every connection is lost to silence");
    }
}

/// What was given up must not lock out whoever tries again.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_went_silent_keeps_its_locks_no_longer_than_it_was_waited_for() {
    let rig = rig("locks", DEADLINE).await;
    for message in 1..MOST_MESSAGES {
        let artifact = rig.world.receive(u16::try_from(message).expect("few")).await;
        wait_until_heard(&rig).await;
        rig.line.cut_at(message, Cut::Silent);
        let first = rig.cut.commit(rig.world.reject(artifact.clone()).into()).await;
        let again = rig.world.db.commit(rig.world.reject(artifact).into()).await;
        // The first may have been done although its answer was never heard.
        assert!(matches!(again, Ok(_) | Err(DbError::Conflict)), "{message}: {again:?}");
        if !rig.line.heal() {
            return assert!(first.is_ok() && message > 1, "{first:?}");
        }
    }
    panic!("it never came to its end");
}

async fn a_file_that_is_received(rig: &Rig) {
    let prepare = async |world: &World, place| world.artifact(place);
    let step = async |db: &Db, artifact: &crate::domain::Artifact| {
        let objects = vec![sealed(artifact.source.object)];
        let change = artifact.clone().receive(rig.world.stamp(NOW));
        let commit = Commit { change, lease: None, upload: None, objects };
        db.commit(commit).await.is_ok()
    };
    everywhere(rig, prepare, step, async |world, artifact, done| {
        let rows = world.db.artifact(artifact.id).await.expect("reads").map_or(0, |_| 1);
        let parts = world.db.parts(artifact.source.object).await.expect("reads").len();
        let objects = world.db.objects_of(artifact.id).await.expect("reads").len();
        let events = events(world, artifact.id, Action::Receive).await;
        assert!([parts, objects, events].iter().all(|it| *it == rows), "{rows} {parts} {events}");
        assert!(done != Some(true) || rows == 1, "confirmed, and not there");
    })
    .await;
}

async fn a_wrapped_key(rig: &Rig) {
    let prepare = async |world: &World, place| {
        let artifact = world.artifact(place);
        let (object, artifact) = (artifact.source.object, artifact.id);
        Wrap { object, artifact, area: Area::Quarantine, sealed: "s".into() }
    };
    let put = async |db: &Db, wrap: &Wrap| db.put_wrap(wrap).await.is_ok();
    everywhere(rig, prepare, put, async |world, wrap, done| {
        let there = world.db.wrap(wrap.object).await.expect("reads").is_some();
        assert!(done != Some(true) || there, "confirmed, and not there");
    })
    .await;
    let prepare = async |world: &World, place| {
        let wrap = prepare(world, place).await;
        world.db.put_wrap(&wrap).await.expect("a wrap");
        wrap
    };
    let destroy = async |db: &Db, wrap: &Wrap| db.destroy_wrap(wrap.object).await.is_ok();
    everywhere(rig, prepare, destroy, async |world, wrap, done| {
        let there = world.db.wrap(wrap.object).await.expect("reads").is_some();
        assert!(done != Some(true) || !there, "destroyed, and still there");
    })
    .await;
}

async fn a_disposition_under_a_lease(rig: &Rig) {
    // One after another: what an earlier round left waiting would be leased instead.
    let prepare = async |world: &World, place: u16| {
        while let Some(lease) = world.db.lease_next(NOW, NOW.plus(SECOND)).await.expect("asks") {
            let commit = Commit {
                change: world.reject(lease.artifact().clone()),
                lease: Some(&lease),
                upload: None,
                objects: vec![],
            };
            world.db.commit(commit).await.expect("the lease is held");
        }
        let artifact = world.receive(1000 + place).await;
        let lease = world.db.lease_next(NOW, NOW.plus(SECOND)).await.expect("asks");
        let lease = lease.expect("waits");
        assert_eq!(lease.artifact().id, artifact.id);
        lease
    };
    let step = async |db: &Db, lease: &crate::domain::content::ScanLease| {
        let change = rig.world.reject(lease.artifact().clone());
        let commit = Commit { change, lease: Some(lease), upload: None, objects: vec![] };
        db.commit(commit).await.is_ok()
    };
    everywhere(rig, prepare, step, async |world, lease, done| {
        let id = lease.artifact().id;
        let now = world.db.artifact(id).await.expect("reads").expect("a row");
        let rejected = now.state.name() == StateName::Rejected;
        assert_eq!(usize::from(rejected), events(world, id, Action::Reject).await);
        assert!(done != Some(true) || rejected, "confirmed, and not there");
        // What is not done is still this worker's to do.
        let mine = world.db.renew_lease(lease, NOW.plus(SECOND)).await.is_ok();
        assert_eq!(mine, !rejected);
    })
    .await;
}

async fn a_second_approval(rig: &Rig) {
    let prepare = async |world: &World, place: u16| {
        let artifact = approvals::in_review(world, 2000 + place).await;
        approvals::approve(world, &world.db, &artifact, 1, 0, None).await.expect("the first");
        artifact
    };
    let step = async |db: &Db, artifact: &crate::domain::Artifact| {
        let approved = Some(approvals::change(&rig.world, artifact));
        approvals::approve(&rig.world, db, artifact, 2, 1, approved).await.is_ok()
    };
    everywhere(rig, prepare, step, async |world, artifact, done| {
        let now = approvals::standing(world, artifact).await;
        let is_whole = now == (2, 3, StateName::Approved);
        assert!(is_whole || now == (1, 1, StateName::InReview), "{now:?}");
        assert!(done != Some(true) || is_whole, "confirmed, and not there");
    })
    .await;
}

async fn the_log(rig: &Rig) {
    let prepare = async |world: &World, _| world.event(Action::SignIn);
    let append = async |db: &Db, event: &crate::domain::Event| db.append(event).await.is_ok();
    everywhere(rig, prepare, append, async |world, _, _| {
        // Whatever stands in the log waits for its number.
        assert_eq!(world.db.lost_events(10).await.expect("reads"), Vec::<String>::new());
    })
    .await;
    let prepare = async |world: &World, _| {
        world.db.append(&world.event(Action::SignIn)).await.expect("appends");
        let before = world.db.log_tree().await.expect("reads");
        (before, world.db.queued_events(7).await.expect("reads"))
    };
    let extend = async |db: &Db, (before, queued): &(LogTree, Vec<crate::db::QueuedEvent>)| {
        let size = before.size + queued.len() as u64;
        let after = LogTree { size, frontier: size.to_string() };
        db.extend_log(before, &after, queued).await.is_ok()
    };
    everywhere(rig, prepare, extend, async |world, (before, queued), done| {
        let now = world.db.log_tree().await.expect("reads");
        let grown = now.size - before.size;
        assert!(grown == 0 || grown == queued.len() as u64, "{grown}");
        assert!(done != Some(true) || grown > 0, "confirmed, and not there");
        let all = u32::try_from(now.size).expect("few") + 10;
        let log = world.db.sequenced_events(1, all).await.expect("reads");
        assert_eq!(log.len() as u64, now.size);
    })
    .await;
}

pub(super) async fn events(world: &World, artifact: ArtifactId, action: Action) -> usize {
    let filter = crate::db::AuditFilter {
        artifact: Some(artifact.to_string()),
        action: Some(action.as_str()),
        limit: 10,
        ..crate::db::AuditFilter::default()
    };
    world.db.search_events(&filter).await.expect("searches").len()
}
