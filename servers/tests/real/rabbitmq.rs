//! A private RabbitMQ, started for real. A start takes about ten seconds, so one test tells the whole story.

use crate::fixture::{all_gone, reachable_folder};
use amqprs::channel::{
    BasicGetArguments, BasicPublishArguments, ConfirmSelectArguments, QueueDeclareArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use amqprs::{BasicProperties, FieldTable};
use servers::{RabbitMq, RabbitMqOptions, ServerError, descendants};

const QUEUE: &str = "letters";

async fn connect(url: &str) -> Connection {
    // amqprs takes the path as it stands and would ask for a virtual host "%2f"; without a path it asks for "/".
    let url = url.strip_suffix("/%2f").expect("the default virtual host");
    let arguments = OpenConnectionArguments::try_from(url).expect("a valid address");
    Connection::open(&arguments).await.expect("a connection")
}

/// Publishes one persistent message to a durable quorum queue, and waits until the broker answers on that channel again.
async fn publish(url: &str) {
    let connection = connect(url).await;
    let channel = connection.open_channel(None).await.expect("a channel");
    let mut queue = QueueDeclareArguments::durable_client_named(QUEUE);
    let mut arguments = FieldTable::new();
    arguments.insert("x-queue-type".try_into().expect("a short name"), "quorum".into());
    queue.arguments(arguments);
    let (_, before, _) = channel.queue_declare(queue.clone()).await.expect("a queue").expect("its state");
    channel.confirm_select(ConfirmSelectArguments::default()).await.expect("confirms");
    let properties = BasicProperties::default().with_persistence(true).finish();
    let to = BasicPublishArguments::new("", QUEUE);
    channel.basic_publish(properties, b"12A".to_vec(), to).await.expect("published");
    let mut stored = before;
    while stored <= before {
        let answer = channel.queue_declare(queue.clone()).await.expect("the queue's state");
        stored = answer.map_or(0, |(_, messages, _)| messages);
    }
    let _ = connection.close().await;
}

async fn fetch(url: &str) -> Option<Vec<u8>> {
    let connection = connect(url).await;
    let channel = connection.open_channel(None).await.expect("a channel");
    let mut arguments = BasicGetArguments::new(QUEUE);
    arguments.no_ack(true);
    let got = channel.basic_get(arguments).await.expect("an answer");
    let _ = connection.close().await;
    got.map(|(_, _, body)| body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_durable_queues_over_a_crash_and_leaves_nothing_when_stopped() {
    let parent = reachable_folder();
    let options = RabbitMqOptions { base_dir: parent.path().join("rabbitmq"), port: None };
    let mut rabbitmq = RabbitMq::start(options.clone()).unwrap();
    let url = rabbitmq.url();
    assert!(matches!(RabbitMq::start(options).unwrap_err(), ServerError::AlreadyRunning { .. }));
    publish(&url).await;
    // An orderly restart. RabbitMQ 3.10 needs one: see `RabbitMq::kill`.
    rabbitmq.restart().unwrap();
    publish(&url).await;

    let mut processes = descendants(rabbitmq.pid());
    assert!(!processes.is_empty(), "Erlang has helpers of its own");
    processes.push(rabbitmq.pid());
    rabbitmq.kill();
    assert!(processes.iter().all(|pid| servers::is_gone(*pid)));

    rabbitmq.restart().unwrap();
    assert_eq!(rabbitmq.url(), url);
    assert_eq!(fetch(&url).await.as_deref(), Some(&b"12A"[..]));
    assert_eq!(fetch(&url).await.as_deref(), Some(&b"12A"[..]));

    // With its name server: all that this process has started.
    let processes = descendants(std::process::id());
    rabbitmq.stop().unwrap();
    assert!(all_gone(&processes, 5));
}
