//! The forms of a Redis URL.
//!
//! | URL | topology |
//! |---|---|
//! | `redis://[user:password@]host[:port][/db]`, `rediss://…` | one server |
//! | `redis+sentinel://[user:password@]host[:port],…/name[/db]`, `rediss+sentinel://…` | the primary that these sentinels call `name`; user, password and db are the server's |
//! | `redis+cluster://[user:password@]host[:port],host[:port],…`, `rediss+cluster://…` | a cluster; some of its nodes |

use redis::{
    Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsCertificates, io::tcp::TcpSettings,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::RedisSetupError;

/// How long written bytes may stay unacknowledged (RFC 5482).
#[cfg(target_os = "linux")]
const USER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

const SENTINEL_PORT: u16 = 26_379;

/// What a URL names.
pub(super) enum Target {
    Server(Box<ConnectionInfo>),
    /// A primary by its name, the sentinels that know where it is, and what is the same for every server.
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        name: String,
        server: Box<ConnectionInfo>,
    },
    /// At least one node; the rest of the cluster is asked for. All share user, password and TLS.
    Cluster(Vec<ConnectionInfo>),
}

impl Target {
    /// The same, with these credentials for the sentinels.
    pub(super) fn asking_as(self, user: Option<&str>, password: &str) -> Result<Self, RedisSetupError> {
        let Self::Sentinel { sentinels, name, server } = self else {
            return Err(RedisSetupError::Credentials);
        };
        let asking = |info: ConnectionInfo| {
            let redis = info.redis_settings().clone().set_password(password);
            let redis = user.map_or(redis.clone(), |user| redis.set_username(user));
            info.set_redis_settings(redis)
        };
        Ok(Self::Sentinel { sentinels: sentinels.into_iter().map(asking).collect(), name, server })
    }

    /// The same, with certificates that these authorities have signed and nobody else.
    pub(super) fn trusting(self, authorities: &[u8]) -> Result<Self, RedisSetupError> {
        // The client takes a file without any certificate for a list of nobody.
        if CertificateDer::pem_slice_iter(authorities).next().is_none() {
            return Err(RedisSetupError::Authorities);
        }
        let trusting = |info: ConnectionInfo| {
            let certificates = TlsCertificates { client_tls: None, root_cert: Some(authorities.to_vec()) };
            let client = Client::build_with_tls(info, certificates);
            client
                .map(|client| client.get_connection_info().clone())
                .map_err(|_| RedisSetupError::Authorities)
        };
        Ok(match self {
            Self::Server(info) => Self::Server(Box::new(trusting(*info)?)),
            Self::Sentinel { sentinels, name, server } => Self::Sentinel {
                sentinels: sentinels.into_iter().map(trusting).collect::<Result<_, _>>()?,
                name,
                server: Box::new(trusting(*server)?),
            },
            Self::Cluster(nodes) => Self::Cluster(nodes.into_iter().map(trusting).collect::<Result<_, _>>()?),
        })
    }
}

/// Reads a URL.
pub(super) fn parse(url: &str) -> Result<Target, RedisSetupError> {
    let (scheme, rest) = url.split_once("://").ok_or(RedisSetupError::Url)?;
    match scheme.split_once('+') {
        None => server(url).map(|info| Target::Server(Box::new(info))),
        Some((scheme @ ("redis" | "rediss"), "cluster")) => {
            // A cluster has database 0 only, and nothing else may stand behind the nodes.
            let rest = rest.strip_suffix("/0").or_else(|| rest.strip_suffix('/')).unwrap_or(rest);
            let (user, nodes) = split_user(rest);
            list(nodes, |node| server(&format!("{scheme}://{user}{node}"))).map(Target::Cluster)
        }
        Some((scheme @ ("redis" | "rediss"), "sentinel")) => {
            let (user, rest) = split_user(rest);
            let (hosts, name) = rest.split_once('/').ok_or(RedisSetupError::Url)?;
            let (name, db) = name.split_once('/').unwrap_or((name, "0"));
            if !is_name(name) {
                return Err(RedisSetupError::Url);
            }
            let sentinel = |host: &str| server(&format!("{scheme}://{}", with_port(host)));
            let sentinels = list(hosts, sentinel)?;
            // The sentinels say where it is.
            let server = server(&format!("{scheme}://{user}sentinel:1/{db}"))?;
            Ok(Target::Sentinel { sentinels, name: name.to_owned(), server: Box::new(server) })
        }
        Some(_) => Err(RedisSetupError::Url),
    }
}

/// `user:password@`, which may be empty, and the rest.
fn split_user(rest: &str) -> (&str, &str) {
    rest.rsplit_once('@').map_or(("", rest), |(user, _)| rest.split_at(user.len() + 1))
}

