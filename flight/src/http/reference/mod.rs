//! Reference data: six kinds, all read and written alike. What differs stands in a file per kind: how
//! a body is read, what it refers to, and what must not change while it is in use.

mod aircraft_types;
mod airlines;
mod airplanes;
mod airports;
mod cities;
mod import;
#[cfg(test)]
mod import_tests;
mod resource;
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
        MOST_REFERRERS,
        flights::{self, SOURCE},
        referring_table,
    },
};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use diesel::QueryResult;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    auth::AuditAuthor,
    db::Pool,
    http::{
        Code, FieldError, JsonBytes, PageRequest, Problem, QueryParameters, conditional, entity_tag, key,
    },
    money::Currency,
    outbox,
};

pub(crate) use aircraft_types::handlers as aircraft_type_handlers;
pub(crate) use airlines::handlers as airline_handlers;
pub(crate) use airplanes::handlers as airplane_handlers;
pub(crate) use airports::handlers as airport_handlers;
pub(crate) use cities::handlers as city_handlers;
pub(crate) use import::{
    aircraft_type_transfers, airline_transfers, airplane_transfers, airport_transfers, city_transfers,
    seat_layout_transfers,
};
use resource::{ReadIn, Resource};
pub(crate) use seat_layouts::handlers as seat_layout_handlers;

/// The longest search text.
const SEARCH: usize = 100;

/// Records a write in its transaction: `before` is `None` for what was made, `after` for what was removed.
async fn record<T: Resource>(
    connection: &mut AsyncPgConnection,
    (author, act): (&AuditAuthor, &str),
    before: Option<&T>,
    after: Option<&T>,
    currency: Currency,
) -> QueryResult<()> {
    let key = before.or(after).map(T::key).map_or_else(String::new, |key| key.to_string());
    let (action, subject) = (format!("{}.{act}", T::KIND), format!("{}/{key}", T::KIND));
    let (before, after) = (before.map(|one| one.view(currency)), after.map(|one| one.view(currency)));
    let event = author.change(&action, subject, before.as_ref(), after.as_ref()).event(SOURCE);
    outbox::append(connection, &[event]).await
}

/// Tells of a committed change, and of the flights that carry it.
async fn tell<T: Resource>(changes: &CommittedChanges, flights: Vec<Flight>) {
    changes.committed(flights).await;
    changes.reference_data_changed();
    if T::IS_PLACE {
        changes.places_changed().await;
    }
}

async fn list<T: Resource>(
    mut parameters: QueryParameters,
    pool: &Pool,
    currency: Currency,
) -> Result<HttpResponse, Problem> {
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
    let page =
        page.page(found, |found| found.value.key().to_string()).map(|found| found.value.view(currency));
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, SLOW)).json(page))
}

async fn get<T: Resource>(
    request: &HttpRequest,
    pool: &Pool,
    currency: Currency,
) -> Result<HttpResponse, Problem> {
    let found = T::find(&mut *pool.get().await?, &key(request, "key")?).await?;
    let Versioned { value, version } = found.ok_or_else(|| Problem::new(Code::NotFound))?;
    Ok(conditional(request, &entity_tag(version), SLOW, &value.view(currency)))
}

async fn create<T: Resource>(
    author: &AuditAuthor,
    body: &JsonBytes,
    pool: web::Data<Pool>,
    changes: web::Data<CommittedChanges>,
    currency: Currency,
) -> Result<HttpResponse, Problem> {
    let value = body.read(|object| T::read_in(object, currency))?.value;
    let mut connection = pool.get().await?;
    let made = (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            check_references(&value, connection).await?;
            if T::insert(connection, std::slice::from_ref(&value)).await.map_err(overtaken)? == 0 {
                return Err(Conflict::Exists(format!("{}/{}", T::COLLECTION, value.key())).into());
            }
            let made = T::find(connection, &value.key()).await?;
            let made = made.ok_or_else(|| Problem::new(Code::NotFound))?;
            record(connection, (author, "create"), None, Some(&made.value), currency).await?;
            Ok(made)
        })
        .await?;
    drop(connection);
    tell::<T>(&changes, Vec::new()).await;
    Ok(created(&made, currency))
}

fn created<T: Resource>(made: &Versioned<T>, currency: Currency) -> HttpResponse {
    let location = format!("/api/v1/{}/{}", T::COLLECTION, made.value.key());
    HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .insert_header((header::ETAG, entity_tag(made.version)))
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(made.value.view(currency))
}

