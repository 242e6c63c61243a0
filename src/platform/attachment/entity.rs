//! Rows of the papers.

/// A file that was uploaded. Its bytes never change.
pub mod attachment {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// A file that was uploaded. Its bytes never change.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "attachments")]
    #[schema(as = AttachmentRow)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// Its community; null for the street's own.
        pub community_id: Option<Uuid>,
        /// SHA-256 of its bytes, in hex; by it the same file is known in the street.
        pub sha256: String,
        /// How many bytes it has.
        pub size: i64,
        /// What it is, by its bytes.
        pub media_type: String,
        /// Its name as it was uploaded; it decides nothing.
        pub file_name: Option<String>,
        /// Who uploaded it.
        pub uploaded_by: Uuid,
        /// When.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

/// What a paper proves.
pub mod attachment_link {
    use chrono::{DateTime, Utc};
    use sea_orm::entity::prelude::*;
    use serde::Serialize;
    use utoipa::ToSchema;

    /// What a paper proves.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, ToSchema)]
    #[sea_orm(table_name = "attachment_links")]
    #[schema(as = AttachmentLink)]
    pub struct Model {
        /// The row.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Its district.
        pub district_id: Uuid,
        /// Its street.
        pub street_id: Uuid,
        /// Its community; null for the street's own.
        pub community_id: Option<Uuid>,
        /// The paper.
        pub attachment_id: Uuid,
        /// The kind of record it belongs to, such as `claim`.
        pub subject_type: String,
        /// The record.
        pub subject_id: Uuid,
        /// What it is there, such as `sign_in_sheet`.
        pub paper_kind: String,
        /// Who linked it.
        pub linked_by: Uuid,
        /// When.
        pub created_at: DateTime<Utc>,
    }

    crate::no_relations!();
}

crate::scoped!(attachment, Community, community);
crate::scoped!(attachment_link, Community, community);
