use std::io::{Read as _, Write as _};
use std::time::Duration;

use super::*;

/// Says back what it is told, a line at a time, until its caller ends.
fn echo() -> (u16, Arc<Mutex<Vec<String>>>) {
    use std::io::{BufRead as _, BufReader};
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let hears = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, hears) = (stream.unwrap(), Arc::clone(&hears));
            std::thread::spawn(move || {
                for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                    let Ok(line) = line else { return };
                    hears.lock().unwrap().push(line.clone());
                    let _ = stream.write_all(format!("{line}\n").as_bytes());
                }
            });
        }
    });
    (port, heard)
}

/// Says lines one after another on one connection; what comes back of each, until one fails.
fn ask(relay: &Relay, lines: &[&str]) -> Vec<io::Result<String>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut answers = Vec::new();
    for line in lines {
        let mut answer = Vec::new();
        let asked = stream.write_all(format!("{line}\n").as_bytes()).and_then(|()| {
            let mut byte = [0];
            while answer.last() != Some(&b'\n') && stream.read(&mut byte)? > 0 {
                answer.push(byte[0]);
            }
            Ok(())
        });
        let text = String::from_utf8(answer).unwrap();
        let is_whole = text.ends_with('\n');
        answers.push(asked.map(|()| text));
        if !is_whole {
            break;
        }
    }
    answers
}

#[test]
fn the_named_call_fails_as_it_is_told_and_no_other() {
    let (port, heard) = echo();
    let relay = Relay::on_port(Server::Port(port)).unwrap();
    let fails = |how: How| {
        heard.lock().unwrap().clear();
        relay.plan().set(Fault { call: 2, how }, b"");
        let answers = ask(&relay, &["one", "two"]);
        assert_eq!(answers[0].as_ref().unwrap(), "one\n", "{how:?}");
        let met = relay.plan().clear();
        assert_eq!(met, Met { calls: 2, failed: true }, "{how:?}");
        let second = answers.into_iter().nth(1).unwrap();
        (second.map_err(|error| error.kind()), heard.lock().unwrap().contains(&"two".to_owned()))
    };
    assert_eq!(fails(How::Before), (Ok(String::new()), false));
    assert_eq!(fails(How::After), (Ok(String::new()), true));
    assert_eq!(fails(How::Half), (Ok("tw".to_owned()), true));
    assert_eq!(fails(How::Hang), (Err(io::ErrorKind::WouldBlock), false));
    assert_eq!(fails(How::Reset), (Err(io::ErrorKind::ConnectionReset), false));
    let (answer, was_heard) = fails(How::Status);
    assert!(answer.unwrap().starts_with("HTTP/1.1 500 ") && !was_heard);
    assert_eq!(ask(&relay, &["one", "two"]).len(), 2, "nothing fails any more");
}

#[test]
fn only_marked_connections_are_counted() {
    let (port, _) = echo();
    let relay = Relay::on_port(Server::Port(port)).unwrap();
    relay.plan().set(Fault { call: 2, how: How::Before }, b"mine");
    assert!(ask(&relay, &["yours", "yours", "yours"]).iter().all(Result::is_ok));
    let answers = ask(&relay, &["first", "mine", "two"]);
    assert_eq!(answers[2].as_ref().unwrap(), "", "counted from the mark on");
    assert_eq!(relay.plan().clear(), Met { calls: 2, failed: true });
}

#[test]
fn a_connection_is_counted_by_what_it_began_with_whenever_that_was() {
    let (port, _) = echo();
    let relay = Relay::on_port(Server::Port(port)).unwrap();
    let open = |name: &str| {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port())).unwrap();
        say(&mut stream, name);
        stream
    };
    let (mut mine, mut yours) = (open("mine"), open("yours"));
    for _ in 0..2 {
        relay.plan().set(Fault { call: 9, how: How::Before }, b"mine");
        for stream in [&mut mine, &mut yours] {
            say(stream, "more");
        }
        assert_eq!(relay.plan().clear(), Met { calls: 1, failed: false });
    }
}

/// Says a line and hears it back.
fn say(stream: &mut TcpStream, line: &str) {
    stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut answer = vec![0; line.len() + 1];
    stream.read_exact(&mut answer).unwrap();
}

#[test]
fn a_descriptor_travels_with_its_message() {
    use std::os::fd::AsFd as _;
    let folder = tempfile::tempdir().unwrap();
    let (there, here) = (folder.path().join("there"), folder.path().join("here"));
    let listener = UnixListener::bind(&there).unwrap();
    let relay = Relay::on_socket(&here, Server::Socket(there)).unwrap();
    let client = UnixStream::connect(&here).unwrap();
    let (server, _) = listener.accept().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "inside").unwrap();
    let file: OwnedFd = fs::File::open(&file).unwrap().into();
    carry::send(client.as_fd(), b"take this", &[file]).unwrap();
    let mut piece = [0; 64];
    let (length, passed) = carry::receive(server.as_fd(), &mut piece).unwrap();
    assert_eq!(&piece[..length], b"take this");
    let mut text = String::new();
    fs::File::from(passed.into_iter().next().unwrap()).read_to_string(&mut text).unwrap();
    assert_eq!(text, "inside");
    drop(relay);
}
