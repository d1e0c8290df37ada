//! Roles as hosts of a network, with the routes that docs/DEPLOY.md names and no others: what a role
//! need not reach it cannot, and a photo still goes from the patient to the doctor.
//!
//! The network is made of namespaces of the test's own, which takes root's rights.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use sekisho_tools::apart::Apart;
use sekisho_tools::chaos::DOCTOR;
use sekisho_tools::chaos::patient::{self, Received, Visitor};
use sekisho_tools::chaos::service::set;
use sekisho_tools::cluster::Cluster;
use sekisho_tools::network::{Host, Network};
use sekisho_tools::servers::{self, AREAS, Buckets, DATABASE, REGION, bucket, identities};
use sekisho_tools::weed::Weed;
use tempfile::TempDir;

use crate::buckets;
use crate::machines::Machine;
use crate::service::{World, photo, sign_in};

const POSTGRES: u16 = 5432;
const HTTPS: u16 = 443;
/// Of nobody (RFC 5737); a packet for it leaves only where there is a route for everything.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Where the clinic's doors listen in the middle size: a route there has only its staff.
const FOR_STAFF: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
const DATABASE_NAME: &str = "database.test";
const STORE_NAME: &str = "s3.test";

#[test]
fn each_role_reaches_what_it_needs_and_a_photo_goes_all_the_way() {
    let name = "separation::each_role_reaches_what_it_needs_and_a_photo_goes_all_the_way";
    if !Apart::Network.run(name).expect("passes in a network of its own") {
        return;
    }
    let hosts = [
        "operator",
        "internet",
        "staff",
        "intake",
        "worker",
        "clinic",
        "database",
        "quarantine",
        "released",
    ];
    let network = Network::new(&hosts).expect("hosts");
    let host = |name| network.host(name).expect("a host");
    for (one, other) in [
        ("internet", "intake"),
        ("intake", "database"),
        ("intake", "quarantine"),
        ("worker", "database"),
        ("worker", "quarantine"),
        ("worker", "released"),
        ("clinic", "database"),
        ("clinic", "released"),
        ("staff", "clinic"),
        // The operator's machine, and whoever keeps the store's server.
        ("operator", "database"),
        ("operator", "quarantine"),
        ("operator", "released"),
    ] {
        network.wire(one, other).expect("a wire");
    }
    let place = Place { database: "database", quarantine: "quarantine", released: "released" };
    let (world, stores, _names) = spread(&network, &place);
    let [quarantine, released] = &stores[..] else { panic!("two servers") };
    let clinic = host("clinic");
    let _roles =
        [("intake", "intake"), ("worker", "worker"), ("portal", "clinic"), ("review", "clinic")]
            .map(|(role, at)| Machine::start_at(&world, role, host(at), host(at).address()));

    let doors = ["portal", "machines", "review"].map(|door| world.service.door(door).port);
    let intake_door = (host("intake").address(), world.service.door("intake").port);
    let services = [
        (intake_door, &["internet"][..]),
        ((clinic.address(), doors[0]), &["staff"]),
        ((clinic.address(), doors[1]), &["staff"]),
        ((clinic.address(), doors[2]), &["staff"]),
        ((host("database").address(), POSTGRES), &["intake", "worker", "clinic"]),
        ((host("quarantine").address(), quarantine.port("s3")), &["intake", "worker"]),
        ((host("released").address(), released.port("s3")), &["worker", "clinic"]),
    ];
    for ((address, port), allowed) in services {
        for from in ["internet", "staff", "intake", "worker", "clinic"] {
            let answer = host(from).connect((address.into(), port)).expect("asks");
            if host(from).address() == address || allowed.contains(&from) {
                answer.unwrap_or_else(|error| panic!("{from} to {address}:{port}: {error}"));
            } else {
                let error = answer.expect_err(from).kind();
                assert_eq!(error, io::ErrorKind::NetworkUnreachable, "{from} to {address}:{port}");
            }
        }
    }
    for role in ["intake", "worker", "clinic"] {
        let routes = host(role).routes().expect("routes");
        assert!(!routes.iter().any(|route| route.starts_with("default")), "{role}: {routes:?}");
        let away = host(role).connect((ELSEWHERE.into(), HTTPS)).expect("asks");
        assert_eq!(away.expect_err(role).kind(), io::ErrorKind::NetworkUnreachable, "{role}");
    }
    journey(&world, &network, host("intake").address(), clinic.address());
}

