//! Which unit a request is about, for who acts in several of which none lies above the others; it is looked for nobody else.
//! The query names it, else the row that the path names lies there, else the body of a creation names it or a row that lies there.

use std::collections::BTreeMap;
use std::pin::Pin;

use actix_web::HttpRequest;
use serde_json::Value;
use uuid::Uuid;

use crate::kernel::access::{About, Actor, Place};
use crate::kernel::problem::Problem;
use crate::platform::db::{Db, Scoped, Tx};

type Looking<'t> = Pin<Box<dyn Future<Output = Result<Option<Place>, Problem>> + Send + 't>>;

/// Where a row of one table sits, where it lies in the transaction's scope.
type Look = for<'t> fn(&'t Tx, Uuid) -> Looking<'t>;

fn look<E: Scoped>(tx: &Tx, id: Uuid) -> Looking<'_>
where
    E::Model: Sync,
{
    Box::pin(async move { Ok(tx.maybe_load::<E>(id).await?.map(|row| E::place(&row))) })
}

/// What stands under a noun.
#[derive(Clone, Copy)]
enum Noun {
    /// Rows of units.
    Rows(Look),
    /// What is the same from every unit.
    NoUnit,
}

/// Where the rows are found that requests name. Put together by `app`.
pub struct Whereabouts {
    units: Look,
    nouns: BTreeMap<&'static str, Noun>,
    references: Vec<(&'static str, Look)>,
}

impl Whereabouts {
    /// Knows the units themselves, and nothing else yet.
    #[must_use]
    pub fn of_units<U: Scoped>() -> Self
    where
        U::Model: Sync,
    {
        Self { units: look::<U>, nouns: BTreeMap::new(), references: Vec::new() }
    }

    /// Ids after this noun in paths are rows of this table. Where its rows are the district's only, each unit sees the same.
    #[must_use]
    pub fn noun<E: Scoped>(mut self, noun: &'static str) -> Self
    where
        E::Model: Sync,
    {
        self.nouns.insert(noun, if E::street_column().is_some() { Noun::Rows(look::<E>) } else { Noun::NoUnit });
        self
    }

    /// What is asked under this path without an id is no unit's.
    #[must_use]
    pub fn no_unit(mut self, path: &'static str) -> Self {
        self.nouns.insert(path, Noun::NoUnit);
        self
    }

    /// A body that names no unit may refer at this JSON pointer to a row of this table. The first that is found counts.
    #[must_use]
    pub fn reference<E: Scoped>(mut self, pointer: &'static str) -> Self
    where
        E::Model: Sync,
    {
        self.references.push((pointer, look::<E>));
        self
    }

    /// Whether the noun is known.
    #[must_use]
    pub fn knows(&self, noun: &str) -> bool {
        self.nouns.contains_key(noun)
    }

    /// Whether the unit can be found by what stands at this JSON pointer of a body.
    #[must_use]
    pub fn refers(&self, pointer: &str) -> bool {
        self.references.iter().any(|(known, _)| *known == pointer)
    }

    /// What query and path tell.
    pub(super) async fn of_request(&self, db: &Db, actor: &Actor, request: &HttpRequest) -> Result<About, Problem> {
        let query: Vec<(String, String)> = serde_urlencoded::from_str(request.query_string()).unwrap_or_default();
        let value = |name: &str| query.iter().rev().find(|(known, _)| known == name).and_then(|(_, text)| Uuid::parse_str(text).ok());
        if let Some(about) = self.named(db, actor, value("street_id"), value("community_id")).await? {
            return Ok(about);
        }
        let pattern = request.match_pattern().unwrap_or_default();
        let path = pattern.strip_prefix("/api/v1/").unwrap_or_default();
        let Some((noun, rest)) = path.split_once("/{") else {
            return Ok(if self.is_of_no_unit(path) { About::NoUnit } else { About::Unsaid });
        };
        let id = rest.split_once('}').and_then(|(name, _)| request.match_info().get(name));
        Ok(match self.nouns.get(noun) {
            None => About::Unsaid,
            Some(Noun::NoUnit) => About::NoUnit,
            Some(Noun::Rows(look)) => match id.and_then(|id| Uuid::parse_str(id).ok()) {
                Some(id) => find(db, actor, *look, id).await?.map_or(About::NoUnit, About::Row),
                None => About::NoUnit,
            },
        })
    }

    /// What the body of a creation tells.
    pub(super) async fn of_body(&self, db: &Db, actor: &Actor, body: &Value) -> Result<About, Problem> {
        let value = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).and_then(|text| Uuid::parse_str(text).ok());
        if let Some(about) = self.named(db, actor, value("/street_id"), value("/community_id")).await? {
            return Ok(about);
        }
        let mut about = About::Unsaid;
        for (pointer, look) in &self.references {
            if let Some(id) = value(pointer) {
                if let Some(place) = find(db, actor, *look, id).await? {
                    return Ok(About::Row(place));
                }
                // The use case refuses what it refers to.
                about = About::NoUnit;
            }
        }
        Ok(about)
    }

    /// Whether what stands under this path, or one above it, is the same from every unit.
    #[must_use]
    pub fn is_of_no_unit(&self, path: &str) -> bool {
        let mut path = path;
        loop {
            if let Some(noun) = self.nouns.get(path) {
                return matches!(noun, Noun::NoUnit);
            }
            match path.rsplit_once('/') {
                Some((above, _)) => path = above,
                None => return false,
            }
        }
    }

    /// The unit that is named by its street, its community, or both; nothing where neither is.
    async fn named(&self, db: &Db, actor: &Actor, street: Option<Uuid>, community: Option<Uuid>) -> Result<Option<About>, Problem> {
        let unit = |street, community| About::Unit(Place { district: actor.home.district, street: Some(street), community });
        let Some(community) = community else {
            return Ok(street.map(|street| unit(street, None)));
        };
        if let Some(street) = street {
            return Ok(Some(unit(street, Some(community))));
        }
        if let Some(own) = actor.assignments.iter().find(|held| held.place.community == Some(community)) {
            return Ok(Some(About::Unit(own.place)));
        }
        Ok(Some(find(db, actor, self.units, community).await?.map_or(About::NoUnit, About::Unit)))
    }
}

/// Looks for a row in each of the actor's scopes in turn. The request's read goes on with the connection that found it.
async fn find(db: &Db, actor: &Actor, look: Look, id: Uuid) -> Result<Option<Place>, Problem> {
    for scope in actor.scopes() {
        let tx = db.read(scope).await?;
        if let Some(place) = look(&tx, id).await? {
            db.carry(tx);
            return Ok(Some(place));
        }
    }
    Ok(None)
}
