//! Where a step may connect to.
//!
//! Link-local addresses give machines their credentials and ask nobody who is there; the server's own port would let a
//! step speak in the server's name to whatever trusts its address. All other addresses are the network's business.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

use tokio::net::lookup_host;

use super::Network;

/// The credential service of a cloud, in a range that is not link-local.
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

impl Network {
    /// Resolve a name or address and look at all that comes: one bad address spoils the name, since nobody says which
    /// would be used next time. In words why not.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        let found =
            lookup_host((host, port)).await.map_err(|error| format!("`{host}` has no address: {error}"))?;
        let found: Vec<_> = found.collect();
        for address in &found {
            self.may_reach(*address).map_err(|why| format!("`{host}` is {}: {why}", address.ip()))?;
        }
        if found.is_empty() { Err(format!("`{host}` has no address")) } else { Ok(found) }
    }

    pub(crate) fn may_reach(&self, address: SocketAddr) -> Result<(), &'static str> {
        let ip = plain(address.ip());
        if is_link_local(ip) {
            return Err("link-local addresses are never connected to");
        }
        let own = self.forbidden.iter().any(|forbidden| {
            let at = plain(forbidden.ip());
            forbidden.port() == address.port()
                && (at == ip || (is_here(ip) && (at.is_unspecified() || is_here(at))))
        });
        if own { Err("that is the server itself; its API is for clients, not for steps") } else { Ok(()) }
    }
}

/// The IPv4 address in an IPv6 one: mapped, compatible, or as translators have it.
fn plain(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let octets = v6.octets();
    let [.., a, b, c, d] = octets;
    let translated = octets.starts_with(&[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]);
    match v6.to_ipv4() {
        // These two are IPv6's own, not old spellings of IPv4.
        Some(_) if v6.is_loopback() || v6.is_unspecified() => ip,
        Some(v4) => IpAddr::V4(v4),
        None if translated => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        None => ip,
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6 == METADATA_V6,
    }
}

/// Is it an address of this machine? Only such can be bound.
fn is_here(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || bound(ip).is_ok()
}

fn bound(ip: IpAddr) -> io::Result<UdpSocket> {
    UdpSocket::bind(SocketAddr::new(ip, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_are_refused_in_every_spelling() {
        let network = Network::new([]);
        for ip in [
            "169.254.169.254",
            "169.254.0.1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::169.254.169.254",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
        ] {
            assert!(network.may_reach(SocketAddr::new(ip.parse().unwrap(), 80)).is_err(), "{ip}");
        }
        for ip in ["127.0.0.1", "10.0.0.1", "192.0.2.1", "::1", "2001:db8::1", "fd00::1", "0.0.0.0"] {
            assert!(network.may_reach(SocketAddr::new(ip.parse().unwrap(), 80)).is_ok(), "{ip}");
        }
    }

    #[test]
    fn the_server_s_own_port_is_refused_on_all_its_addresses() {
        let one = Network::new(["127.0.0.1:8080".parse().unwrap()]);
        let all = Network::new(["0.0.0.0:8080".parse().unwrap()]);
        for network in [&one, &all] {
            for ip in ["127.0.0.1", "127.1.2.3", "::ffff:127.0.0.1", "::1", "0.0.0.0", "::"] {
                assert!(network.may_reach(SocketAddr::new(ip.parse().unwrap(), 8080)).is_err(), "{ip}");
                assert!(network.may_reach(SocketAddr::new(ip.parse().unwrap(), 8081)).is_ok(), "{ip}");
            }
            assert!(network.may_reach("192.0.2.1:8080".parse().unwrap()).is_ok());
        }
    }
}
