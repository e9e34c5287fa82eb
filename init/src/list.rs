//! A list with a fixed capacity, for a program without heap.

/// Up to `N` items.
#[derive(Clone, Copy)]
pub(crate) struct List<T: Copy, const N: usize> {
    items: [T; N],
    len: usize,
}

/// The list is full.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl<T: Copy, const N: usize> List<T, N> {
    /// An empty list; `filler` stands in the unused places.
    pub(crate) const fn new(filler: T) -> Self {
        List { items: [filler; N], len: 0 }
    }

    /// Adds one item at the end.
    ///
    /// # Errors
    /// [`Full`] when there are `N` already.
    pub(crate) fn push(&mut self, item: T) -> Result<(), Full> {
        *self.items.get_mut(self.len).ok_or(Full)? = item;
        self.len += 1;
        Ok(())
    }

    /// The items so far.
    pub(crate) fn as_slice(&self) -> &[T] {
        self.items.get(..self.len).unwrap_or_default()
    }
}
