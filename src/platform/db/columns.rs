//! The columns of an entity as they stand in a statement, put together once for each: a row is read by its key more often than anything else is done.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use sea_orm::{DbBackend, EntityTrait, QueryTrait};

static KNOWN: RwLock<BTreeMap<(bool, TypeId), &'static str>> = RwLock::new(BTreeMap::new());

/// What stands between `SELECT` and `FROM` where all columns of an entity are read. It is kept for good: there are as many as entities.
#[expect(clippy::disallowed_methods, reason = "only the text is taken of it, and no row is read without a scope")]
pub(super) fn columns<E: EntityTrait>(backend: DbBackend) -> &'static str {
    let key = (backend == DbBackend::Postgres, TypeId::of::<E>());
    if let Some(text) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return text;
    }
    let whole = E::find().build(backend).sql;
    let text = whole.strip_prefix("SELECT ").and_then(|rest| rest.split_once(" FROM ")).map_or("*", |(columns, _)| columns);
    let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
    KNOWN.write().unwrap_or_else(PoisonError::into_inner).insert(key, text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    mod note {
        use sea_orm::entity::prelude::*;

        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = "notes")]
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            pub id: Uuid,
            pub text: Option<String>,
        }

        crate::no_relations!();
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "only the text is compared")]
    fn the_columns_of_an_entity_are_those_that_are_read_of_it() {
        for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
            for _again in 0..2 {
                assert_eq!(columns::<note::Entity>(backend), r#""notes"."id", "notes"."text""#);
                assert_eq!(format!(r#"SELECT {} FROM "notes""#, columns::<note::Entity>(backend)), note::Entity::find().build(backend).sql);
            }
        }
    }
}
