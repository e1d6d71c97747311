//! A graph of files, and the circles in it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    fmt::Write,
    path::{Path, StripPrefixError},
};

/// Why one file depends on another: the first line that says so, and what stands there.
#[derive(Debug, Clone)]
struct Reason {
    line: usize,
    path: String,
}

/// Files with their dependencies.
#[derive(Debug)]
pub(crate) struct Graph {
    edges: Vec<BTreeMap<usize, Reason>>,
}

impl Graph {
    /// So many files without dependencies.
    pub(crate) fn new(files: usize) -> Self {
        Self { edges: vec![BTreeMap::new(); files] }
    }

    /// Notes that a file names something of another; of several reasons the first line is kept.
    pub(crate) fn add(&mut self, from: usize, to: usize, line: usize, path: &str) {
        if from != to {
            let reason = self.edges[from].entry(to).or_insert_with(|| Reason { line, path: path.to_owned() });
            if line < reason.line {
                *reason = Reason { line, path: path.to_owned() };
            }
        }
    }

    /// The files on a shortest way, both ends included.
    fn way(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        let mut came_from = HashMap::from([(from, from)]);
        let mut waiting = VecDeque::from([from]);
        while let Some(file) = waiting.pop_front() {
            if file == to {
                let mut way = vec![to];
                while way[way.len() - 1] != from {
                    way.push(came_from[&way[way.len() - 1]]);
                }
                way.reverse();
                return Some(way);
            }
            for next in self.edges[file].keys() {
                came_from.entry(*next).or_insert_with(|| {
                    waiting.push_back(*next);
                    file
                });
            }
        }
        None
    }
}

/// A circle of files, each with why it depends on the next.
#[derive(Debug)]
pub(crate) struct Circle {
    links: Vec<(usize, Reason)>,
}

impl Circle {
    /// Its files in order.
    #[cfg(test)]
    pub(crate) fn files(&self) -> impl Iterator<Item = usize> {
        self.links.iter().map(|(file, _)| *file)
    }

    /// A text for people: one file a line, with what it names of the next.
    pub(crate) fn describe<'a>(
        &self,
        member: &str,
        path: impl Fn(usize) -> Result<&'a Path, StripPrefixError>,
    ) -> String {
        let path =
            |file: usize| path(file).map_or_else(|_| file.to_string(), |path| path.display().to_string());
        let mut text = format!("{member}: a circle of {} files\n", self.links.len());
        for (file, reason) in &self.links {
            // Writing to a text does not fail.
            let _ = writeln!(text, "    {}:{} names {}, of", path(*file), reason.line, reason.path);
        }
        let _ = writeln!(text, "    {}", path(self.links[0].0));
        text
    }
}

/// For each dependency that is part of a circle one shortest circle through it; the shortest come first.
pub(crate) fn find(graph: &Graph) -> Vec<Circle> {
    let mut found = BTreeSet::new();
    for (from, edges) in graph.edges.iter().enumerate() {
        for to in edges.keys() {
            if let Some(mut way) = graph.way(*to, from) {
                let smallest = way.iter().enumerate().min_by_key(|(_, file)| **file).map_or(0, |(at, _)| at);
                way.rotate_left(smallest);
                found.insert((way.len(), way));
            }
        }
    }
    let link = |from: usize, to: usize| (from, graph.edges[from][&to].clone());
    let links = |way: &[usize]| (0..way.len()).map(|at| link(way[at], way[(at + 1) % way.len()])).collect();
    found.iter().map(|(_, way)| Circle { links: links(way) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(usize, usize)]) -> Graph {
        let mut graph = Graph::new(6);
        for (from, to) in edges {
            graph.add(*from, *to, from * 10 + to, "x");
        }
        graph
    }

    fn circles(edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
        find(&graph(edges)).iter().map(|circle| circle.files().collect()).collect()
    }

    #[test]
    fn each_circle_is_found_once() {
        assert!(circles(&[(0, 1), (1, 2), (0, 2), (3, 0)]).is_empty());
        assert_eq!(circles(&[(0, 1), (1, 2), (2, 0), (4, 5), (5, 4)]), [vec![4, 5], vec![0, 1, 2]]);
        assert_eq!(circles(&[(0, 1), (1, 0), (1, 2), (2, 0)]), [vec![0, 1], vec![0, 1, 2]]);
    }

    #[test]
    fn a_circle_is_told_by_its_files_and_lines() {
        let names = ["a.rs", "b.rs"].map(Path::new);
        let circle = find(&graph(&[(0, 1), (1, 0)])).remove(0);
        assert_eq!(
            circle.describe("booking", |file| Ok(names[file])),
            "booking: a circle of 2 files\n    a.rs:1 names x, of\n    b.rs:10 names x, of\n    a.rs\n"
        );
    }
}
