//! Settings: from `MINGZHANG_*`, `DATABASE_URL`, and an optional TOML file; a wrong one is refused at start by its name.

use std::path::PathBuf;

use chrono::{DateTime, FixedOffset, NaiveTime};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use crate::funds::stipend::job::PayTimes;
use crate::platform::attachment::ObjectSettings;
use crate::platform::http::{Origins, TrustedProxies};

/// Every setting, with its default.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `DATABASE_URL`: PostgreSQL or SQLite; without it SQLite at `<data dir>/mingzhang.db`.
    pub database_url: Option<String>,
    /// The owner's connection, PostgreSQL only.
    pub migrate_database_url: Option<String>,
    /// Where the embedded database and its keys are.
    pub data_dir: PathBuf,
    /// The address that is served.
    pub bind: String,
    /// The business clock, on demo and test databases only: an instant from which it ticks on.
    pub clock: Option<DateTime<FixedOffset>>,
    /// The deployment's time zone.
    pub time_zone: chrono_tz::Tz,
    /// The pay hour, in the deployment's time zone: `09:00`.
    pub pay_hour: NaiveTime,
    /// How many working days before pay day people are told of a payout.
    pub notice_days: u32,
    /// Requests a minute of one account; 0: no limit.
    pub rate_limit_per_minute: u32,
    /// Requests a minute of one address without a good token; 0: no limit.
    pub rate_limit_anonymous_per_minute: u32,
    /// Which other sites' pages may ask from a browser, with blanks between them; without it none.
    pub cors_origins: Origins,
    /// The proxies in front, whose `X-Forwarded-For` is believed, with blanks between them; without it none.
    pub trusted_proxies: TrustedProxies,
    /// Where papers are kept: `s3://bucket/prefix`; without it the folder `objects` in the data folder.
    pub objects_url: Option<String>,
    /// The endpoint of another S3 than Amazon's.
    pub objects_endpoint: Option<String>,
    /// The region of the bucket.
    pub objects_region: Option<String>,
    /// `text` or `json`.
    pub log_format: LogFormat,
    /// Which events are logged, as of `tracing-subscriber`'s filter.
    pub log_filter: String,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            database_url: None,
            migrate_database_url: None,
            data_dir: PathBuf::from("data"),
            bind: "127.0.0.1:8080".to_owned(),
            clock: None,
            time_zone: chrono_tz::Asia::Shanghai,
            pay_hour: PayTimes::default().hour,
            notice_days: PayTimes::default().notice_days,
            rate_limit_per_minute: 1200,
            rate_limit_anonymous_per_minute: 600,
            cors_origins: Origins::default(),
            trusted_proxies: TrustedProxies::default(),
            objects_url: None,
            objects_endpoint: None,
            objects_region: None,
            log_format: LogFormat::Text,
            log_filter: "info".to_owned(),
        }
    }
}

/// Names that begin with `MINGZHANG_` and are not settings: keys, and switches of the tests.
const NOT_SETTINGS: [&str; 12] = [
    "objects_access_key_id",
    "objects_secret_access_key",
    "config",
    "write_permissions",
    "first_password",
    "first_id_number",
    "write_errors",
    "jwt_keys",
    "encryption_keys",
    "lookup_key",
    "signing_keys",
    "require_postgres",
];

impl Settings {
    /// Reads the settings: defaults, then the file that `MINGZHANG_CONFIG` names, then the environment.
    ///
    /// # Errors
    /// A text that names the wrong setting and what was expected.
    pub fn load() -> Result<Self, String> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Ok(file) = std::env::var("MINGZHANG_CONFIG") {
            figment = figment.merge(Toml::file_exact(file));
        }
        let read: Result<Self, figment::Error> = figment.merge(Env::prefixed("MINGZHANG_").ignore(&NOT_SETTINGS)).merge(Env::raw().only(&["database_url"])).extract();
        let settings = read.map_err(|error| match error.path.first() {
            Some(key) => wrong(&name_of(key), &error.to_string()),
            None => format!("设置有误 / wrong setting: {error}"),
        })?;
        settings.check()?;
        Ok(settings)
    }

    /// What their types do not say.
    fn check(&self) -> Result<(), String> {
        for (name, url) in [("DATABASE_URL", &self.database_url), ("MINGZHANG_MIGRATE_DATABASE_URL", &self.migrate_database_url)] {
            if url.as_ref().is_some_and(|url| !["sqlite:", "postgres:", "postgresql:"].iter().any(|scheme| url.starts_with(scheme))) {
                return Err(wrong(name, "expected postgres://… or sqlite://…"));
            }
        }
        if !self.bind.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
            return Err(wrong("MINGZHANG_BIND", "expected host:port"));
        }
        if !(1..=20).contains(&self.notice_days) {
            return Err(wrong("MINGZHANG_NOTICE_DAYS", "expected 1 to 20"));
        }
        EnvFilter::try_new(&self.log_filter).map_err(|error| wrong("MINGZHANG_LOG_FILTER", &error.to_string()))?;
        Ok(())
    }

    /// When payouts are told and made.
    #[must_use]
    pub const fn pay_times(&self) -> PayTimes {
        PayTimes { hour: self.pay_hour, notice_days: self.notice_days }
    }

    /// The URL of the database.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.database_url.clone().unwrap_or_else(|| format!("sqlite://{}?mode=rwc", self.data_dir.join("mingzhang.db").display()))
    }

    /// Where the data are, without a password: a path, or the URL after its credentials.
    #[must_use]
    pub fn database_name(&self) -> String {
        let url = self.database_url();
        if let Some(path) = url.strip_prefix("sqlite://") {
            return path.split('?').next().unwrap_or_default().to_owned();
        }
        match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
            _ => url,
        }
    }

    /// Whether the database is PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        !self.database_url().starts_with("sqlite:")
    }

    /// Where papers are kept; the keys of a bucket stand in the environment only.
    #[must_use]
    pub fn objects(&self) -> ObjectSettings {
        let key = |name: &str| std::env::var(format!("MINGZHANG_OBJECTS_{name}")).ok();
        ObjectSettings {
            url: self.objects_url.clone(),
            folder: self.data_dir.join("objects"),
            endpoint: self.objects_endpoint.clone(),
            region: self.objects_region.clone(),
            access_key: key("ACCESS_KEY_ID").zip(key("SECRET_ACCESS_KEY")),
        }
    }

    /// Makes the data folder where the embedded database lies.
    ///
    /// # Errors
    /// A text that names the setting, where it cannot be made.
    pub fn make_data_dir(&self) -> Result<(), String> {
        if self.database_url.is_none() {
            std::fs::create_dir_all(&self.data_dir).map_err(|error| wrong("MINGZHANG_DATA_DIR", &format!("{}: {error}", self.data_dir.display())))?;
        }
        Ok(())
    }
}

