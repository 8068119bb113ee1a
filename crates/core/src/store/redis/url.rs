//! The forms of a Redis URL.
//!
//! | URL | topology |
//! |---|---|
//! | `redis://[user:password@]host[:port][/db]`, `rediss://…` | one server |
//! | `redis+cluster://[user:password@]host[:port],host[:port],…`, `rediss+cluster://…` | a cluster; some of its nodes |

use redis::{
    Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsCertificates, io::tcp::TcpSettings,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::RedisSetupError;

/// How long written bytes may stay unacknowledged (RFC 5482).
#[cfg(target_os = "linux")]
const USER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// What a URL names.
pub(super) enum Target {
    Server(Box<ConnectionInfo>),
    /// At least one node; the rest of the cluster is asked for. All share user, password and TLS.
    Cluster(Vec<ConnectionInfo>),
}

impl Target {
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
            Self::Cluster(nodes) => Self::Cluster(nodes.into_iter().map(trusting).collect::<Result<_, _>>()?),
        })
    }
}

/// Reads a URL.
pub(super) fn parse(url: &str) -> Result<Target, RedisSetupError> {
    let (scheme, rest) = url.split_once("://").ok_or(RedisSetupError::Url)?;
    match scheme.strip_suffix("+cluster") {
        None => server(url).map(|info| Target::Server(Box::new(info))),
        Some(scheme @ ("redis" | "rediss")) => {
            // A cluster has database 0 only, and nothing else may stand behind the nodes.
            let rest = rest.strip_suffix("/0").or_else(|| rest.strip_suffix('/')).unwrap_or(rest);
            let (user, nodes) = match rest.rsplit_once('@') {
                Some((user, nodes)) => (format!("{user}@"), nodes),
                None => (String::new(), rest),
            };
            if nodes.contains(['/', '?', '#']) {
                return Err(RedisSetupError::Url);
            }
            let node = |node: &str| match node {
                "" => Err(RedisSetupError::Url),
                node => server(&format!("{scheme}://{user}{node}")),
            };
            nodes.split(',').map(node).collect::<Result<_, _>>().map(Target::Cluster)
        }
        Some(_) => Err(RedisSetupError::Url),
    }
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
            "redis+sentinel://a:1/m",
            "http+cluster://a:1",
            "a:1",
        ] {
            assert!(matches!(parse(url), Err(RedisSetupError::Url)), "{url}");
        }
    }
}
