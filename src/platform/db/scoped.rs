//! Which column of an entity says whose a row is, and the proof that a row was found in the scope and may be acted on.

use std::ops::Deref;

use sea_orm::sea_query::{Condition, Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait};
use uuid::Uuid;

use crate::kernel::access::{Actor, Capability, Place, Scope};
use crate::kernel::problem::Problem;

/// Who sees and writes the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The system's own rows, each of a district or of none.
    System,
    /// Rows of a street that its communities do not see.
    Street,
    /// Rows of a street or of one of its communities; a community sees its own.
    Community,
    /// Rows of a street that its communities see.
    Shared,
    /// Rows that a district (or a street) keeps for all below it.
    Reference,
}

/// An entity whose rows belong to somebody. Implemented by [`crate::scoped`].
pub trait Scoped: EntityTrait {
    /// Who sees and writes its rows.
    const CLASS: Class;
    /// The primary key.
    fn id_column() -> Self::Column;
    /// The district a row belongs to.
    fn district_column() -> Self::Column;
    /// The street a row belongs to; none where rows are the district's only.
    fn street_column() -> Option<Self::Column>;
    /// The community a row belongs to.
    fn community_column() -> Option<Self::Column>;
    /// Where a row sits.
    fn place(model: &Self::Model) -> Place;

    /// The condition that a scope puts on every query of this entity.
    #[must_use]
    fn condition(scope: Scope) -> Condition {
        let nothing = || Condition::all().add(Expr::val(1).eq(0));
        let Some(place) = scope.place() else {
            return if scope == Scope::System && Self::CLASS == Class::System { Condition::all() } else { nothing() };
        };
        let mut condition = Condition::all().add(Self::district_column().eq(place.district));
        let (Some(street), Some(column)) = (place.street, Self::street_column()) else {
            return condition;
        };
        condition = if Self::CLASS == Class::Reference { condition.add(Condition::any().add(column.is_null()).add(column.eq(street))) } else { condition.add(column.eq(street)) };
        match (place.community, Self::CLASS, Self::community_column()) {
            (None, ..) | (Some(_), Class::Shared | Class::Reference, _) => condition,
            (Some(community), Class::Community | Class::System, Some(column)) => condition.add(column.eq(community)),
            (Some(_), ..) => nothing(),
        }
    }

    /// Whether a scope may write a row that sits at this place.
    #[must_use]
    fn may_write(scope: Scope, place: &Place) -> bool {
        match scope.place() {
            None => scope == Scope::System && Self::CLASS == Class::System,
            Some(own) if Self::CLASS == Class::Shared => Place { community: None, ..own }.covers(place),
            Some(own) => own.covers(place),
        }
    }
}