#[test]
fn in_the_middle_size_the_clinic_connects_outward_and_nothing_leads_back_to_its_doors() {
    let name = "separation::in_the_middle_size_the_clinic_connects_outward_and_nothing_leads_back_to_its_doors";
    if !Apart::Network.run(name).expect("passes in a network of its own") {
        return;
    }
    let hosts = ["operator", "internet", "rented", "router", "worker", "clinic", "staff"];
    let network = Network::new(&hosts).expect("hosts");
    let host = |name| network.host(name).expect("a host");
    let (rented, router, clinic) = (host("rented"), host("router"), host("clinic"));
    for (one, other) in [("internet", "rented"), ("rented", "router"), ("staff", "clinic")] {
        network.wire(one, other).expect("a wire");
    }
    // The clinic's router knows the addresses from which the clinic connects, and no other of its.
    router.pass_on().expect("passes on");
    for inside in ["operator", "worker", "clinic"] {
        network.wire(inside, "router").expect("a wire");
        host(inside).route(rented.address(), router).expect("a route");
        rented.route(host(inside).address(), router).expect("a route");
    }
    clinic.add_address(FOR_STAFF).expect("an address");
    host("staff").route(FOR_STAFF, clinic).expect("a route");

    let place = Place { database: "rented", quarantine: "rented", released: "rented" };
    let (world, _stores, _names) = spread(&network, &place);
    let _rented = Machine::start_at(&world, "intake", rented, rented.address());
    let _worker = Machine::start_at(&world, "worker", host("worker"), host("worker").address());
    let _doors =
        ["portal", "review"].map(|role| Machine::start_at(&world, role, clinic, FOR_STAFF));

    for door in ["portal", "machines", "review"] {
        let port = world.service.door(door).port;
        let from = |host: &Host, to: Ipv4Addr| host.connect((to.into(), port)).expect("asks");
        from(host("staff"), FOR_STAFF).expect("the clinic's own staff comes in");
        let away = from(rented, FOR_STAFF).expect_err("no route").kind();
        assert_eq!(away, io::ErrorKind::NetworkUnreachable, "{door}");
        // Whence the clinic connects, nothing listens.
        let back = from(rented, clinic.address()).expect_err("nobody").kind();
        assert_eq!(back, io::ErrorKind::ConnectionRefused, "{door}");
    }
    // Whoever owns the rented machine may make themselves a route; the clinic's router has none.
    rented.route(FOR_STAFF, router).expect("a route");
    let port = world.service.door("portal").port;
    let forced = rented.connect((FOR_STAFF.into(), port)).expect("asks");
    let forced = forced.expect_err("the router passes nothing on to the doors").kind();
    assert_eq!(forced, io::ErrorKind::NetworkUnreachable);
    for inside in ["worker", "clinic"] {
        let away = host(inside).connect((ELSEWHERE.into(), HTTPS)).expect("asks");
        assert_eq!(away.expect_err(inside).kind(), io::ErrorKind::NetworkUnreachable, "{inside}");
    }
    journey(&world, &network, rented.address(), FOR_STAFF);
}

/// Which host has what.
struct Place {
    database: &'static str,
    quarantine: &'static str,
    released: &'static str,
}

/// Servers where they belong, and the service set up for them. One server of the store or two: which
/// bucket is where is a matter of names.
fn spread(network: &Network, place: &Place) -> (World, Vec<Weed>, TempDir) {
    let host = |name: &str| network.host(name).expect("a host");
    let names = tempfile::tempdir().expect("a folder");
    let [quarantine, release, review] =
        ["quarantine", "release", "review"].map(|area| format!("{}.{STORE_NAME}", bucket(area)));
    let released = host(place.released).address();
    let named = network.name(
        names.path(),
        &[
            (host(place.database).address(), DATABASE_NAME),
            (host(place.quarantine).address(), &format!("{STORE_NAME} {quarantine}")),
            (released, &format!("{release} {review}")),
        ],
    );
    named.expect("names");
    let database = buckets::certificate(&[DATABASE_NAME]);
    let cluster = Cluster::start_at(host(place.database), &database).expect("a cluster");
    let authority = names.path().join("database-ca.pem");
    std::fs::write(&authority, &database.chain).expect("written");
    let world = World::prepared_at(cluster, |table| {
        let url = format!("postgresql://{DATABASE_NAME}/{DATABASE}");
        set(table, &["database", "url"], url.into());
        set(table, &["database", "authority"], authority.display().to_string().into());
        set(table, &["egress", "hosts"], vec![DATABASE_NAME, STORE_NAME].into());
        set(table, &["egress", "regions"], vec![REGION].into());
        set(table, &["egress", "networks"], vec!["10.77.0.0/24"].into());
    });
    let store = buckets::certificate(&[STORE_NAME, &format!("*.{STORE_NAME}")]);
    let start = |at: &str, areas: &[&str]| {
        let weed = Weed::start_at(host(at), STORE_NAME, &identities(), &store);
        let weed = weed.expect("a server");
        servers::make_buckets(&weed, areas).expect("buckets");
        weed
    };
    let stores = if place.quarantine == place.released {
        vec![start(place.quarantine, &AREAS)]
    } else {
        vec![
            start(place.quarantine, &["quarantine"]),
            start(place.released, &["release", "review"]),
        ]
    };
    let (endpoint, authority) = (stores[0].endpoint(), Some(store.chain.as_str()));
    let told = servers::use_buckets(&world.service, &endpoint, Buckets::InHost, authority);
    told.expect("configured");
    (world, stores, names)
}

/// The patient sends from the internet, the doctor looks from the clinic.
fn journey(world: &World, network: &Network, intake: Ipv4Addr, portal: Ipv4Addr) {
    let service = &world.service;
    let secret = patient::link(service, DOCTOR, "P-1").expect("a link");
    let sent: Received = from(network, "internet", async {
        let door = Visitor::new_at(service, "intake", IpAddr::V4(intake)).expect("a browser");
        let patient = patient::enter(door, &secret).await.expect("a visit");
        patient.send_photo(&photo()).await.expect("acknowledged")
    });
    assert_eq!(world.settled(&sent.id), "released", "{}", world.row(&sent.id));
    let rendition = from(network, "staff", async {
        let door = Visitor::new_at(service, "portal", IpAddr::V4(portal)).expect("a browser");
        let doctor = sign_in(door, &world.doctor).await;
        let answer = doctor.get(&format!("/artifacts/{}/rendition", sent.id)).await;
        let answer = answer.expect("the door");
        assert_eq!(answer.status(), 200);
        answer.bytes().await.expect("a rendition")
    });
    assert!(rendition.starts_with(b"\xff\xd8\xff"), "a JPEG");
    assert_eq!(world.events("view", &sent.id).len(), 1);
}

/// What somebody does at a host.
fn from<T: Send>(network: &Network, host: &str, act: impl Future<Output = T> + Send) -> T {
    let there = network.host(host).expect("a host").inside(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(act)
    });
    there.expect("a thread")
}
