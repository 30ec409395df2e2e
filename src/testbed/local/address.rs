//! Loopback addresses: each server has one of its own, so that it can listen on
//! the port that the page names, whatever else runs on this machine, but for what listens on all addresses.

use std::net::{Ipv4Addr, TcpListener};

use super::error::Error;

/// How many addresses are tried: of sixteen million, one that is taken is rare.
const TRIES: usize = 20;

/// A loopback address with these ports free.
///
/// # Errors
/// This machine has none, or a port is one that this user may not listen on.
pub fn free(ports: &[u16]) -> Result<Ipv4Addr, Error> {
    let mut last = String::new();
    for _ in 0..TRIES {
        let [a, b, c] = rand::random::<[u8; 3]>();
        let address = Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254));
        match ports.iter().try_for_each(|port| TcpListener::bind((address, *port)).map(drop)) {
            Ok(()) => return Ok(address),
            Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
                return Err(Error::NoAddress(format!(
                    "this machine has no loopback address but 127.0.0.1, and each server of a local testbed has one of \
                     its own: `ip address add 127.0.0.1/8 dev lo` (as root) gives it all of them ({address}: {error})"
                )));
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(Error::NoAddress(format!(
                    "this user may not listen on one of the ports {ports:?}: {error}"
                )));
            }
            Err(error) => last = format!("{address}: {error}"),
        }
    }
    // Of so many addresses none is free only where something listens on all of them at once.
    Err(Error::NoAddress(format!(
        "no loopback address has the ports {ports:?} free: a program that listens on all addresses (0.0.0.0) has taken one; \
         `ss -ltnp` as root names it, and it has to be stopped for the run ({last})"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_another_address() {
        let (one, other) = (free(&[8200, 8201]).unwrap(), free(&[8200, 8201]).unwrap());
        assert!(one.is_loopback() && other.is_loopback() && one != other, "{one} {other}");
    }
    #[test]
    fn a_port_that_is_taken_on_all_addresses_is_told_with_how_to_find_who_has_it() {
        let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let told = free(&[taken.local_addr().unwrap().port()]).unwrap_err().to_string();
        assert!(told.contains("all addresses (0.0.0.0)") && told.contains("ss -ltnp"), "{told}");
    }
}
