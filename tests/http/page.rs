//! The page, read by a real browser and by its text.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::fake::{FakeQueries, part};
use crate::serving::Serving;

/// What a browser makes of the page once its scripts have run, and what it complained about.
async fn browse(serving: &Serving) -> (String, String) {
    let profile = tempfile::tempdir().expect("a folder");
    let run = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--window-size=1280,900", "--virtual-time-budget=3000", "--enable-logging=stderr", "--dump-dom"])
        .arg(serving.url("/"))
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(60), run)
        .await
        .expect("an end within a minute")
        .expect("chromium; `make setup` installs it");
    let complaints: Vec<String> = String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter(|line| line.contains("CONSOLE"))
        // What the service answers is part of the tests; the browser reports each such answer too.
        .filter(|line| !line.contains("Failed to load resource"))
        .map(str::to_owned)
        .collect();
    (String::from_utf8_lossy(&output.stdout).into_owned(), complaints.join("\n"))
}

/// The text of an element with this id, its tags left out.
fn text_of(dom: &str, id: &str) -> String {
    let rest = dom.split_once(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no element {id} in {dom}")).1;
    let mut text = String::new();
    let mut depth = 1;
    for piece in rest.split_once('>').expect("its tag ends").1.split('<') {
        if !text.is_empty() || piece.contains('>') {
            let (tag, words) = piece.split_once('>').unwrap_or(("", piece));
            match tag.chars().next() {
                Some('/') => depth -= 1,
                Some(_) if !tag.starts_with("input") => depth += 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            text.push_str(words);
        } else {
            text.push_str(piece);
        }
        text.push(' ');
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_suspected_violations_devices_and_state_in_a_browser() {
    let serving = Serving::start(FakeQueries::mission()).await;
    *serving.fake.parts.lock().unwrap() = vec![part("influxdb", Some("connection refused"))];
    let (dom, complaints) = browse(&serving).await;
    assert_eq!(complaints, "");
    let alerts = text_of(&dom, "alerts-body");
    for wanted in ["weapon too close to the line", "suspected, open", "likely, 86", "side undetermined", "± 140"] {
        assert!(alerts.contains(wanted), "'{wanted}' is not in the alerts: {alerts}");
    }
    assert!(!alerts.contains("device moved, opened"), "ended alerts are shown only when asked for");
    assert!(text_of(&dom, "alerts").contains("not verified"));
    let devices = text_of(&dom, "devices-body");
    assert!(devices.contains("silent") && devices.contains("never heard") && devices.contains("1,482"), "{devices}");
    let status = text_of(&dom, "status");
    assert!(status.contains("40") && status.contains("readings stored") && status.contains("as of, UTC"), "{status}");
    assert!(text_of(&dom, "parts").contains("influxdb is not ready: connection refused"));
    assert!(text_of(&dom, "note").contains("Not authoritative."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_over_empty_stores_says_so() {
    let serving = Serving::start(FakeQueries::default()).await;
    let (dom, complaints) = browse(&serving).await;
    assert_eq!(complaints, "");
    assert!(text_of(&dom, "agreement-name").contains("nothing is judged"));
    assert!(text_of(&dom, "alerts-body").contains("No suspected violation is open."));
    assert!(text_of(&dom, "devices-body").contains("No device is registered or was heard."));
    assert!(text_of(&dom, "status").contains("not set up"));
}

fn sources() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/plain");
    let mut sources: Vec<(String, String)> = fs::read_dir(folder)
        .expect("readable")
        .flatten()
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).expect("text");
            (entry.file_name().to_string_lossy().into_owned(), text)
        })
        .collect();
    sources.sort();
    assert!(sources.len() >= 10);
    sources
}

#[tokio::test]
async fn every_file_of_the_page_is_served_and_none_reaches_outside() {
    let serving = Serving::start(FakeQueries::default()).await;
    for (name, text) in sources() {
        let path = if name == "index.html" { "/".to_owned() } else { format!("/assets/{name}") };
        let answer = serving.get(&path).await;
        assert_eq!((answer.status, &answer.text), (200, &text), "{path}");
        let wanted = match name.rsplit_once('.').expect("an ending").1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(answer.header("content-type"), wanted, "{path}");
        let foreign = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!foreign.contains("http://") && !foreign.contains("https://"), "{name} reaches outside");
    }
}

#[test]
fn nothing_in_the_page_is_inline() {
    let (_, html) = sources().into_iter().find(|(name, _)| name == "index.html").expect("the page");
    for banned in ["<style", "style=", "onclick", "onload", "javascript:"] {
        assert!(!html.contains(banned), "{banned}");
    }
    for script in html.split("<script").skip(1) {
        assert!(script.contains("></script>"), "a script stands in the page: {script}");
    }
}

#[test]
fn every_text_is_in_the_dictionary_and_every_word_of_it_is_used() {
    let sources = sources();
    let words = &sources.iter().find(|(name, _)| name == "words.js").expect("words").1;
    let dictionary = words.split_once("const en = {").expect("en").1.split_once("\n};").expect("its end").0;
    let keys: BTreeSet<&str> = dictionary
        .lines()
        .filter_map(|line| line.trim().split_once(": \"").map(|(key, _)| key.trim_matches('"')))
        .collect();
    assert!(keys.len() > 80);
    let mut needed = BTreeSet::new();
    let mut quoted = BTreeSet::new();
    for (name, text) in sources.iter().filter(|(name, _)| name != "words.js") {
        let before: &[&str] = if name == "index.html" { &["data-word=\"", "data-label=\""] } else { &["t(\""] };
        for start in before {
            needed.extend(text.split(start).skip(1).filter_map(|rest| rest.split('"').next()));
        }
        quoted.extend(text.lines().flat_map(|line| line.split('"').skip(1).step_by(2)));
    }
    // `t("` also ends other names, such as `createElement("`: those take no key with a dot or of this list.
    let missing: Vec<&&str> = needed
        .iter()
        .filter(|key| !keys.contains(**key) && key.contains('.') && !key.contains(['/', ' ', '#']))
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not in the dictionary");
    let built =
        ["severity.", "certainty.", "category.", "side.", "device.", "ago.", "unit.", "detail.detections.", "about."];
    let unused: Vec<&&str> = keys
        .iter()
        .filter(|key| !quoted.contains(**key) && !built.iter().any(|prefix| key.starts_with(prefix)))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}
