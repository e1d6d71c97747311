//! Messages that no service of ours would publish.

use amqprs::{
    BasicProperties,
    channel::BasicPublishArguments,
    connection::{Connection, OpenConnectionArguments},
};
use testkit::amqp_url;

/// Publishes bytes under a routing key; ready when the broker has taken them.
pub(crate) async fn publish(prefix: &str, routing_key: &str, bytes: &[u8]) {
    let url: url::Url = amqp_url().parse().expect("the URL of the tests");
    let (host, port) = (url.host_str().expect("a host"), url.port().unwrap_or(5672));
    let password = url.password().expect("a password");
    // In the default virtual host, as the tests' broker has no other.
    let arguments = OpenConnectionArguments::new(host, port, url.username(), password);
    let connection = Connection::open(&arguments).await.expect("the broker of the tests answers");
    let channel = connection.open_channel(None).await.expect("a channel");
    let arguments = BasicPublishArguments::new(&format!("{prefix}aerobus.events"), routing_key);
    let properties = BasicProperties::default();
    channel.basic_publish(properties, bytes.to_vec(), arguments).await.expect("it is published");
    // A channel is closed only when the broker has read what came before.
    channel.close().await.expect("closed");
    connection.close().await.expect("closed");
}