fn list(
    hosts: &str,
    info: impl Fn(&str) -> Result<ConnectionInfo, RedisSetupError>,
) -> Result<Vec<ConnectionInfo>, RedisSetupError> {
    if hosts.contains(['/', '?', '#']) || hosts.split(',').any(str::is_empty) {
        return Err(RedisSetupError::Url);
    }
    hosts.split(',').map(info).collect()
}

/// What Sentinel takes for a primary's name.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}

/// Sentinels have a port of their own.
fn with_port(host: &str) -> String {
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    if has_port { host.to_owned() } else { format!("{host}:{SENTINEL_PORT}") }
}

fn server(url: &str) -> Result<ConnectionInfo, RedisSetupError> {
    let info = url.into_connection_info().map_err(|_| RedisSetupError::Url)?;
    // Nagle's algorithm would hold small pipelined writes back for a round trip.
    let tcp = TcpSettings::default().set_nodelay(true);
    // A peer that died without a word is noticed within seconds, not when the kernel gives up.
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(USER_TIMEOUT);
    // Replies are read as RESP2, whatever the URL asks for.
    let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
    Ok(info.set_tcp_settings(tcp).set_redis_settings(redis))
}

#[cfg(test)]
mod tests {
    use redis::ConnectionAddr;

    use super::*;

    fn nodes(url: &str) -> Option<Vec<ConnectionInfo>> {
        match parse(url) {
            Ok(Target::Cluster(nodes)) => Some(nodes),
            _ => None,
        }
    }

    #[test]
    fn every_node_of_a_cluster_gets_its_port_and_the_user() {
        let found = nodes("redis+cluster://us%40er:pass@a:1,b,[::1]:3/0").unwrap();
        let addresses: Vec<_> = found.iter().map(|info| info.addr().clone()).collect();
        let tcp = |host: &str, port| ConnectionAddr::Tcp(host.into(), port);
        assert_eq!(addresses, [tcp("a", 1), tcp("b", 6379), tcp("::1", 3)]);
        for info in &found {
            assert_eq!(info.redis_settings().username(), Some("us@er"));
            assert_eq!(info.redis_settings().password(), Some("pass"));
        }
        let tls = nodes("rediss+cluster://a:1").unwrap();
        assert!(matches!(tls[0].addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
    }

    #[test]
    fn sentinels_have_their_own_port_and_credentials() {
        let target = parse("rediss+sentinel://us%40er:pass@a,[::1]:3,[::2]/my-primary/2").unwrap();
        let Target::Sentinel { sentinels, .. } = &target else { panic!("sentinels") };
        assert!(sentinels.iter().all(|info| info.redis_settings().password().is_none()), "not the servers'");
        let target = target.asking_as(Some("watcher"), "word").unwrap();
        let Target::Sentinel { sentinels, name, server } = target else { panic!("sentinels") };
        let addresses: Vec<_> = sentinels.iter().map(|info| info.addr().to_string()).collect();
        assert_eq!(addresses, ["a:26379", "::1:3", "::2:26379"]);
        for info in sentinels {
            let (user, password) = (info.redis_settings().username(), info.redis_settings().password());
            assert_eq!((user, password), (Some("watcher"), Some("word")));
        }
        assert_eq!(name, "my-primary");
        let (user, password) = (server.redis_settings().username(), server.redis_settings().password());
        assert_eq!((user, password, server.redis_settings().db()), (Some("us@er"), Some("pass"), 2));
        assert!(matches!(server.addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
        assert!(matches!(
            parse("redis://a").unwrap().asking_as(None, "x"),
            Err(RedisSetupError::Credentials)
        ));
    }

    #[test]
    fn authorities_are_certificates_and_need_tls() {
        let certificate = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        for (url, authorities) in [
            ("redis://a", &certificate[..]),
            ("redis+cluster://a:1", certificate),
            ("rediss://a", certificate),
            ("rediss://a", b""),
            ("rediss+cluster://a:1", b"no certificate"),
        ] {
            let target = parse(url).unwrap().trusting(authorities);
            assert!(matches!(target, Err(RedisSetupError::Authorities)), "{url}");
        }
    }

    #[test]
    fn what_is_no_list_of_nodes_is_refused() {
        for url in [
            "redis+cluster://",
            "redis+cluster://a:1,",
            "redis+cluster://a:x",
            "redis+cluster://a:1/1",
            "redis+cluster://a:1,b:2?protocol=resp3",
            "redis+sentinel://a:1",
            "redis+sentinel://a:1/",
            "redis+sentinel:///m",
            "redis+sentinel://a:1,/m",
            "redis+sentinel://a:1/m?db=1",
            "redis+sentinel://a:1/m/x",
            "http+sentinel://a:1/m",
            "http+cluster://a:1",
            "a:1",
        ] {
            assert!(matches!(parse(url), Err(RedisSetupError::Url)), "{url}");
        }
    }
}