/// A setting's name in the environment.
fn name_of(key: &str) -> String {
    if key == "database_url" { "DATABASE_URL".to_owned() } else { format!("MINGZHANG_{}", key.to_uppercase()) }
}

/// A wrong setting, with what it means and an example of its form.
fn wrong(name: &str, what: &str) -> String {
    let meaning = MEANINGS.iter().find(|(known, ..)| *known == name).map_or_else(String::new, |(_, meaning, default)| format!(" · {name}: {meaning} [{default}]"));
    format!("设置有误 / wrong setting {name}: {what}{meaning}")
}

/// Every setting with its meaning, for `mingzhang config`.
pub const MEANINGS: [(&str, &str, &str); 25] = [
    ("DATABASE_URL", "PostgreSQL or SQLite", "SQLite at <data dir>/mingzhang.db"),
    ("MINGZHANG_MIGRATE_DATABASE_URL", "the owner's connection, PostgreSQL", "–"),
    ("MINGZHANG_DATA_DIR", "the folder of the embedded database and its keys", "data"),
    ("MINGZHANG_BIND", "the address that is served", "127.0.0.1:8080"),
    ("MINGZHANG_CLOCK", "the business clock, on demo and test databases only (RFC 3339)", "the real time"),
    ("MINGZHANG_TIME_ZONE", "the deployment's time zone", "Asia/Shanghai"),
    ("MINGZHANG_PAY_HOUR", "the hour at which pay days pay, notices of them are told, and held job slots are tried again, hh:mm", "09:00"),
    ("MINGZHANG_NOTICE_DAYS", "how many working days before pay day people are told of a payout, 1 to 20", "3"),
    ("MINGZHANG_CONFIG", "a TOML file with settings by their names in small letters without MINGZHANG_; the environment wins", "none"),
    ("MINGZHANG_JWT_KEYS", "keys that sign access tokens: id:base64 of 32 bytes, with commas between them, the current one first; required on PostgreSQL", "made in the data folder"),
    ("MINGZHANG_ENCRYPTION_KEYS", "keys that encrypt personal data, as MINGZHANG_JWT_KEYS", "made in the data folder"),
    ("MINGZHANG_LOOKUP_KEY", "the key by which numbers are looked up, as MINGZHANG_JWT_KEYS, one only", "made in the data folder"),
    ("MINGZHANG_SIGNING_KEYS", "keys that sign checkpoints, as MINGZHANG_JWT_KEYS", "made in the data folder"),
    ("MINGZHANG_FIRST_PASSWORD", "the first password of the user that `user create` makes", "none"),
    ("MINGZHANG_FIRST_ID_NUMBER", "the ID number of the user that `user create` makes", "none"),
    ("MINGZHANG_RATE_LIMIT_PER_MINUTE", "requests a minute of one account; 0: no limit", "1200"),
    ("MINGZHANG_RATE_LIMIT_ANONYMOUS_PER_MINUTE", "requests a minute of one address that is not logged in (behind a proxy that is not trusted: of all such); 0: no limit", "600"),
    ("MINGZHANG_CORS_ORIGINS", "other sites whose pages may ask from a browser, such as https://desk.example.org, with blanks between them", "none"),
    (
        "MINGZHANG_TRUSTED_PROXIES",
        "addresses of the proxies in front, with blanks between them: from them alone X-Forwarded-For tells the client's address, for login delays, limits and the audit trail",
        "none",
    ),
    ("MINGZHANG_OBJECTS_URL", "where papers are kept: s3://bucket/prefix (several servers share it)", "the folder objects in the data folder"),
    ("MINGZHANG_OBJECTS_ENDPOINT", "the endpoint of another S3 than Amazon's", "Amazon's"),
    ("MINGZHANG_OBJECTS_REGION", "the region of the bucket", "AWS_REGION, else us-east-1"),
    ("MINGZHANG_OBJECTS_ACCESS_KEY_ID, MINGZHANG_OBJECTS_SECRET_ACCESS_KEY", "the key of the bucket", "AWS_ACCESS_KEY_ID …, else the machine's role"),
    ("MINGZHANG_LOG_FORMAT", "text or json", "text"),
    ("MINGZHANG_LOG_FILTER", "which events are logged", "info"),
];
