//! Addresses that are not called if a name leads to them: the machine's own surroundings answer there, such as a
//! cloud's metadata service, which hands out the machine's credentials. An address that is configured as a number is
//! called, since the operator means it. Loopback and private networks are allowed, because a team's own systems are
//! there. An address that another system names, and that is not configured, has to meet more conditions: see
//! [`may_be_called`].

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A name leads to nothing but forbidden addresses.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not called")]
pub(crate) struct Forbidden;

/// The system's resolver without the forbidden addresses.
pub(crate) struct Guarded {
    /// Whether only public addresses are given.
    pub(crate) only_public: bool,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let only_public = self.only_public;
        Box::pin(async move {
            // The caller sets the port.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let is_empty = found.is_empty();
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|address| may_be_called(address.ip(), only_public)).collect();
            if allowed.is_empty() && !is_empty {
                return Err(Forbidden.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether an address that was not configured may be called; with `only_public`, only a public one.
pub(crate) fn may_be_called(address: IpAddr, only_public: bool) -> bool {
    !is_forbidden(address) && (!only_public || is_public(address))
}

/// Whether an address is a public one of the internet, and not one of a machine, a private network or an experiment.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match (embedded(address), address.segments()) {
            // `::1` and `::` have the form of 0.0.0.1 and 0.0.0.0 in an IPv6 address, which are not public.
            (Some(within), _) => is_public_v4(within),
            // An address of 6to4 contains an IPv4 address as well.
            (None, [0x2002, high, low, ..]) => is_public_v4(joined(high, low)),
            // Global unicast addresses, without those for documentation and those of Teredo.
            (None, [0x2001, 0 | 0xdb8, ..]) => false,
            (None, [first, ..]) => first & 0xe000 == 0x2000,
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_of_experiments = match address.octets() {
        [0 | 240.., ..] | [192, 0, 0, _] => true,
        // Addresses that the customers of a provider share, and then those for measurements.
        [100, second, ..] => second & 0xc0 == 64,
        [198, second, ..] => second & 0xfe == 18,
        _ => false,
    };
    !(is_of_experiments
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

/// Link-local and metadata addresses, however they are written.
fn is_forbidden(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_forbidden_v4(address),
        IpAddr::V6(address) => embedded(address).is_some_and(is_forbidden_v4) || is_forbidden_v6(address),
    }
}

/// The IPv4 address in an IPv6 address: mapped, compatible, or behind the well-known prefix of NAT64.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(joined(high, low))
        }
        _ => None,
    }
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
    Ipv4Addr::new(a, b, c, d)
}

fn is_forbidden_v4(address: Ipv4Addr) -> bool {
    // Beside the link-local ones: the metadata of Alibaba Cloud, and the host of an Azure machine.
    let others = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
    address.is_link_local() || others.contains(&address)
}

fn is_forbidden_v6(address: Ipv6Addr) -> bool {
    // At `fd00:ec2::/32` Amazon's own services answer to a machine, metadata among them.
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
            let address = address.parse().expect(address);
            assert_eq!(is_forbidden(address), expected, "{address}");
            assert_eq!(may_be_called(address, false), !expected, "{address}");
        }
    }

    #[test]
    fn what_is_no_address_of_the_internet_is_told() {
        for (address, expected) in [
            ("8.8.8.8", true),
            ("104.192.141.1", true),
            ("2600:1901:0:38d7::", true),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::8.8.8.8", true),
            ("2002:808:808::1", true),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("192.168.1.1", false),
            ("100.64.0.1", false),
            ("100.127.255.1", false),
            ("169.254.169.254", false),
            ("198.19.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("::ffff:10.0.0.1", false),
            ("64:ff9b::127.0.0.1", false),
            ("64:ff9b:1::1", false),
            ("2002:a00:1::1", false),
            ("fd12::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
            ("2001:db8::1", false),
            ("2001::1", false),
        ] {
            let address = address.parse().expect(address);
            assert_eq!(is_public(address), expected, "{address}");
            assert_eq!(may_be_called(address, true), expected, "{address}");
        }
        // A metadata service at a public address.
        assert!(!may_be_called("168.63.129.16".parse().expect("an address"), true));
    }

    /// Every name leads to the metadata service.
    struct Hostile;

    impl Resolve for Hostile {
        fn resolve(&self, _: Name) -> Resolving {
            Guarded { only_public: false }.resolve("169.254.169.254".parse().expect("a name"))
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_there_is_not_called() {
        let localhost = async |only_public| {
            let name = "localhost".parse().expect("a name");
            Guarded { only_public }.resolve(name).await
        };
        let found = localhost(false).await.expect("an address");
        assert!(found.map(|address| address.ip()).all(|address| address.is_loopback()));
        assert!(localhost(true).await.is_err(), "it is no public one");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().dns_resolver(Hostile).no_proxy().build().expect("a client");
        let error = http.get("http://wiki.example/").send().await.expect_err("it is forbidden");
        assert_eq!(crate::CallError::of_request(&error), crate::CallError::Forbidden);
    }
}
