//! Sections (a) to (c): how long until a photo is released, what it costs, how many a second.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::BenchError;
use super::bare::{Stages, in_memory};
use super::figure::{Figure, Goal};
use super::photo::Photo;
use super::process;
use super::rig::Rig;
use super::script::{Output, Script};
use super::sender::{Pace, send};
use crate::chaos::ChaosError;

/// Photos of one round in (b): enough that the kernel's hundredths of a second do not matter.
const ROUND_OF_COST: usize = 8;
/// And in (c): enough to keep all cores busy for most of it.
const ROUND_OF_MANY: usize = 8;

/// (a) From the last byte to the release, against clamd and decode, colour and encode side by side.
pub(super) async fn latency(rig: &mut Rig) -> Result<Vec<Figure>, BenchError> {
    let begun = Instant::now();
    let mut pairs = Vec::new();
    for (round, photo) in rig.photos.clone().iter().enumerate() {
        if round > 1 && !rig.has_time(begun) {
            break;
        }
        let visitor = rig.sender.ready_for(&rig.service, 1).await?;
        let sent = send(&visitor, &photo.bytes, Pace::Line).await?;
        let released = rig.sender.released(&sent).await?;
        let bare = tokio::task::block_in_place(|| rig.bare.side_by_side(&photo.bytes))?;
        // The first warms both sides up.
        if round > 0 {
            pairs.push((milliseconds(released), milliseconds(bare)));
        }
    }
    let measured: Vec<f64> = pairs.iter().map(|(measured, _)| *measured).collect();
    let figure = Figure::alone('a', "last byte to release, on disk", "ms", &measured);
    let name = "bare clamd beside bare decode, colour, encode";
    Ok(figure.map(|it| it.against(name, &pairs, Some(Goal::AtMost(1.2)))).into_iter().collect())
}

/// (b) Processor time a photo, against the engines alone. All cores are busy on both sides: two
/// threads of one core slow each other down, and time on a half idle machine would flatter
/// whoever does one thing after the other.
pub(super) async fn cost(rig: &mut Rig) -> Result<Vec<Figure>, BenchError> {
    let begun = Instant::now();
    let mut rounds = Vec::new();
    for (round, photos) in rig.photos.clone().chunks(ROUND_OF_COST).enumerate() {
        if round > 1 && !rig.has_time(begun) {
            break;
        }
        let ours = cost_of_service(rig, photos).await?;
        let bare = tokio::task::block_in_place(|| cost_of_engines(rig, photos))?;
        if round > 0 || rig.photos.len() <= ROUND_OF_COST {
            rounds.push((ours, bare));
        }
    }
    let sum = |bare: &Alone| bare.clamd + bare.yara + bare.decode + bare.colour + bare.encode;
    let inner: Vec<_> = rounds.iter().map(|(ours, bare)| (ours.worker, sum(bare))).collect();
    let whole: Vec<_> = rounds.iter().map(|(ours, bare)| (ours.all, sum(bare))).collect();
    let name = "clamd, YARA, decode, colour, encode, each alone";
    let against = |title, pairs: &[(f64, f64)], goal| {
        let measured: Vec<f64> = pairs.iter().map(|(measured, _)| *measured).collect();
        let figure = Figure::alone('b', title, "ms of processor", &measured);
        figure.map(|it| it.against(name, pairs, Some(Goal::AtMost(goal))))
    };
    let mut figures = Vec::new();
    figures.extend(against("a photo, lease to release", &inner, 1.15));
    figures.extend(against("a photo, intake and all roles included", &whole, 1.20));
    for (title, stage) in STAGES {
        let alone: Vec<f64> = rounds.iter().map(|(_, bare)| stage(bare)).collect();
        figures.extend(Figure::alone('b', title, "ms of processor", &alone));
    }
    Ok(figures)
}

