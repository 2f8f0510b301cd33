//! What the trace keeps of a call's data.

use glassdock_abi::{Call, Ret};
use std::borrow::Cow;

/// Bytes of a call's data that its trace keeps.
const TRACE_DATA: usize = 256;
/// Items of a call's lists (arguments, directory entries) that its trace keeps.
const TRACE_ITEMS: usize = 64;

fn clip(data: &[u8]) -> Vec<u8> {
    data[..data.len().min(TRACE_DATA)].to_vec()
}

/// Whether the trace keeps data as it is.
fn is_short(data: &[u8]) -> bool {
    data.len() <= TRACE_DATA
}

fn is_short_list(list: &[Vec<u8>]) -> bool {
    list.len() <= TRACE_ITEMS && list.iter().all(|item| is_short(item))
}

fn clip_list(list: &[Vec<u8>]) -> Vec<Vec<u8>> {
    list.iter()
        .take(TRACE_ITEMS)
        .map(|item| clip(item))
        .collect()
}

/// The call with its data cut to what the trace keeps.
pub(super) fn clip_call(call: &Call) -> Cow<'_, Call> {
    let whole = match call {
        Call::Write { data, .. } | Call::Pwrite64 { data, .. } | Call::Sendmsg { data, .. } => {
            is_short(data)
        }
        Call::Execveat { argv, envp, .. } => is_short_list(argv) && is_short_list(envp),
        Call::Setxattr { value, .. } | Call::Fsetxattr { value, .. } => is_short(value),
        _ => true,
    };
    if whole {
        return Cow::Borrowed(call);
    }
    Cow::Owned(match call {
        Call::Write { fd, data } => Call::Write {
            fd: *fd,
            data: clip(data),
        },
        Call::Pwrite64 { fd, data, offset } => Call::Pwrite64 {
            fd: *fd,
            data: clip(data),
            offset: *offset,
        },
        Call::Sendmsg {
            fd,
            data,
            fds,
            to,
            flags,
        } => Call::Sendmsg {
            fd: *fd,
            data: clip(data),
            fds: fds.clone(),
            to: to.clone(),
            flags: *flags,
        },
        Call::Execveat {
            dirfd,
            path,
            argv,
            envp,
            flags,
        } => Call::Execveat {
            dirfd: *dirfd,
            path: path.clone(),
            argv: clip_list(argv),
            envp: clip_list(envp),
            flags: *flags,
        },
        Call::Setxattr {
            path,
            name,
            value,
            flags,
            follow,
        } => Call::Setxattr {
            path: path.clone(),
            name: name.clone(),
            value: clip(value),
            flags: *flags,
            follow: *follow,
        },
        Call::Fsetxattr {
            fd,
            name,
            value,
            flags,
        } => Call::Fsetxattr {
            fd: *fd,
            name: name.clone(),
            value: clip(value),
            flags: *flags,
        },
        other => other.clone(),
    })
}

/// What a call yields, its data cut likewise.
pub(super) fn clip_ret(ret: &Ret) -> Ret {
    match ret {
        Ret::Bytes(data) => Ret::Bytes(clip(data)),
        Ret::Dirents(entries) => Ret::Dirents(entries.iter().take(TRACE_ITEMS).cloned().collect()),
        Ret::Msg(message) => {
            let mut message = message.clone();
            message.data = clip(&message.data);
            Ret::Msg(message)
        }
        other => other.clone(),
    }
}
