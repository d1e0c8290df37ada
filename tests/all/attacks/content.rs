//! No role opens what another role's area holds, and no role's user reads its files.

use std::io::Read as _;

use age::Decryptor;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sekisho_tools::fixtures::test_strings::eicar;

use super::{ROLES, RoleKeys, as_role, has_users};
use crate::service::World;

/// Area, and the one role that opens it.
const OPENED_BY: [(&str, &str); 3] =
    [("quarantine", "worker"), ("release", "portal"), ("review", "review")];

#[tokio::test(flavor = "multi_thread")]
async fn each_area_opens_with_its_own_roles_key_and_no_other() {
    let world = World::new();
    world.released().await;
    let bad = world.patient().await.send_photo(eicar().as_bytes()).await.expect("received");
    assert_eq!(world.settled(&bad.id), "rejected");
    let wraps: Vec<(String, String)> = sqlx::query_as("SELECT area, sealed FROM wraps")
        .fetch_all(&world.keys().await)
        .await
        .expect("wraps");
    for (area, opener) in OPENED_BY {
        let of_area: Vec<_> = wraps.iter().filter(|(of, _)| of == area).collect();
        assert!(!of_area.is_empty(), "nothing in {area} to attack");
        for role in ROLES {
            let identities = RoleKeys::of(&world, role).identities();
            for (_, sealed) in &of_area {
                let opened = identities.iter().any(|identity| opens(sealed, identity));
                assert_eq!(opened, role == opener, "{role} and the wraps of {area}");
            }
        }
    }
    if has_users(&world) {
        stores_and_keys_are_closed(&world);
    }
}

fn opens(sealed: &str, identity: &age::x25519::Identity) -> bool {
    let sealed = BASE64.decode(sealed).expect("base64");
    let decryptor = Decryptor::new_buffered(&*sealed).expect("an age file");
    let opened = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity));
    let mut text = String::new();
    opened.is_ok_and(|mut plain| plain.read_to_string(&mut text).is_ok())
        && text.starts_with("AGE-SECRET-KEY-")
}

fn stores_and_keys_are_closed(world: &World) {
    let path = |name: &str| world.data_file(name).to_string_lossy().into_owned();
    for role in ROLES {
        for (area, opener) in OPENED_BY {
            let shares =
                role == "worker" || role == opener || (role, area) == ("intake", "quarantine");
            let store = path(&format!("store/{area}"));
            let found = as_role(role, "find", &[&store, "-type", "f", "-size", "+0"]);
            let files = String::from_utf8_lossy(&found.stdout).lines().count();
            assert_eq!(files > 0, shares, "{role} finds {files} files in {area}");
            let changed =
                as_role(role, "touch", &[&format!("{store}/planted-{role}")]).status.success();
            let writes = role == "worker" || (role, area) == ("intake", "quarantine");
            assert_eq!(changed, writes, "{role} writes into {area}");
        }
        for secret in std::fs::read_dir(world.data_file("keys")).expect("keys") {
            let secret = secret.expect("an entry").path();
            let is_public = secret.ends_with("public.toml");
            let read = as_role(role, "cat", &[&secret.to_string_lossy()]).status.success();
            assert_eq!(read, is_public, "{role} reads {}", secret.display());
        }
        for name in ["intake", "portal", "review", "machines"] {
            let read = as_role(role, "cat", &[&path(&format!("tls/{name}.key"))]);
            assert!(!read.status.success(), "{role} reads the TLS key of {name}");
        }
        let checkpoints = path("checkpoints/checkpoints.txt");
        let written = as_role(role, "truncate", &["-s", "+0", &checkpoints]).status.success();
        assert_eq!(written, role == "worker", "{role} writes the checkpoints");
        let set = path("signatures/clamav/daily.cud");
        let written = as_role(role, "truncate", &["-s", "+0", &set]).status.success();
        assert!(!written, "{role} writes the signature set");
    }
}
