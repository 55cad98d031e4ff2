//! The topics of the wire contract.

use truceline_core::id::Id;

/// What a topic says of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Readings of a device.
    Readings {
        /// The station.
        station: Id,
        /// The device.
        device: Id,
    },
    /// A device's birth message or last will.
    State {
        /// The station.
        station: Id,
        /// The device.
        device: Id,
    },
    /// Of the contract's form, but an id is none.
    BadId {
        /// The station, where that is not the bad one.
        station: Option<Id>,
        /// The device, where that is not the bad one.
        device: Option<Id>,
    },
    /// Not of the contract's form; only a leftover subscription brings these.
    Foreign,
}

/// The topics under one prefix, such as `truceline/v1`.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    prefix: String,
}

impl Topics {
    /// The topics under `prefix`, which has no slash at its end.
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// What the service subscribes to.
    pub(crate) fn filters(&self) -> [String; 2] {
        [format!("{}/readings/+/+", self.prefix), format!("{}/state/+/+", self.prefix)]
    }

    /// A filter that nobody subscribes to.
    pub(crate) fn unused(&self) -> String {
        format!("{}/readings", self.prefix)
    }

    /// Where a device is told what is durable.
    pub(crate) fn stored(&self, station: &Id, device: &Id) -> String {
        format!("{}/stored/{station}/{device}", self.prefix)
    }

    /// What `topic` says.
    pub(crate) fn parse(&self, topic: &str) -> Topic {
        let mut levels = topic
            .strip_prefix(self.prefix.as_str())
            .and_then(|rest| rest.strip_prefix('/'))
            .unwrap_or_default()
            .split('/');
        let (Some(noun), Some(station), Some(device), None) =
            (levels.next(), levels.next(), levels.next(), levels.next())
        else {
            return Topic::Foreign;
        };
        if noun != "readings" && noun != "state" {
            return Topic::Foreign;
        }
        match (station.parse::<Id>().ok(), device.parse::<Id>().ok()) {
            (Some(station), Some(device)) if noun == "readings" => Topic::Readings { station, device },
            (Some(station), Some(device)) => Topic::State { station, device },
            (station, device) => Topic::BadId { station, device },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        text.parse().unwrap()
    }

    #[test]
    fn a_topic_names_station_and_device() {
        let topics = Topics::new("truceline/v1");
        let (station, device) = (id("st07"), id("st07-ac03"));
        assert_eq!(
            topics.parse("truceline/v1/readings/st07/st07-ac03"),
            Topic::Readings { station: station.clone(), device: device.clone() }
        );
        assert_eq!(topics.parse("truceline/v1/state/st07/st07-ac03"), Topic::State { station, device });
    }

    #[test]
    fn a_topic_with_a_bad_id_keeps_the_good_one() {
        let topics = Topics::new("truceline/v1");
        assert_eq!(
            topics.parse("truceline/v1/readings/st07/AC_03"),
            Topic::BadId { station: Some(id("st07")), device: None }
        );
        assert_eq!(topics.parse("truceline/v1/state//ac"), Topic::BadId { station: None, device: Some(id("ac")) });
    }

    #[test]
    fn topics_of_another_form_or_prefix_are_foreign() {
        let topics = Topics::new("truceline/v1");
        for topic in [
            "",
            "/",
            "truceline/v1",
            "truceline/v1/readings/a",
            "truceline/v1/readings/a/b/c",
            "truceline/v1/stored/a/b",
            "truceline-exercise/v1/readings/a/b",
            "truceline/v12/readings/a/b",
        ] {
            assert_eq!(topics.parse(topic), Topic::Foreign, "{topic}");
        }
    }
}
