//! The rate budget, given out in shares: who may make how many calls per window, and until when.
//!
//! The sum of the shares never exceeds what the provider allows, and each holder keeps to its own
//! share by itself. A share counts until its lease, the longest call begun under it, and the window
//! behind that call are over. So a crashed holder's share comes back without any rolling window ever
//! seeing both the old calls and the new holder's. A holder that is done may hand its share back before:
//! then only what its calls still use of the window counts on.

use std::time::Duration;

use jiff::Timestamp;

/// Kept free of every limit, for calls that enter no gate (a connection's first check, the exchange
/// of a code) and for other programs that use the same app's credentials.
const HEADROOM_PERCENT: u32 = 5;
/// What background work may use of the rest in sum, so that live traffic always finds room.
const BACKGROUND_PERCENT: u32 = 70;
/// A first share is this part of what is free.
const FIRST_SHARE_PART: u32 = 10;
/// Below this part of the budget free, leases are short so that permits wander to where calls are.
const SCARCE_PART: u32 = 4;
/// A share up to this part of what its class may use is too small for others to miss.
const SMALL_PART: u32 = 4;
/// The part of a lease that a short one is.
const SHORT_LEASE_PART: u32 = 6;

/// So many calls in any rolling window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls per window.
    pub max: u32,
    /// The window's length.
    pub window: Duration,
}

/// What an answer's headers say of the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateReading {
    /// The limit that holds for the account.
    pub limit: RateLimit,
    /// Calls left in the present window, if it was said.
    pub remaining: Option<u32>,
}

/// Who is waiting for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A caller at the other end of a request: may use the whole budget.
    Live,
    /// A queue or a backfill: leaves a reserve for live traffic.
    Background,
}

impl Class {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Live, Self::Background];

    /// The name in items and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Background => "background",
        }
    }

    /// The class of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
}

/// One holder's share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The instance.
    pub holder: String,
    /// What its calls are for; an instance may hold a share for each class.
    pub class: Class,
    /// Calls per window; zero for a holder that only waits.
    pub permits: u32,
    /// Until when it counts, whether its holder lives or not.
    pub until: Timestamp,
    /// The holder wanted more than there was: others give up what is above a fair part.
    pub is_short: bool,
}

/// All shares of one tenant and system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The limit that the provider told; `None` as long as the caller's default holds.
    pub learned: Option<RateLimit>,
    /// The shares, expired ones perhaps included.
    pub shares: Vec<Share>,
}

/// What a holder asks the ledger for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskKind {
    /// A share, because it has none.
    First,
    /// A larger one, because all of it is in use.
    Grow,
    /// The same for another while, less what was not used: at most so many permits were at once.
    Renew {
        /// The most permits in use at one time since the last renewal.
        peak: u32,
    },
}

/// One holder's request.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The instance.
    pub holder: &'a str,
    /// What its calls are for.
    pub class: Class,
    /// What it wants.
    pub kind: AskKind,
    /// Permits that calls of this holder hold right now; no share is smaller.
    pub busy: u32,
    /// Permits that the next call needs besides.
    pub requests: u32,
    /// Now.
    pub now: Timestamp,
    /// How long a share is held where there is plenty.
    pub lease: Duration,
    /// How long it counts on behind the lease.
    pub grace: Duration,
}

/// What a holder gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Calls per window; zero when there is nothing.
    pub permits: u32,
    /// How long calls may be begun under it.
    pub lease: Duration,
    /// It is less than was asked for.
    pub is_short: bool,
    /// It is so much that others may have to wait for it.
    pub is_large: bool,
}

impl RateLimit {
    /// What may be given out: the limit less the headroom, at least one call.
    pub fn usable(self) -> u32 {
        (self.max - part_of(self.max, HEADROOM_PERCENT).max(1).min(self.max)).max(1)
    }

    /// What a class may use in sum.
    pub fn usable_by(self, class: Class) -> u32 {
        match class {
            Class::Live => self.usable(),
            Class::Background => part_of(self.usable(), BACKGROUND_PERCENT).max(1),
        }
    }
}

fn part_of(whole: u32, percent: u32) -> u32 {
    u32::try_from(u64::from(whole) * u64::from(percent) / 100).unwrap_or(whole)
}

impl Ledger {
    /// The holder's own share.
    pub fn share_of(&self, holder: &str, class: Class) -> Option<&Share> {
        self.shares.iter().find(|share| share.holder == holder && share.class == class)
    }

