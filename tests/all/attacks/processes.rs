//! What is to be had from a role's process itself: nothing of another's.

use std::fs;
use std::os::unix::fs::FileExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{ROLES, RoleKeys, as_role, has_users};
use crate::service::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_role_holds_its_own_keys_and_its_process_is_closed_to_others() {
    let world = World::new();
    let separated = has_users(&world);
    let parent = world.service.pid().expect("it runs");
    for role in ROLES {
        let pid = world.service.role_pid(role).expect("it runs");
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
        let value = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        assert_eq!(value("NoNewPrivs:"), "1", "{role}");
        if separated {
            for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
                assert_eq!(value(set), "0000000000000000", "{role} {set}");
            }
            assert_eq!(
                value("Uid:").split_whitespace().next(),
                Some(&*super::user(role).to_string())
            );
            for (other, file) in
                ROLES.iter().flat_map(|it| [(it, "environ"), (it, "maps"), (it, "mem")])
            {
                let path = format!("/proc/{pid}/{file}");
                let read = as_role(other, "head", &["-c", "1", &path]);
                assert!(!read.status.success(), "{other} reads {file} of {role}");
            }
        }
        no_descriptor_of_a_key(pid, role);
    }
    no_descriptor_of_a_key(parent, "the parent");
    environments_hold_no_secret(&world);
    if rustix::process::geteuid().is_root() {
        memories_hold_no_foreign_key(&world);
    }
}

/// That a process has no key of any role, in its memory or open.
pub(crate) fn opens_nothing(world: &World, pid: u32, whose: &str) {
    no_descriptor_of_a_key(pid, whose);
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let memory = writable_memory(pid);
    assert!(memory.len() > 100_000, "the memory of {whose} was not read");
    for role in ROLES {
        for (name, value) in RoleKeys::of(world, role).all() {
            let found = contains(&memory, value.as_bytes()) || contains(&memory, &raw(value));
            assert!(!found, "{whose} holds {name} of {role} in memory");
        }
    }
}

/// Keys are read and closed at once: nobody keeps the file.
fn no_descriptor_of_a_key(pid: u32, whose: &str) {
    let listed = fs::read_dir(format!("/proc/{pid}/fd"));
    let Ok(listed) = listed else {
        assert!(!rustix::process::geteuid().is_root(), "root may look");
        return;
    };
    for entry in listed.flatten() {
        let Ok(target) = fs::read_link(entry.path()) else { continue };
        let ending = target.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let in_keys = target.parent().is_some_and(|folder| folder.ends_with("keys"));
        let is_key = in_keys || ["key", "keys"].contains(&ending);
        assert!(!is_key, "{whose} holds {} open", target.display());
    }
}

fn environments_hold_no_secret(world: &World) {
    let pids = world.service.processes().into_iter().map(|process| process.pid);
    for pid in pids.chain(world.service.pid()) {
        // A process that ends meanwhile, or that may not be looked at, shows nothing.
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        for role in ROLES {
            for (name, value) in RoleKeys::of(world, role).all() {
                let held =
                    [&environ, &arguments].iter().any(|text| contains(text, value.as_bytes()));
                assert!(!held, "{name} of {role} stands in process {pid}'s environment");
            }
        }
    }
}

/// Reads the memory of every process as only root can, and looks for every key.
fn memories_hold_no_foreign_key(world: &World) {
    let keys: Vec<_> = ROLES.iter().map(|role| (*role, RoleKeys::of(world, role))).collect();
    let mut processes: Vec<(String, u32)> = ROLES
        .iter()
        .map(|role| ((*role).to_owned(), world.service.role_pid(role).expect("it runs")))
        .collect();
    processes.push(("parent".to_owned(), world.service.pid().expect("it runs")));
    for (process, pid) in processes {
        let memory = writable_memory(pid);
        assert!(memory.len() > 100_000, "the memory of {process} was not read");
        let mut own_found = 0;
        for (owner, keys) in &keys {
            for (name, value) in keys.all() {
                // As text, and as the bytes it stands for.
                let bytes = raw(value);
                let found = contains(&memory, value.as_bytes()) || contains(&memory, &bytes);
                // Intake and review share this one by design.
                let shared =
                    name == "second_secret_key" && ["intake", "review"].contains(&&*process);
                let own = *owner == process || shared;
                own_found += u32::from(found && own);
                assert!(own || !found, "{process} holds {name} of {owner} in memory");
            }
        }
        // That something is found where it must be shows that the search works. Intake's keys are
        // for tags alone, and are held in the form that tags are made with.
        if process != "intake" {
            assert_eq!(own_found > 0, process != "parent", "{process}");
        }
    }
}

/// The 32 bytes of a secret: base64, or age's own letters without their checksum.
fn raw(value: &str) -> Vec<u8> {
    const LETTERS: &[u8; 32] = b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
    let Some(data) = value.strip_prefix("AGE-SECRET-KEY-1") else {
        return BASE64.decode(value).expect("base64");
    };
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in data.bytes().take(data.len() - 6) {
        let place = LETTERS.iter().position(|it| *it == letter).expect("a letter of bech32");
        held = (held << 5 | u32::try_from(place).expect("small")) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).expect("a byte"));
        }
    }
    assert_eq!(bytes.len(), 32);
    bytes
}

fn writable_memory(pid: u32) -> Vec<u8> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("root may look");
    let file = fs::File::open(format!("/proc/{pid}/mem")).expect("root may look");
    let mut memory = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
        let Some((start, end)) = range.split_once('-').filter(|_| rights.starts_with("rw")) else {
            continue;
        };
        let number = |text| u64::from_str_radix(text, 16).expect("an address");
        let mut at = number(start);
        while at < number(end) {
            let mut page =
                vec![0; usize::try_from((number(end) - at).min(1 << 20)).expect("small")];
            let Ok(read) = file.read_at(&mut page, at) else { break };
            memory.extend_from_slice(&page[..read]);
            at += read.max(1) as u64;
        }
    }
    memory
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}
