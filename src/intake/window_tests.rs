//! What the window promises, by examples and against a slow model.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

fn window() -> Window<()> {
    Window::new(Limits { messages: 3, bytes: 1000, acks: 100 })
}

#[test]
fn a_message_is_acknowledged_after_its_commit_and_not_before() {
    let mut window = window();
    window.connected();
    let ticket = window.admit(Some(7), 10, ());
    assert_eq!(window.next_ack(), None);
    window.committed(ticket).unwrap();
    assert_eq!(window.next_ack(), Some(7));
    window.ack_taken();
    assert_eq!(window.next_ack(), None);
}

#[test]
fn a_commit_that_comes_after_a_reconnect_acknowledges_nothing() {
    let mut window = window();
    window.connected();
    let ticket = window.admit(Some(7), 10, ());
    window.disconnected();
    window.connected();
    window.committed(ticket).unwrap();
    assert_eq!(window.next_ack(), None);
}

#[test]
fn a_message_left_over_from_a_lost_connection_is_never_acknowledged() {
    let mut window = window();
    window.connected();
    window.disconnected();
    let ticket = window.admit(Some(7), 10, ());
    window.pass(Some(8));
    window.connected();
    window.committed(ticket).unwrap();
    assert_eq!(window.next_ack(), None);
}

#[test]
fn a_message_with_nothing_to_store_waits_for_those_before_it() {
    let mut window = window();
    window.connected();
    let ticket = window.admit(Some(1), 10, ());
    window.pass(Some(2));
    assert_eq!(window.next_ack(), None);
    window.committed(ticket).unwrap();
    assert_eq!(window.next_ack(), Some(1));
    window.ack_taken();
    assert_eq!(window.next_ack(), Some(2));
}

#[test]
fn reading_pauses_at_either_limit_and_goes_on_after_a_commit() {
    let mut window = window();
    window.connected();
    let tickets: Vec<u64> = (1..=3).map(|packet| window.admit(Some(packet), 10, ())).collect();
    assert!(!window.is_open());
    window.committed(tickets[0]).unwrap();
    assert!(window.is_open());
    let mut by_bytes = self::window();
    by_bytes.admit(None, 1000, ());
    assert!(!by_bytes.is_open());
}

#[test]
fn messages_of_which_nothing_is_to_be_stored_pause_reading_too_while_they_wait_behind_one() {
    let mut window = window();
    window.connected();
    let ticket = window.admit(Some(1), 10, ());
    window.pass(Some(2));
    assert!(window.is_open());
    window.pass(Some(3));
    assert!(!window.is_open());
    window.committed(ticket).unwrap();
    assert!(window.is_open());
    (4..100).for_each(|packet| window.pass(Some(packet)));
    assert!(window.is_open(), "behind none they do not wait");
}

#[test]
fn an_answer_out_of_order_is_refused_and_changes_nothing() {
    let mut window = window();
    window.connected();
    let first = window.admit(Some(1), 10, ());
    let second = window.admit(Some(2), 10, ());
    assert_eq!(window.committed(second), Err(OutOfOrder { got: second, expected: Some(first) }));
    assert_eq!(window.in_flight(), 2);
    window.committed(first).unwrap();
    window.committed(second).unwrap();
    assert_eq!(window.committed(second), Err(OutOfOrder { got: second, expected: None }));
}

#[derive(Clone, Debug)]
enum Step {
    Connect,
    Disconnect,
    Admit(Option<u16>),
    Pass(Option<u16>),
    Commit,
    TakeAck,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let packet = prop::option::weighted(0.9, 1_u16..5);
    let step = prop_oneof![
        1 => Just(Step::Connect),
        1 => Just(Step::Disconnect),
        5 => packet.clone().prop_map(Step::Admit),
        2 => packet.prop_map(Step::Pass),
        5 => Just(Step::Commit),
        4 => Just(Step::TakeAck),
    ];
    prop::collection::vec(step, 0..200)
}

/// One message as the slow model sees it.
struct Modelled {
    epoch: Option<u64>,
    packet: Option<u16>,
    ticket: Option<u64>,
    done: bool,
    acked: bool,
}

proptest! {
    /// Packet ids repeat all the time here, as a broker's do, so only position and epoch tell messages apart.
    #[test]
    fn each_message_is_acknowledged_once_in_arrival_order_and_only_by_its_own_connection(steps in steps()) {
        let mut window = Window::new(Limits { messages: 1000, bytes: usize::MAX, acks: 1000 });
        let mut model: Vec<Modelled> = Vec::new();
        let mut tickets = VecDeque::new();
        let (mut epoch, mut live) = (0_u64, false);
        for step in steps {
            match step {
                Step::Connect => { window.connected(); epoch += 1; live = true; }
                Step::Disconnect => { window.disconnected(); live = false; }
                Step::Admit(packet) => {
                    let ticket = window.admit(packet, 1, model.len());
                    tickets.push_back((ticket, model.len()));
                    model.push(Modelled { epoch: live.then_some(epoch), packet, ticket: Some(ticket), done: false, acked: false });
                }
                Step::Pass(packet) => {
                    window.pass(packet);
                    model.push(Modelled { epoch: live.then_some(epoch), packet, ticket: None, done: true, acked: false });
                }
                Step::Commit => if let Some((ticket, index)) = tickets.pop_front() {
                    prop_assert_eq!(window.committed(ticket), Ok(index));
                    prop_assert_eq!(model[index].ticket, Some(ticket));
                    model[index].done = true;
                }
                Step::TakeAck => {
                    // The oldest message of this connection that wants an acknowledgement and has none, if all before it are done.
                    let undone = model.iter().position(|m| !m.done).unwrap_or(model.len());
                    let due = model[..undone].iter_mut()
                        .find(|m| live && m.epoch == Some(epoch) && m.packet.is_some() && !m.acked);
                    let expected = due.as_ref().and_then(|m| m.packet);
                    prop_assert_eq!(window.next_ack(), expected);
                    if let Some(message) = due {
                        message.acked = true;
                        window.ack_taken();
                    }
                }
            }
            prop_assert_eq!(window.in_flight(), model.iter().filter(|m| !m.done).count());
        }
    }
}