async fn change<T: Resource>(
    (author, precondition): (&AuditAuthor, IfMatch),
    key: T::Key,
    body: &JsonBytes,
    pool: web::Data<Pool>,
    changes: web::Data<CommittedChanges>,
    currency: Currency,
) -> Result<HttpResponse, Problem> {
    let change = body.read(|object| T::Change::read_in(object, currency))?.value;
    let mut connection = pool.get().await?;
    let written = (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            let before = T::lock(connection, &key).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
            precondition.check(before.version)?;
            let written = write(connection, &before.value, change).await?;
            let (act, before, after) = match &written {
                Written::Changed(after, _) => ("change", Some(&before.value), after),
                Written::Succeeded(after) => ("create", None, after),
            };
            record(connection, (author, act), before, Some(&after.value), currency).await?;
            Ok(written)
        })
        .await?;
    drop(connection);
    let (changed, flights) = match written {
        Written::Changed(changed, flights) => (changed, flights),
        Written::Succeeded(made) => {
            tell::<T>(&changes, Vec::new()).await;
            return Ok(created(&made, currency));
        }
    };
    tell::<T>(&changes, flights).await;
    Ok(HttpResponse::Ok()
        .insert_header((header::ETAG, entity_tag(changed.version)))
        .insert_header((header::CACHE_CONTROL, PRIVATE))
        .json(changed.value.view(currency)))
}

async fn check_references<T: Resource>(value: &T, connection: &mut AsyncPgConnection) -> Result<(), Problem> {
    let unknown = T::unknown_references(std::slice::from_ref(value), connection).await?;
    let unknown: Vec<FieldError> = unknown.into_iter().map(|(_, error)| error).collect();
    if unknown.is_empty() { Ok(()) } else { Err(Problem::validation(unknown)) }
}

/// The result of a change.
enum Written<T> {
    /// The data are others, and so are the first of the flights that carry them.
    Changed(Versioned<T>, Vec<Flight>),
    /// The data are in use and stay; these stand beside them.
    Succeeded(Versioned<T>),
}

/// Writes a change under the row's lock.
async fn write<T: Resource>(
    connection: &mut AsyncPgConnection,
    before: &T,
    change: T::Change,
) -> Result<Written<T>, Problem> {
    let after = before.changed(change).map_err(Problem::validation)?;
    check_references(&after, connection).await?;
    if let Some(conflict) = T::check_use(before, &after, connection).await? {
        return Err(conflict.into());
    }
    let gone = || Problem::new(Code::NotFound);
    if let Some(successor) = T::successor(before, &after, connection).await? {
        T::insert(connection, std::slice::from_ref(&successor)).await.map_err(overtaken)?;
        let made = T::find(connection, &successor.key()).await?.ok_or_else(gone)?;
        return Ok(Written::Succeeded(made));
    }
    T::update(connection, &after).await.map_err(overtaken)?;
    let renamed = T::renamed(before, &after);
    let flights = flights::republish(connection, renamed.as_slice()).await?;
    let written = T::find(connection, &after.key()).await?.ok_or_else(gone)?;
    Ok(Written::Changed(written, flights))
}

