//! Reference data: six kinds, all read and written alike. What differs stands in a file per kind: how
//! a body is read, what it refers to, and what must not change while it is in use.

mod aircraft_types;
mod airlines;
mod airplanes;
mod airports;
mod cities;
mod seat_layouts;

use super::{
    CommittedChanges,
    cache_control::{PRIVATE, SLOW},
    parameters::NOTHING_TO_FIND,
    preconditions::IfMatch,
};
use crate::{
    domain::{flight::Flight, folding::fold, reference::Versioned},
    error::{Conflict, overtaken},
    store::{
        ReferenceTable,
        flights::{self, Naming, SOURCE},
        referring_table,
    },
};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use diesel::QueryResult;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde::Serialize;
use shared::{
    auth::AuditAuthor,
    db::Pool,
    http::{Code, FieldError, FromJson, PageRequest, Problem, QueryParameters, conditional, entity_tag, key},
    outbox,
};

pub(crate) use aircraft_types::handlers as aircraft_type_handlers;
pub(crate) use airlines::handlers as airline_handlers;
pub(crate) use airplanes::handlers as airplane_handlers;
pub(crate) use airports::handlers as airport_handlers;
pub(crate) use cities::handlers as city_handlers;
pub(crate) use seat_layouts::handlers as seat_layout_handlers;

/// The longest search text.
const SEARCH: usize = 100;

/// A kind of reference data.
trait Resource: ReferenceTable + FromJson + Serialize + Clone + PartialEq + 'static {
    /// What a merge patch says.
    type Change: FromJson + Send + 'static;
    /// The name of the collection in paths.
    const COLLECTION: &'static str;
    /// What the audit log calls one of them.
    const KIND: &'static str;

    /// The data after a patch.
    ///
    /// # Errors
    /// What is wrong with it as a whole.
    fn changed(&self, change: Self::Change) -> Result<Self, Vec<FieldError>>;

    /// What it refers to that is not known, by JSON pointer.
    fn unknown_references(
        &self,
        _connection: &mut AsyncPgConnection,
    ) -> impl Future<Output = Result<Vec<FieldError>, Problem>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Refuses a change that the use of the data forbids.
    fn check_use(
        _before: &Self,
        _after: &Self,
        _connection: &mut AsyncPgConnection,
    ) -> impl Future<Output = Result<(), Problem>> + Send {
        std::future::ready(Ok(()))
    }

    /// Whether it is a place, which people look for by name.
    const IS_PLACE: bool = false;

    /// What flights carry of it, where they do.
    fn naming(&self) -> Option<Naming> {
        None
    }
}

/// Records a write in its transaction: `before` is `None` for what was made, `after` for what was removed.
async fn record<T: Resource>(
    connection: &mut AsyncPgConnection,
    (author, act): (&AuditAuthor, &str),
    before: Option<&T>,
    after: Option<&T>,
) -> QueryResult<()> {
    let key = before.or(after).map(T::key).map_or_else(String::new, |key| key.to_string());
    let (action, subject) = (format!("{}.{act}", T::KIND), format!("{}/{key}", T::KIND));
    let event = author.change(&action, subject, before, after).event(SOURCE);
    outbox::append(connection, &[event]).await
}

/// Tells of a committed change, and of the flights that carry it.
async fn tell<T: Resource>(changes: &CommittedChanges, flights: Vec<Flight>) {
    changes.committed(flights).await;
    if T::IS_PLACE {
        changes.places_changed().await;
    }
}

async fn list<T: Resource>(mut parameters: QueryParameters, pool: &Pool) -> Result<HttpResponse, Problem> {
    let search = parameters.text("q").map(|text| text.trim().to_owned());
    if search.as_ref().is_some_and(|text| !(1..=SEARCH).contains(&text.chars().count())) {
        parameters.error("q", format!("must have 1 to {SEARCH} characters"));
    }
    if search.as_ref().is_some_and(|text| !text.is_empty() && fold(text).is_empty()) {
        parameters.error("q", NOTHING_TO_FIND);
    }
    let page = PageRequest::<String>::read(&mut parameters, &(T::COLLECTION, &search));
    let after: Option<T::Key> = match page.after.as_deref().map(str::parse) {
        None => None,
        Some(Ok(key)) => Some(key),
        Some(Err(_)) => {
            parameters.error("after", "is not a cursor of this list");
            None
        }
    };
    parameters.finish()?;
    let mut connection = pool.get().await?;
    let found = T::list(&mut connection, search.as_deref(), after.as_ref(), page.rows()).await?;
    let page = page.page(found, |found| found.value.key().to_string()).map(|found| found.value);
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, SLOW)).json(page))
}

