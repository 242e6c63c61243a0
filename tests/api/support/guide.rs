//! Guides in `docs/`, run as they are written.

use super::{Folder, TestApp};

/// Runs what a guide says, step by step, in the shell that it is written for, with some of its words replaced; gives what it shows, and the folder with the files that it made.
/// None, and it says so on the terminal, where a tool that a reader needs is missing.
pub async fn run_guide(app: &TestApp, guide: &str, replaced: &[(&str, &str)]) -> Option<(String, Folder)> {
    if let Some(tool) = ["bash", "curl", "jq"].into_iter().find(|tool| std::process::Command::new(tool).arg("--version").output().is_err()) {
        eprintln!("{tool} is not installed: a guide of docs/ was NOT run");
        return None;
    }
    let mut script = "set -euo pipefail\ncurl() { command curl --fail-with-body --show-error \"$@\"; }\n".to_owned();
    for block in guide.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap()) {
        script.push_str(block);
        script.push('\n');
    }
    for (written, here) in [("http://127.0.0.1:8080", app.address())].iter().chain(replaced) {
        assert!(script.contains(written), "the guide does not say {written} any more");
        script = script.replace(written, here);
    }
    assert!(script.matches("post $").count() > 10, "the guide is not written as it was");
    let folder = Folder::new();
    let run = tokio::process::Command::new("bash").arg("-c").arg(&script).current_dir(folder.path()).output().await.unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "the guide fails:\n{told}");
    Some((told, folder))
}
