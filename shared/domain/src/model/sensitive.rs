//! A wrapper for personal data that can't print itself.

use std::fmt;

/// Personal data (an email, a phone number, a name). `Debug` hides the value and there is no
/// `Display` and no `Serialize`, so that a log line, an error or an event can't carry it by
/// accident: whoever needs the value says so with [`Sensitive::expose`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sensitive<T>(T);

impl<T> Sensitive<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the places that store it or send it to the tenant's own system.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Sensitive<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[personal data]")
    }
}

impl<T> From<T> for Sensitive<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Sensitive;

    #[test]
    fn sensitive_hides_its_value_in_debug_output() {
        let printed = format!("{:?}", Some(Sensitive::new("ada@example.com")));
        assert_eq!(printed, "Some([personal data])");
    }
}
