//! Where folders put their operations. They are described for the document of the API, or served, which needs no description: describing every operation takes more
//! memory than serving them all, and each worker of a server puts its own together.

use actix_web::dev::HttpServiceFactory;
use utoipa_actix_web::OpenApiFactory;
use utoipa_actix_web::service_config::ServiceConfig;

use super::KnownPaths;

/// What operations are put together for.
pub enum Purpose<'p> {
    /// To answer requests, those of one noun (the first segment of their paths).
    Serve(&'p str),
    /// To be described, those of one noun.
    Describe(&'p str),
    /// To learn the noun of each, in their order, and which methods each path takes.
    Name {
        /// The nouns.
        nouns: &'p mut Vec<String>,
        /// The paths.
        known: &'p mut KnownPaths,
        /// What stands before each path.
        base: &'p str,
    },
}

/// The operations of a group.
pub struct Routes<'r, 's> {
    config: &'r mut ServiceConfig<'s>,
    purpose: Purpose<'r>,
    /// The nouns of the group's operations, in their order; none where they are to be learnt.
    nouns: std::slice::Iter<'r, String>,
}

impl<'r, 's> Routes<'r, 's> {
    /// Puts operations into this configuration.
    pub fn new(config: &'r mut ServiceConfig<'s>, purpose: Purpose<'r>, nouns: &'r [String]) -> Self {
        Self { config, purpose, nouns: nouns.iter() }
    }

    /// Adds an operation.
    pub fn service<F: HttpServiceFactory + OpenApiFactory + 'static>(&mut self, operation: F) -> &mut Self {
        let noun = self.nouns.next();
        match &mut self.purpose {
            Purpose::Serve(of) if noun.is_some_and(|noun| noun == of) => {
                self.config.map(|config| config.service(operation));
            }
            Purpose::Describe(of) if noun.is_some_and(|noun| noun == of) => {
                self.config.service(operation);
            }
            Purpose::Serve(_) | Purpose::Describe(_) => {}
            Purpose::Name { nouns, known, base } => {
                let paths = operation.paths();
                for (path, item) in &paths.paths {
                    known.add_described(&format!("{base}{path}"), item);
                }
                let noun = paths.paths.keys().next().and_then(|path| path.split('/').nth(1));
                nouns.push(noun.unwrap_or_default().to_owned());
            }
        }
        self
    }
}
