//! A small sysfs: the frame that programs expect, the processor, and the network's interfaces as the viewer's network
//! namespace has them (`Documentation/ABI/testing/sysfs-class-net`).

use super::system::{Entry, Make, dir, file, link};
use crate::Kernel;
use crate::ids::Tid;

/// What every number about traffic is: the loopback interface carries none yet.
const NONE: Make = |_, _| "0\n".into();
const NOBODY: Make = |_, _| "00:00:00:00:00:00\n".into();

/// The tree.
pub(super) static SYS: &[Entry] = &[
    dir(""),
    dir("block"),
    dir("bus"),
    dir("class"),
    dir("class/block"),
    dir("class/net"),
    link("class/net/lo", |_, _| "../../devices/virtual/net/lo".into()),
    dir("class/tty"),
    dir("dev"),
    dir("devices"),
    dir("devices/system"),
    dir("devices/system/cpu"),
    dir("devices/system/cpu/cpu0"),
    file("devices/system/cpu/online", |_, _| "0\n".into()),
    file("devices/system/cpu/possible", |_, _| "0\n".into()),
    file("devices/system/cpu/present", |_, _| "0\n".into()),
    dir("devices/virtual"),
    dir("devices/virtual/net"),
    dir("devices/virtual/net/lo"),
    file("devices/virtual/net/lo/addr_assign_type", NONE),
    file("devices/virtual/net/lo/addr_len", |_, _| "6\n".into()),
    file("devices/virtual/net/lo/address", NOBODY),
    file("devices/virtual/net/lo/broadcast", NOBODY),
    file("devices/virtual/net/lo/dev_id", |_, _| "0x0\n".into()),
    file("devices/virtual/net/lo/flags", |kernel, viewer| {
        format!("{:#x}\n", 8 | u32::from(is_up(kernel, viewer)))
    }),
    file("devices/virtual/net/lo/ifindex", |_, _| "1\n".into()),
    file("devices/virtual/net/lo/iflink", |_, _| "1\n".into()),
    file("devices/virtual/net/lo/link_mode", NONE),
    file("devices/virtual/net/lo/mtu", |_, _| "65536\n".into()),
    file("devices/virtual/net/lo/operstate", |kernel, viewer| {
        let up = is_up(kernel, viewer);
        if up { "unknown\n" } else { "down\n" }.into()
    }),
    dir("devices/virtual/net/lo/statistics"),
    file("devices/virtual/net/lo/statistics/collisions", NONE),
    file("devices/virtual/net/lo/statistics/multicast", NONE),
    file("devices/virtual/net/lo/statistics/rx_bytes", NONE),
    file("devices/virtual/net/lo/statistics/rx_compressed", NONE),
    file("devices/virtual/net/lo/statistics/rx_crc_errors", NONE),
    file("devices/virtual/net/lo/statistics/rx_dropped", NONE),
    file("devices/virtual/net/lo/statistics/rx_errors", NONE),
    file("devices/virtual/net/lo/statistics/rx_fifo_errors", NONE),
    file("devices/virtual/net/lo/statistics/rx_frame_errors", NONE),
    file("devices/virtual/net/lo/statistics/rx_length_errors", NONE),
    file("devices/virtual/net/lo/statistics/rx_missed_errors", NONE),
    file("devices/virtual/net/lo/statistics/rx_nohandler", NONE),
    file("devices/virtual/net/lo/statistics/rx_over_errors", NONE),
    file("devices/virtual/net/lo/statistics/rx_packets", NONE),
    file("devices/virtual/net/lo/statistics/tx_aborted_errors", NONE),
    file("devices/virtual/net/lo/statistics/tx_bytes", NONE),
    file("devices/virtual/net/lo/statistics/tx_carrier_errors", NONE),
    file("devices/virtual/net/lo/statistics/tx_compressed", NONE),
    file("devices/virtual/net/lo/statistics/tx_dropped", NONE),
    file("devices/virtual/net/lo/statistics/tx_errors", NONE),
    file("devices/virtual/net/lo/statistics/tx_fifo_errors", NONE),
    file(
        "devices/virtual/net/lo/statistics/tx_heartbeat_errors",
        NONE,
    ),
    file("devices/virtual/net/lo/statistics/tx_packets", NONE),
    file("devices/virtual/net/lo/statistics/tx_window_errors", NONE),
    link("devices/virtual/net/lo/subsystem", |_, _| {
        "../../../../class/net".into()
    }),
    file("devices/virtual/net/lo/tx_queue_len", |_, _| {
        "1000\n".into()
    }),
    file("devices/virtual/net/lo/type", |_, _| "772\n".into()),
    file("devices/virtual/net/lo/uevent", |_, _| {
        "INTERFACE=lo\nIFINDEX=1\n".into()
    }),
    dir("firmware"),
    dir("fs"),
    dir("fs/cgroup"),
    dir("kernel"),
    dir("module"),
    dir("power"),
];

/// Whether the loopback interface of the viewer's network namespace is up.
fn is_up(kernel: &Kernel, viewer: Tid) -> bool {
    kernel.loopback(kernel.net_of(viewer)).up
}
