//! Set-based statements that are prepared once per connection.

/// Declares a statement that is prepared once per connection, whatever it is bound to: a struct with the
/// bound values in the order of the `$` in its text, the SQL types of what it returns (`()` for nothing), and
/// the text.
///
/// diesel prepares `sql_query` and inserts of several rows anew each time, which costs more than the
/// statement itself. A fragment with a static query id is prepared once and kept, and takes a whole
/// batch as arrays, one a column.
///
/// Rows are made of them by `unnest($, $)`, or, where many pass, by `SELECT id, $[i] FROM unnest($)
/// WITH ORDINALITY AS n (id, i)`, the ids bound where `unnest` stands: what it gives of a column the server
/// keeps in a store of its own, which takes it longer than to insert a few rows. Texts, which have to be
/// walked to the `i`th, are better unnested where there may be thousands. (Not by `generate_series`, of which
/// the server believes that there are a thousand, so that it would rather join from the other side.)
///
/// Rows that are looked up for others are joined as `LATERAL (... OFFSET 0)`, or on a connection whose
/// [plans](crate::db::Plans) go by keys: of a table that was empty when it was last analysed, the server
/// would as soon read all of it for each row. `OFFSET 0` keeps it from looking through the parentheses.
#[macro_export]
macro_rules! statement {
    ($(#[$meta:meta])+ $name:ident { $($field:ident: $sql:ty = $rust:ty),* $(,)? } -> $out:ty, $text:expr) => {
        $(#[$meta])+
        struct $name { $($field: $rust),* }

        impl diesel::query_builder::QueryId for $name {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::Query for $name {
            type SqlType = $out;
        }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::QueryResult<()> {
                let mut texts = $text.split('$');
                out.push_sql(texts.next().unwrap_or_default());
                $(
                    out.push_bind_param::<$sql, $rust>(&self.$field)?;
                    out.push_sql(texts.next().unwrap_or_default());
                )*
                debug_assert!(texts.next().is_none(), "as many values as places for them");
                Ok(())
            }
        }
    };
}
