//! The access matrix: every route of every door, asked by everyone, about an artifact in every
//! state. What the table in [`table`] does not allow must end in a refusal that shows nothing,
//! changes nothing and leaves its trace in the log.
//!
//! The routes are the doors' own: one that the table does not name fails here.

mod people;
mod requests;
mod table;
mod things;

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::StatusCode;

use people::{People, Who};
use requests::{Answer, Doors};
use table::{At, Gives, TABLE, allowed};
use things::{Thing, Things};

use super::Route;
use super::staff::tests::world::{PIXELS, World};
use crate::app::AuditFilter;
use crate::domain::limits::Limits;
use crate::domain::rescan::Round;
use crate::domain::signatures::{SetId, Sets};
use crate::domain::{Action, Event, Outcome, Timestamp};
use crate::flow;

/// What the patient sent; nobody ever gets it.
const ORIGINAL: &str = "the patient's own bytes";
/// The preview in every piece of evidence.
const PREVIEW: &str = "/9j/4AAQ";
/// The patient's number of every link.
const PATIENT: &str = "K-1024";

#[tokio::test]
async fn the_table_names_every_route_of_every_door_and_no_other() {
    let doors = Doors::open(&world().await);
    let served: BTreeSet<_> = doors.routes().into_iter().collect();
    let named: BTreeSet<_> = TABLE.iter().map(|row| (row.at, row.route)).collect();
    let unknown: Vec<_> = served.difference(&named).collect();
    assert!(unknown.is_empty(), "who may come here? {unknown:?}");
    let gone: Vec<_> = named.difference(&served).collect();
    assert!(gone.is_empty(), "no door serves this: {gone:?}");
}

#[tokio::test]
async fn only_the_allowed_cells_answer_and_every_refusal_leaves_its_trace() {
    let matrix = Matrix::new().await;
    let cells = matrix.cells();
    assert!(cells.len() > 2000, "{} cells are not the whole matrix", cells.len());
    let mut wrong = Vec::new();
    for cell in &cells {
        let looked = matrix.look(*cell).await;
        wrong.extend(looked.err().map(|said| format!("{cell:?}: {said}")));
    }
    assert!(wrong.is_empty(), "{} of {} cells:\n{}", wrong.len(), cells.len(), wrong.join("\n"));
    matrix.things.expect_unchanged(&matrix.world).await;
}

#[tokio::test]
async fn a_list_names_only_what_its_reader_may_open() {
    let matrix = Matrix::new().await;
    let page = async |at, path: &str, who| {
        let badge = matrix.people.badge(&matrix.world, who).await;
        let answer = matrix.doors.ask(at, requests::get(at, path), &badge).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        answer.body
    };
    let portal = page(At::Portal, "/", Who::Doctor).await;
    let other = page(At::Portal, "/", Who::OtherDoctor).await;
    let machine = page(At::Machines, "/v1/waiting", Who::Machine).await;
    let strange = page(At::Machines, "/v1/waiting", Who::OtherMachine).await;
    let queue = page(At::Review, "/queue", Who::Reviewer).await;
    for thing in Thing::ALL {
        let artifact = matrix.things.shared(thing);
        let (id, visit) = (artifact.id.to_string(), artifact.submission.to_string());
        let viewable = thing == Thing::Released;
        assert_eq!(portal.contains(&visit), viewable, "the doctor's list, {thing:?}");
        assert_eq!(machine.contains(&id), viewable, "the machine's list, {thing:?}");
        assert!(!other.contains(&visit) && !strange.contains(&id), "another's list, {thing:?}");
        assert_eq!(queue.contains(&id), thing.is_queued(), "the queue, {thing:?}");
    }
}

/// Who asks where, about what.
#[derive(Clone, Copy, Debug)]
struct Cell {
    at: At,
    route: Route,
    who: Who,
    /// What the route is about; of the others, a released artifact is at hand.
    thing: Option<Thing>,
}

/// The clinic, who comes, and the doors.
struct Matrix {
    world: World,
    things: Things,
    people: People,
    doors: Doors,
}

impl Matrix {
    async fn new() -> Self {
        let world = world().await;
        let things = Things::new(&world).await;
        let doors = Doors::open(&world);
        let people = People::new(&world, &things, &doors).await;
        a_round_that_waits(&world).await;
        Self { world, things, people, doors }
    }

