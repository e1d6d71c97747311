//! `aerobus up`: everything, from nothing, with one command.

use crate::{
    banner::StartBanner,
    broker::Broker,
    cli::UpOptions,
    databases::{Databases, SERVICES},
    embedded::EmbeddedServices,
    installation::{Administrator, Installation},
    processes::ServiceProcesses,
    progress,
    start_plan::{BrokerAddress, ServicePorts, StartPlan},
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
/// When a part does not start. Private servers and service processes that had started are stopped. Services that had
/// started in this process end with it.
pub async fn run(options: UpOptions) -> anyhow::Result<()> {
    raise_file_limit();
    servers::keep_new_files_private();
    let mut installation = Installation::open(&options.data_dir)?;
    let _process_id_file = installation.lock()?;
    check_ports(&options)?;
    let first_start = !installation.path().join("admin.json").exists();
    let administrator = installation.administrator()?;

    progress::say("Starting the database");
    let databases = Databases::open(&options, &mut installation).await?;
    let broker = match options.amqp.is_some() || options.processes {
        true => {
            progress::say("Connecting to RabbitMQ");
            Broker::open(&options, &installation).await
        }
        false => Ok(None),
    };
    let outcome = match broker {
        Ok(broker) => {
            let outcome = run_services(
                &options,
                &mut installation,
                &databases,
                broker.as_ref(),
                administrator,
                first_start,
            )
            .await;
            if let Some(broker) = broker {
                broker.close().await;
            }
            outcome
        }
        Err(error) => Err(error),
    };
    databases.close().await;
    outcome
}

async fn run_services(
    options: &UpOptions,
    installation: &mut Installation,
    databases: &Databases,
    broker: Option<&Broker>,
    administrator: Administrator,
    first_start: bool,
) -> anyhow::Result<()> {
    let flights = databases.of("flight");
    shared::db::migrate(flights, flight::MIGRATIONS).await.context("the flight schema cannot be prepared")?;
    progress::load_demo_data(flights).await?;

    let mail_dir = installation.mail()?;
    let plan = plan(options, installation, databases, broker, &administrator, &mail_dir)?;
    let banner = |services: Vec<(&'static str, u16)>, port| StartBanner {
        port,
        services,
        administrator: &administrator,
        tells_password: first_start && stdout().is_terminal(),
        installation: installation.path(),
        mail: options.smtp.is_none().then_some(mail_dir.as_path()),
        today: chrono::Utc::now().date_naive(),
    };
    progress::say("Starting the services");
    if options.processes {
        let mut processes = ServiceProcesses::start(&plan).await?;
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
        let services = EmbeddedServices::start(&plan).await?;
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
    installation: &mut Installation,
    databases: &Databases,
    broker: Option<&Broker>,
    administrator: &Administrator,
    mail_dir: &Path,
) -> anyhow::Result<StartPlan> {
    let mail = match &options.smtp {
        Some(url) => Destination::Smtp(url.clone()),
        None => Destination::Folder(mail_dir.to_owned()),
    };
    Ok(StartPlan {
        databases: SERVICES.iter().map(|service| databases.of(service).clone()).collect(),
        broker: broker.map(|broker| BrokerAddress { url: broker.url.clone(), prefix: String::new() }),
        service_token_secret: installation.secret("service_tokens")?,
        signing_key_secret: installation.secret("signing_keys")?,
        administrator: administrator.clone(),
        with_mailer: !options.without_mailer,
        mail,
        ports: ServicePorts {
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
