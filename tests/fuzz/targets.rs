//! What holds for any bytes. A target panics where it does not.
//!
//! libFuzzer looks for such bytes; the integration tests replay what it kept, and the samples.

mod decode;
mod files;
mod frame;
mod text;

/// A property, and what is fed to it.
pub(crate) struct Target {
    /// Its name, and that of its folder in `corpus`.
    pub(crate) name: &'static str,
    /// Panics where the property does not hold.
    pub(crate) hold: fn(&[u8]),
}

/// All targets.
pub(crate) const TARGETS: &[Target] = &[
    Target { name: "frame_json", hold: frame::json },
    Target { name: "frame_csv", hold: frame::csv },
    Target { name: "frame_avro", hold: frame::avro },
    Target { name: "blocks", hold: frame::blocks },
    Target { name: "members", hold: decode::by_members },
    Target { name: "formats", hold: decode::every_format },
    Target { name: "timestamps", hold: text::timestamps },
    Target { name: "arm_ids", hold: text::arm_ids },
    Target { name: "sas_uri", hold: text::sas_uri },
    Target { name: "inventory", hold: files::inventory },
    Target { name: "rule_head", hold: files::rule_head },
    Target { name: "config", hold: files::config },
    Target { name: "baseline", hold: files::baseline },
    Target { name: "objects", hold: files::objects },
];
