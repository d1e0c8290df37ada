//! A socket that answers what it is told to, as a broken or hostile clamd would.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::AbortHandle;

use super::*;

const VERSION: &[u8] = b"ClamAV 1.4.6/27800/Mon Nov 23 07:38:30 2026\0";
const FOUND: &[u8] = b"fd[9]: Sekisho.Canary.Bytes.UNOFFICIAL FOUND\0";

/// What the stub does about the nth question of a kind, from 0.
#[derive(Clone, Debug)]
enum Does {
    Answer(Vec<u8>),
    Hang,
    Close,
}

type Plan = dyn Fn(&str, usize) -> Does + Send + Sync;

struct Stub {
    clamd: Clamd,
    scans: Arc<AtomicUsize>,
    server: AbortHandle,
    _folder: Folder,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn stub(plan: impl Fn(&str, usize) -> Does + Send + Sync + 'static) -> Stub {
    let folder = Folder::new();
    let socket = folder.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let scans = Arc::new(AtomicUsize::new(0));
    let server = tokio::spawn(serve(listener, Arc::new(plan), Arc::clone(&scans)));
    let source = ClamdSource::External { socket };
    let config = config(source, Duration::from_millis(250));
    let mut clamd = Clamd::start(config).await.unwrap();
    // What it is asked about its options is the subject of other tests.
    clamd.foreign = None;
    Stub { clamd, scans, server: server.abort_handle(), _folder: folder }
}

async fn serve(listener: UnixListener, plan: Arc<Plan>, scans: Arc<AtomicUsize>) {
    let versions = AtomicUsize::new(0);
    let hanging = Mutex::new(Vec::new());
    while let Ok((mut stream, _)) = listener.accept().await {
        let command = command(&mut stream).await;
        let count = if command == "VERSION" { &versions } else { &scans };
        let does = plan(&command, count.fetch_add(1, Ordering::Relaxed));
        match command.as_str() {
            "INSTREAM" => drain(&mut stream).await,
            // The byte that carries the descriptor; hanging up on it unread would be a reset.
            "FILDES" => assert_eq!(stream.read_u8().await.unwrap(), 0),
            _ => {}
        }
        match does {
            Does::Answer(bytes) => drop(stream.write_all(&bytes).await),
            Does::Hang => hanging.lock().unwrap().push(stream),
            Does::Close => {}
        }
    }
}

async fn command(stream: &mut UnixStream) -> String {
    let mut name = Vec::new();
    loop {
        match stream.read_u8().await {
            Ok(0) | Err(_) => break,
            Ok(byte) => name.push(byte),
        }
    }
    String::from_utf8(name).unwrap().split_off(1)
}

async fn drain(stream: &mut UnixStream) {
    while let Ok(length) = stream.read_u32().await {
        if length == 0 {
            return;
        }
        let mut chunk = vec![0; length as usize];
        stream.read_exact(&mut chunk).await.unwrap();
    }
}

fn answer(bytes: &[u8]) -> Does {
    Does::Answer(bytes.to_vec())
}

/// A clamd that finds its canary and then does this about every file.
fn after_canary(does: Does) -> impl Fn(&str, usize) -> Does + Send + Sync {
    move |command, nth| match (command, nth) {
        ("VERSION", _) => answer(VERSION),
        (_, 0) => answer(FOUND),
        _ => does.clone(),
    }
}

#[tokio::test]
async fn the_stub_itself_can_be_clean() {
    let stub = stub(after_canary(answer(b"fd[9]: OK\0"))).await;
    assert!(is_clean(&scan(&stub.clamd, b"x").await));
}

#[tokio::test]
async fn nonsense_is_never_clean() {
    let long = [b"fd[9]: ", "A".repeat(100_000).as_bytes(), b" FOUND\0"].concat();
    for (nonsense, expected) in [
        (&b"fd[9]: OK"[..], "garbage_answer"),
        (b"stream: OK\0", "garbage_answer"),
        (b"fd[9]: OK\0fd[9]: OK\0", "garbage_answer"),
        (b"fd[9]: OK\0fd[9]: Eicar FOUND\0", "garbage_answer"),
        (b"\xFF\xFE\0", "garbage_answer"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "garbage_answer"),
        (b"fd[9]: Can't allocate memory ERROR\0", "engine_error"),
        (b"", "connection_lost"),
        (&long, "garbage_answer"),
    ] {
        let stub = stub(after_canary(answer(nonsense))).await;
        let report = scan(&stub.clamd, b"x").await;
        let shown = String::from_utf8_lossy(&nonsense[..nonsense.len().min(40)]);
        assert_eq!(fault(&report), expected, "{shown:?}");
    }
}

#[tokio::test]
async fn silence_and_hanging_up_are_faults() {
    let hung = stub(after_canary(Does::Hang)).await;
    assert_eq!(fault(&scan(&hung.clamd, b"x").await), "timeout");
    let closed = stub(after_canary(Does::Close)).await;
    assert_eq!(fault(&scan(&closed.clamd, b"x").await), "connection_lost");
    let mute = stub(|_, _| Does::Hang).await;
    assert_eq!(fault(&scan(&mute.clamd, b"x").await), "timeout");
    assert_eq!(mute.clamd.ping().await, Err(ClamdFault::Timeout));
}

#[tokio::test]
async fn without_its_canary_nothing_is_clean_until_it_is_found() {
    // Two canaries are tried for each of the first two scans.
    let stub = stub(|command, nth| match (command, nth) {
        ("VERSION", _) => answer(VERSION),
        (_, 4) => answer(FOUND),
        _ => answer(b"fd[9]: OK\0"),
    })
    .await;
    assert_eq!(fault(&scan(&stub.clamd, b"x").await), "canary_missing");
    assert_eq!(fault(&scan(&stub.clamd, b"x").await), "canary_missing");
    assert!(is_clean(&scan(&stub.clamd, b"x").await));
}

#[tokio::test]
async fn a_heuristic_about_the_canary_proves_nothing() {
    let stub = stub(|command, _| match command {
        "VERSION" => answer(VERSION),
        _ => answer(b"fd[9]: Heuristics.Limits.Exceeded.MaxFiles FOUND\0"),
    })
    .await;
    assert_eq!(fault(&scan(&stub.clamd, b"x").await), "canary_missing");
}

#[tokio::test]
async fn a_canary_is_asked_once_for_a_set_and_again_for_the_next() {
    let stub = stub(|command, nth| match (command, nth) {
        ("VERSION", 0 | 1) => answer(VERSION),
        ("VERSION", _) => answer(b"ClamAV 1.4.6/27801/Mon Nov 23 08:38:30 2026\0"),
        (_, 0) => answer(FOUND),
        _ => answer(b"fd[9]: OK\0"),
    })
    .await;
    assert!(is_clean(&scan(&stub.clamd, b"x").await));
    assert!(is_clean(&scan(&stub.clamd, b"x").await));
    assert_eq!(stub.scans.load(Ordering::Relaxed), 3);
    // The new set finds nothing.
    assert_eq!(fault(&scan(&stub.clamd, b"x").await), "canary_missing");
}

#[tokio::test]
async fn where_descriptors_are_refused_the_bytes_are_streamed() {
    let stub = stub(|command, nth| match (command, nth) {
        ("VERSION", _) => answer(VERSION),
        ("FILDES", _) => answer(b"No file descriptor received. ERROR\0"),
        (_, 1) => answer(b"stream: Sekisho.Canary.Bytes.UNOFFICIAL FOUND\0"),
        _ => answer(b"stream: OK\0"),
    })
    .await;
    let bytes = vec![7; 600_000];
    assert!(is_clean(&scan(&stub.clamd, &bytes).await));
    // One refused descriptor, one streamed canary, one streamed file.
    assert_eq!(stub.scans.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_fault_ends_the_proof_and_a_late_answer_does_not() {
    // Descriptors are refused from the second file on; then bytes are streamed.
    let refused = stub(|command, nth| match (command, nth) {
        ("VERSION", _) => answer(VERSION),
        ("FILDES", 0) => answer(FOUND),
        ("FILDES", 1) => answer(b"fd[9]: OK\0"),
        ("FILDES", _) => answer(b"No file descriptor received. ERROR\0"),
        (_, 4) => answer(b"stream: Sekisho.Canary.Bytes.UNOFFICIAL FOUND\0"),
        _ => answer(b"stream: OK\0"),
    })
    .await;
    assert!(is_clean(&scan(&refused.clamd, b"x").await));
    assert_eq!(fault(&scan(&refused.clamd, b"x").await), "engine_error");
    assert!(is_clean(&scan(&refused.clamd, b"x").await));
    // A canary and two files.
    let late = stub(|command, nth| match (command, nth) {
        ("VERSION", _) => answer(VERSION),
        (_, 0) => answer(FOUND),
        (_, 1) => Does::Hang,
        _ => answer(b"fd[9]: OK\0"),
    })
    .await;
    assert_eq!(fault(&scan(&late.clamd, b"x").await), "timeout");
    assert!(is_clean(&scan(&late.clamd, b"x").await));
    assert_eq!(late.scans.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_clean_answer_before_all_bytes_were_sent_is_garbage() {
    let folder = Folder::new();
    let socket = folder.path().join("s");
    let listener = UnixListener::bind(&socket).unwrap();
    let early = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(command(&mut stream).await, "INSTREAM");
        stream.write_all(b"stream: OK\0").await.unwrap();
    };
    let bytes = vec![7; 4 << 20];
    let sha256 = Sha256Hex::of_digest(Sha256::digest(&bytes).into());
    let file = SealedMemory::from_bytes(&bytes).unwrap();
    let ask = async {
        let connection = Connection::open(&socket).await.unwrap();
        connection.scan_stream(&file, &sha256).await
    };
    let ((), answer) = tokio::join!(early, ask);
    assert_eq!(answer, Err(ClamdFault::Garbage));
}
