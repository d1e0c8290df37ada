//! What becomes of sets that cannot be read, were altered, or were taken back.

use super::*;
use crate::app::AuditFilter;
use crate::testing::TestApp;

/// A world's shelf of rules.
fn shelf(world: &TestApp) -> Shelf {
    std::fs::create_dir_all(world.file("yara")).unwrap();
    let shelves = crate::app::Shelves::new(&world.file("sets"), "gate", world.file("yara"), None);
    let shelf = shelves.of(SetKind::Yara).unwrap().clone();
    shelf.prepare().unwrap();
    shelf
}

/// Writes a rule that finds nothing into the watched folder.
fn write_rule(world: &TestApp, name: &str) {
    let rule = format!("rule {name} {{ strings: $a = \"never {name}\" condition: $a }}\n");
    std::fs::write(world.file("yara/mine.yar"), rule).unwrap();
}

/// The watched folder's set, copied.
async fn staged(world: &TestApp, shelf: &Shelf, name: &str) -> SetId {
    write_rule(world, name);
    stage(shelf).await.unwrap().unwrap()
}

async fn say(world: &TestApp, id: &SetId, choice: Choice) {
    let by = Actor::Operator { uid: 0 };
    decide(&world.review, by, SetKind::Yara, id, choice).await.unwrap();
}

/// The codes with which an action was refused, newest first.
async fn refusals(world: &TestApp, action: Action) -> Vec<String> {
    outcomes(world, action).await.into_iter().filter(|code| code != "done").collect()
}

/// How every try of an action came out, newest first.
async fn outcomes(world: &TestApp, action: Action) -> Vec<String> {
    let filter =
        AuditFilter { action: Some(action.as_str()), limit: 100, ..AuditFilter::default() };
    let events = world.intake.app.db.search_events(&filter).await.unwrap();
    events.iter().map(|event| event.outcome.as_str().to_owned()).collect()
}

/// As many looks as a new set needs, and one more.
async fn looks(worker: &Worker, keeper: &mut Keeper) {
    for _ in 0..3 {
        step(worker, keeper).await.unwrap();
    }
}

#[tokio::test]
async fn a_set_whose_samples_cannot_be_read_is_refused_and_tried_again_once_they_can() {
    let world = TestApp::new().await;
    let worker = world.worker().await;
    let mut keeper = Keeper::default();
    let shelf = worker.shelves.of(SetKind::Yara).unwrap();
    let first = shelf.in_force();
    // No right keeps a test that root runs from a file: a folder is no file.
    let sample = world.file("yara/samples/mine/hit-1");
    std::fs::create_dir_all(&sample).unwrap();
    write_rule(&world, "mine");
    looks(&worker, &mut keeper).await;
    looks(&worker, &mut keeper).await;
    assert_eq!(shelf.in_force(), first);
    assert_eq!(refusals(&world, Action::SignaturesRefuse).await, ["unreadable"], "once");
    std::fs::remove_dir(&sample).unwrap();
    looks(&worker, &mut keeper).await;
    assert_ne!(shelf.in_force(), first, "nothing changed but that they can be read");
}

#[tokio::test]
async fn a_set_that_no_engine_could_try_is_told_once_and_tried_again_later() {
    let world = TestApp::new().await;
    let worker = world.worker().await;
    let mut keeper = Keeper::default();
    let shelf = worker.shelves.of(SetKind::Yara).unwrap();
    let first = shelf.in_force();
    let id = staged(&world, shelf, "mine").await;
    step(&worker, &mut keeper).await.unwrap();
    // As when the machine has no memory left for a child of the jail.
    for _ in 0..2 {
        let fault = SetFault::new("not_tried", "", "", 1);
        refuse(&worker, shelf, &mut keeper.yara, Some(id.clone()), fault, "killed").await.unwrap();
    }
    keeper.yara.decided = keeper.yara.glimpse.clone();
    assert_eq!(refusals(&world, Action::SignaturesRefuse).await, ["not_tried"], "once");
    looks(&worker, &mut keeper).await;
    assert_eq!(shelf.in_force(), first, "it is left alone for a while");
    world.hand.advance(FIRST_PAUSE * 2);
    looks(&worker, &mut keeper).await;
    assert_eq!(shelf.in_force(), Some(id), "nothing changed but the time");
}

#[tokio::test]
async fn a_machine_does_not_begin_with_a_set_that_was_taken_back() {
    let world = TestApp::new().await;
    let (app, shelf) = (&world.intake.app, shelf(&world));
    let id = staged(&world, &shelf, "wrong").await;
    say(&world, &id, Choice::RollBack).await;
    let refused = first(app, &shelf).await;
    assert!(matches!(refused, Err(FlowError::SetTakenBack("yara"))), "{refused:?}");
    assert_eq!(refusals(&world, Action::SignaturesRefuse).await, ["taken_back"]);
    // Another one is taken, and so is this one once somebody says so.
    write_rule(&world, "right");
    let other = first(app, &shelf).await.unwrap().unwrap();
    assert_ne!(other, id);
    write_rule(&world, "wrong");
    say(&world, &id, Choice::Promote).await;
    assert_eq!(first(app, &shelf).await.unwrap(), Some(id));
}

