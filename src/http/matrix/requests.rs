//! Every route's request, complete and valid: what is refused is refused for who asks, not for how.

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION};
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::super::staff::tests::world::World;
use super::people::{BAD_FILE, Badge, People};
use super::table::At;
use crate::app::PeerIdentity;
use crate::domain::Artifact;
use crate::http::intake::AGREEMENT_VERSION;
use crate::http::{Door, Route, Verb, assets, intake, machines, portal, review};
use crate::testing::{BIRTH_DATE, PASSWORD};

/// The four doors of one clinic, and what they say they serve.
pub(super) struct Doors {
    routers: [(At, Router); 4],
    routes: Vec<(At, Route)>,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) location: String,
    pub(super) content_type: String,
    /// The browser is told to forget what it has of this door.
    pub(super) is_forgotten: bool,
    pub(super) body: String,
}

const FORM: &str = "application/x-www-form-urlencoded";

impl Doors {
    pub(super) fn open(world: &World) -> Self {
        let app = &world.app;
        let config = &app.config;
        let mut routes = Vec::new();
        let mut add = |at, list: &[Route]| routes.extend(list.iter().map(|route| (at, *route)));
        add(At::Intake, intake::routes(&app.intake).list());
        add(At::Portal, portal::routes(&Door::new(app.portal.clone(), config)).list());
        add(At::Review, review::routes(&Door::new(app.review.clone(), config), config).list());
        add(At::Machines, machines::routes().list());
        let routers = [
            (At::Intake, intake::router(app.intake.clone(), config)),
            (At::Portal, portal::router(app.portal.clone(), config)),
            (At::Review, review::router(app.review.clone(), config)),
            (At::Machines, machines::router(app.portal.clone())),
        ];
        Self { routers, routes }
    }

    pub(super) fn routes(&self) -> Vec<(At, Route)> {
        self.routes.clone()
    }

    /// Asks a door with what someone carries.
    pub(super) async fn ask(&self, at: At, mut request: Request<Body>, badge: &Badge) -> Answer {
        if let Some(cookie) = &badge.cookie {
            request.headers_mut().insert(COOKIE, cookie.parse().expect("a header"));
        }
        let address = ([192, 0, 2, 7], 50_000).into();
        let certificate_sha256 = badge.certificate.clone();
        let peer = PeerIdentity {
            peer: address,
            local: address,
            opened: Instant::now(),
            certificate_sha256,
        };
        request.extensions_mut().insert(peer);
        let (_, router) = self.routers.iter().find(|(door, _)| *door == at).expect("a door");
        let response = router.clone().oneshot(request).await.expect("infallible");
        let header = |name: &str| {
            let value = response.headers().get(name).map(|value| value.to_str().expect("text"));
            value.unwrap_or_default().to_owned()
        };
        let (location, content_type) = (header(LOCATION.as_str()), header(CONTENT_TYPE.as_str()));
        let is_forgotten = !header("clear-site-data").is_empty();
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status, location, content_type, is_forgotten, body }
    }
}

/// Whether a route is about one artifact, or about the visit it came in.
pub(super) fn is_about_artifact(route: Route) -> bool {
    route.path.contains("/artifacts/{id}") || route.path.contains("/submissions/{id}")
}

/// A page's request.
pub(super) fn get(at: At, path: &str) -> Request<Body> {
    to(at, Verb::Get, path, FORM, Vec::new())
}

/// The headers with which a file of two bytes is announced, and its first byte sent.
fn piece(mut request: Request<Body>) -> Request<Body> {
    for (name, value) in
        [("tus-resumable", "1.0.0"), ("upload-length", "2"), ("upload-offset", "0")]
    {
        request.headers_mut().insert(name, value.parse().expect("a header"));
    }
    request
}

impl Doors {
    /// Announces a file with what someone carries; its address.
    pub(super) async fn announce(&self, badge: &Badge) -> String {
        let request = piece(to(At::Intake, Verb::Post, "/uploads", FORM, Vec::new()));
        let answer = self.ask(At::Intake, request, badge).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.location
    }
}

