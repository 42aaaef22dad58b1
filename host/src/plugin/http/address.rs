//! Addresses that a granted name may not lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Endpoint;

/// Addresses outside of the link-local networks at which clouds tell a machine its credentials.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Whether a request for `wanted` may go to `address`, which its host stands for just now. Who answers for a name chooses
/// the address: one that only means something to this machine, or to its cloud, has to be granted itself.
pub(super) fn is_allowed(address: IpAddr, wanted: &Endpoint, granted: &[Endpoint]) -> bool {
    let address = embedded(address);
    let is_granted = |place: &Endpoint| {
        place.is_secure() == wanted.is_secure()
            && place.port() == wanted.port()
            && place.address().map(embedded) == Some(address)
    };
    let is_own_name = wanted.host() == "localhost" && address.is_loopback();
    !is_special(address) || is_own_name || granted.iter().any(is_granted)
}

fn is_special(address: IpAddr) -> bool {
    let of_kind = match address {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                // "This network": some systems take it for loopback.
                || v4.octets().first() == Some(&0)
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local(),
    };
    of_kind || METADATA.contains(&address)
}

/// The IPv4 address that an IPv6 address stands for (mapped, compatible, NAT64, 6to4); otherwise `address` itself.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            of(high, low)
        }
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => of(high, low),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_not_lead_to_what_only_this_machine_knows() {
        let name: Endpoint = "hooks.internal:443".parse().unwrap();
        for (address, expected) in [
            ("203.0.113.7", true),
            ("10.1.2.3", true),
            ("2001:db8::1", true),
            ("127.0.0.1", false),
            ("127.8.8.8", false),
            ("0.0.0.0", false),
            ("169.254.169.254", false),
            ("100.100.100.200", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00:ec2::254", false),
            ("::ffff:127.0.0.1", false),
            ("::127.0.0.1", false),
            ("64:ff9b::a9fe:a9fe", false),
            ("2002:7f00:1::", false),
            ("::ffff:10.1.2.3", true),
        ] {
            assert_eq!(is_allowed(address.parse().unwrap(), &name, std::slice::from_ref(&name)), expected, "{address}");
        }
    }

    #[test]
    fn what_is_granted_itself_is_allowed() {
        let place = |text: &str| text.parse::<Endpoint>().unwrap();
        let loopback = "127.0.0.1".parse().unwrap();
        let name = place("hooks.internal:443");
        for (granted, expected) in [
            ("127.0.0.1:443", true),
            ("[::ffff:127.0.0.1]:443", true),
            ("127.0.0.1:80", false),
            ("http://127.0.0.1:443", false),
        ] {
            assert_eq!(is_allowed(loopback, &name, &[place(granted)]), expected, "{granted}");
        }
        assert!(is_allowed(loopback, &place("localhost:443"), &[]));
        assert!(!is_allowed("169.254.0.1".parse().unwrap(), &place("localhost:443"), &[]));
    }
}
