//! Holds JSON against a schema, strictly: a field that the schema does not name does not fit, nor does a word of the
//! schema fit that is not known here.

use serde_json::{Map, Value};

/// The words of schemas that say something to people only.
const FOR_PEOPLE: [&str; 5] = ["title", "description", "examples", "default", "style"];

/// Everything in which the value differs from the schema.
pub fn misfits(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Reader { document, found: &mut found }.read(schema, value, "");
    found
}

struct Reader<'a> {
    document: &'a Value,
    found: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn read(&mut self, schema: &Value, value: &Value, at: &str) {
        let Some(words) = schema.as_object() else { return self.differs(at, "the schema is not an object") };
        for (word, says) in words {
            match word.as_str() {
                "$ref" => self.refers(says, value, at),
                "type" => self.has_type(says, value, at),
                "enum" => self.holds(list(says).contains(value), at, format!("{value} is none of {says}")),
                "format" => self.has_format(says, value, at),
                "minimum" => self.holds(value.as_f64() >= says.as_f64() || !value.is_number(), at, "too small"),
                "maximum" => self.holds(value.as_f64() <= says.as_f64() || !value.is_number(), at, "too large"),
                "oneOf" => self.is_one_of(list(says), value, at),
                "required" => {
                    for name in list(says).iter().filter_map(Value::as_str) {
                        self.holds(value.get(name).is_some(), at, format!("{name} is missing"));
                    }
                }
                "items" => {
                    for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.read(says, item, &format!("{at}/{n}"));
                    }
                }
                "properties" | "additionalProperties" | "propertyNames" => {}
                word if FOR_PEOPLE.contains(&word) => {}
                word => self.differs(at, format!("the schema's word {word} is not known to this test")),
            }
        }
        if let Some(fields) = value.as_object() {
            self.read_fields(words, fields, at);
        }
    }

    /// A field that neither `properties` nor `additionalProperties` has is there by mistake.
    fn read_fields(&mut self, words: &Map<String, Value>, fields: &Map<String, Value>, at: &str) {
        if words.contains_key("$ref") || words.contains_key("oneOf") {
            return;
        }
        for (name, field) in fields {
            let known = words.get("properties").and_then(|properties| properties.get(name));
            match known.or_else(|| words.get("additionalProperties").filter(|more| more.is_object())) {
                Some(schema) => self.read(schema, field, &format!("{at}/{name}")),
                None => self.differs(at, format!("{name} is not in the document")),
            }
        }
    }

    fn refers(&mut self, to: &Value, value: &Value, at: &str) {
        let pointer = to.as_str().and_then(|to| to.strip_prefix('#')).expect("a reference into the document");
        let schema = self.document.pointer(pointer).unwrap_or_else(|| panic!("nothing is at {pointer}"));
        self.read(schema, value, at);
    }

    fn has_type(&mut self, says: &Value, value: &Value, at: &str) {
        let is = |name: &Value| match name.as_str().expect("the name of a type") {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("{other} is not a type"),
        };
        let fits = says.as_array().map_or_else(|| is(says), |names| names.iter().any(is));
        self.holds(fits, at, format!("{value} is not of the type {says}"));
    }

    fn has_format(&mut self, says: &Value, value: &Value, at: &str) {
        let text = value.as_str();
        let fits = value.is_null()
            || match says.as_str().expect("the name of a format") {
                "int32" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
                "int64" => value.is_i64() || value.is_u64(),
                "uuid" => text.is_some_and(|text| text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()),
                "date-time" => text.is_some_and(|text| {
                    time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).is_ok()
                }),
                other => panic!("the format {other} is not known to this test"),
            };
        self.holds(fits, at, format!("{value} has not the format {says}"));
    }

    fn is_one_of(&mut self, choices: &[Value], value: &Value, at: &str) {
        let fitting = choices.iter().filter(|choice| misfits(self.document, choice, value).is_empty()).count();
        if fitting == 1 {
            return;
        }
        let each: Vec<_> = choices.iter().map(|choice| misfits(self.document, choice, value).join(", ")).collect();
        self.differs(at, format!("{fitting} of the choices fit: {}", each.join(" | ")));
    }

    fn holds(&mut self, fits: bool, at: &str, why: impl Into<String>) {
        if !fits {
            self.differs(at, why);
        }
    }

    fn differs(&mut self, at: &str, why: impl Into<String>) {
        self.found.push(format!("{at}: {}", why.into()));
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

#[test]
fn only_the_values_that_the_schema_names_fit() {
    let document =
        serde_json::json!({"components": {"schemas": {"Colour": {"type": "string", "enum": ["red", "blue"]}}}});
    let schema = serde_json::json!({
        "type": "object",
        "required": ["colour", "size"],
        "properties": {
            "colour": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Colour"}]},
            "size": {"type": "integer", "format": "int64", "minimum": 0},
            "more": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    });
    let fits = |value: Value| misfits(&document, &schema, &value).is_empty();
    assert!(fits(serde_json::json!({"colour": "red", "size": 1})));
    assert!(fits(serde_json::json!({"colour": null, "size": 0, "more": {"any": "text"}})));
    for wrong in [
        serde_json::json!({"colour": "green", "size": 1}),
        serde_json::json!({"colour": "red"}),
        serde_json::json!({"colour": "red", "size": -1}),
        serde_json::json!({"colour": "red", "size": "1"}),
        serde_json::json!({"colour": "red", "size": 1, "shape": "round"}),
        serde_json::json!({"colour": "red", "size": 1, "more": {"any": 1}}),
        serde_json::json!([]),
    ] {
        assert!(!fits(wrong.clone()), "{wrong}");
    }
}
