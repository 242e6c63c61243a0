//! Settings: from `MINGZHANG_*`, `DATABASE_URL`, and an optional TOML file; a wrong one is refused at start by its name.

use std::path::PathBuf;

use chrono::{DateTime, FixedOffset, NaiveTime};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

use crate::kernel::problem::Problem;
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
    /// When held slots are tried again each day, in the deployment's time zone: `09:00`.
    pub pay_hour: NaiveTime,
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
            pay_hour: NaiveTime::from_hms_opt(9, 0, 0).unwrap_or_default(),
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
const NOT_SETTINGS: [&str; 11] = [
    "objects_access_key_id",
    "objects_secret_access_key",
    "config",
    "write_permissions",
    "first_password",
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
        figment.merge(Env::prefixed("MINGZHANG_").ignore(&NOT_SETTINGS)).merge(Env::raw().only(&["database_url"])).extract().map_err(|error| format!("设置有误 / wrong setting: {error}"))
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
    /// 500 where it cannot be made.
    pub fn make_data_dir(&self) -> Result<(), Problem> {
        if self.database_url.is_none() {
            std::fs::create_dir_all(&self.data_dir).map_err(Problem::internal)?;
        }
        Ok(())
    }
}

/// Every setting with its meaning, for `mingzhang config`.
pub const MEANINGS: [(&str, &str, &str); 17] = [
    ("DATABASE_URL", "PostgreSQL or SQLite", "SQLite at <data dir>/mingzhang.db"),
    ("MINGZHANG_MIGRATE_DATABASE_URL", "the owner's connection, PostgreSQL", "–"),
    ("MINGZHANG_DATA_DIR", "the folder of the embedded database and its keys", "data"),
    ("MINGZHANG_BIND", "the address that is served", "127.0.0.1:8080"),
    ("MINGZHANG_CLOCK", "the business clock, on demo and test databases only (RFC 3339)", "the real time"),
    ("MINGZHANG_TIME_ZONE", "the deployment's time zone", "Asia/Shanghai"),
    ("MINGZHANG_PAY_HOUR", "when held job slots are tried again each day, hh:mm", "09:00"),
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
