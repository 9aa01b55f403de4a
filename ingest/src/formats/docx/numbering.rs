//! The lists of a document: which of them count, and from which number.

use super::package::{Package, attribute, name_of};
use quick_xml::events::Event;
use std::collections::HashMap;

/// More lists are not read.
const MAX_LISTS: usize = 20_000;

/// Levels of a list.
pub(super) const LEVELS: usize = 9;

/// How the items of a level are marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// A sign, such as a bullet, before each item.
    Signs,
    /// Numbers before the items, from this one on.
    Numbers(u64),
    /// Items without a sign or a number.
    Nothing,
}

/// A level of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    pub(super) marks: Marks,
    /// How far its items are set in, in twentieths of a point.
    pub(super) left: Option<i64>,
}

/// The shape that lists have.
#[derive(Debug, Clone)]
struct Shape {
    levels: [Level; LEVELS],
    /// The style of lists that has this shape, or that this is the shape of.
    link: Option<String>,
    is_defined_elsewhere: bool,
}

/// All lists of a document.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    shapes: HashMap<String, Shape>,
    /// The lists by their identifiers: the shape, and the levels that begin with another number.
    lists: HashMap<String, (String, Vec<(usize, u64)>)>,
}

impl Numbering {
    pub(super) fn of(package: &mut Package<'_>, part: &str) -> Result<Self, String> {
        let mut numbering = Self::default();
        let Some(mut xml) = package.part(part)? else { return Ok(numbering) };
        // The owner of the elements that follow.
        let (mut shape, mut list, mut level) = (None::<String>, None::<String>, 0usize);
        loop {
            let element = match xml.next()? {
                Event::Start(element) | Event::Empty(element) => element,
                Event::Eof => break,
                _ => continue,
            };
            let value = || attribute(&element, "val");
            let number = || value().and_then(|value| value.trim().parse::<u64>().ok());
            let new_level = || {
                let level = attribute(&element, "ilvl").and_then(|level| level.trim().parse::<usize>().ok());
                level.unwrap_or(LEVELS).min(LEVELS)
            };
            match name_of(&element) {
                "abstractNum" => {
                    let id = attribute(&element, "abstractNumId").unwrap_or_default();
                    if numbering.shapes.len() < MAX_LISTS {
                        let level = Level { marks: Marks::Signs, left: None };
                        let unread =
                            Shape { levels: [level; LEVELS], link: None, is_defined_elsewhere: false };
                        numbering.shapes.insert(id.clone(), unread);
                    }
                    (shape, list) = (Some(id), None);
                }
                "num" => {
                    let id = attribute(&element, "numId").unwrap_or_default();
                    if numbering.lists.len() < MAX_LISTS {
                        numbering.lists.insert(id.clone(), (String::new(), Vec::new()));
                    }
                    (shape, list) = (None, Some(id));
                }
                "abstractNumId" => {
                    if let Some((of, _)) = list.as_ref().and_then(|list| numbering.lists.get_mut(list)) {
                        *of = value().unwrap_or_default();
                    }
                }
                "lvl" | "lvlOverride" => level = new_level(),
                "startOverride" => {
                    let overrides = list.as_ref().and_then(|list| numbering.lists.get_mut(list));
                    if let (Some((_, overrides)), Some(start)) = (overrides, number())
                        && overrides.len() < LEVELS
                    {
                        overrides.push((level, start));
                    }
                }
                name => {
                    let Some(shape) = shape.as_ref().and_then(|shape| numbering.shapes.get_mut(shape)) else {
                        continue;
                    };
                    match name {
                        "styleLink" => shape.link = value(),
                        "numStyleLink" => (shape.link, shape.is_defined_elsewhere) = (value(), true),
                        "numFmt" | "start" | "lvlText" | "ind" => {
                            let Some(Level { marks, left }) = shape.levels.get_mut(level) else { continue };
                            *marks = match (name, value().as_deref(), *marks) {
                                ("ind", _, marks) => {
                                    let width = attribute(&element, "left").or(attribute(&element, "start"));
                                    *left = width.and_then(|width| width.parse().ok());
                                    marks
                                }
                                // The number comes before the format, and the format before the text.
                                ("start", _, _) => Marks::Numbers(number().unwrap_or(1)),
                                ("lvlText", Some(text), _) if text.trim().is_empty() => Marks::Nothing,
                                ("lvlText", _, marks) => marks,
                                (_, Some("bullet"), _) => Marks::Signs,
                                (_, Some("none"), _) => Marks::Nothing,
                                (_, _, Marks::Numbers(start)) => Marks::Numbers(start),
                                _ => Marks::Numbers(1),
                            };
                        }
                        _ => {}
                    }
                }
            }
        }
        numbering.resolve_links();
        Ok(numbering)
    }

    /// Gives shapes that are defined elsewhere their levels.
    fn resolve_links(&mut self) {
        let mut defined: HashMap<String, (&String, [Level; LEVELS])> = HashMap::new();
        for (id, shape) in self.shapes.iter().filter(|(_, shape)| !shape.is_defined_elsewhere) {
            let Some(link) = shape.link.clone() else { continue };
            // Of several links, always the same one is taken.
            let first = defined.get(&link).is_none_or(|(other, _)| id < *other);
            if first {
                defined.insert(link, (id, shape.levels));
            }
        }
        let defined: HashMap<String, [Level; LEVELS]> =
            defined.into_iter().map(|(link, (_, levels))| (link, levels)).collect();
        for shape in self.shapes.values_mut().filter(|shape| shape.is_defined_elsewhere) {
            if let Some(levels) = shape.link.as_ref().and_then(|link| defined.get(link)) {
                shape.levels = *levels;
            }
        }
    }

    /// A level of a list; `None` where there is no such list.
    pub(super) fn level(&self, list: &str, level: usize) -> Option<Level> {
        let (shape, overrides) = self.lists.get(list)?;
        let Level { marks, left } = *self.shapes.get(shape)?.levels.get(level)?;
        let start = overrides.iter().find(|(of, _)| *of == level).map(|(_, start)| *start);
        let marks = match (marks, start) {
            (Marks::Numbers(_), Some(start)) => Marks::Numbers(start),
            (marks, _) => marks,
        };
        Some(Level { marks, left })
    }
}