    /// The ledger without a share, but for the permits that calls still count against, until then. Its
    /// holder begins no more calls under it.
    pub fn handed_back(&self, (holder, class): (&str, Class), busy: u32, until: Timestamp) -> Self {
        let mut shares = self.shares.clone();
        shares.retain(|share| share.holder != holder || share.class != class);
        if busy > 0 {
            let holder = holder.to_owned();
            shares.push(Share { holder, class, permits: busy, until, is_short: false });
        }
        Self { learned: self.learned, shares }
    }

    /// Whether anyone else holds a share or waits for one.
    pub fn has_others(&self, holder: &str, now: Timestamp) -> bool {
        self.shares.iter().any(|share| share.holder != holder && share.until > now)
    }

    /// The ledger with the request answered, and the answer.
    pub fn answer(&self, limit: RateLimit, ask: &Ask<'_>) -> (Self, Grant) {
        let own = self.share_of(ask.holder, ask.class);
        let is_own = |share: &&Share| share.holder == ask.holder && share.class == ask.class;
        let others: Vec<_> =
            self.shares.iter().filter(|it| !is_own(it) && it.until > ask.now).cloned().collect();
        let standing = Standing::of(limit, ask, own, &others);
        let permits = standing.permits(ask);
        let is_short = match ask.kind {
            AskKind::First | AskKind::Grow => permits < ask.busy.saturating_add(ask.requests),
            AskKind::Renew { .. } => false,
        };
        let is_scarce = standing.room.saturating_sub(permits) < standing.pool / SCARCE_PART;
        let lease = if is_scarce { ask.lease / SHORT_LEASE_PART } else { ask.lease };
        // A holder that only waits makes no calls, so nothing of it counts on.
        let counts = if permits == 0 { lease } else { lease + ask.grace };
        // Never earlier than promised before: what a holder believes must not outlast what is stored.
        let until = own.map_or(ask.now + counts, |own| own.until.max(ask.now + counts));
        let holder = ask.holder.to_owned();
        let mut shares = others;
        shares.push(Share { holder, class: ask.class, permits, until, is_short });
        let is_large = permits > standing.pool / SMALL_PART;
        (Self { learned: self.learned, shares }, Grant { permits, lease, is_short, is_large })
    }
}

/// Where a holder stands among the others.
struct Standing {
    /// What its class may use in sum.
    pool: u32,
    /// What its own share could be at most.
    room: u32,
    /// What it is.
    current: u32,
    /// The pool divided by all who hold or want a part of it.
    fair: u32,
    /// Somebody else has not enough.
    is_wanted_by_others: bool,
}

impl Standing {
    fn of(limit: RateLimit, ask: &Ask<'_>, own: Option<&Share>, others: &[Share]) -> Self {
        let held_by = |is_counted: &dyn Fn(&Share) -> bool| {
            let permits = others.iter().filter(|it| is_counted(it)).map(|share| share.permits);
            permits.fold(0, u32::saturating_add)
        };
        let pool = limit.usable_by(ask.class);
        let room_in_all = limit.usable().saturating_sub(held_by(&|_| true));
        let room_in_class = pool.saturating_sub(held_by(&|share| share.class == ask.class));
        let is_rival = |share: &&Share| ask.class == Class::Live || share.class == ask.class;
        let rivals = u32::try_from(others.iter().filter(is_rival).count()).unwrap_or(u32::MAX);
        Self {
            pool,
            room: room_in_all.min(room_in_class),
            current: own.map_or(0, |own| own.permits),
            fair: (pool / rivals.saturating_add(1)).max(ask.requests).max(1),
            is_wanted_by_others: others.iter().any(|share| share.is_short),
        }
    }

    fn permits(&self, ask: &Ask<'_>) -> u32 {
        let first = (self.room / FIRST_SHARE_PART).max(1);
        let needed = ask.busy.saturating_add(ask.requests);
        let wanted = match ask.kind {
            AskKind::First => first.max(needed),
            // At most half of what is free, so that whoever comes next finds something too.
            AskKind::Grow => {
                let free_half = (self.room.saturating_sub(self.current) / 2).max(1);
                self.current.saturating_add(self.current.max(1).min(free_half)).max(needed)
            }
            AskKind::Renew { peak } => {
                let used = peak.saturating_add(peak / 4).saturating_add(1);
                used.max(first).min(self.current)
            }
        };
        let wanted = if self.is_wanted_by_others { wanted.min(self.fair) } else { wanted };
        // Where the limit was lowered under what is given out, each gives up what is above its
        // fair part.
        let allowed = self.room.max(self.current.min(self.fair));
        wanted.min(allowed).max(ask.busy)
    }
}