async fn delete<T: Resource>(
    (author, precondition): (&AuditAuthor, IfMatch),
    key: T::Key,
    pool: web::Data<Pool>,
    changes: web::Data<CommittedChanges>,
    currency: Currency,
) -> Result<HttpResponse, Problem> {
    let mut connection = pool.get().await?;
    (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            let found = T::lock(connection, &key).await?.ok_or_else(|| Problem::new(Code::NotFound))?;
            precondition.check(found.version)?;
            let referrers = T::referrers(connection, &key, MOST_REFERRERS).await?;
            if !referrers.is_empty() {
                return Err(Conflict::Referenced(referrers).into());
            }
            match T::delete(connection, &key).await {
                Ok(_) => {
                    Ok(record(connection, (author, "delete"), Some(&found.value), None, currency).await?)
                }
                // What refers to it came between, or is of no table that was looked at.
                Err(error) => Err(match referring_table(&error) {
                    Some(table) => Conflict::Referenced(vec![table.replace('_', "-")]).into(),
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
    ($type:ty, $view:ty, $change:ty, [$($succeeded:literal)?], $one_of:literal, $several:literal, $all:literal, $one:literal, $admin:literal, $admin_one:literal) => {
        pub(crate) mod handlers {
            use super::*;
            use crate::http::{
                CommittedChanges, SaleCurrency, parameters::NoParameters, permitted::ReferenceWriter,
                preconditions::IfMatch, reference as generic,
            };
            use actix_web::{HttpRequest, HttpResponse, web};
            use shared::{
                db::Pool,
                http::{JsonBytes, Page, Problem, QueryParameters, key},
            };

            #[utoipa::path(
                get, path = $all, summary = concat!("List ", $several), description = "By key.", tag = "reference data",
                params(
                    ("q" = Option<String>, Query, description = "The beginning of a key, or a part of a name; accents and capitals make no difference"),
                    ("limit" = Option<u8>, Query, description = "1 to 200, 50 by default"),
                    ("after" = Option<String>, Query, description = "Cursor of the page before"),
                ),
                responses(
                    (status = 200, description = "A page", body = Page<$view>),
                )
            )]
            pub(crate) async fn list(
                parameters: QueryParameters,
                pool: web::Data<Pool>,
                currency: web::Data<SaleCurrency>,
            ) -> Result<HttpResponse, Problem> {
                generic::list::<$type>(parameters, &pool, currency.0).await
            }

            #[utoipa::path(
                get, path = $one, summary = concat!("Read ", $one_of), tag = "reference data", params(("key" = String, Path)),
                responses(
                    (status = 200, description = "The resource", body = $view),
                    (status = 304, description = "Not changed"),
                )
            )]
            pub(crate) async fn get(
                _: NoParameters,
                request: HttpRequest,
                pool: web::Data<Pool>,
                currency: web::Data<SaleCurrency>,
            ) -> Result<HttpResponse, Problem> {
                generic::get::<$type>(&request, &pool, currency.0).await
            }

            #[utoipa::path(
                post, path = $admin, summary = concat!("Create ", $one_of), tag = "reference data",
                security(("bearer" = ["reference:write"])),
                request_body = $view,
                responses(
                    (status = 201, description = "The resource", body = $view),
                    (status = 409, description = "`conflict`: the key is taken"),
                )
            )]
            pub(crate) async fn create(
                staff: ReferenceWriter,
                _: NoParameters,
                body: JsonBytes,
                pool: web::Data<Pool>,
                changes: web::Data<CommittedChanges>,
                currency: web::Data<SaleCurrency>,
            ) -> Result<HttpResponse, Problem> {
                generic::create::<$type>(staff.author(), &body, pool, changes, currency.0).await
            }

            #[utoipa::path(
                patch, path = $admin_one, summary = concat!("Change ", $one_of), description = "Its key stays.", tag = "reference data", params(("key" = String, Path)),
                security(("bearer" = ["reference:write"])),
                request_body(content = $change, content_type = "application/merge-patch+json"),
                responses(
                    (status = 200, description = "The resource", body = $view),
                    $((status = 201, description = $succeeded, body = $view),)?
                    (status = 409, description = "`conflict`: its use forbids it"),
                    (status = 412, description = "It was changed meanwhile"),
                )
            )]
            pub(crate) async fn change(
                staff: ReferenceWriter,
                _: NoParameters,
                request: HttpRequest,
                precondition: IfMatch,
                body: JsonBytes,
                (pool, changes): (web::Data<Pool>, web::Data<CommittedChanges>),
                currency: web::Data<SaleCurrency>,
            ) -> Result<HttpResponse, Problem> {
                let (key, author) = (key(&request, "key")?, (staff.author(), precondition));
                generic::change::<$type>(author, key, &body, pool, changes, currency.0).await
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
                currency: web::Data<SaleCurrency>,
            ) -> Result<HttpResponse, Problem> {
                let key = key(&request, "key")?;
                generic::delete::<$type>((staff.author(), precondition), key, pool, changes, currency.0).await
            }
        }
    };
}
use handlers;

/// Mounts all kinds below `/api/v1`.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    macro_rules! mount {
        ($($handlers:ident, $transfers:ident = $collection:literal),+ $(,)?) => {$(
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
                    web::resource(concat!("/admin/", $collection, "/import"))
                        .route(web::post().to($transfers::import))
                        .default_service(shared::http::method_not_allowed("POST")),
                )
                .service(
                    web::resource(concat!("/admin/", $collection, "/export"))
                        .route(web::get().to($transfers::export))
                        .default_service(shared::http::method_not_allowed("GET, HEAD")),
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
        city_handlers, city_transfers = "cities",
        airport_handlers, airport_transfers = "airports",
        airline_handlers, airline_transfers = "airlines",
        aircraft_type_handlers, aircraft_type_transfers = "aircraft-types",
        seat_layout_handlers, seat_layout_transfers = "seat-layouts",
        airplane_handlers, airplane_transfers = "airplanes",
    }
}
