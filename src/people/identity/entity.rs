//! Rows of identity: users and the roles they hold. Sessions and tokens are read and written by statements of their own.

/// A user.
pub mod user {
    use sea_orm::entity::prelude::*;

    /// An account. A person is not an account: of the ID number, which is not kept, there is a keyed hash, and a district has it once.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub struct Model {
        /// The user.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The district of the home unit.
        pub district_id: Uuid,
        /// The street of the home unit.
        pub street_id: Option<Uuid>,
        /// The community of the home unit.
        pub community_id: Option<Uuid>,
        /// The login name.
        pub username: String,
        /// The name that colleagues see.
        pub display_name: String,
        /// What separation of duties compares this account by: the keyed hash of the ID number that it was made with, else (none) the account itself.
        /// It never changes, for documents keep the parts taken in them by it; no second account of the person can be there.
        pub person_key: Option<String>,
        /// Keyed hash of the ID number, once per district; also where it was recorded after the account was made.
        pub id_number_key: Option<String>,
        /// PHC string of the password.
        pub password_hash: String,
        /// The first password, or one that was reset, has not been changed.
        pub must_change_password: bool,
        /// Since when the account is closed.
        pub disabled_at: Option<DateTimeUtc>,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTimeUtc,
        /// Who made it; none for the first administrators.
        pub created_by: Option<Uuid>,
        /// Who last gave it a first password anew; none where nobody did.
        pub reset_by: Option<Uuid>,
    }

    /// None across folders.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A role held at a unit.
pub mod role_assignment {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;

    /// A role held by a user at a unit from a day to a day, both inclusive.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
    #[sea_orm(table_name = "role_assignments")]
    pub struct Model {
        /// The assignment.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The district of the unit.
        pub district_id: Uuid,
        /// The street of the unit.
        pub street_id: Option<Uuid>,
        /// The community of the unit.
        pub community_id: Option<Uuid>,
        /// The user.
        pub user_id: Uuid,
        /// The role's code.
        pub role: String,
        /// The first day.
        pub from_date: Date,
        /// The last day; none while it goes on.
        pub to_date: Option<Date>,
        /// Whose part is taken during leave or illness.
        pub acting_for: Option<Uuid>,
        /// Who granted it; none for the first administrators.
        pub granted_by: Option<Uuid>,
        /// The second administrator who confirmed it.
        pub confirmed_by: Option<Uuid>,
        /// Whether it takes effect only once confirmed.
        pub needs_confirmation: bool,
        /// Since when it is ended.
        pub ended_at: Option<DateTimeUtc>,
        /// Counts the changes.
        pub version: i64,
        /// When it was granted.
        pub created_at: DateTimeUtc,
    }

    /// None across folders.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

macro_rules! at_unit {
    ($module:ident) => {
        crate::scoped!($module, System, unit);

        impl $module::Model {
            /// The unit it belongs to.
            #[must_use]
            pub const fn place(&self) -> crate::kernel::access::Place {
                crate::kernel::access::Place { district: self.district_id, street: self.street_id, community: self.community_id }
            }
        }
    };
}

at_unit!(user);
at_unit!(role_assignment);
