//! The routes of a door, each known by method and path as it is added.
//!
//! A door is built from a [`Routes`] and from nothing else, so the list of what it answers is the
//! list of what it serves: the access matrix walks that list, and a route it does not know fails.

use std::convert::Infallible;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::response::IntoResponse;
use axum::routing::{Route as AxumRoute, delete, get, head, options, patch, post};
use tower::{Layer, Service};

/// One thing a door answers to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Route {
    pub method: Verb,
    /// As it was added, with its parameters: `/artifacts/{id}`.
    pub path: &'static str,
}

/// The methods a door knows; every other is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verb {
    Options,
    Head,
    Get,
    Post,
    Patch,
    Delete,
}

/// A door's routes while they are put together.
pub struct Routes<S> {
    router: Router<S>,
    list: Vec<Route>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub(super) fn new() -> Self {
        Self { router: Router::new(), list: Vec::new() }
    }

    pub(super) fn get<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Verb::Get, path, |router| router.route(path, get(handler)))
    }

    pub(super) fn post<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Verb::Post, path, |router| router.route(path, post(handler)))
    }

    pub(super) fn options<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Verb::Options, path, |router| router.route(path, options(handler)))
    }

    pub(super) fn head<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Verb::Head, path, |router| router.route(path, head(handler)))
    }

    pub(super) fn patch<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Verb::Patch, path, |router| router.route(path, patch(handler)))
    }

    pub(super) fn delete<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(Verb::Delete, path, |router| router.route(path, delete(handler)))
    }

    /// A POST whose body may be this long, whatever the door's limit is.
    pub(super) fn post_up_to<H, T>(self, most: usize, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let upload = post(handler).layer(DefaultBodyLimit::max(most));
        self.add(Verb::Post, path, |router| router.route(path, upload))
    }

    pub(super) fn merge(mut self, other: Self) -> Self {
        self.list.extend(other.list);
        Self { router: self.router.merge(other.router), list: self.list }
    }

    /// Puts a layer around every route added so far.
    pub(super) fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<AxumRoute> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        Self { router: self.router.layer(layer), list: self.list }
    }

    /// What the door answers to, in the order it was added.
    #[cfg(test)]
    pub(super) fn list(&self) -> &[Route] {
        &self.list
    }

    /// The router of exactly these routes.
    pub(super) fn into_router(self) -> Router<S> {
        self.router
    }

    fn add(
        mut self,
        method: Verb,
        path: &'static str,
        route: impl FnOnce(Router<S>) -> Router<S>,
    ) -> Self {
        self.list.push(Route { method, path });
        Self { router: route(self.router), list: self.list }
    }
}
