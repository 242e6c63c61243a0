//! What invoices refuse.

use chrono::NaiveDate;

use crate::kernel::money::Fen;
use crate::kernel::problem::{KeptAttempt, Problem};

/// 422: the invoice is another unit's than the claim.
pub(super) fn invoice_of_another_unit(pointer: &str) -> Problem {
    Problem::new(422, "invoice_of_another_unit", "发票属于其他单位", "The invoice belongs to another unit")
        .detail("报销单只能使用本单位登记的发票；一张发票不能分给两个单位报销。", "A claim draws on invoices of its own unit: one invoice is not shared between units.")
        .field(pointer, "invoice_of_another_unit", "属于其他单位", "belongs to another unit")
}

/// 422: nobody has issued it yet.
pub(super) fn issued_in_future(today: NaiveDate) -> Problem {
    Problem::new(422, "date_in_future", "开票日期晚于今天", "The invoice is dated in the future")
        .detail(format!("今天是 {today}，开票日期不得晚于今天；请按发票原件核对。"), format!("Today is {today}, and an invoice is not dated after it: look at the original again."))
        .field("/issued_on", "date_in_future", "不得晚于今天", "must not be after today")
}

/// 409: more would be drawn than the invoice has.
pub(super) fn invoice_overdrawn(number: &str, left: Fen) -> Problem {
    Problem::new(409, "invoice_overdrawn", "超出发票余额", "More than the invoice has left")
        .detail(format!("发票 {number} 只剩 {left} 可用。请减少金额或换用其他发票。"), format!("The invoice {number} has {left} left. Draw less, or on another invoice."))
}

/// 409: a claim for another payee draws on it.
pub(super) fn invoice_for_another_payee(number: &str) -> Problem {
    Problem::new(409, "invoice_for_another_payee", "发票已用于支付其他收款人", "The invoice pays another payee").detail(
        format!("发票 {number} 已被支付给其他收款人的报销单使用；一张发票只能支付同一收款人。"),
        format!("Another claim draws on the invoice {number} and pays somebody else: an invoice pays one payee."),
    )
}

/// 409: the invoice no longer stands.
pub(super) fn invoice_red_lettered(number: &str) -> Problem {
    Problem::new(409, "invoice_red_lettered", "发票已红冲", "The invoice was red-lettered").detail(
        format!("发票 {number} 已红冲，不能报销或支付。请退回报销单，取得重新开具的发票。"),
        format!("The invoice {number} was red-lettered and pays nothing. Return the claim and get the invoice issued anew."),
    )
}

/// 422: an electronic invoice without its file.
pub(super) fn invoice_original_missing(number: &str) -> Problem {
    Problem::new(422, "invoice_original_missing", "缺少电子发票原件", "The original file is missing").detail(
        format!("发票 {number} 是电子凭证，须上传 XML、OFD 或 PDF 原件（照片、扫描件只是复制件）。"),
        format!("The invoice {number} is electronic: upload its original as XML, OFD or PDF; a photo or scan is only a copy."),
    )
}

/// 409: another record of the same street has the key.
pub(super) fn invoice_used_in_street(number: &str) -> Problem {
    Problem::new(409, "invoice_used_in_street", "发票（或其原件）在本街道已被使用", "The invoice, or its original, is used in this street already").detail(
        format!("发票 {number} 或其原件已在本街道另一张报销单中使用。请核对是否重复报销。"),
        format!("The invoice {number} or its original stands in another claim of this street. Check whether it is claimed twice."),
    )
}

/// 409: another street of the district has the key. Nothing of it is told; the attempt is kept.
pub(super) fn invoice_used_elsewhere(number: &str, attempt: KeptAttempt) -> Problem {
    Problem::new(409, "invoice_used_elsewhere", "发票在本区已被使用", "The invoice is used in the district already")
        .detail(
            format!("发票 {number} 或其原件在本区已被使用，请向区里核实。本次尝试已留痕。"),
            format!("The invoice {number} or its original is already used in the district: ask the district. This attempt is kept."),
        )
        .keep(attempt)
}

/// 409: a submitted claim draws on it.
pub(super) fn invoice_in_use(number: &str) -> Problem {
    Problem::new(409, "invoice_in_use", "发票正在使用", "The invoice is in use").detail(
        format!("发票 {number} 已被提交的报销单使用，不能更改。请先退回该报销单。"),
        format!("A submitted claim draws on the invoice {number}, so it does not change. Have the claim returned first."),
    )
}

/// 422: a file that is no invoice that can be read.
pub(super) fn invoice_unreadable(zh: &str, en: &str) -> Problem {
    Problem::new(422, "invoice_unreadable", "无法读取发票文件", "The invoice cannot be read").detail(
        format!("{zh}。请上传从电子发票服务平台下载的 XML 或 OFD 原件，或手工填写。"),
        format!("{en}. Send the XML or OFD original as the invoice service gave it, or fill in the fields by hand."),
    )
}
