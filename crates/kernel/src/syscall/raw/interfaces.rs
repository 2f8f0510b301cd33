//! Network interfaces through `ioctl` (`man 7 netdevice`), as `ifconfig` asks for them.

use super::super::CallCx;
use crate::Kernel;
use crate::cred::cap;
use crate::netlink::MTU;
use crate::wait::SysResult;
use glassdock_abi::{Errno, Ret};
use glassdock_trace::world::NsId;

/// Requests.
const GET_NAME: u32 = 0x8910;
const GET_CONF: u32 = 0x8912;
const GET_FLAGS: u32 = 0x8913;
const SET_FLAGS: u32 = 0x8914;
const GET_ADDR: u32 = 0x8915;
const GET_DSTADDR: u32 = 0x8917;
const GET_BRDADDR: u32 = 0x8919;
const GET_NETMASK: u32 = 0x891b;
const GET_METRIC: u32 = 0x891d;
const GET_MTU: u32 = 0x8921;
const GET_HWADDR: u32 = 0x8927;
const GET_INDEX: u32 = 0x8933;
const GET_TXQLEN: u32 = 0x8942;
const GET_MAP: u32 = 0x8970;

/// `struct ifreq`: bytes of it, and of the name that it begins with.
const IFREQ: usize = 40;
const IFNAMSIZ: usize = 16;
const AF_INET: u16 = 2;
const ARPHRD_LOOPBACK: u16 = 772;
const IFF_UP: u16 = 1;

/// `struct sockaddr_in`
fn internet(address: [u8; 4]) -> Vec<u8> {
    let mut bytes = AF_INET.to_le_bytes().to_vec();
    bytes.extend([0; 2]);
    bytes.extend(address);
    bytes.resize(16, 0);
    bytes
}

impl Kernel {
    /// A request on a socket of the internet family about the interfaces of its network namespace; `ENOTTY` where it is
    /// none.
    pub(super) fn raw_interface(
        &mut self,
        cx: &CallCx,
        net: NsId,
        request: u32,
        arg: u64,
    ) -> SysResult {
        if request == GET_CONF {
            return self.list_interfaces(cx, net, arg);
        }
        let known = [
            GET_NAME,
            GET_FLAGS,
            SET_FLAGS,
            GET_ADDR,
            GET_DSTADDR,
            GET_BRDADDR,
            GET_NETMASK,
            GET_METRIC,
            GET_MTU,
            GET_HWADDR,
            GET_INDEX,
            GET_TXQLEN,
            GET_MAP,
        ];
        if !known.contains(&request) {
            return Err(Errno::ENOTTY.into());
        }
        let asked = self.read_bytes(cx.tid, arg, IFREQ as u64)?;
        let (name, value) = asked.split_at(IFNAMSIZ);
        if request == GET_NAME {
            if value[..4] != 1u32.to_le_bytes() {
                return Err(Errno::ENODEV.into());
            }
            self.write_user(cx.tid, arg, b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0")?;
            return Ok(Ret::None);
        }
        if name.split(|byte| *byte == 0).next() != Some(b"lo") {
            return Err(Errno::ENODEV.into());
        }
        let loopback = self.loopback(net);
        if matches!(request, GET_ADDR | GET_DSTADDR | GET_BRDADDR | GET_NETMASK)
            && !loopback.addressed
        {
            return Err(Errno::EADDRNOTAVAIL.into());
        }
        let answer = match request {
            GET_FLAGS => (loopback.flags() as u16).to_le_bytes().to_vec(),
            SET_FLAGS => {
                if !self.capable_over(cx.tid, net, cap::NET_ADMIN) {
                    return Err(Errno::EPERM.into());
                }
                let flags = u16::from_le_bytes([value[0], value[1]]);
                self.bring_loopback(net, flags & IFF_UP != 0);
                return Ok(Ret::None);
            }
            GET_ADDR | GET_DSTADDR => internet([127, 0, 0, 1]),
            GET_BRDADDR => internet([0; 4]),
            GET_NETMASK => internet([255, 0, 0, 0]),
            GET_MTU => MTU.to_le_bytes().to_vec(),
            GET_HWADDR => {
                let mut address = ARPHRD_LOOPBACK.to_le_bytes().to_vec();
                address.resize(16, 0);
                address
            }
            GET_INDEX => 1u32.to_le_bytes().to_vec(),
            GET_TXQLEN => 1000u32.to_le_bytes().to_vec(),
            GET_MAP => vec![0; 24],
            _ => 0u32.to_le_bytes().to_vec(),
        };
        self.write_user(cx.tid, arg.wrapping_add(IFNAMSIZ as u64), &answer)?;
        Ok(Ret::None)
    }

    /// `struct ifconf`: the interfaces that have an address.
    fn list_interfaces(&mut self, cx: &CallCx, net: NsId, arg: u64) -> SysResult {
        let (room, buffer) = (
            self.read_u32(cx.tid, arg)?,
            self.read_u64(cx.tid, arg.wrapping_add(8))?,
        );
        let mut used = 0u32;
        if self.loopback(net).addressed && (buffer == 0 || room as usize >= IFREQ) {
            let mut entry = b"lo".to_vec();
            entry.resize(IFNAMSIZ, 0);
            entry.extend(internet([127, 0, 0, 1]));
            entry.resize(IFREQ, 0);
            if buffer != 0 {
                self.write_user(cx.tid, buffer, &entry)?;
            }
            used = IFREQ as u32;
        }
        self.write_user(cx.tid, arg, &used.to_le_bytes())?;
        Ok(Ret::None)
    }
}
