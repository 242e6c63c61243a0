//! What may stand against a bank file or its result.

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
        .detail(format!("已有代码为“{code}”的模板。请换一个代码。"), format!("There is already a template “{code}”. Choose another code."))
}