async fn get<T: Resource>(request: &HttpRequest, pool: &Pool) -> Result<HttpResponse, Problem> {
    let found = T::find(&mut *pool.get().await?, &key(request, "key")?).await?;
    let Versioned { value, version } = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(conditional(request, &entity_tag(version), SLOW, &value))
}

async fn create<T: Resource>(
    author: &AuditAuthor,
    value: T,
    pool: web::Data<Pool>,
    changes: web::Data<CommittedChanges>,
) -> Result<HttpResponse, Problem> {
    let mut connection = pool.get().await?;
    let made = (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            let unknown = value.unknown_references(connection).await?;
            if !unknown.is_empty() {
                return Err(Problem::validation(unknown));
            }
            if T::insert(connection, std::slice::from_ref(&value)).await.map_err(overtaken)? == 0 {
                return Err(Conflict::Exists(format!("{}/{}", T::COLLECTION, value.key())).into());
            }
            let made = T::find(connection, &value.key()).await?;
            let made = made.ok_or_else(|| Problem::new(Code::NotFound))?;
            record(connection, (author, "create"), None, Some(&made.value)).await?;
            Ok(made)
        })
        .await?;
    drop(connection);
    tell::<T>(&changes, Vec::new()).await;
    let location = format!("/api/v1/{}/{}", T::COLLECTION, made.value.key());
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .insert_header((header::ETAG, entity_tag(made.version)))
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(made.value))
}

async fn change<T: Resource>(
    (author, precondition): (&AuditAuthor, IfMatch),
    key: T::Key,
    change: T::Change,
    pool: web::Data<Pool>,
    changes: web::Data<CommittedChanges>,
) -> Result<HttpResponse, Problem> {
    let mut connection = pool.get().await?;
    let (changed, flights) = (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            let before = T::lock(connection, &key).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
            precondition.check(before.version)?;
            let (changed, flights) = write(connection, &before.value, change).await?;
            record(connection, (author, "change"), Some(&before.value), Some(&changed.value)).await?;
            Ok((changed, flights))
        })
        .await?;
    drop(connection);
    tell::<T>(&changes, flights).await;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, entity_tag(changed.version)))
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(changed.value))
}

/// Writes a change under the row's lock; gives also the flights that carry it.
async fn write<T: Resource>(
    connection: &mut AsyncPgConnection,
    before: &T,
    change: T::Change,
) -> Result<(Versioned<T>, Vec<Flight>), Problem> {
    let after = before.changed(change).map_err(Problem::validation)?;
    let unknown = after.unknown_references(connection).await?;
    if !unknown.is_empty() {
        return Err(Problem::validation(unknown));
    }
    T::check_use(before, &after, connection).await?;
    T::update(connection, &after).await.map_err(overtaken)?;
    let flights = match after.naming() {
        Some(naming) if after != *before => flights::republish(connection, &naming).await?,
        _ => Vec::new(),
    };
    let written = T::find(connection, &after.key()).await?;
    Ok((written.ok_or_else(|| Problem::new(Code::NotFound))?, flights))
}

async fn delete<T: Resource>(
    (author, precondition): (&AuditAuthor, IfMatch),
    key: T::Key,
    pool: web::Data<Pool>,
    changes: web::Data<CommittedChanges>,
) -> Result<HttpResponse, Problem> {
    let mut connection = pool.get().await?;
    (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            let found = T::lock(connection, &key).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
            precondition.check(found.version)?;
            match T::delete(connection, &key).await {
                Ok(_) => Ok(record(connection, (author, "delete"), Some(&found.value), None).await?),
                Err(error) => Err(match referring_table(&error) {
                    Some(table) => Conflict::Referenced(table.replace('_', "-")).into(),
                    None => error.into(),
                }),
            }
        })
        .await?;
    drop(connection);
    tell::<T>(&changes, Vec::new()).await;
    Ok(HttpResponse::NoContent().insert_header((header::CACHE_CONTROL, PRIVATE)).finish())
}

