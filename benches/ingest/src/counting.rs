//! The limit: a subscriber that acknowledges by hand and does nothing but count.

use std::time::Duration;

use anyhow::Context as _;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};

/// The session's name.
const CLIENT: &str = "bench-counting";

/// Counts so many messages and says on standard output when it is subscribed, and when it has them all; 0: registers its session and ends.
pub fn count(port: u16, messages: usize) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run(port, messages))
}

#[allow(clippy::print_stdout)]
async fn run(port: u16, messages: usize) -> anyhow::Result<()> {
    let mut options = MqttOptions::new(CLIENT, "127.0.0.1", port);
    options.set_clean_start(false);
    options.set_session_expiry_interval(Some(3_600));
    options.set_receive_maximum(Some(20_000));
    options.set_max_packet_size(Some(2 << 20));
    options.set_manual_acks(true);
    options.set_keep_alive(Duration::from_secs(30));
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    let (client, mut eventloop) = AsyncClient::new(options, 100_000);
    let mut counted = 0;
    loop {
        match eventloop.poll().await.context("the counting subscriber lost its connection")? {
            Event::Incoming(Packet::ConnAck(_)) => {
                client.try_subscribe("truceline/v1/readings/+/+", QoS::AtLeastOnce)?;
            }
            Event::Incoming(Packet::SubAck(_)) => {
                println!("subscribed");
                if messages == 0 {
                    client.try_disconnect()?;
                }
            }
            Event::Incoming(Packet::Publish(publish)) => {
                client.try_ack(&publish)?;
                counted += 1;
                if counted == messages {
                    println!("counted");
                }
            }
            Event::Incoming(Packet::Disconnect(_)) | Event::Outgoing(rumqttc::Outgoing::Disconnect) => return Ok(()),
            _ => {}
        }
    }
}
