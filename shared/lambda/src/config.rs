//! Settings from the environment, read once at start.
//!
//! A function reads all it needs and then asks for the faults, so that a bad deployment names
//! everything that is wrong in one message. Every key is in `.env.example` and in `template.yaml`;
//! a test compares the three.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

/// Something is wrong with the settings.
#[derive(Debug, thiserror::Error)]
#[error("bad settings: {}", .0.join("; "))]
pub struct ConfigError(Vec<String>);

type Lookup = Box<dyn Fn(&str) -> Option<String> + Send>;

/// Looks settings up and collects what is wrong with them.
pub struct Settings {
    lookup: Lookup,
    faults: Vec<String>,
}

impl Settings {
    /// The process environment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads it")]
    pub fn from_env() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    /// Any source; tests give a map.
    pub fn new(lookup: impl Fn(&str) -> Option<String> + Send + 'static) -> Self {
        Self { lookup: Box::new(lookup), faults: Vec::new() }
    }

    /// A setting that must be there and not be empty.
    pub fn required(&mut self, name: &str) -> String {
        self.get(name).unwrap_or_else(|| {
            self.faults.push(format!("{name} is not set"));
            String::new()
        })
    }

    /// A setting with a default.
    pub fn optional(&self, name: &str, default: &str) -> String {
        self.get(name).unwrap_or_else(|| default.to_owned())
    }

    /// A setting of another type than text, with a default.
    pub fn parsed<T: FromStr>(&mut self, name: &str, default: T) -> T {
        let Some(text) = self.get(name) else { return default };
        text.parse().unwrap_or_else(|_not_such| {
            self.faults.push(format!("{name} can't be read as a number"));
            default
        })
    }

    /// IP addresses, separated by commas; none where it is not set.
    pub fn addresses(&mut self, name: &str) -> BTreeSet<IpAddr> {
        let Some(text) = self.get(name) else { return BTreeSet::new() };
        let addresses =
            text.split(',').map(|it| it.trim().parse().map(|it: IpAddr| it.to_canonical()));
        addresses.collect::<Result<_, _>>().unwrap_or_else(|_not_such| {
            self.faults.push(format!("{name} can't be read as addresses separated by commas"));
            BTreeSet::new()
        })
    }

    /// To be called when everything is read.
    ///
    /// # Errors
    /// All faults found so far.
    pub fn check(self) -> Result<(), ConfigError> {
        if self.faults.is_empty() { Ok(()) } else { Err(ConfigError(self.faults)) }
    }

    fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn settings_report_all_faults_in_one_error() {
        let mut settings = Settings::new(|name| (name == "TIMEOUT_MS").then(|| "soon".into()));
        settings.required("TABLE_NAME");
        settings.required("BUS");
        settings.parsed("TIMEOUT_MS", 5_u64);
        let message = settings.check().unwrap_err().to_string();
        assert_eq!(
            message,
            "bad settings: TABLE_NAME is not set; BUS is not set; \
             TIMEOUT_MS can't be read as a number"
        );
    }

    #[test]
    fn settings_take_a_list_of_addresses_whole_or_not_at_all() {
        let read = |text: &'static str| {
            let mut settings = Settings::new(move |_| Some(text.to_owned()));
            let addresses = settings.addresses("SOURCES");
            let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
            settings.check().map(|()| texts).map_err(|error| error.to_string())
        };
        assert_eq!(read(" "), Ok(vec![]));
        assert_eq!(
            read("20.220.12.83, 13.67.143.68,::ffff:13.70.105.4,2001:db8::1"),
            Ok(["13.67.143.68", "13.70.105.4", "20.220.12.83", "2001:db8::1"]
                .map(str::to_owned)
                .to_vec())
        );
        for text in
            ["20.220.12.83,", ",", "20.220.12", "20.220.12.0/24", "vagaro.com", "1.2.3.4 5.6.7.8"]
        {
            let expected = "bad settings: SOURCES can't be read as addresses separated by commas";
            assert_eq!(read(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn settings_take_an_empty_value_for_a_missing_one() {
        let settings = Settings::new(|_| Some("  ".into()));
        assert_eq!(settings.optional("LEVEL", "info"), "info");
    }
}
