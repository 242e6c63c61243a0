//! What papers refuse.

use super::PaperKind;
use crate::kernel::problem::Problem;

/// 422: a record takes no papers, or there is no such kind of record.
pub(super) fn unknown_subject_type(given: &str) -> Problem {
    Problem::new(422, "unknown_subject_type", "不能向此类记录添加附件", "This kind of record takes no papers")
        .detail(format!("“{given}”不是可以添加附件的记录类型（如 claim、invoice）。"), format!("“{given}” is no kind of record that takes papers, such as claim or invoice."))
        .field("/subject_type", "unknown_subject_type", "未知的记录类型", "is unknown")
}

/// 422: the paper belongs to another unit than the record.
pub(super) fn attachment_of_another_unit(pointer: &str) -> Problem {
    Problem::new(422, "attachment_of_another_unit", "附件属于其他单位", "The paper belongs to another unit")
        .detail("附件与单据须属于同一单位，请在该单位下重新上传。", "A paper and its record belong to the same unit: upload it for that unit.")
        .field(pointer, "attachment_of_another_unit", "属于其他单位", "belongs to another unit")
}

/// 422: the record takes no paper of this kind, or not as this kind of file.
#[must_use]
pub fn paper_not_taken(paper: PaperKind, zh: &str, en: &str) -> Problem {
    Problem::new(422, "paper_not_taken", "不接受此附件", "This paper is not taken").detail(format!("{}：{zh}", paper.word()), format!("{}: {en}", paper.code())).field(
        "/paper_kind",
        "paper_not_taken",
        zh,
        en,
    )
}

/// 422: XML with a document type, from which entities are loaded or multiplied.
#[must_use]
pub fn xml_unsafe() -> Problem {
    Problem::new(422, "xml_unsafe", "XML 含不安全的内容", "The XML is not safe").detail(
        "文件含有文档类型声明或自定义实体，未予接受。电子发票等原件不含这些内容，请重新下载原件。",
        "The file has a document type or entities of its own and is not taken. An original, such as an invoice's, has none: download it again.",
    )
}

/// 503: the store of files does not answer.
pub(super) fn store_unavailable(cause: &object_store::Error) -> Problem {
    let mut problem =
        Problem::new(503, "store_unavailable", "文件存储暂不可用", "The store of files does not answer").detail("未作任何更改，请稍后再试。", "Nothing was changed. Try again shortly.").retry_after(5);
    problem.cause = Some(cause.to_string());
    problem
}
