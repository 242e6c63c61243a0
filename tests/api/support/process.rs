//! The program as processes of their own, on a database that a test prepared in its own process: to kill them, and to let several run at once.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use mingzhang::keys;
use mingzhang::platform::db::{Reason, Sql};
use mingzhang::settings::Settings;
use sea_orm::ConnectionTrait;

use super::{Folder, TestApp, postgres};

/// A database for processes: where it is, and the keys that go with it.
pub struct Processes {
    pub url: String,
    keys: PathBuf,
    folder: Folder,
}

impl Processes {
    /// A served API on a database marked for tests, with keys that processes can be given.
    pub async fn open(url: Option<String>) -> (TestApp, Self) {
        let folder = Folder::new();
        let url = match url {
            Some(url) => url,
            None => TestApp::new_file(&folder).await,
        };
        let settings = Settings { data_dir: folder.0.clone(), ..Settings::default() };
        let app = TestApp::start_with(&url, None, keys::load(&settings).unwrap()).await;
        let tx = app.context.db.write_as_system(Reason::SetUp).await.unwrap();
        let mark = Sql::both("INSERT INTO database_marks (id, kind, created_at) VALUES ($1, 'test', $2)");
        tx.execute(mark, vec![uuid::Uuid::now_v7().into(), app.context.clocks.wall().into()]).await.unwrap();
        tx.commit().await.unwrap();
        (app, Self { url, keys: folder.0.join("keys"), folder })
    }

    /// Another database with the same content.
    pub async fn copy(&self) -> Self {
        let folder = Folder::new();
        let url = if self.url.starts_with("sqlite") {
            let file = folder.0.join("copy.db");
            let own = sea_orm::Database::connect(self.url.as_str()).await.unwrap();
            own.execute_unprepared(&format!("VACUUM INTO '{}'", file.display())).await.unwrap();
            own.close().await.unwrap();
            format!("sqlite://{}?mode=rwc", file.display())
        } else {
            postgres::copy(&self.url).await
        };
        Self { url, keys: self.keys.clone(), folder }
    }

    /// The program with the business clock at this instant.
    pub fn command(&self, clock: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mingzhang"));
        command.args(arguments).env("DATABASE_URL", &self.url).env("MINGZHANG_DATA_DIR", &self.folder.0).env("MINGZHANG_CLOCK", clock);
        for (file, setting) in [("jwt", "MINGZHANG_JWT_KEYS"), ("encryption", "MINGZHANG_ENCRYPTION_KEYS"), ("lookup", "MINGZHANG_LOOKUP_KEY"), ("signing", "MINGZHANG_SIGNING_KEYS")] {
            command.env(setting, std::fs::read_to_string(self.keys.join(file)).unwrap().trim());
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, clock: &str, arguments: &[&str]) -> Output {
        self.command(clock, arguments).output().unwrap()
    }

    /// A process that serves, once it listens; without limits on requests.
    pub fn serve(&self, clock: &str) -> Served {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let bind = format!("127.0.0.1:{port}");
        let mut command = self.command(clock, &["serve"]);
        command.env("MINGZHANG_BIND", &bind).env("MINGZHANG_LOG_FILTER", "error").env("MINGZHANG_RATE_LIMIT_PER_MINUTE", "0").env("MINGZHANG_RATE_LIMIT_ANONYMOUS_PER_MINUTE", "0");
        let mut child = command.spawn().unwrap();
        // It tells its address once it listens; what comes after is read so that the pipe never fills.
        let mut told = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("http://") {
            line.clear();
            assert!(told.read_line(&mut line).unwrap() > 0, "it ended before it served");
        }
        std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
        // Once it answers it listens to signals as well.
        let mut stream = std::net::TcpStream::connect(&bind).unwrap();
        stream.write_all(b"GET /health/live HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 200 "), "{answer}");
        Served { child, address: format!("http://{bind}") }
    }
}

/// A process that serves.
pub struct Served {
    child: Child,
    pub address: String,
}

impl Served {
    /// SIGKILL: no word, no clean-up.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, as an operator or a container stops it.
    pub fn tell_to_stop(&self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Its exit code.
    pub fn end(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

/// SIGKILL after some time; gives whether it came before the end.
pub fn kill_after(mut child: Child, time: Duration) -> bool {
    let started = Instant::now();
    while started.elapsed() < time {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::yield_now();
    }
    let running = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    running
}
