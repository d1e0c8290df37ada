//! Files that arrive in pieces at the real doors: across a kill of intake, at two intake processes,
//! into either database and either store. What comes together is scanned and released as one.

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream;
use sekisho_tools::chaos::patient::Visitor;
use sekisho_tools::chaos::service::set;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::buckets;
use crate::machines::Machine;
use crate::service::{World, unique};

/// The shortest part there is.
const PART: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_on_after_intake_was_killed_in_the_middle_of_a_piece() {
    let mut world = World::prepared();
    short_parts(&world);
    world.start();
    let patient = world.patient().await;
    let file = noise();
    let path = patient.announce(file.len()).await.expect("announced");
    let (feed, piece) = channel();
    let sending = tokio::spawn({
        let (patient, path) = (patient.clone(), path.clone());
        async move { patient.append(&path, 0, piece).await }
    });
    // Until a whole part counts.
    let mut chunks = file.chunks(16 * 1024);
    while patient.standing(&path).await.expect("stands") == 0 {
        let chunk = chunks.next().expect("a part counts before all of it was sent");
        feed.send(Ok(Bytes::copy_from_slice(chunk))).expect("is read");
    }
    world.service.kill_role("intake").expect("comes back");
    assert!(sending.await.expect("a task").is_err(), "what was cut off was not acknowledged");

    let from = patient.standing(&path).await.expect("the session and the upload hold");
    assert!(from >= PART && from.is_multiple_of(PART), "{from}");
    assert!(patient.receipt().await.expect("a receipt").is_empty());
    let end = patient.append(&path, from, once(&file[from..])).await;
    assert_eq!(end.expect("the rest"), file.len());
    released(&world, &patient, &file).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_on_at_another_intake_with_a_server_and_buckets_behind_both() {
    let mut world = World::prepared_on_server();
    world.weed = Some(buckets::use_buckets(&world.service));
    short_parts(&world);
    world.start();
    let here = world.patient().await;
    let second = Machine::start(&world, "intake", 2);
    let there = second.visitor(&here);
    let file = noise();
    let path = here.announce(file.len()).await.expect("announced");
    let mut from = 0;
    for (patient, to) in [(&here, PART + 5), (&there, 2 * PART), (&here, 2 * PART + 1)] {
        assert_eq!(patient.standing(&path).await.expect("stands"), from);
        from = patient.append(&path, from, once(&file[from..to])).await.expect("taken");
        assert_eq!(from, to);
    }
    let end = there.append(&path, from, once(&file[from..])).await;
    assert_eq!(end.expect("the rest"), file.len());
    // The answer to the last piece may be lost: the other door knows as well.
    assert_eq!(here.standing(&path).await.expect("stands"), file.len());
    released(&world, &here, &file).await;
}

fn short_parts(world: &World) {
    let part = i64::try_from(PART).expect("small");
    let configured =
        world.service.configure(|table| set(table, &["limits", "part_bytes"], part.into()));
    configured.expect("configured");
}

/// It is one artifact of exactly these bytes, and becomes a rendition.
async fn released(world: &World, patient: &Visitor, file: &[u8]) {
    let receipt = patient.receipt().await.expect("a receipt");
    assert_eq!(receipt.len(), 1, "{receipt:?}");
    assert_eq!(receipt[0].sha256, hex::encode(Sha256::digest(file)));
    assert_eq!(world.settled(&receipt[0].id), "released", "{}", world.row(&receipt[0].id));
    assert_eq!(world.verify().0, 0);
}

/// A PNG of three parts and a bit that nobody sent before, as noise does not compress.
fn noise() -> Vec<u8> {
    let mut state = unique() | 1;
    let pixels: Vec<u8> = (0..1100 * 1000 * 3)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 1100, 1000);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::NoCompression);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&pixels).expect("pixels");
    writer.finish().expect("an end");
    assert!(file.len() > 3 * PART, "{}", file.len());
    file
}

fn once(piece: &[u8]) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + use<> {
    stream::iter([Ok(Bytes::copy_from_slice(piece))])
}

type Chunk = Result<Bytes, std::io::Error>;

/// A piece that a test fills while it is on its way.
fn channel() -> (UnboundedSender<Chunk>, impl Stream<Item = Chunk> + Send + use<>) {
    let (feed, chunks) = unbounded_channel();
    let piece = stream::unfold(chunks, |mut chunks| async {
        chunks.recv().await.map(|chunk| (chunk, chunks))
    });
    (feed, piece)
}
