//! docs/http-api.md: each request in it is sent, and its answer has the shape that stands below it.

use std::path::Path;

use serde_json::Value;

use crate::fake::FakeQueries;
use crate::serving::Serving;

const ORIGIN: &str = "http://127.0.0.1:8080";

/// The page's examples: the request's path and the answer.
fn examples(page: &str) -> Vec<(String, Value)> {
    let mut blocks = page.split("```");
    let mut examples = Vec::new();
    let mut request = None;
    // Every second piece is the inside of a block.
    while let (Some(_), Some(block)) = (blocks.next(), blocks.next()) {
        if let Some(command) = block.strip_prefix("sh\n") {
            let path = command.trim().strip_prefix("curl -s '").and_then(|rest| rest.strip_suffix('\'')).expect("curl");
            request = Some(path.strip_prefix(ORIGIN).expect("the default address").to_owned());
        } else if let Some(answer) = block.strip_prefix("json\n") {
            let answer = serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error} in {answer}"));
            examples.push((request.take().expect("a request above the answer"), answer));
        }
    }
    examples
}

/// Where `told` and `sent` differ in their shape: keys and kinds of value, not the values.
fn differences(place: &str, told: &Value, sent: &Value, found: &mut Vec<String>) {
    match (told, sent) {
        (Value::Object(told), Value::Object(sent)) => {
            for key in told.keys().filter(|key| !sent.contains_key(*key)) {
                found.push(format!("{place}.{key} is documented and not sent"));
            }
            for (key, value) in sent {
                match told.get(key) {
                    Some(told) => differences(&format!("{place}.{key}"), told, value, found),
                    None => found.push(format!("{place}.{key} is sent and not documented")),
                }
            }
        }
        (Value::Array(told), Value::Array(sent)) => {
            if let (Some(told), Some(sent)) = (told.first(), sent.first()) {
                differences(&format!("{place}[0]"), told, sent, found);
            } else if told.is_empty() != sent.is_empty() {
                found.push(format!("{place} is empty in one of the two"));
            }
        }
        _ if std::mem::discriminant(told) != std::mem::discriminant(sent) => {
            found.push(format!("{place} is documented as {told} and sent as {sent}"));
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_documented_request_is_answered_as_documented() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/http-api.md")).expect("page");
    let serving = Serving::start(FakeQueries::mission()).await;
    let examples = examples(&page);
    for (path, told) in &examples {
        let sent = serving.get(path).await;
        assert_eq!(u64::from(sent.status), told["status"].as_u64().unwrap_or(200), "{path}: {}", sent.text);
        let mut found = Vec::new();
        differences("", told, &sent.json(), &mut found);
        assert!(found.is_empty(), "{path}:\n  {}\n{}", found.join("\n  "), sent.text);
    }
    for route in ["readings", "rejects", "devices", "alerts", "alerts/", "agreement", "stats"] {
        let prefix = format!("/api/v1/{route}");
        assert!(examples.iter().any(|(path, _)| path.starts_with(&prefix)), "{prefix} has no example");
    }
}