    fn cells(&self) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (at, route) in self.doors.routes() {
            let things: Vec<_> = if requests::is_about_artifact(route) {
                Thing::ALL.into_iter().map(Some).collect()
            } else {
                vec![None]
            };
            for thing in things {
                cells.extend(Who::ALL.map(|who| Cell { at, route, who, thing }));
            }
        }
        // Last, as whoever is wrongly let in here would be a stranger everywhere after it.
        cells.sort_by_key(|cell| cell.route.path == "/signout");
        cells
    }

    /// Asks, and says what is wrong with the answer.
    async fn look(&self, cell: Cell) -> Result<(), String> {
        let gives = allowed(cell.at, cell.route, cell.who, cell.thing);
        let artifact = match (cell.thing, gives) {
            // What is allowed may change it: it gets one of its own.
            (Some(thing), Some(Gives::Done | Gives::Evidence)) => {
                self.things.fresh(&self.world, thing, cell.route, self.people.machine()).await
            }
            (thing, _) => self.things.shared(thing.unwrap_or(Thing::Released)).clone(),
        };
        let fresh = match gives {
            Some(_) => Some(self.people.badge(&self.world, cell.who).await),
            None => None,
        };
        let badge = fresh.as_ref().unwrap_or(self.people.kept_badge(cell.who));
        self.world.app.hand.advance(Duration::from_millis(1));
        let (since, counted) = (self.world.now(), refusals(&self.world).await);
        let mut request = self.people.request(&self.world, cell.at, cell.route, &artifact);
        if let (Some(badge), "/uploads/{id}") = (&fresh, cell.route.path) {
            // Nobody but the session that announced it goes on with a file.
            *request.uri_mut() = self.doors.announce(badge).await.parse().expect("an address");
        }
        let answer = self.doors.ask(cell.at, request, badge).await;
        leak(&answer, gives)?;
        let (status, location) = (answer.status, answer.location.as_str());
        let led_away = location == "/signin" && !answer.is_forgotten;
        let done = (status.is_success() || status.is_redirection()) && !led_away;
        match gives {
            Some(Gives::Names) if !self.is_told(cell.who, since).await => {
                Err("names a patient without an event".to_owned())
            }
            Some(gives) if gives.is_in(&answer, &artifact) => Ok(()),
            Some(gives) => Err(format!("expected {gives:?}, got {status} {location}")),
            None if done => Err(format!("answered {status} {location}")),
            None if status.is_server_error() => Err(format!("failed with {status}")),
            None => self.expect_trace(cell, since, counted).await,
        }
    }

    /// What they did since a time.
    async fn events_of(&self, who: Who, since: Timestamp) -> Vec<Event> {
        let filter = AuditFilter { from: Some(since), limit: 20, ..AuditFilter::default() };
        let db = &self.world.app.review.app.db;
        let mut events = db.search_events(&filter).await.expect("a database");
        events.retain(|event| self.people.is(who, event.actor));
        events
    }

    /// Whether the log says that they saw something since.
    async fn is_told(&self, who: Who, since: Timestamp) -> bool {
        self.events_of(who, since).await.iter().any(|event| event.outcome == Outcome::Done)
    }

    /// A refusal of someone known is an event of theirs; a stranger's is counted.
    async fn expect_trace(&self, cell: Cell, since: Timestamp, counted: u64) -> Result<(), String> {
        let refused = |event: &Event| matches!(event.outcome, Outcome::Refused { .. });
        if self.events_of(cell.who, since).await.iter().any(refused) {
            return Ok(());
        }
        // The factor page knows only those who are half signed in.
        let is_known = cell.who.is_known_at(cell.at) && cell.route.path != "/factor";
        let is_counted = refusals(&self.world).await > counted;
        match () {
            () if !is_counted => Err("refused without a trace".to_owned()),
            () if is_known => Err("refused without an event of theirs".to_owned()),
            () => Ok(()),
        }
    }
}

/// Content that must not be in this answer.
fn leak(answer: &Answer, gives: Option<Gives>) -> Result<(), String> {
    let pixels = String::from_utf8_lossy(PIXELS);
    let pixels = pixels.trim_start_matches(|c: char| !c.is_ascii());
    let shown = |marker: &str| answer.body.contains(marker);
    let leaks = [
        ("the original", shown(ORIGINAL)),
        ("pixels", shown(pixels) && gives != Some(Gives::Pixels)),
        ("a preview", shown(PREVIEW) && gives != Some(Gives::Evidence)),
        ("a patient's number", shown(PATIENT) && gives != Some(Gives::Names)),
    ];
    let leaked: Vec<_> = leaks.into_iter().filter(|(_, leaks)| *leaks).map(|(it, _)| it).collect();
    if leaked.is_empty() { Ok(()) } else { Err(format!("shows {}", leaked.join(" and "))) }
}

/// Refusals of strangers, counted so far.
async fn refusals(world: &World) -> u64 {
    let far = world.now().plus(Duration::from_hours(1));
    for app in [&world.app.intake.app, &world.app.portal.app, &world.app.review.app] {
        flow::log::write_refusals(app).await.expect("a database");
    }
    let windows = world.app.review.app.db.ended_refusal_windows(far).await.expect("a database");
    windows.iter().map(|window| window.count).sum()
}

/// The first round, which a reviewer is asked about.
async fn a_round_that_waits(world: &World) {
    let app = &world.app.review.app;
    let set = SetId::of_files(&[]);
    let sets = Sets { clamav: set.clone(), yara: set };
    let begun_at = world.now();
    let round =
        Round { number: 1, sets, begun_at, stored: 9, found: 0, paused_at: None, ended: None };
    let event = |action| app.event(app.itself(), action).expect("random");
    app.db.open_round(&round, &event(Action::RescanBegin)).await.expect("a round");
    app.db.pause_round(1, &event(Action::RescanPause)).await.expect("a pause");
}

/// The clinic of the matrix. Everyone comes in often here, so nobody has to wait or stay outside.
async fn world() -> World {
    let limits = Limits {
        sign_in_tries: 10_000,
        link_tries: 10_000,
        link_submissions: 10_000,
        ..Limits::default()
    };
    World::with_limits(limits).await
}
