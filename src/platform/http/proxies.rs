//! Whose address a request comes from, where others pass it on: only proxies that are named are believed.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use actix_web::http::header::{HeaderMap, X_FORWARDED_FOR};
use serde::{Deserialize, Serialize};

/// The proxies whose `X-Forwarded-For` is believed. Anybody can write such a header: from anybody else it is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TrustedProxies(Vec<IpAddr>);

impl FromStr for TrustedProxies {
    type Err = String;

    /// Addresses with commas or blanks between them, as `10.0.0.2 2001:db8::2`.
    ///
    /// # Errors
    /// Which one is no address: names and networks are not taken.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split([',', ' ']).filter(|part| !part.is_empty()).map(trusted).collect::<Result<_, _>>().map(Self)
    }
}

fn trusted(text: &str) -> Result<IpAddr, String> {
    text.parse::<IpAddr>().map(|address| address.to_canonical()).map_err(|_form| format!("“{text}”: 须为 IP 地址，不含端口与网段 / expected an IP address without port or network"))
}

impl TryFrom<String> for TrustedProxies {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<TrustedProxies> for String {
    fn from(proxies: TrustedProxies) -> Self {
        proxies.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

/// An address as proxies write it: bare, or with a port.
fn written(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip())).map(|address| address.to_canonical())
}

impl TrustedProxies {
    /// The address that a request comes from: the peer's, or where the peer is trusted the last one in its header that is not itself trusted.
    /// What stands before that one, its sender could have made up. Where something else than an address stands there, the proxy that passed it on counts.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.0.contains(&peer) {
            return peer;
        }
        let lines: Vec<&str> = headers.get_all(X_FORWARDED_FOR).map(|line| line.to_str().unwrap_or_default()).collect();
        let mut client = peer;
        for text in lines.iter().flat_map(|line| line.split(',')).rev() {
            let Some(address) = written(text.trim()) else {
                break;
            };
            client = address;
            if !self.0.contains(&address) {
                break;
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn client(peer: &str, lines: &[&'static str]) -> String {
        let proxies: TrustedProxies = "10.0.0.1, 10.0.0.2 2001:db8::2".parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_static(line));
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_clients() {
        assert_eq!(client("10.0.0.1", &["198.51.100.7, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["203.0.113.9, 10.0.0.2"]), "203.0.113.9", "through two proxies");
        assert_eq!(client("10.0.0.1", &["198.51.100.7", "203.0.113.9", "10.0.0.2"]), "203.0.113.9", "several lines are one list");
        assert_eq!(client("::ffff:10.0.0.1", &["::ffff:203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("2001:db8::2", &["[2001:db8::9]:4711"]), "2001:db8::9");
        assert_eq!(client("10.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
    }

    #[test]
    fn a_header_is_not_looked_at_unless_a_trusted_proxy_sent_it() {
        assert_eq!(client("203.0.113.1", &["198.51.100.7"]), "203.0.113.1");
        assert_eq!(TrustedProxies::default().client("10.0.0.1".parse().unwrap(), &HeaderMap::new()).to_string(), "10.0.0.1");
    }

    #[test]
    fn where_no_address_stands_the_proxy_that_passed_it_on_counts() {
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.7, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(client("10.0.0.1", &["10.0.0.2"]), "10.0.0.2");
    }

    #[test]
    fn only_addresses_are_taken() {
        assert_eq!("".parse(), Ok(TrustedProxies::default()));
        for wrong in ["proxy.example.org", "10.0.0.0/8", "10.0.0.1:80", "10.0.0", "*"] {
            assert!(wrong.parse::<TrustedProxies>().is_err(), "{wrong}");
        }
    }
}
