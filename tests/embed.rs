//! Promise: an agent can run a pipeline inside itself, push lines of its own, and know when every sink has them.

use std::path::Path;
use std::process::Command;

#[test]
fn a_line_pushed_by_the_agent_is_in_every_sink_when_it_is_said_to_be() {
    let example = Path::new(env!("CARGO_BIN_EXE_updraft")).with_file_name("examples").join("embed");
    let folder = tempfile::tempdir().expect("a folder");
    let done = Command::new(example).arg(folder.path()).output().expect("the example runs");
    let (said, log) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{log}");

    let line = |number: u32| format!("line {number} of an agent's own\n");
    let lengths = [1, 2, 3].map(|number| (1..=number).map(|n| line(n).len()).sum::<usize>());
    let expected: Vec<String> = (1..=3)
        .map(|number| format!("line {number}: every sink has acknowledged byte {}\n", lengths[number - 1]))
        .collect();
    assert_eq!(said, expected.concat() + "all acknowledged: true\n", "{log}");
    let copy = std::fs::read_to_string(folder.path().join("out/agent.log")).expect("the copy");
    assert_eq!(copy, (1..=3).map(line).collect::<String>());
    let events = std::fs::read_to_string(folder.path().join("events/agent.log")).expect("the events");
    assert_eq!(events.lines().count(), 3);
    assert!(
        events.lines().zip(1..).all(|(event, number)| event.contains(line(number).trim_end())),
        "{events}"
    );
}
