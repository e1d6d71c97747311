//! What staff did, as a service has recorded it.

use crate::TestDatabase;
use diesel_async::RunQueryDsl;
use serde_json::Value;
use std::collections::BTreeSet;

#[derive(diesel::QueryableByName)]
struct RecordRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    data: String,
}

impl TestDatabase {
    /// The audit records that a service has written, oldest first: the data of its `audit.recorded` events.
    ///
    /// # Panics
    /// When the database cannot be read.
    pub async fn audit_records(&self, service: &str) -> Vec<Value> {
        let mut connection = self.config(service).connect().await.expect("the test's database answers");
        let query = "SELECT data FROM events WHERE kind = 'audit.recorded' ORDER BY time, id";
        let rows: Vec<RecordRow> = diesel::sql_query(query).load(&mut connection).await.expect("the events");
        rows.iter().map(|row| serde_json::from_str(&row.data).expect("events are JSON")).collect()
    }
}

/// The writes of staff that an OpenAPI document names, `PATCH /api/v1/admin/cities/{}`: each of them has to leave an audit
/// record. A test that tries them all compares what it has tried with this, so that a new one is not forgotten.
#[must_use]
pub fn admin_writes(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let of_staff = paths.filter(|(path, _)| path.starts_with("/api/v1/admin/"));
    let writes = of_staff.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten().map(|(method, _)| method.as_str());
        let writing = methods.filter(|method| ["post", "put", "patch", "delete"].contains(method));
        writing.map(move |method| admin_write(method, path))
    });
    writes.collect()
}

/// A write as [`admin_writes`] names it: whatever stands in the braces of a path.
#[must_use]
pub fn admin_write(method: &str, path: &str) -> String {
    let shape = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
    format!("{} {}", method.to_uppercase(), shape.collect::<Vec<_>>().join("/"))
}
