//! `aerobus up`: everything, from nothing, with one command.

use crate::{
    banner::Banner,
    cli::UpOptions,
    embedded::Services,
    home::{Administrator, Home},
    parts::{Broker, Database, SERVICES},
    plan::{BrokerPlan, Plan, Ports},
    processes::Processes,
    progress,
};
use anyhow::Context;
use mailer::config::Destination;
use shared::service::{raise_file_limit, stop_signal};
use std::{
    io::{IsTerminal, stdout},
    net::TcpListener,
    path::Path,
};

/// The cost of bcrypt that production uses too.
const BCRYPT_COST: u32 = 12;

/// Starts everything, tells how to use it, and stops it when the process is asked to.
///
/// # Errors
/// When a part does not start; what runs by then is stopped.
pub async fn run(options: UpOptions) -> anyhow::Result<()> {
    raise_file_limit();
    servers::keep_new_files_private();
    let mut home = Home::open(&options.data_dir)?;
    let _entered = home.enter()?;
    check_ports(&options)?;
    let first_start = !home.path().join("admin.json").exists();
    let administrator = home.administrator()?;

    progress::say("Starting the database");
    let database = Database::open(&options, &mut home).await?;
    let broker = match options.amqp.is_some() || options.processes {
        true => {
            progress::say("Connecting to RabbitMQ");
            Broker::open(&options, &home).await
        }
        false => Ok(None),
    };
    let outcome = match broker {
        Ok(broker) => {
            let outcome =
                run_services(&options, &mut home, &database, broker.as_ref(), administrator, first_start)
                    .await;
            if let Some(broker) = broker {
                broker.close().await;
            }
            outcome
        }
        Err(error) => Err(error),
    };
    database.close().await;
    outcome
}

async fn run_services(
    options: &UpOptions,
    home: &mut Home,
    database: &Database,
    broker: Option<&Broker>,
    administrator: Administrator,
    first_start: bool,
) -> anyhow::Result<()> {
    let flights = database.of("flight");
    shared::db::migrate(flights, flight::MIGRATIONS).await.context("the flight schema cannot be prepared")?;
    progress::load_demo_data(flights).await?;

    let mail_dir = home.mail()?;
    let plan = plan(options, home, database, broker, &administrator, &mail_dir)?;
    let banner = |services: Vec<(&'static str, u16)>, port| Banner {
        port,
        services,
        administrator: &administrator,
        tells_password: first_start && stdout().is_terminal(),
        home: home.path(),
        mail: options.smtp.is_none().then_some(mail_dir.as_path()),
        today: chrono::Utc::now().date_naive(),
    };
    progress::say("Starting the services");
    if options.processes {
        let mut processes = Processes::start(&plan).await?;
        progress::put_flights_on_sale(flights).await?;
        let ports = plan.ports().into_iter().filter(|(service, _)| *service != "gateway").collect();
        println!("{}", banner(ports, plan.ports.gateway).text());
        let ended = tokio::select! {
            () = stop_signal() => None,
            service = processes.watch() => Some(service),
        };
        progress::say("Stopping");
        processes.stop().await;
        match ended {
            Some(service) => {
                anyhow::bail!("the process of {service} ended by itself; its messages stand above")
            }
            None => Ok(()),
        }
    } else {
        let services = Services::start(&plan).await?;
        progress::put_flights_on_sale(flights).await?;
        let others = services.addresses.iter().filter(|(service, _)| *service != "gateway");
        let ports = others.map(|(service, address)| (*service, address.port())).collect();
        println!("{}", banner(ports, services.gateway().port()).text());
        stop_signal().await;
        progress::say("Stopping");
        services.stop().await;
        Ok(())
    }
}

fn plan(
    options: &UpOptions,
    home: &mut Home,
    database: &Database,
    broker: Option<&Broker>,
    administrator: &Administrator,
    mail_dir: &Path,
) -> anyhow::Result<Plan> {
    let mail = match &options.smtp {
        Some(url) => Destination::Smtp(url.clone()),
        None => Destination::Folder(mail_dir.to_owned()),
    };
    Ok(Plan {
        databases: SERVICES.iter().map(|service| database.of(service).clone()).collect(),
        broker: broker.map(|broker| BrokerPlan { url: broker.url.clone(), prefix: String::new() }),
        service_token_secret: home.secret("service_tokens")?,
        signing_key_secret: home.secret("signing_keys")?,
        administrator: administrator.clone(),
        mail,
        ports: Ports {
            gateway: options.port,
            flight: options.flight_port(),
            booking: options.booking_port(),
            mailer: options.mailer_port(),
        },
        gateway_workers: std::thread::available_parallelism().map_or(2, usize::from),
        bcrypt_cost: BCRYPT_COST,
    })
}

/// A port that is taken is told at once, before anything is started.
fn check_ports(options: &UpOptions) -> anyhow::Result<()> {
    for port in [options.port, options.flight_port(), options.booking_port(), options.mailer_port()] {
        TcpListener::bind(("127.0.0.1", port)).with_context(|| {
            format!(
                "port {port} cannot be used; choose others with --port (it and the three after it are taken)"
            )
        })?;
    }
    Ok(())
}