#[tokio::test]
async fn after_damage_the_set_before_is_in_force_again_and_not_what_lies_in_the_folder() {
    let world = TestApp::new().await;
    let (app, shelf) = (&world.intake.app, shelf(&world));
    let one = staged(&world, &shelf, "one").await;
    take_first(app, &shelf, &one).await.unwrap();
    let two = staged(&world, &shelf, "two").await;
    shelf.promote(&two).unwrap();
    assert_eq!(first(app, &shelf).await.unwrap(), Some(two.clone()));
    write_rule(&world, "unproven");
    std::fs::write(shelf.path(&two).join("mine.yar"), "rule altered { condition: false }").unwrap();
    assert_eq!(first(app, &shelf).await.unwrap(), Some(one.clone()));
    take_first(app, &shelf, &one).await.unwrap();
    assert_eq!((shelf.in_force(), shelf.before()), (Some(one.clone()), None));
    // What was taken back stays in force where there is nothing to go back to.
    say(&world, &one, Choice::RollBack).await;
    assert_eq!(first(app, &shelf).await.unwrap(), Some(one.clone()));
    // Altered too, it is nobody's word any more.
    std::fs::write(shelf.path(&one).join("mine.yar"), "rule altered { condition: false }").unwrap();
    let taken = first(app, &shelf).await.unwrap().unwrap();
    assert!(taken != one && taken != two, "what lies in the folder");
}

#[tokio::test]
async fn nothing_goes_back_to_a_set_that_was_taken_back_too() {
    let world = TestApp::new().await;
    let worker = world.worker().await;
    let mut keeper = Keeper::default();
    let shelf = worker.shelves.of(SetKind::Yara).unwrap();
    let before = shelf.in_force().unwrap();
    write_rule(&world, "mine");
    looks(&worker, &mut keeper).await;
    let current = shelf.in_force().unwrap();
    assert_eq!(shelf.before(), Some(before.clone()));
    for id in [&before, &current] {
        say(&world, id, Choice::RollBack).await;
    }
    looks(&worker, &mut keeper).await;
    assert_eq!(shelf.in_force(), Some(current.clone()));
    assert_eq!(refusals(&world, Action::SignaturesRollBack).await, ["taken_back"], "once");
    say(&world, &before, Choice::Promote).await;
    looks(&worker, &mut keeper).await;
    assert_eq!(shelf.in_force(), Some(before));
}

/// How often an action was done.
async fn done(world: &TestApp, action: Action) -> usize {
    outcomes(world, action).await.iter().filter(|code| *code == "done").count()
}

#[tokio::test]
async fn what_is_in_force_runs_although_a_step_failed_before_it_was_started() {
    let world = TestApp::new().await;
    let worker = world.worker().await;
    let mut keeper = Keeper::default();
    let shelf = worker.shelves.of(SetKind::Yara).unwrap();
    let before = shelf.in_force().unwrap();
    write_rule(&world, "mine");
    // As far as a step gets that fails behind its link.
    let id = stage(shelf).await.unwrap().unwrap();
    shelf.promote(&id).unwrap();
    assert_eq!(worker.scanner.set_of(SetKind::Yara), Some(before.clone()));
    step(&worker, &mut keeper).await.unwrap();
    assert_eq!(worker.scanner.set_of(SetKind::Yara), Some(id.clone()));
    // The way back, the same.
    say(&world, &id, Choice::RollBack).await;
    shelf.go_back(&before).unwrap();
    step(&worker, &mut keeper).await.unwrap();
    assert_eq!(worker.scanner.set_of(SetKind::Yara), Some(before));
}

#[tokio::test]
async fn a_change_that_fails_again_and_again_is_in_the_log_once() {
    let world = TestApp::new().await;
    let worker = world.worker().await;
    let mut keeper = Keeper::default();
    let shelf = worker.shelves.of(SetKind::Yara).unwrap();
    let first = shelf.in_force().unwrap();
    let promoted = done(&world, Action::SignaturesPromote).await;
    // No link can take the place of a folder.
    let in_the_way = world.file("sets/yara/previous");
    std::fs::create_dir(&in_the_way).unwrap();
    write_rule(&world, "mine");
    step(&worker, &mut keeper).await.unwrap();
    for _ in 0..3 {
        step(&worker, &mut keeper).await.unwrap_err();
    }
    assert_eq!(shelf.in_force(), Some(first.clone()));
    assert_eq!(worker.scanner.set_of(SetKind::Yara), Some(first));
    std::fs::remove_dir(&in_the_way).unwrap();
    looks(&worker, &mut keeper).await;
    assert_eq!(worker.scanner.set_of(SetKind::Yara), shelf.in_force());
    assert_eq!(done(&world, Action::SignaturesPromote).await, promoted + 1);
}

#[tokio::test]
async fn a_set_before_that_does_not_start_is_tried_later_and_later() {
    let world = TestApp::new().await;
    let worker = world.worker().await;
    let mut keeper = Keeper::default();
    let shelf = worker.shelves.of(SetKind::Yara).unwrap();
    let current = shelf.in_force().unwrap();
    // A set without its canary goes before the one in force.
    let canary = world.file("yara/canary.yar");
    let rule = std::fs::read(&canary).unwrap();
    std::fs::remove_file(&canary).unwrap();
    let blind = staged(&world, shelf, "blind").await;
    shelf.promote(&blind).unwrap();
    shelf.promote(&current).unwrap();
    std::fs::remove_file(world.file("yara/mine.yar")).unwrap();
    std::fs::write(&canary, rule).unwrap();
    say(&world, &current, Choice::RollBack).await;
    for tried in 1..=3 {
        for _ in 0..3 {
            step(&worker, &mut keeper).await.unwrap();
        }
        let pause = FIRST_PAUSE * 2_u32.pow(tried - 1);
        assert_eq!(keeper.yara.put_off[&blind].pause, pause, "three looks, one try");
        world.hand.advance(pause);
    }
    assert_eq!(shelf.in_force(), Some(current));
    assert_eq!(refusals(&world, Action::SignaturesRollBack).await, ["does_not_start"], "once");
}
