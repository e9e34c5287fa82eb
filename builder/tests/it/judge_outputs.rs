//! The schema of the report of `capsule judge`, and its page.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::judge::{bundle, command, own, scene};
use crate::scene::{Said, needs_root};

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/judge-report.schema.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// What of a value the schema does not allow, with its place. Stricter than JSON Schema: a field that the schema does not
/// describe is a fault.
fn faults(root: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return faults(root, root.pointer(&reference[1..]).expect("it is there"), value, place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let all: Vec<_> = choices.iter().map(|choice| faults(root, choice, value, place)).collect();
        let fitting = all.iter().filter(|faults| faults.is_empty()).count();
        return if fitting == 1 {
            Vec::new()
        } else {
            [vec![format!("{place}: {fitting} fit")], all.concat()].concat()
        };
    }
    let known = |key: &&String| {
        let keys = [
            "$defs",
            "$id",
            "$schema",
            "const",
            "description",
            "enum",
            "items",
            "maxProperties",
            "minimum",
            "properties",
            "required",
            "title",
            "type",
        ];
        !keys.contains(&key.as_str())
    };
    assert_eq!(schema.as_object().unwrap().keys().find(known), None, "this test knows no such key");
    let mut found = Vec::new();
    let mut fault = |what: String| found.push(format!("{place}: {what}"));
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() || number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_kind = |name: &Value| name == kind || (name == "number" && kind == "integer");
    match &schema["type"] {
        Value::Null => {}
        Value::Array(names) if names.iter().any(is_kind) => {}
        name if is_kind(name) => {}
        name => fault(format!("{kind} instead of {name}")),
    }
    if schema.get("const").is_some_and(|wanted| wanted != value) {
        fault(format!("{value} instead of {}", schema["const"]));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        fault(format!("{value} is none of {}", schema["enum"]));
    }
    if schema["minimum"].as_f64().zip(value.as_f64()).is_some_and(|(least, value)| value < least) {
        fault(format!("{value} is too small"));
    }
    if let Some(fields) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(name.as_str().unwrap()) {
                fault(format!("{name} is missing"));
            }
        }
        for (name, field) in fields.iter().filter(|_| schema["properties"].is_object()) {
            match schema["properties"].get(name) {
                Some(inner) => found.extend(faults(root, inner, field, &format!("{place}/{name}"))),
                None => found.push(format!("{place}: `{name}` is not described")),
            }
        }
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(faults(root, &schema["items"], item, &format!("{place}/{at}")));
    }
    found
}

#[test]
fn reports_are_what_the_schema_says() {
    needs_root!();
    let scene = scene();
    let schema = schema();
    let broken = scene.file("a.c", "int main( {");
    let mean = own("mean");
    let mut reports = Vec::new();
    for (problem, submission, options) in [
        (&mean, mean.join("submissions/wrong_answer/whole.py"), "--stop never"),
        (&mean, mean.join("submissions/run_time_error/no_file.py"), ""),
        (&own("distinct"), own("distinct").join("submissions/partially_accepted/few.py"), "--jobs 2"),
        (&own("divisor"), own("divisor").join("submissions/accepted/smallest.py"), ""),
        (&own("sum"), broken, ""),
        (&own("sum"), scene.path("gone.c"), ""),
    ] {
        Said::of(&mut command(&scene, problem, &submission, &format!("--report report.json {options}")));
        reports.push(fs::read_to_string(scene.path("report.json")).unwrap());
    }
    let mut package = scene.command();
    package.arg("judge").arg(bundle()).arg(own("hydro")).args(["--format", "json", "--no-cache"]);
    reports.push(Said::of(&mut package).stdout);
    for report in &reports {
        let value: Value = serde_json::from_str(report).unwrap();
        assert_eq!(faults(&schema, &schema, &value, ""), Vec::<String>::new(), "{report}");
    }
    let kinds = ["tests", "submissions", "error"].map(|field| {
        reports
            .iter()
            .filter(|report| serde_json::from_str::<Value>(report).unwrap().get(field).is_some())
            .count()
    });
    assert_eq!(kinds, [5, 1, 1]);
}

#[test]
fn the_schema_refuses_what_is_not_a_report() {
    let schema = schema();
    for text in [
        "{}",
        r#"{"version": 2, "verdict": "IE", "error": "x"}"#,
        r#"{"version": 1, "verdict": "AC", "error": "x"}"#,
        r#"{"version": 1, "problem": "p", "language": "c", "verdict": "OK", "groups": [], "tests": []}"#,
        r#"{"version": 1, "problem": "p", "language": "c", "verdict": "AC", "groups": [], "tests": [{}]}"#,
        r#"{"version": 1, "problem": "p", "language": "c", "verdict": "AC", "groups": [], "tests": [], "new": 1}"#,
    ] {
        let value: Value = serde_json::from_str(text).unwrap();
        assert!(!faults(&schema, &schema, &value, "").is_empty(), "{text}");
    }
}

#[test]
fn the_page_has_a_bar_for_each_test_and_escapes_what_a_submission_wrote() {
    needs_root!();
    let scene = scene();
    let problem = own("mean");
    let submission =
        scene.file("s.py", "import sys\nprint('<script>1</script>')\nsys.stderr.write('<b>loud</b>')");
    let said = Said::of(&mut command(&scene, &problem, &submission, "--stop never --html page.html"));
    assert_eq!((said.code, said.stderr.as_str()), (1, ""), "{}", said.stdout);
    let page = fs::read_to_string(scene.path("page.html")).unwrap();
    // Two charts: for wide screens and for phones.
    assert_eq!(page.matches("<rect class=\"WA\"").count(), 8);
    assert_eq!(page.matches("time limit 1.000 s").count(), 2);
    assert!(!page.contains("<script") && !page.contains("<b>loud"), "{page}");
    assert!(
        page.contains("&#60;script&#62;1&#60;/script&#62;") && page.contains("stderr: &#60;b&#62;loud"),
        "{page}"
    );
    assert!(!page.contains("http") && !page.contains("url("), "it loads something");
    let mut package = scene.command();
    package.arg("judge").arg(bundle()).arg(own("hydro")).args(["--html", "package.html", "--no-cache"]);
    assert_eq!(Said::of(&mut package).code, 0);
    let page = fs::read_to_string(scene.path("package.html")).unwrap();
    assert!(page.contains("as expected") && page.matches("<h2 id=").count() == 2, "{page}");
    let refused = Said::of(&mut command(&scene, &problem, &submission, "--html /gone/page.html"));
    assert_eq!(refused.code, 125);
    assert!(refused.stderr.contains("/gone/page.html"), "{}", refused.stderr);
}
