//! Imports of Go: import specs.

use super::facts::{Facts, Way};
use crate::scan::syntax::{Source, is_comment};

pub(super) fn read(source: &Source<'_>, facts: &mut Facts) {
    source.walk(|node| {
        if node.kind() == "import_spec"
            && let Some(path) = node.child_by_field_name("path")
        {
            let at = node.start_byte();
            let Some(module) = source.literal(path) else {
                facts.computed(source.text_of(path), at, &path.byte_range());
                return false;
            };
            facts.import(module, Way::Named, at);
            match node.child_by_field_name("name").map(|name| source.text_of(name)) {
                Some("_" | ".") => {}
                Some(name) => facts.alias(name, module, at),
                None => facts.alias(package(module), module, at),
            }
        }
        !is_comment(node)
    });
}

/// The name a package goes by: the last part of its path that is no version.
fn package(module: &str) -> &str {
    let is_version = |part: &&str| {
        part.strip_prefix('v').is_none_or(|rest| !rest.chars().all(|c| c.is_ascii_digit()))
    };
    let part = module.rsplit('/').find(is_version).unwrap_or(module);
    part.split_once(".v").map_or(part, |(name, _)| name)
}
