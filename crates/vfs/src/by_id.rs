//! Values by id, for ids that are given out in ascending order: a map whose look-ups do not search.
//!
//! Iterations are in the order of ids, as with a `BTreeMap`. Ids may be sparse; a page of them costs nothing once all
//! of its values are gone.

use core::marker::PhantomData;

/// Ids that are numbers, given out in ascending order. A very large one would make the map very large.
pub trait Id: Copy {
    /// Its number.
    fn number(self) -> u64;
    /// The id of a number that [`Id::number`] gave.
    fn from_number(number: u64) -> Self;
}

/// Ids of a page: one a bit of [`Page::used`].
const PAGE: usize = 64;

#[derive(Clone, Debug)]
struct Page<V> {
    /// Which slots have a value.
    used: u64,
    slots: [Option<Box<V>>; PAGE],
}

impl<V> Page<V> {
    /// The slots that have a value, in order.
    fn occupied(&self) -> impl Iterator<Item = usize> + Clone + use<V> {
        let mut left = self.used;
        std::iter::from_fn(move || {
            let slot = left.trailing_zeros();
            left &= left.checked_sub(1)?;
            Some(slot as usize)
        })
    }
}

impl<V> Default for Page<V> {
    fn default() -> Self {
        Page {
            used: 0,
            slots: [const { None }; PAGE],
        }
    }
}

/// Values by id.
#[derive(Clone, Debug)]
pub struct ById<K, V> {
    pages: Vec<Option<Box<Page<V>>>>,
    len: usize,
    id: PhantomData<fn(K) -> K>,
}

impl<K, V> Default for ById<K, V> {
    fn default() -> Self {
        ById {
            pages: Vec::new(),
            len: 0,
            id: PhantomData,
        }
    }
}

/// Page and slot of an id.
#[inline]
fn place(id: impl Id) -> (usize, usize) {
    let number = id.number();
    let page = usize::try_from(number / PAGE as u64).unwrap_or(usize::MAX);
    (page, (number % PAGE as u64) as usize)
}

impl<K: Id, V> ById<K, V> {
    /// Without values.
    pub fn new() -> Self {
        ById::default()
    }

    /// The value of an id.
    #[inline]
    pub fn get(&self, id: &K) -> Option<&V> {
        let (page, slot) = place(*id);
        self.pages.get(page)?.as_ref()?.slots[slot].as_deref()
    }

    /// The same, to be changed.
    #[inline]
    pub fn get_mut(&mut self, id: &K) -> Option<&mut V> {
        let (page, slot) = place(*id);
        self.pages.get_mut(page)?.as_mut()?.slots[slot].as_deref_mut()
    }

    /// Whether an id has a value.
    #[inline]
    pub fn contains_key(&self, id: &K) -> bool {
        self.get(id).is_some()
    }

    /// Gives an id a value; gives back the one that it had.
    pub fn insert(&mut self, id: K, value: V) -> Option<V> {
        let (page, slot) = place(id);
        if self.pages.len() <= page {
            self.pages.resize_with(page.saturating_add(1), || None);
        }
        let page = self.pages[page].get_or_insert_default();
        let before = page.slots[slot].replace(Box::new(value));
        page.used |= 1 << slot;
        self.len += usize::from(before.is_none());
        before.map(|before| *before)
    }

    /// Takes an id's value out.
    pub fn remove(&mut self, id: &K) -> Option<V> {
        let (at, slot) = place(*id);
        let page = self.pages.get_mut(at)?;
        let held = page.as_mut()?;
        let value = held.slots[slot].take()?;
        held.used &= !(1 << slot);
        if held.used == 0 {
            *page = None;
        }
        self.len -= 1;
        Some(*value)
    }

    /// How many ids have a value.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none has.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Ids and values.
    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> + Clone {
        let pages = self.pages.iter().enumerate();
        pages
            .filter_map(|(at, page)| Some((at, page.as_ref()?)))
            .flat_map(|(at, page)| {
                page.occupied().filter_map(move |slot| {
                    let id = K::from_number((at * PAGE + slot) as u64);
                    Some((id, page.slots[slot].as_deref()?))
                })
            })
    }

    /// The ids.
    pub fn keys(&self) -> impl Iterator<Item = K> + '_ {
        self.iter().map(|(id, _)| id)
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = &V> + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        let pages = self.pages.iter_mut().flatten();
        pages.flat_map(|page| page.slots.iter_mut().filter_map(|slot| slot.as_deref_mut()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Copy, PartialEq, Debug)]
    struct Number(u64);
    impl Id for Number {
        fn number(self) -> u64 {
            self.0
        }
        fn from_number(number: u64) -> Self {
            Number(number)
        }
    }

    #[test]
    fn it_is_a_map_in_the_order_of_ids() {
        let (mut ours, mut map) = (ById::<Number, u64>::new(), BTreeMap::new());
        let mut random = 1u64;
        for at in 0..20_000 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let id = (random >> 33) % 300;
            match random >> 63 {
                0 => assert_eq!(ours.insert(Number(id), at), map.insert(id, at)),
                _ => assert_eq!(ours.remove(&Number(id)), map.remove(&id)),
            }
            assert_eq!(ours.get(&Number(id)), map.get(&id));
            assert_eq!(ours.len(), map.len());
        }
        let all: Vec<(u64, u64)> = ours.iter().map(|(id, value)| (id.0, *value)).collect();
        assert_eq!(all, map.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn pages_without_values_are_given_back() {
        let mut map = ById::<Number, u8>::new();
        for id in 0..1000 {
            map.insert(Number(id), 0);
            map.remove(&Number(id));
        }
        assert!(map.is_empty() && map.pages.iter().all(Option::is_none));
    }
}
