//! Accounts that frames are charged to: how many each may have, and those above it with it.

use std::ops::Range;

/// The name of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub(crate) u32);

impl AccountId {
    /// Who pays for what is charged to nobody: the machine, without a limit but its memory.
    pub const MACHINE: AccountId = AccountId(0);

    /// The account's number; the machine's is 0.
    pub fn number(self) -> u32 {
        self.0
    }

    /// The account of a number.
    pub fn from_number(number: u32) -> AccountId {
        AccountId(number)
    }
}

/// What an account has and may have, with the accounts below it; in frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// What is charged to it.
    pub used: u32,
    /// The most that was, at a time.
    pub peak: u32,
    /// The most that may be.
    pub limit: u32,
}

#[derive(Clone, Copy)]
struct Row {
    parent: u32,
    account: Account,
}

/// All accounts. Numbers are not given out again.
#[derive(Default)]
pub(crate) struct Accounts {
    /// Account `n` is row `n - 1`.
    rows: Vec<Row>,
    /// Who pays for the next frame.
    pub(crate) payer: u32,
    /// The account whose limit the last frame that was refused ran into.
    pub(crate) full: Option<AccountId>,
}

impl Accounts {
    fn row(&self, id: u32) -> Option<&Row> {
        self.rows.get(id.checked_sub(1)? as usize)
    }

    fn row_mut(&mut self, id: u32) -> Option<&mut Row> {
        self.rows.get_mut(id.checked_sub(1)? as usize)
    }

    pub(crate) fn add(&mut self, parent: AccountId) -> AccountId {
        let account = Account {
            used: 0,
            peak: 0,
            limit: u32::MAX,
        };
        self.rows.push(Row {
            parent: parent.0,
            account,
        });
        AccountId(self.rows.len() as u32)
    }

    pub(crate) fn get(&self, id: AccountId) -> Option<&Account> {
        self.row(id.0).map(|row| &row.account)
    }

    pub(crate) fn get_mut(&mut self, id: AccountId) -> Option<&mut Account> {
        self.row_mut(id.0).map(|row| &mut row.account)
    }

    pub(crate) fn parent(&self, id: AccountId) -> AccountId {
        AccountId(self.row(id.0).map_or(0, |row| row.parent))
    }

    /// Whether an account is another or below it.
    pub(crate) fn within(&self, id: AccountId, top: AccountId) -> bool {
        let mut at = id.0;
        while at != 0 && at != top.0 {
            at = self.row(at).map_or(0, |row| row.parent);
        }
        at == top.0
    }

    /// How many more frames an account and those above it allow, and which of them allows the fewest.
    pub(crate) fn room(&self, id: u32) -> (u32, Option<AccountId>) {
        let mut least = (u32::MAX, None);
        let mut at = id;
        while let Some(row) = self.row(at) {
            let room = row.account.limit.saturating_sub(row.account.used);
            if room < least.0 {
                least = (room, Some(AccountId(at)));
            }
            at = row.parent;
        }
        least
    }

    pub(crate) fn charge(&mut self, id: u32, frames: u32) {
        let mut at = id;
        while let Some(row) = self.row_mut(at) {
            row.account.used += frames;
            row.account.peak = row.account.peak.max(row.account.used);
            at = row.parent;
        }
    }

    pub(crate) fn uncharge(&mut self, id: u32, frames: u32) {
        let mut at = id;
        while let Some(row) = self.row_mut(at) {
            row.account.used = row.account.used.saturating_sub(frames);
            at = row.parent;
        }
    }
}

/// Marks which accounts of a machine are another's or below it, for walks over many frames.
pub(crate) fn below(accounts: &Accounts, top: AccountId) -> Vec<bool> {
    let all: Range<u32> = 0..accounts.rows.len() as u32 + 1;
    all.map(|id| accounts.within(AccountId(id), top)).collect()
}

#[cfg(test)]
mod tests {
    use crate::{AccountId, Frames};

    #[test]
    fn a_frame_counts_for_its_payer_and_all_above() {
        let mut frames = Frames::new(64);
        let outer = frames.add_account(AccountId::MACHINE);
        let inner = frames.add_account(outer);
        frames.charge_to(inner);
        let frame = frames.alloc_zeroed().expect("room");
        frames.charge_to(AccountId::MACHINE);
        let other = frames.alloc_zeroed().expect("room");
        let used = |frames: &Frames, id| frames.account(id).map(|it| (it.used, it.peak));
        assert_eq!(used(&frames, outer), Some((1, 1)));
        assert_eq!(used(&frames, inner), Some((1, 1)));
        frames.decref(frame);
        frames.decref(other);
        assert_eq!(used(&frames, outer), Some((0, 1)));
        assert_eq!(used(&frames, inner), Some((0, 1)));
    }

    #[test]
    fn the_account_that_is_full_is_told() {
        let mut frames = Frames::new(64);
        let outer = frames.add_account(AccountId::MACHINE);
        let inner = frames.add_account(outer);
        frames.set_account_limit(outer, 1);
        frames.set_account_limit(inner, 5);
        frames.charge_to(inner);
        assert!(frames.alloc_zeroed().is_ok());
        assert!(frames.alloc_zeroed().is_err());
        assert_eq!(frames.full_account(), Some(outer));
        frames.charge_to(AccountId::MACHINE);
        assert!(frames.alloc_zeroed().is_ok());
    }

    #[test]
    fn the_machine_s_own_end_is_no_account_s() {
        let mut frames = Frames::new(1);
        let account = frames.add_account(AccountId::MACHINE);
        frames.charge_to(account);
        assert!(frames.alloc_zeroed().is_ok());
        assert!(frames.alloc_zeroed().is_err());
        assert_eq!(frames.full_account(), None);
    }

    #[test]
    fn what_a_closed_account_had_is_its_parent_s() {
        let mut frames = Frames::new(64);
        let outer = frames.add_account(AccountId::MACHINE);
        let inner = frames.add_account(outer);
        frames.charge_to(inner);
        let frame = frames.alloc_zeroed().expect("room");
        frames.close_account(inner);
        assert_eq!(frames.payer_of(frame), outer);
        frames.decref(frame);
        assert_eq!(frames.account(outer).map(|it| it.used), Some(0));
    }
}