impl People {
    /// The request of a route, about an artifact.
    pub(super) fn request(
        &self,
        world: &World,
        at: At,
        route: Route,
        artifact: &Artifact,
    ) -> Request<Body> {
        let path = self.path(route, artifact);
        if (at, route.path, route.method) == (At::Intake, "/send", Verb::Post) {
            let body = "--edge\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\n\
                        hello\r\n--edge--\r\n";
            let kind = "multipart/form-data; boundary=edge";
            return to(at, route.method, &path, kind, body.into());
        }
        if route.path.starts_with("/uploads") {
            return piece(to(
                at,
                route.method,
                &path,
                "application/offset+octet-stream",
                b"x".into(),
            ));
        }
        let form = match route.method {
            Verb::Options | Verb::Head | Verb::Get | Verb::Patch | Verb::Delete => String::new(),
            Verb::Post => self.form(world, at, route.path, artifact),
        };
        to(at, route.method, &path, FORM, form.into_bytes())
    }

    fn path(&self, route: Route, artifact: &Artifact) -> String {
        let (path, id) = (route.path, artifact.id.to_string());
        match () {
            () if path == "/uploads/{id}" => self.upload.clone(),
            () if path == "/assets/{name}" => assets::address("gate.svg"),
            () if path.starts_with("/suspensions/") => {
                path.replace("{id}", &self.suspension.to_string())
            }
            () if path.starts_with("/links/") => path.replace("{id}", &self.revocable.to_string()),
            () if path.starts_with("/machines/") => {
                path.replace("{id}", &self.spare_machine().to_string())
            }
            () if path.starts_with("/submissions/") => {
                path.replace("{id}", &artifact.submission.to_string())
            }
            () => path.replace("{id}", &id).replace("{login}", "leaver").replace("{number}", "1"),
        }
    }

    fn form(&self, world: &World, at: At, path: &str, artifact: &Artifact) -> String {
        let (doctor, reviewer) = (&world.doctor, &self.reviewer);
        let version = artifact.version;
        let person = if at == At::Portal { doctor } else { reviewer };
        let last = path.rsplit('/').next().unwrap_or_default();
        match last {
            "lift" if path.starts_with("/suspensions/") => "reason=mistake".to_owned(),
            "hashes" => format!("list={}&reason=found_here", "a".repeat(64)),
            "remove" => format!("sha256={BAD_FILE}&reason=mistake"),
            "open" => {
                format!("secret={}&second_secret={BIRTH_DATE}", self.open.secret.expose())
            }
            "agree" => format!("version={AGREEMENT_VERSION}&agreed=yes"),
            "language" => "lang=en&back=/".to_owned(),
            "signin" => {
                format!("login={}&password={}", person.staff.login, PASSWORD.replace(' ', "+"))
            }
            "factor" => format!("code={}", world.code(person)),
            "evidence" => "reason=triage".to_owned(),
            "approve" => format!("version={version}&reason=harmless_finding"),
            "reject" => format!("version={version}&reason=attack"),
            "rescan" | "recall" | "lift" => format!("version={version}"),
            "hold" => format!("version={version}&reason=incident&days=30"),
            "links" => format!(
                "doctor={}&patient=K-7&sender=patient&proxy_name=&purpose=skin\
                 &second_secret_kind=birth_date&second_secret=19480203&days=7",
                doctor.staff.id
            ),
            "search" => format!("patient={}", super::PATIENT),
            "staff" => "name=New&login=newcomer&role=reviewer&team=&password=long-enough-password"
                .to_owned(),
            _ => String::new(),
        }
    }
}

fn to(at: At, method: Verb, path: &str, kind: &str, body: Vec<u8>) -> Request<Body> {
    let host = match at {
        At::Intake => "intake.localhost",
        At::Portal | At::Machines => "portal.localhost",
        At::Review => "review.localhost",
    };
    let method = match method {
        Verb::Options => "OPTIONS",
        Verb::Head => "HEAD",
        Verb::Get => "GET",
        Verb::Post => "POST",
        Verb::Patch => "PATCH",
        Verb::Delete => "DELETE",
    };
    let request = Request::builder().method(method).uri(path).header(HOST, host);
    let request = request.header("sec-fetch-site", "same-origin").header(CONTENT_TYPE, kind);
    request.body(Body::from(body)).expect("a request")
}
