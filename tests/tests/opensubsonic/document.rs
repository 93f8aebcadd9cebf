//! The OpenSubsonic document (OpenAPI 3.0), and in what an answer differs from what it describes.
//!
//! It is not ours to ship. It is looked for where `OPENSUBSONIC_OPENAPI` says, and else in the folder `shared` beside the project.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

use serde_json::{Value, json};

/// Where it lies, from the manifest of this crate.
const BESIDE: &str = "../../shared/opensubsonic-openapi.json";

/// What everything is in.
const ENVELOPE: &str = "subsonic-response";

/// What albums as directories have though the document does not know it: apps of old read their name and count so.
const OF_DIRECTORIES: [&str; 2] = ["name", "songCount"];

/// Words of a schema that say nothing about a value.
const SILENT: [&str; 5] = ["description", "externalDocs", "title", "example", "default"];

/// Words of a schema that are heeded here.
const HEEDED: [&str; 14] = [
    "$ref",
    "allOf",
    "oneOf",
    "anyOf",
    "nullable",
    "type",
    "format",
    "enum",
    "minimum",
    "maximum",
    "minItems",
    "required",
    "properties",
    "items",
];

/// The document.
pub(crate) struct Document(Value);

impl Document {
    /// The document, where one is at hand. Where none is, that is said on the terminal whatever the test harness keeps back:
    /// a check that was not made is not to pass for one.
    pub(crate) fn find() -> Option<Document> {
        let named = env::var_os("OPENSUBSONIC_OPENAPI").map(PathBuf::from);
        let is_named = named.is_some();
        let path = named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(BESIDE));
        match fs::read(&path) {
            Ok(bytes) => Some(Document(serde_json::from_slice(&bytes).expect("a JSON document"))),
            Err(error) if is_named => panic!("OPENSUBSONIC_OPENAPI is {}: {error}", path.display()),
            Err(_) => {
                let words = "NOT CHECKED: answers were held against no OpenSubsonic document. Set OPENSUBSONIC_OPENAPI to \
                    the path of its openapi.json, or put it at";
                // The words of the macros are shown of tests that fail alone.
                writeln!(io::stderr(), "\n{words} {}\n", path.display()).expect("a terminal");
                None
            }
        }
    }

    /// All endpoints.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let paths = self.0["paths"].as_object().expect("paths");
        paths.keys().filter_map(|path| path.strip_prefix("/rest/")).collect()
    }

    /// What is wrong with an answer of an endpoint.
    pub(crate) fn problems_of_answer(&self, endpoint: &str, body: &Value, at: &str) -> Vec<String> {
        self.problems(&self.schema(endpoint), body, at)
    }

    /// What JSON an endpoint answers. Of one that sends bytes, and of one that there is not, it is that they have failed.
    fn schema(&self, endpoint: &str) -> Value {
        let operations = &self.0["paths"][format!("/rest/{endpoint}")];
        let operation = operations.get("get").or_else(|| operations.get("post")).unwrap_or(&Value::Null);
        let answer = self.resolved(&operation["responses"]["200"]);
        let schema = &answer["content"]["application/json"]["schema"];
        let of = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
        let (success, failure) = (of("SubsonicSuccessResponse"), of("SubsonicFailureResponse"));
        let inner = if schema.is_null() {
            failure
        } else if self.knows(schema, ENVELOPE) {
            return schema.clone();
        } else {
            // The document forgets the envelope of `getTranscodeDecision`.
            json!({ "oneOf": [{ "allOf": [success, schema] }, failure] })
        };
        json!({ "type": "object", "properties": { ENVELOPE: inner } })
    }

    fn knows(&self, schema: &Value, name: &str) -> bool {
        let mut known = BTreeSet::new();
        self.collect_properties(schema, &mut known);
        known.contains(name)
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let target = self.0.pointer(reference.trim_start_matches('#'));
                self.resolved(target.unwrap_or_else(|| panic!("the document has no {reference}")))
            }
            None => schema,
        }
    }

    /// What is wrong with a value, and what it has that the document does not know.
    pub(crate) fn problems(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let mut found = self.misfits(schema, value, at);
        let mut known = BTreeSet::new();
        self.collect_properties(schema, &mut known);
        // What has no properties may have any.
        for name in value.as_object().into_iter().flatten().map(|(name, _)| name) {
            let is_extra = value["isDir"] == true && OF_DIRECTORIES.contains(&name.as_str());
            if !known.is_empty() && !known.contains(name) && !is_extra {
                found.push(format!("{at}: the document knows no {name}"));
            }
        }
        found
    }

    /// The names that a value may have by any part of its schema.
    fn collect_properties(&self, schema: &Value, known: &mut BTreeSet<String>) {
        let schema = self.resolved(schema);
        known.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
        for word in ["allOf", "oneOf", "anyOf"] {
            for part in schema[word].as_array().into_iter().flatten() {
                self.collect_properties(part, known);
            }
        }
    }

    fn misfits(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let schema = self.resolved(schema);
        if value.is_null() && schema["nullable"] == true {
            return Vec::new();
        }
        let mut found = Vec::new();
        for part in schema["allOf"].as_array().into_iter().flatten() {
            found.extend(self.misfits(part, value, at));
        }
        for choice in ["oneOf", "anyOf"] {
            let parts = schema[choice].as_array().into_iter().flatten();
            let tries: Vec<_> = parts.map(|part| self.misfits(part, value, at)).collect();
            // The nearest one says best what is wrong.
            found.extend(tries.into_iter().min_by_key(Vec::len).unwrap_or_default());
        }
        if let Some(words) = unfit(schema, value) {
            found.push(format!("{at}: {value:.100} {words}"));
            return found;
        }
        if let Some(object) = value.as_object() {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !object.contains_key(name) {
                    found.push(format!("{at}: {name} is missing"));
                }
            }
            for (name, part) in schema["properties"].as_object().into_iter().flatten() {
                if let Some(inner) = object.get(name) {
                    found.extend(self.problems(part, inner, &format!("{at}.{name}")));
                }
            }
        }
        if let Some(items) = schema.get("items") {
            for (number, inner) in value.as_array().into_iter().flatten().enumerate() {
                found.extend(self.problems(items, inner, &format!("{at}[{number}]")));
            }
        }
        found
    }

    /// Words in the schemas of the document that nobody heeds here.
    pub(crate) fn unheeded(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for schema in self.0["components"]["schemas"].as_object().expect("schemas").values() {
            collect_unheeded(schema, &mut found);
        }
        found
    }
}

