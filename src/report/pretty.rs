//! JSON with a member a line, everything else of it as it was written.

/// Spaces that a level is indented by.
const INDENT: usize = 2;

/// Lays out JSON: order, spelling of numbers and escapes stay. `json` must be valid.
pub(crate) fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut level = 0_usize;
    let mut rest = json;
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        match first {
            '{' | '[' => {
                let after = rest.get(taken..).unwrap_or_default().trim_start();
                out.push(first);
                if after.starts_with(['}', ']']) {
                    // Nothing is in it: it stays on its line.
                    out.extend(after.chars().next());
                    taken = rest.len() - after.len() + 1;
                } else {
                    level += 1;
                    line(&mut out, level);
                }
            }
            '}' | ']' => {
                level = level.saturating_sub(1);
                line(&mut out, level);
                out.push(first);
            }
            ',' => {
                out.push(first);
                line(&mut out, level);
            }
            ':' => out.push_str(": "),
            '"' => {
                taken = string(rest);
                out.push_str(rest.get(..taken).unwrap_or_default());
            }
            first if first.is_ascii_whitespace() => {}
            first => out.push(first),
        }
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

fn line(out: &mut String, level: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', level * INDENT));
}

/// Length of the string that the text begins with, quotes included.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_on_lines_and_are_spelled_as_they_were() {
        let json = r#" {"b":[1, 1.50,{ }],"a" : {"x":"é\"{,\\"},"e":[ ],"b":null}"#;

        assert_eq!(
            pretty(json),
            "{\n  \"b\": [\n    1,\n    1.50,\n    {}\n  ],\n  \"a\": {\n    \"x\": \"é\\\"{,\\\\\"\n  },\n  \"e\": [],\n  \"b\": null\n}"
        );
    }

    #[test]
    fn what_is_laid_out_means_the_same() {
        let json = r#"[{"a":{"b":[[],[{}],"\\\"",{"c":[null,true,-1e-3]}]}},"x y"]"#;
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();

        assert_eq!(value(&pretty(json)), value(json));
    }
}
