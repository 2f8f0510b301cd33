//! Walking over the descriptors, process ids and paths among a call's arguments: what a plan leaves open until it runs.

use crate::call::{FcntlCmd, IoctlReq, PrctlOp};
use crate::flags::*;
use crate::types::*;

/// Somebody who looks at, and may replace, the arguments that name things of one process.
pub trait Visitor {
    /// A descriptor.
    fn fd(&mut self, fd: &mut Fd);
    /// A process id.
    fn pid(&mut self, pid: &mut Pid);
    /// A path.
    fn path(&mut self, path: &mut PathArg);
}

/// An argument that shows its parts to a visitor.
pub(crate) trait Visit {
    fn visit(&mut self, _visitor: &mut dyn Visitor) {}
}

macro_rules! opaque {
    ($($type:ty),* $(,)?) => { $(impl Visit for $type {})* };
}

opaque! {
    u8, u32, u64, i32, i64, bool, Rlimit, OpenHow, Dev, TimeSet,
    Timespec, Clock, CapSets, SockFilter, FcntlCmd, PrctlOp, OpenFlags, AtFlags, RenameFlags, CloneFlags, MountFlags, UmountFlags,
    MsgFlags, WaitFlags, XattrFlags, CloseRangeFlags, MemfdFlags, OpenTreeFlags, MoveMountFlags,
}

impl Visit for Fd {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        visitor.fd(self);
    }
}
impl Visit for Pid {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        visitor.pid(self);
    }
}
impl Visit for PathArg {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        visitor.path(self);
    }
}
impl Visit for PollFd {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        visitor.fd(&mut self.fd);
    }
}
impl<T: Visit> Visit for Vec<T> {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        self.iter_mut().for_each(|part| part.visit(visitor));
    }
}
impl<T: Visit> Visit for Option<T> {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        self.iter_mut().for_each(|part| part.visit(visitor));
    }
}
impl Visit for SockAddr {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        if let SockAddr::Unix(path) = self {
            visitor.path(path);
        }
    }
}
impl Visit for WaitFor {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        match self {
            WaitFor::Any => {}
            WaitFor::Pid(pid) | WaitFor::Group(pid) => visitor.pid(pid),
            WaitFor::PidFd(fd) => visitor.fd(fd),
        }
    }
}
impl Visit for CloneArgs {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        self.cgroup.visit(visitor);
    }
}
impl Visit for MountAttr {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        self.userns.visit(visitor);
    }
}
impl Visit for IoctlReq {
    fn visit(&mut self, visitor: &mut dyn Visitor) {
        if let IoctlReq::Tiocspgrp(pid) = self {
            visitor.pid(pid);
        }
    }
}
