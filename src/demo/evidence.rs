//! What the demo's claims are proved by: an invoice each, one of them electronic with its original, a lecture's pay list, and of activities the plan, the notice and the sign-in sheet, as small files that say that they are examples.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Player;
use crate::kernel::problem::Problem;

/// A PDF of one page with one line of ASCII text.
fn pdf(text: &str) -> String {
    let content = format!("BT /F1 14 Tf 60 760 Td ({text}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let (mut file, mut table) = ("%PDF-1.4\n".to_owned(), "0000000000 65535 f \n".to_owned());
    for (index, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", index + 1));
    }
    let begin = file.len();
    file.push_str(&format!("xref\n0 {}\n{table}trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{begin}\n%%EOF\n", objects.len() + 1, objects.len() + 1));
    file
}

/// What separates the parts of a form; no file of the demo has it.
const BOUNDARY: &str = "mingzhang-demo-part";

/// A number of eight digits that each key has its own of.
fn number(key: &str) -> String {
    let hash = Sha256::digest(key.as_bytes());
    let first = hash.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{:08}", first % 100_000_000)
}

async fn paper(player: &Player, who: &str, key: &str, kind: &str) -> Result<Value, Problem> {
    let file = pdf(&format!("EXAMPLE - no real document - {kind} - {key}"));
    let made = player.send_step(&format!("paper:{key}:{kind}"), who, "/attachments", "", "application/pdf", file).await?;
    Ok(json!({"attachment_id": made.id(), "paper_kind": kind}))
}

/// The papers of an activity that is to be held: its notice, the sign-in sheet, and the plan of the year, which is one paper of the unit. Claims for it need none of their own.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn of_activity(player: &Player, who: &str, key: &str, activity: &str) -> Result<(), Problem> {
    for (kind, of) in [("notice", key), ("sign_in_sheet", key), ("approved_plan", who)] {
        let file = pdf(&format!("EXAMPLE - no real document - {kind} - {of}"));
        let field = |name: &str, value: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        let fields = [field("subject_type", "activity"), field("subject_id", activity), field("paper_kind", kind)].concat();
        let form = format!("{fields}--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{kind}.pdf\"\r\nContent-Type: application/pdf\r\n\r\n{file}\r\n--{BOUNDARY}--\r\n");
        player.send_step(&format!("paper:{key}:{kind}"), who, "/attachments", "", &format!("multipart/form-data; boundary={BOUNDARY}"), form).await?;
    }
    Ok(())
}

/// The claim whose invoice is an electronic one (增值税电子普通发票, a code of 12 digits that begins with 0 and ends with 11), proved by its original file.
const ELECTRONIC: &str = "claim:0:s:0";

/// The body of a claim with its invoice registered and drawn on by its only line, or of a lecture with its pay list.
///
/// # Errors
/// 500 where a step is refused.
pub(super) async fn proved(player: &Player, who: &str, key: &str, month: u32, mut body: Value) -> Result<Value, Problem> {
    let said = |pointer: &str| body.pointer(pointer).cloned().unwrap_or_default();
    if said("/kind") == "lecture" {
        // Who lectured signs the pay list; there is no invoice.
        let signed = paper(player, who, key, "pay_list").await?;
        if let Some(fields) = body.as_object_mut() {
            fields.insert("papers".to_owned(), json!([signed]));
        }
        return Ok(body);
    }
    let (community, amount) = (said("/community_id"), said("/lines/0/amount"));
    let original = if key == ELECTRONIC { paper(player, who, key, "invoice_original").await?.get("attachment_id").cloned() } else { None };
    let code = if original.is_some() { "042001700111" } else { "4200171320" };
    let invoice = json!({"community_id": community, "kind": "paper_vat", "code": code, "number": number(key), "seller_name": said("/payee/name"),
        "issued_on": format!("2017-{month:02}-01"), "total": amount, "original_attachment_id": original});
    let invoice = player.step(&format!("invoice:{key}"), who, "/invoices", invoice).await?.id();
    if let Some(line) = body.pointer_mut("/lines/0").and_then(Value::as_object_mut) {
        line.insert("draws".to_owned(), json!([{"invoice_id": invoice, "amount": amount}]));
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_a_pdf_whose_table_points_at_its_objects() {
        let file = pdf("EXAMPLE");
        assert_eq!(crate::platform::http::Content::of_bytes(file.as_bytes()), Some(crate::platform::http::Content::Pdf));
        for (index, line) in file.lines().filter(|line| line.ends_with(" 00000 n ")).enumerate() {
            let at: usize = line.split(' ').next().unwrap().parse().unwrap();
            assert!(file.get(at..).unwrap().starts_with(&format!("{} 0 obj", index + 1)));
        }
        assert_eq!(number("a").len(), 8);
    }
}
