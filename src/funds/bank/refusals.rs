//! What may stand against a bank file or its result, and against a statement and its matching.

use chrono::NaiveDate;

use crate::kernel::money::Fen;
use crate::kernel::problem::Problem;

/// 422: a line cannot be written in this layout; the faults name the lines.
pub(super) fn bank_file_refused() -> Problem {
    Problem::new(422, "bank_file_refused", "代发文件无法生成", "The bank file cannot be written").detail(
        "有的内容不能写入该银行的文件格式，已逐行列出。请更正后再生成。",
        "Some values cannot be written in this bank's layout; they are listed line by line. Correct them and make the file again.",
    )
}

/// 422: nothing of the result is accepted; the differences are listed.
pub(super) fn result_mismatch() -> Problem {
    Problem::new(422, "result_mismatch", "回盘文件与批次不符", "The result does not match the batch").detail(
        "回盘文件与该批次不一致，已逐条列出，未作任何更改。请核对是否选错文件，或联系银行。",
        "The result file differs from the batch as listed; nothing was changed. Check that it is the right file, or ask the bank.",
    )
}

/// 409: the code is taken.
pub(super) fn code_taken(code: &str) -> Problem {
    Problem::new(409, "code_taken", "代码已被使用", "The code is taken")
        .detail(format!("已有代码为“{code}”的格式。请换一个代码。"), format!("There is already a layout “{code}”. Choose another code."))
}

/// 409: the file is there.
pub(super) fn statement_imported(from: NaiveDate, to: NaiveDate) -> Problem {
    Problem::new(409, "statement_imported", "该对账单已导入", "The statement has been imported").detail(
        format!("该账户 {from} 至 {to} 的对账单已导入，同一文件不重复导入。导错时可由会计作废最后一张。"),
        format!("The account's statement of {from} to {to} is there; a file is taken once. Where it was the wrong one, the accountant can void the last statement."),
    )
}

/// 409: statements follow each other without a gap in days.
pub(super) fn statement_not_next(expected: NaiveDate, found: NaiveDate) -> Problem {
    Problem::new(409, "statement_not_next", "对账单日期不连续", "The statement is not the next one")
        .detail(
            format!("该账户下一张对账单应从 {expected} 起，而不是 {found}。请向银行取该日起的对账单。"),
            format!("The account's next statement begins on {expected}, not on {found}. Get the bank's statement from that day on."),
        )
        .field("/from_date", "statement_not_next", format!("应为 {expected}"), format!("must be {expected}"))
}

/// 409: statements follow each other without a gap in balance.
pub(super) fn statement_gap(closing: Fen, opening: Fen) -> Problem {
    Problem::new(409, "statement_gap", "对账单余额不衔接", "The balances do not follow each other")
        .detail(
            format!("上一张对账单期末余额 {closing}，本张期初余额 {opening}。可能缺少一张对账单，或选错了账户。"),
            format!("The last statement ended at {closing}, this one begins at {opening}. A statement may be missing, or it is of another account."),
        )
        .field("/opening_balance", "statement_gap", format!("应为 {closing}"), format!("must be {closing}"))
}

/// 422: neither the file nor who imports it tells a balance.
pub(super) fn balance_missing(pointer: &str) -> Problem {
    Problem::new(422, "balance_missing", "缺少余额", "A balance is missing")
        .detail("文件中没有该余额，请在 opening_balance、closing_balance 中填写。", "The file does not tell it: give opening_balance and closing_balance.")
        .field(pointer, "balance_missing", "须填写", "must be given")
}

/// 422: the file tells another balance.
pub(super) fn balance_contradicts(told: Fen, said: Fen, pointer: &str) -> Problem {
    Problem::new(422, "balance_contradicts", "余额与文件不符", "The balance is not the file's")
        .detail(format!("文件载明 {told}，填写的是 {said}。请核对。"), format!("The file says {told}, the request says {said}. Check which is right."))
        .field(pointer, "balance_contradicts", format!("文件载明 {told}"), format!("the file says {told}"))
}

/// 422: the lines do not lead from the opening to the closing balance.
pub(super) fn statement_does_not_sum(opening: Fen, moved: Fen, closing: Fen) -> Problem {
    Problem::new(422, "statement_does_not_sum", "对账单收支与余额不符", "The statement does not sum").detail(
        format!("期初 {opening} 加各笔合计 {moved} 不等于期末 {closing}：文件可能缺行或被改动，未导入。"),
        format!("The opening balance {opening} and the lines' sum {moved} do not make the closing balance {closing}: a line may be missing or altered. Nothing was imported."),
    )
}

/// 409: only the last statement of an account is voided.
pub(super) fn statement_not_last() -> Problem {
    Problem::new(409, "statement_not_last", "不是最后一张对账单", "It is not the last statement").detail("只能作废该账户的最后一张对账单。", "Only the account's last statement can be voided.")
}

/// 409: lines of it are matched.
pub(super) fn statement_matched() -> Problem {
    Problem::new(409, "statement_matched", "对账单已有核对", "Lines of the statement are matched").detail("请先撤销其核对，再作废。", "Undo their matches first.")
}

/// 409: a line is in a match.
pub(super) fn already_matched() -> Problem {
    Problem::new(409, "already_matched", "已核对", "It is matched already")
        .detail("每笔银行流水、每张凭证只核对一次。请先撤销原核对。", "A line of the bank and a voucher are matched once. Undo that match first.")
}

/// 422: a voucher does not move the account.
pub(super) fn voucher_not_of_account(account: &str, pointer: &str) -> Problem {
    Problem::new(422, "voucher_not_of_account", "凭证不涉及该账户", "The voucher does not move the account")
        .detail(format!("该凭证没有科目 {account} 的收支。"), format!("The voucher has no line on account {account}."))
        .field(pointer, "voucher_not_of_account", format!("无科目 {account} 的分录"), format!("has no line on {account}"))
}

/// 422: both sides of a match agree to the fen.
pub(super) fn match_does_not_sum(bank: Fen, books: Fen) -> Problem {
    Problem::new(422, "match_does_not_sum", "两边金额不等", "The sides do not agree")
        .detail(format!("银行流水合计 {bank}，凭证合计 {books}，须相等。"), format!("The bank's lines sum to {bank}, the vouchers to {books}; they must be the same."))
}
