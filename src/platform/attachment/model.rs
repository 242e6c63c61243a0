//! The kinds of papers.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a paper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaperKind {
    /// 通知.
    Notice,
    /// 签到表.
    SignInSheet,
    /// 经批准的计划.
    ApprovedPlan,
    /// 发放表, with signatures.
    PayList,
    /// 集体决策会议纪要.
    DecisionMinutes,
    /// The original file of an invoice.
    InvoiceOriginal,
    /// A photo.
    Photo,
    /// Anything else.
    Other,
}

impl PaperKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [Self::Notice, Self::SignInSheet, Self::ApprovedPlan, Self::PayList, Self::DecisionMinutes, Self::InvoiceOriginal, Self::Photo, Self::Other];

    /// The identifier in the API and the database.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::SignInSheet => "sign_in_sheet",
            Self::ApprovedPlan => "approved_plan",
            Self::PayList => "pay_list",
            Self::DecisionMinutes => "decision_minutes",
            Self::InvoiceOriginal => "invoice_original",
            Self::Photo => "photo",
            Self::Other => "other",
        }
    }

    /// The word of the field.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Notice => "通知",
            Self::SignInSheet => "签到表",
            Self::ApprovedPlan => "经批准的计划",
            Self::PayList => "签字发放表",
            Self::DecisionMinutes => "集体决策会议纪要",
            Self::InvoiceOriginal => "发票原件",
            Self::Photo => "照片",
            Self::Other => "其他附件",
        }
    }

    /// The kind with this identifier.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Whether it usually names people, so that downloading it is kept in the audit trail (个人信息保护法).
    #[must_use]
    pub const fn names_people(self) -> bool {
        matches!(self, Self::SignInSheet | Self::PayList | Self::Photo | Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_by_its_identifier_which_is_how_it_is_written() {
        for kind in PaperKind::ALL {
            assert_eq!(PaperKind::of_code(kind.code()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.code());
        }
        assert_eq!(PaperKind::of_code("virus"), None);
    }
}
