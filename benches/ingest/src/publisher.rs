//! Publishes with QoS 1 over plain sockets (MQTT 3.1.1), so that the publisher costs as little as it can.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, bail};

const CONNECTIONS: usize = 4;
/// Messages without the broker's acknowledgement, of one connection.
const WINDOW: usize = 1_000;
/// Bytes gathered for one write.
const CHUNK: usize = 64 * 1_024;

/// Publishes all messages; returns when the broker has acknowledged each.
pub fn publish(port: u16, messages: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
    let share = messages.len().div_ceil(CONNECTIONS).max(1);
    std::thread::scope(|scope| {
        let parts = messages.chunks(share).enumerate();
        let running: Vec<_> = parts.map(|(number, part)| scope.spawn(move || one(port, number, part))).collect();
        running.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(_) => bail!("a publisher's thread broke off"),
        })
    })
}

fn one(port: u16, number: usize, messages: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
    let mut socket = connect(port, &format!("bench-publisher-{number}"))?;
    let mut acknowledged = 0;
    let mut taken = 0;
    let mut chunk = Vec::with_capacity(2 * CHUNK);
    let mut rest = Vec::new();
    let mut buffer = vec![0; 64 * 1_024];
    for (index, (topic, payload)) in messages.iter().enumerate() {
        let packet_id = (index % 65_000 + 1) as u16;
        append_publish(&mut chunk, topic, payload, packet_id);
        taken += 1;
        if chunk.len() >= CHUNK || taken - acknowledged >= WINDOW || index + 1 == messages.len() {
            socket.write_all(&chunk)?;
            chunk.clear();
        }
        while taken - acknowledged >= WINDOW {
            acknowledged += read_acks(&mut socket, &mut buffer, &mut rest)?;
        }
    }
    while acknowledged < messages.len() {
        acknowledged += read_acks(&mut socket, &mut buffer, &mut rest)?;
    }
    Ok(())
}

/// A connection with a session of this name.
pub fn connect(port: u16, name: &str) -> anyhow::Result<TcpStream> {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).context("no connection to the broker")?;
    socket.set_nodelay(true)?;
    let mut connect = vec![0, 4];
    connect.extend(b"MQTT");
    connect.extend([4, 2, 0, 0, 0, name.len() as u8]);
    connect.extend(name.as_bytes());
    write_packet(&mut socket, 0x10, &connect)?;
    let mut answer = [0; 4];
    socket.read_exact(&mut answer)?;
    if answer != [0x20, 2, 0, 0] {
        bail!("the broker refused the publisher: {answer:?}");
    }
    Ok(socket)
}

/// Counts the PUBACKs of one read; they are all four bytes long.
fn read_acks(socket: &mut TcpStream, buffer: &mut [u8], rest: &mut Vec<u8>) -> anyhow::Result<usize> {
    let count = socket.read(buffer)?;
    if count == 0 {
        bail!("the broker closed the publisher's connection");
    }
    rest.extend(buffer.get(..count).unwrap_or_default());
    let whole = rest.len() / 4;
    if rest.chunks_exact(4).any(|packet| packet.first() != Some(&0x40)) {
        bail!("the broker sent something else than an acknowledgement");
    }
    rest.drain(..whole * 4);
    Ok(whole)
}

pub fn append_publish(chunk: &mut Vec<u8>, topic: &str, payload: &[u8], packet_id: u16) {
    chunk.push(0x32);
    append_length(chunk, 2 + topic.len() + 2 + payload.len());
    chunk.extend((topic.len() as u16).to_be_bytes());
    chunk.extend(topic.as_bytes());
    chunk.extend(packet_id.to_be_bytes());
    chunk.extend(payload);
}

fn append_length(chunk: &mut Vec<u8>, mut length: usize) {
    loop {
        let byte = (length % 128) as u8;
        length /= 128;
        chunk.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            return;
        }
    }
}

fn write_packet(socket: &mut TcpStream, kind: u8, body: &[u8]) -> std::io::Result<()> {
    let mut packet = vec![kind];
    append_length(&mut packet, body.len());
    packet.extend(body);
    socket.write_all(&packet)
}