/// Says for an entity whose its rows are: `scoped!(user, System, unit)` (a row of any level, whose model has a `place()`), `scoped!(budget::Entity, Street, street)`, `scoped!(…, Reference, optional_street)`, `scoped!(…, Community, community)`, `scoped!(…, Reference, district)`.
#[macro_export]
macro_rules! scoped {
    (@common $entity:ident) => {
        fn id_column() -> Self::Column { $entity::Column::Id }
        fn district_column() -> Self::Column { $entity::Column::DistrictId }
    };
    ($entity:ident, $class:ident, unit) => {
        impl $crate::platform::db::Scoped for $entity::Entity {
            const CLASS: $crate::platform::db::Class = $crate::platform::db::Class::$class;
            $crate::scoped!(@common $entity);
            fn street_column() -> Option<Self::Column> { Some($entity::Column::StreetId) }
            fn community_column() -> Option<Self::Column> { Some($entity::Column::CommunityId) }
            fn place(model: &Self::Model) -> $crate::kernel::access::Place { model.place() }
        }
    };
    ($entity:ident, $class:ident, district) => {
        impl $crate::platform::db::Scoped for $entity::Entity {
            const CLASS: $crate::platform::db::Class = $crate::platform::db::Class::$class;
            $crate::scoped!(@common $entity);
            fn street_column() -> Option<Self::Column> { None }
            fn community_column() -> Option<Self::Column> { None }
            fn place(model: &Self::Model) -> $crate::kernel::access::Place { $crate::kernel::access::Place::district(model.district_id) }
        }
    };
    ($entity:ident, $class:ident, optional_street) => {
        impl $crate::platform::db::Scoped for $entity::Entity {
            const CLASS: $crate::platform::db::Class = $crate::platform::db::Class::$class;
            $crate::scoped!(@common $entity);
            fn street_column() -> Option<Self::Column> { Some($entity::Column::StreetId) }
            fn community_column() -> Option<Self::Column> { None }
            fn place(model: &Self::Model) -> $crate::kernel::access::Place {
                $crate::kernel::access::Place { district: model.district_id, street: model.street_id, community: None }
            }
        }
    };
    ($entity:ident, $class:ident, street) => {
        impl $crate::platform::db::Scoped for $entity::Entity {
            const CLASS: $crate::platform::db::Class = $crate::platform::db::Class::$class;
            $crate::scoped!(@common $entity);
            fn street_column() -> Option<Self::Column> { Some($entity::Column::StreetId) }
            fn community_column() -> Option<Self::Column> { None }
            fn place(model: &Self::Model) -> $crate::kernel::access::Place { $crate::kernel::access::Place::street(model.district_id, model.street_id) }
        }
    };
    ($entity:ident, $class:ident, community) => {
        impl $crate::platform::db::Scoped for $entity::Entity {
            const CLASS: $crate::platform::db::Class = $crate::platform::db::Class::$class;
            $crate::scoped!(@common $entity);
            fn street_column() -> Option<Self::Column> { Some($entity::Column::StreetId) }
            fn community_column() -> Option<Self::Column> { Some($entity::Column::CommunityId) }
            fn place(model: &Self::Model) -> $crate::kernel::access::Place {
                $crate::kernel::access::Place { district: model.district_id, street: Some(model.street_id), community: model.community_id }
            }
        }
    };
}

/// The end of every entity: relations to other folders' rows are composite keys of the schema, not of sea-orm.
#[macro_export]
macro_rules! no_relations {
    () => {
        /// None across folders.
        #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
        pub enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}
    };
}

/// A row that was found in the scope. To act on it, it must be authorised.
#[derive(Debug)]
pub struct Loaded<M> {
    pub(super) model: M,
    pub(super) place: Place,
}

impl<M> Loaded<M> {
    /// Asks for the capability at the row's own unit.
    ///
    /// # Errors
    /// 403 `forbidden`.
    pub fn authorise(self, actor: &Actor, capability: Capability) -> Result<Authorised<M>, Problem> {
        actor.require_at(capability, &self.place)?;
        Ok(Authorised { model: self.model, place: self.place, capability })
    }

    /// A look at the row before it is authorised.
    pub const fn peek(&self) -> &M {
        &self.model
    }

    /// The row, to be read only.
    pub fn into_read(self) -> M {
        self.model
    }

    /// Where the row sits.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }
}

/// A row on which the actor holds the capability at the row's own unit. Only this folder makes one.
#[derive(Debug)]
pub struct Authorised<M> {
    model: M,
    place: Place,
    capability: Capability,
}

impl<M> Authorised<M> {
    /// Where the row sits.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// The capability that was asked.
    #[must_use]
    pub const fn capability(&self) -> Capability {
        self.capability
    }

    /// The row itself, to be changed.
    pub fn into_inner(self) -> M {
        self.model
    }
}

impl<M> Deref for Authorised<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.model
    }
}

/// The id of a street in a scope, for what acts on one street only.
impl Scope {
    /// The street of this scope; none above a street.
    #[must_use]
    pub fn street(self) -> Option<Uuid> {
        self.place().and_then(|place| place.street)
    }
}
