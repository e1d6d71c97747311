//! The routing table as a tree of path segments: a look-up costs as much as its path has segments, whatever the number
//! of routes.

use super::routing_table::{ApiRoute, RouteMatch};

/// A place in the tree: what may follow the segments that lead to it.
#[derive(Default)]
struct Segment {
    literals: Vec<(&'static str, Segment)>,
    variable: Option<Box<Segment>>,
    /// The routes whose path ends here, in the order of the table.
    routes: Vec<&'static ApiRoute>,
}

impl Segment {
    fn insert(&mut self, mut path: std::str::Split<'static, char>, route: &'static ApiRoute) {
        let Some(segment) = path.next() else {
            self.routes.push(route);
            return;
        };
        let next = if segment.starts_with('{') {
            self.variable.get_or_insert_default()
        } else {
            let known = self.literals.iter().position(|(literal, _)| *literal == segment);
            let index = known.unwrap_or_else(|| {
                self.literals.push((segment, Self::default()));
                self.literals.len() - 1
            });
            &mut self.literals[index].1
        };
        next.insert(path, route);
    }

    /// The routes of a path, and the number of its segments that are values: a literal wins over a variable.
    fn find(&self, path: Option<&str>, values: usize) -> Option<(usize, &[&'static ApiRoute])> {
        let Some(path) = path else {
            return (!self.routes.is_empty()).then_some((values, &self.routes));
        };
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        let literal = self.literals.iter().find(|(literal, _)| *literal == segment);
        let by_literal = literal.and_then(|(_, next)| next.find(rest, values));
        let fewest = by_literal.as_ref().is_some_and(|(found, _)| *found == values);
        let variable = self.variable.as_ref().filter(|_| !fewest && is_value(segment));
        let by_variable = variable.and_then(|next| next.find(rest, values + 1));
        // Of equals the literal is taken.
        [by_literal, by_variable].into_iter().flatten().min_by_key(|(found, _)| *found)
    }
}

/// The tree of a table.
pub(super) struct RoutingIndex(Segment);

impl RoutingIndex {
    pub(super) fn new(table: &'static [ApiRoute]) -> Self {
        let mut root = Segment::default();
        for route in table {
            root.insert(route.path.split('/'), route);
        }
        Self(root)
    }

    /// The match of a request. `method` is never HEAD.
    pub(super) fn find(&self, method: &str, path: &str) -> RouteMatch {
        let Some((_, routes)) = self.0.find(Some(path), 0) else { return RouteMatch::UnknownPath };
        match routes.iter().find(|route| route.method == method) {
            Some(route) => RouteMatch::Route(route),
            None => RouteMatch::MethodNotAllowed(allowed(routes)),
        }
    }
}

fn allowed(routes: &[&ApiRoute]) -> String {
    let mut allowed: Vec<&str> = routes.iter().map(|route| route.method).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.sort_unstable();
    allowed.join(", ")
}

/// Whether a segment can be a value. A service behind the gateway could read dots alone as a step up.
fn is_value(segment: &str) -> bool {
    if !segment.bytes().any(|byte| matches!(byte, b'.' | b'%')) {
        return !segment.is_empty();
    }
    let decoded = segment.replace("%2e", ".").replace("%2E", ".");
    decoded != "." && decoded != ".."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::routing_table::ROUTING_TABLE;
    use proptest::prelude::*;

    fn find(method: &str, path: &str) -> RouteMatch {
        RoutingIndex::new(ROUTING_TABLE).find(method, path)
    }

    /// The same by a look at each route.
    fn scanned(method: &str, path: &str) -> RouteMatch {
        let fits = |pattern: &str| {
            let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
            let fits = |(wanted, segment): (&&str, &&str)| match wanted.starts_with('{') {
                true => is_value(segment),
                false => wanted == segment,
            };
            pattern.len() == path.len() && pattern.iter().zip(&path).all(fits)
        };
        let variables = |route: &&ApiRoute| route.path.matches('{').count();
        let Some(best) = ROUTING_TABLE.iter().filter(|route| fits(route.path)).min_by_key(variables) else {
            return RouteMatch::UnknownPath;
        };
        let same: Vec<&ApiRoute> = ROUTING_TABLE.iter().filter(|route| route.path == best.path).collect();
        let route = ROUTING_TABLE.iter().find(|route| route.path == best.path && route.method == method);
        route.map_or_else(|| RouteMatch::MethodNotAllowed(allowed(&same)), RouteMatch::Route)
    }

    #[test]
    fn every_route_is_found() {
        for route in ROUTING_TABLE {
            let path = route.path.replace(['{', '}'], "");
            assert_eq!(find(route.method, &path), scanned(route.method, &path), "{path}");
        }
    }

    #[test]
    fn the_path_with_the_fewest_values_wins() {
        const fn route(path: &'static str) -> ApiRoute {
            ApiRoute { path, ..ROUTING_TABLE[0] }
        }
        const TABLE: &[ApiRoute] = &[route("/{a}/b/c"), route("/a/{b}/{c}"), route("/a/{b}/d")];
        let index = RoutingIndex::new(TABLE);
        for (path, found) in [("/a/b/c", 0), ("/a/x/c", 1), ("/a/b/d", 2), ("/x/b/c", 0)] {
            assert_eq!(index.find(TABLE[0].method, path), RouteMatch::Route(&TABLE[found]), "{path}");
        }
        assert_eq!(index.find(TABLE[0].method, "/x/b/d"), RouteMatch::UnknownPath);
    }

    proptest! {
        #[test]
        fn a_look_up_finds_what_a_scan_finds(
            method in "GET|POST|PATCH|DELETE|PUT",
            path in "(/api/v1)?(/(admin|flights|bookings|mail|users|me|lookup|seat-map|events|x|\\.\\.|%2e|%2E\\.|))*",
        ) {
            prop_assert_eq!(find(&method, &path), scanned(&method, &path));
        }
    }
}