/// (c) Photos a second on all cores, against the script that a user would write.
pub(super) async fn many(rig: &mut Rig) -> Result<Vec<Figure>, BenchError> {
    let begun = Instant::now();
    let folder = rig.folder.path().to_owned();
    let write = |output| Script::write(&folder, &rig.clamd_conf(), &rig.signatures, output);
    let (reencode, strip) = (write(Output::Reencoded)?, write(Output::Stripped)?);
    let (mut ours, mut theirs, mut weaker) = (Vec::new(), Vec::new(), Vec::new());
    for (round, photos) in rig.photos.clone().chunks(ROUND_OF_MANY).enumerate() {
        if round > 0 && !rig.has_time(begun) {
            break;
        }
        let a_second = |took: Duration| count(photos) / took.as_secs_f64();
        ours.push(a_second(through_the_doors(rig, photos).await?));
        theirs.push(a_second(tokio::task::block_in_place(|| reencode.run(photos))?));
        weaker.push(a_second(tokio::task::block_in_place(|| strip.run(photos))?));
    }
    let title = "all cores busy, sender included";
    let against = |name, theirs: &[f64], goal| {
        let pairs: Vec<_> = ours.iter().copied().zip(theirs.iter().copied()).collect();
        let figure = Figure::alone('c', title, "photos a second", &ours);
        figure.map(|it| it.against(name, &pairs, goal))
    };
    let goal = Some(Goal::AtLeast(1.0));
    let mut figures = Vec::new();
    figures.extend(against("script: clamdscan, yara, ImageMagick", &theirs, goal));
    figures.extend(against("weaker script: clamdscan, yara, exiftool -all=", &weaker, None));
    Ok(figures)
}

/// Sends photos at once and waits until the last of them is released.
pub(super) async fn through_the_doors(
    rig: &mut Rig,
    photos: &[Photo],
) -> Result<Duration, BenchError> {
    let at_once = std::thread::available_parallelism().map_or(1, usize::from) + 1;
    let files = u32::try_from(photos.len()).unwrap_or(u32::MAX);
    let visitor = rig.sender.ready_for(&rig.service, files).await?;
    let begun = Instant::now();
    let sending = photos.iter().map(|photo| send(&visitor, &photo.bytes, Pace::Unbounded));
    let sent: Vec<_> = stream::iter(sending).buffered(at_once).try_collect().await?;
    for one in &sent {
        rig.sender.released(one).await?;
    }
    Ok(begun.elapsed())
}

struct Ours {
    worker: f64,
    all: f64,
}

/// Milliseconds a photo.
struct Alone {
    clamd: f64,
    yara: f64,
    decode: f64,
    colour: f64,
    encode: f64,
}

type Stage = fn(&Alone) -> f64;

const STAGES: [(&str, Stage); 5] = [
    ("clamd alone", |it| it.clamd),
    ("YARA alone", |it| it.yara),
    ("decode alone", |it| it.decode),
    ("colour alone", |it| it.colour),
    ("encode alone", |it| it.encode),
];

/// The worker with clamd and the jail below it, and the whole service.
async fn cost_of_service(rig: &mut Rig, photos: &[Photo]) -> Result<Ours, BenchError> {
    let gone = ChaosError::Unread("the processes of the service");
    let worker = rig.service.role_pid("worker").zip(rig.service.pid());
    let (worker, parent) = worker.ok_or(gone)?;
    let before = (process::tree(worker), process::tree(parent));
    through_the_doors(rig, photos).await?;
    let after = (process::tree(worker), process::tree(parent));
    let each = |after: Duration, before| milliseconds(after.saturating_sub(before)) / count(photos);
    Ok(Ours { worker: each(after.0, before.0), all: each(after.1, before.1) })
}

/// Each engine by itself on each photo, on as many threads as there are cores.
fn cost_of_engines(rig: &Rig, photos: &[Photo]) -> Result<Alone, BenchError> {
    let clamd = rig.service.engine_pids("clamd").last().copied();
    let clamd = clamd.ok_or(ChaosError::Unread("clamd's process"))?;
    let before = process::one(clamd);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let work = |first: usize| {
        let mut sum = Stages::default();
        for photo in photos.iter().skip(first).step_by(threads) {
            rig.bare.clamd(&in_memory(&photo.bytes)?)?;
            sum += rig.bare.one_by_one(&photo.bytes)?;
        }
        Ok::<_, BenchError>(sum)
    };
    let sum = std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..threads).map(|first| scope.spawn(move || work(first))).collect();
        let mut sum = Stages::default();
        for thread in threads {
            sum += thread.join().map_err(|_| BenchError::Bare("a thread ended".to_owned()))??;
        }
        Ok::<_, BenchError>(sum)
    })?;
    let scanned = process::one(clamd).saturating_sub(before);
    let each = |time| milliseconds(time) / count(photos);
    Ok(Alone {
        clamd: each(scanned),
        yara: each(sum.yara),
        decode: each(sum.decode),
        colour: each(sum.colour),
        encode: each(sum.encode),
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn count(photos: &[Photo]) -> f64 {
    u32::try_from(photos.len()).map_or(f64::MAX, f64::from)
}
