//! What the pages show works as shown.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::path::Path;
use std::process::{Command, Stdio};

use harness::service::truceline;

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// The blocks of a page that are fenced with this word.
fn blocks(page: &str, word: &str) -> Vec<String> {
    let fence = format!("```{word}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_configuration_that_is_shown_is_accepted() {
    let dir = tempfile::tempdir().expect("a folder");
    let shown = blocks(&page("docs/configuration.md"), "toml");
    assert!(!shown.is_empty());
    for (number, text) in shown.iter().enumerate() {
        let file = dir.path().join(format!("{number}.toml"));
        std::fs::write(&file, text).expect("written");
        truceline::config::load(Some(&file), []).unwrap_or_else(|faults| panic!("{faults:?}"));
    }
}

#[test]
fn the_scenario_that_is_shown_is_accepted() {
    let shown = blocks(&page("docs/simulation.md"), "toml");
    assert!(!shown.is_empty());
    for text in shown {
        firmware_sim::Scenario::parse(&text).unwrap_or_else(|faults| panic!("{faults}"));
    }
}

#[test]
fn the_readmes_commands_do_what_it_says() {
    let text = page("README.md");
    let dir = tempfile::tempdir().expect("a folder");
    let program = env!("CARGO_BIN_EXE_truceline");
    let mut tried = 0;
    for line in blocks(&text, "sh").join("\n").lines() {
        let command = line.split("  #").next().unwrap_or_default().trim();
        let serves = command.contains(" run ") || command.starts_with("make") || command.starts_with("cargo");
        if serves || !command.contains("target/release/truceline") {
            continue;
        }
        let map = dir.path().join("map.svg").display().to_string();
        let command = command.replace("target/release/truceline", program).replace("map.svg", &map);
        let status = Command::new("sh")
            .arg("-c")
            .arg(&command)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::null())
            .status();
        assert!(status.expect("sh").success(), "{command}");
        tried += 1;
    }
    assert!(tried >= 2, "{tried} commands were tried");
}

/// Commands with what they print, from the blocks that are fenced as `console`.
fn sessions(page: &str) -> Vec<(String, String)> {
    let mut sessions: Vec<(String, String)> = Vec::new();
    for line in blocks(page, "console").iter().flat_map(|block| block.lines()) {
        match (line.strip_prefix("$ "), sessions.last_mut()) {
            (Some(command), _) => sessions.push((command.to_owned(), String::new())),
            (None, Some((_, printed))) => {
                printed.push_str(line.trim_end());
                printed.push('\n');
            }
            (None, None) => panic!("'{line}' stands before any command"),
        }
    }
    sessions
}

#[test]
fn the_command_lines_that_are_shown_print_what_is_shown() {
    let program = Path::new(env!("CARGO_BIN_EXE_truceline"));
    let folder = program.parent().expect("a folder").display();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let dir = tempfile::tempdir().expect("a folder");
    let page = page("docs/cli.md");
    let mut shown = sessions(&page);
    for subcommand in ["run", "check", "where", "replay", "export", "backup", "restore"] {
        let is_shown = shown.iter().any(|(command, _)| command.contains(&format!("truceline {subcommand} ")));
        assert!(is_shown, "{subcommand} has no example");
        assert!(page.contains(&format!("| `{subcommand}` |")), "{subcommand} is not listed");
    }
    let of_backup = sessions(&self::page("docs/backup.md"));
    assert!(!of_backup.is_empty());
    shown.extend(of_backup);
    for (command, wanted) in shown {
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
        shell.env("PATH", &path).env("TMP", dir.path()).env_remove("TRUCELINE_CONFIG");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TRUCELINE__")) {
            shell.env_remove(name);
        }
        let output = shell.output().expect("sh");
        let printed: String = String::from_utf8_lossy(&output.stdout)
            .lines()
            .fold(String::new(), |text, line| text + line.trim_end() + "\n");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(printed.trim_end(), wanted.trim_end(), "{command}\n{told}");
    }
}

#[test]
fn the_readme_links_only_to_pages_that_are_there() {
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        for link in page(name).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if !path.contains("://") && !path.is_empty() {
                assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(), "{name} links to {link}");
            }
        }
    }
}

#[test]
fn a_reading_recorded_as_the_help_says_becomes_an_alert() {
    let reading = r#"{"v":1,"device":"st02-ac01","boot":1,"seq":1,"time":"2026-11-24T03:00:00Z","clock":{"source":"gnss"},"kind":"acoustic_detection","data":{"class":"explosion","confidence":0.9,"bearing_deg":110,"bearing_sd_deg":4}}"#;
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("readings.jsonl");
    std::fs::write(&file, format!("{reading}\n\n{reading}\n")).expect("written");
    let replay = |arguments: &[&str]| {
        let mut command = truceline();
        command.args(["replay", "--agreement", "config/agreements/example"]).args(arguments).arg(&file);
        command.output().expect("truceline runs")
    };
    let output = replay(&["--devices", "config/devices/example.toml"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON Lines")).collect();
    assert_eq!(lines.len(), 1, "the second is a duplicate: {text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((&lines[0]["type"], &lines[0]["category"]), (&"alert".into(), &"no_fire".into()));
    let output = replay(&[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(65), "{told}");
    assert!(told.contains("line 1") && told.contains("--devices"), "{told}");
}

/// Every file of Rust below a folder.
fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|own| own == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn each_fault_of_the_page_names_a_test_that_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["tests", "src", "core/tests"] {
        sources(&root.join(folder), &mut files);
    }
    let texts: Vec<(String, String)> = files
        .iter()
        .map(|file| (file.display().to_string(), std::fs::read_to_string(file).expect("a source")))
        .collect();
    let mut faults = 0;
    for row in
        page("docs/reliability.md").lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fault "))
    {
        let last = row.trim_end_matches(['|', ' ']).rsplit(" | ").next().unwrap_or_default();
        let mut within = None;
        let mut named = 0;
        for word in last.split('`').skip(1).step_by(2) {
            if word.contains('/') {
                assert!(root.join(word).is_file(), "{word} is not there: {row}");
                named += 1;
            } else if root.join(format!("tests/{word}.rs")).is_file()
                || root.join(format!("tests/{word}/main.rs")).is_file()
            {
                within = Some(format!("tests/{word}"));
            } else {
                let is_here = |(file, text): &(String, String)| {
                    within.as_ref().is_none_or(|within| file.contains(within)) && text.contains(&format!("fn {word}("))
                };
                assert!(texts.iter().any(is_here), "there is no test {word}: {row}");
                named += 1;
            }
        }
        assert!(named > 0, "no test is named: {row}");
        faults += 1;
    }
    assert!(faults > 25, "{faults} faults are listed");
}