/// The handlers of a kind, with their documentation.
macro_rules! handlers {
    ($type:ty, $change:ty, $one_of:literal, $several:literal, $all:literal, $one:literal, $admin:literal, $admin_one:literal) => {
        pub(crate) mod handlers {
            use super::*;
            use crate::http::{
                CommittedChanges, parameters::NoParameters, permitted::ReferenceWriter, preconditions::IfMatch,
                reference as generic,
            };
            use actix_web::{HttpRequest, HttpResponse, web};
            use shared::{
                db::Pool,
                http::{Body, Page, Problem, QueryParameters, key},
            };

            #[utoipa::path(
                get, path = $all, summary = concat!("List ", $several), description = "By key.", tag = "reference data",
                params(
                    ("q" = Option<String>, Query, description = "The beginning of a key, or a part of a name; accents and capitals make no difference"),
                    ("limit" = Option<u8>, Query, description = "1 to 200, 50 by default"),
                    ("after" = Option<String>, Query, description = "Cursor of the page before"),
                ),
                responses(
                    (status = 200, description = "A page", body = Page<$type>),
                )
            )]
            pub(crate) async fn list(
                parameters: QueryParameters,
                pool: web::Data<Pool>,
            ) -> Result<HttpResponse, Problem> {
                generic::list::<$type>(parameters, &pool).await
            }

            #[utoipa::path(
                get, path = $one, summary = concat!("Read ", $one_of), tag = "reference data", params(("key" = String, Path)),
                responses(
                    (status = 200, description = "The resource", body = $type),
                    (status = 304, description = "Not changed"),
                )
            )]
            pub(crate) async fn get(
                _: NoParameters,
                request: HttpRequest,
                pool: web::Data<Pool>,
            ) -> Result<HttpResponse, Problem> {
                generic::get::<$type>(&request, &pool).await
            }

            #[utoipa::path(
                post, path = $admin, summary = concat!("Create ", $one_of), tag = "reference data",
                security(("bearer" = ["reference:write"])),
                request_body = $type,
                responses(
                    (status = 201, description = "The resource", body = $type),
                    (status = 409, description = "`conflict`: the key is taken"),
                )
            )]
            pub(crate) async fn create(
                staff: ReferenceWriter,
                _: NoParameters,
                body: Body<$type>,
                pool: web::Data<Pool>,
                changes: web::Data<CommittedChanges>,
            ) -> Result<HttpResponse, Problem> {
                generic::create(staff.author(), body.value, pool, changes).await
            }

            #[utoipa::path(
                patch, path = $admin_one, summary = concat!("Change ", $one_of), description = "Its key stays.", tag = "reference data", params(("key" = String, Path)),
                security(("bearer" = ["reference:write"])),
                request_body(content = $change, content_type = "application/merge-patch+json"),
                responses(
                    (status = 200, description = "The resource", body = $type),
                    (status = 409, description = "`conflict`: its use forbids it"),
                    (status = 412, description = "It was changed meanwhile"),
                )
            )]
            pub(crate) async fn change(
                staff: ReferenceWriter,
                _: NoParameters,
                request: HttpRequest,
                precondition: IfMatch,
                body: Body<$change>,
                pool: web::Data<Pool>,
                changes: web::Data<CommittedChanges>,
            ) -> Result<HttpResponse, Problem> {
                let key = key(&request, "key")?;
                generic::change::<$type>((staff.author(), precondition), key, body.value, pool, changes).await
            }

            #[utoipa::path(
                delete, path = $admin_one, summary = concat!("Delete ", $one_of), description = "Only where nothing refers to it.", tag = "reference data", params(("key" = String, Path)),
                security(("bearer" = ["reference:write"])),
                responses(
                    (status = 204, description = "It is gone"),
                    (status = 409, description = "`conflict`: something refers to it"),
                    (status = 412, description = "It was changed meanwhile"),
                )
            )]
            pub(crate) async fn delete(
                staff: ReferenceWriter,
                _: NoParameters,
                request: HttpRequest,
                precondition: IfMatch,
                pool: web::Data<Pool>,
                changes: web::Data<CommittedChanges>,
            ) -> Result<HttpResponse, Problem> {
                let key = key(&request, "key")?;
                generic::delete::<$type>((staff.author(), precondition), key, pool, changes).await
            }
        }
    };
}
use handlers;

/// Mounts all kinds below `/api/v1`.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    macro_rules! mount {
        ($($handlers:ident = $collection:literal),+ $(,)?) => {$(
            config
                .service(
                    web::resource(concat!("/", $collection))
                        .route(web::get().to($handlers::list))
                        .default_service(shared::http::method_not_allowed("GET, HEAD")),
                )
                .service(
                    web::resource(concat!("/", $collection, "/{key}"))
                        .route(web::get().to($handlers::get))
                        .default_service(shared::http::method_not_allowed("GET, HEAD")),
                )
                .service(
                    web::resource(concat!("/admin/", $collection))
                        .route(web::post().to($handlers::create))
                        .default_service(shared::http::method_not_allowed("POST")),
                )
                .service(
                    web::resource(concat!("/admin/", $collection, "/{key}"))
                        .route(web::patch().to($handlers::change))
                        .route(web::delete().to($handlers::delete))
                        .default_service(shared::http::method_not_allowed("PATCH, DELETE")),
                );
        )+};
    }
    mount! {
        city_handlers = "cities",
        airport_handlers = "airports",
        airline_handlers = "airlines",
        aircraft_type_handlers = "aircraft-types",
        seat_layout_handlers = "seat-layouts",
        airplane_handlers = "airplanes",
    }
}
