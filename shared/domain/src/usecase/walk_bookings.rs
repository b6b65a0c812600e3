//! Page after page of a window: what is done with one overlaps the read of the next.

use async_trait::async_trait;
use futures::future::join;

use super::read_bookings::{Account, PageLimits, Read, ReadError};
use crate::ports::{BookingPage, BookingWindow};

/// What is done with each page. A page whose work failed is read again by whoever goes on.
#[async_trait]
pub(super) trait PageWork: Send {
    type Error: Send;

    async fn work(&mut self, page: Read<BookingPage>) -> Result<(), Self::Error>;
}

/// Why a walk ended.
pub(super) enum End<E> {
    /// The window's end is reached.
    Complete,
    /// The time is used up.
    OutOfTime,
    Unread(ReadError),
    Unworked(E),
}

/// Where a walk ended.
pub(super) struct Walked<E> {
    /// Where to go on; all pages before it are done.
    pub position: Option<String>,
    /// Pages that are done.
    pub pages: u32,
    pub end: End<E>,
}

/// Walks from a position on until the window or the time ends.
pub(super) async fn walk<W: PageWork>(
    account: &Account<'_>,
    window: BookingWindow,
    from: Option<String>,
    limits: PageLimits,
    work: &mut W,
) -> Walked<W::Error> {
    let (mut position, mut pages) = (from, 0);
    let mut fetched = account.page(window, position.as_deref(), limits).await;
    let end = loop {
        let page = match fetched {
            Ok(page) => page,
            Err(error) => break End::Unread(error),
        };
        let next = page.value.next.clone();
        let is_in_time = account.clock().now() < limits.until;
        let fetch = async {
            match next.as_deref().filter(|_| is_in_time) {
                Some(next) => Some(account.page(window, Some(next), limits).await),
                None => None,
            }
        };
        let (worked, following) = join(work.work(page), fetch).await;
        if let Err(error) = worked {
            break End::Unworked(error);
        }
        pages += 1;
        position = next;
        match following {
            Some(following) => fetched = following,
            None if position.is_some() => break End::OutOfTime,
            None => break End::Complete,
        }
    };
    Walked { position, pages, end }
}
