//! Where folders put their operations. They are described for the document of the API, or served, which needs no description: describing every operation takes more
//! memory than serving them all, and each worker of a server puts its own together.

use std::collections::BTreeSet;

use actix_web::dev::HttpServiceFactory;
use utoipa_actix_web::OpenApiFactory;
use utoipa_actix_web::service_config::ServiceConfig;

/// What operations are put together for.
#[derive(Debug)]
pub enum Purpose<'p> {
    /// To answer requests.
    Serve,
    /// To be described.
    Describe,
    /// To learn the nouns (first segments) of their paths.
    Name(&'p mut BTreeSet<String>),
}

/// The operations of a server.
pub struct Routes<'r, 's> {
    config: &'r mut ServiceConfig<'s>,
    purpose: Purpose<'r>,
}

impl<'r, 's> Routes<'r, 's> {
    /// Puts operations into this configuration.
    pub const fn new(config: &'r mut ServiceConfig<'s>, purpose: Purpose<'r>) -> Self {
        Self { config, purpose }
    }

    /// Adds an operation.
    pub fn service<F: HttpServiceFactory + OpenApiFactory + 'static>(&mut self, operation: F) -> &mut Self {
        match &mut self.purpose {
            Purpose::Serve => {
                self.config.map(|config| config.service(operation));
            }
            Purpose::Describe => {
                self.config.service(operation);
            }
            Purpose::Name(nouns) => nouns.extend(operation.paths().paths.keys().filter_map(|path| path.split('/').nth(1).map(str::to_owned))),
        }
        self
    }
}
