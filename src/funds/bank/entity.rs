//! Rows of bank-file templates.

/// A template.
pub mod bank_file_template {
    use sea_orm::entity::prelude::*;
    use serde::Serialize;

    /// The layout of one bank's files: the district's for all its streets, or one street's own.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize)]
    #[sea_orm(table_name = "bank_file_templates")]
    pub struct Model {
        /// The template.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The district.
        pub district_id: Uuid,
        /// The street; none where it is the district's own.
        pub street_id: Option<Uuid>,
        /// Its code, once in a district or street.
        pub code: String,
        /// Its name.
        pub name: String,
        /// The layout: a [`crate::funds::bank::Template`].
        pub definition: Json,
        /// Counts the changes.
        pub version: i64,
        /// When it was made.
        pub created_at: DateTimeUtc,
        /// Who made it; none for those that come with the program.
        pub created_by: Option<Uuid>,
    }

    /// None across folders.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

crate::scoped!(bank_file_template, Reference, optional_street);

impl bank_file_template::Model {
    /// The layout.
    ///
    /// # Errors
    /// 500 where the row holds none: none was written without being one.
    pub fn template(&self) -> Result<super::Template, crate::kernel::problem::Problem> {
        serde_json::from_value(self.definition.clone()).map_err(crate::kernel::problem::Problem::internal)
    }
}
