//! Addresses that are never called because a name leads there: the machine's own surroundings answer at them, such as a
//! cloud's metadata service, which hands out the machine's credentials. Such an address that is configured as a number
//! is meant, and is called. Loopback and private networks are where a team's own systems are.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A name leads to nothing but forbidden addresses.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not called")]
pub(crate) struct Forbidden;

/// The system's resolver without the forbidden addresses.
pub(crate) struct Guarded;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is the caller's to add.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let is_empty = found.is_empty();
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|address| !is_forbidden(address.ip())).collect();
            if allowed.is_empty() && !is_empty {
                return Err(Forbidden.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Link-local and metadata addresses, however they are written.
fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_forbidden_v4(address),
        IpAddr::V6(address) => {
            let segments = address.segments();
            let embedded = match segments {
                // Mapped, compatible, and behind the well-known prefix of NAT64.
                [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                    let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
                    Some(Ipv4Addr::new(a, b, c, d))
                }
                _ => None,
            };
            embedded.is_some_and(is_forbidden_v4) || is_forbidden_v6(address)
        }
    }
}

fn is_forbidden_v4(address: Ipv4Addr) -> bool {
    // Beside the link-local ones: the metadata of Alibaba Cloud, and the host of an Azure machine.
    let others = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
    address.is_link_local() || others.contains(&address)
}

fn is_forbidden_v6(address: Ipv6Addr) -> bool {
    // The second is where Amazon's own services answer to a machine, metadata among them.
    address.is_unicast_link_local() || address.segments()[..2] == [0xfd00, 0xec2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_machines_surroundings_answer_at_is_forbidden() {
        for (address, expected) in [
            ("169.254.169.254", true),
            ("169.254.170.2", true),
            ("::ffff:169.254.169.254", true),
            ("::169.254.169.254", true),
            ("64:ff9b::169.254.169.254", true),
            ("100.100.100.200", true),
            ("168.63.129.16", true),
            ("fe80::1", true),
            ("febf::1", true),
            ("fd00:ec2::254", true),
            ("127.0.0.1", false),
            ("::1", false),
            ("10.0.0.1", false),
            ("192.168.1.1", false),
            ("100.100.100.201", false),
            ("fd00:ec3::254", false),
            ("fec0::1", false),
            ("8.8.8.8", false),
        ] {
            assert_eq!(is_forbidden(address.parse().expect(address)), expected, "{address}");
        }
    }

    /// Every name leads to the metadata service.
    struct Hostile;

    impl Resolve for Hostile {
        fn resolve(&self, _: Name) -> Resolving {
            Guarded.resolve("169.254.169.254".parse().expect("a name"))
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_there_is_not_called() {
        let found = Guarded.resolve("localhost".parse().expect("a name")).await.expect("an address");
        assert!(found.map(|address| address.ip()).all(|address| address.is_loopback()));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().dns_resolver(Hostile).no_proxy().build().expect("a client");
        let error = http.get("http://wiki.example/").send().await.expect_err("it is forbidden");
        assert_eq!(crate::CallError::of_request(&error), crate::CallError::Forbidden);
    }
}