/// For a control: a document of these schemas.
impl From<Value> for Document {
    fn from(schemas: Value) -> Document {
        Document(json!({ "components": { "schemas": schemas } }))
    }
}

fn collect_unheeded(schema: &Value, found: &mut BTreeSet<String>) {
    for (word, inner) in schema.as_object().into_iter().flatten() {
        match word.as_str() {
            "properties" => {
                inner.as_object().into_iter().flatten().for_each(|(_, part)| collect_unheeded(part, found));
            }
            "allOf" | "oneOf" | "anyOf" => {
                inner.as_array().into_iter().flatten().for_each(|part| collect_unheeded(part, found));
            }
            "items" => collect_unheeded(inner, found),
            word if SILENT.contains(&word) || HEEDED.contains(&word) => {}
            word => drop(found.insert(word.to_owned())),
        }
    }
}

/// Why a value by itself is not what a schema says, whatever is in it.
fn unfit(schema: &Value, value: &Value) -> Option<String> {
    let kind = schema["type"].as_str();
    let fits = match kind {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        // The document has an integer of the format `float`.
        Some("integer") => {
            value.is_i64() || value.is_u64() || (schema["format"] == "float" && value.is_f64())
        }
        Some("number") => value.is_number(),
        _ => true,
    };
    if !fits {
        return Some(format!("is no {}", kind.unwrap_or_default()));
    }
    if let Some(names) = schema["enum"].as_array().filter(|names| !names.contains(value)) {
        return Some(format!("is none of {names:?}"));
    }
    if schema["format"] == "date-time" && value.as_str().is_some_and(|text| !is_moment(text)) {
        return Some("is no date-time".to_owned());
    }
    let bounds =
        [value.as_f64().zip(schema["minimum"].as_f64()), schema["maximum"].as_f64().zip(value.as_f64())];
    if bounds.into_iter().flatten().any(|(high, low)| high < low) {
        return Some(format!("is not from {} to {}", schema["minimum"], schema["maximum"]));
    }
    let least = schema["minItems"].as_u64().unwrap_or(0);
    let count = value.as_array().map(Vec::len);
    count.is_some_and(|count| (count as u64) < least).then(|| format!("has fewer than {least} items"))
}

/// Whether it is a moment as RFC 3339 writes it.
fn is_moment(text: &str) -> bool {
    text.as_bytes().get(10) == Some(&b'T') && text.parse::<jiff::Timestamp>().is_ok()
}
