"""Holds outputs of airside against the published schemas of their formats.

usage: outputs.py FORMAT FILE SCHEMA

For `arrow`, `parquet`, `csv` and `ndjson` it counts the events of the file.

SCHEMA is a file for `sarif`; the schemas of OCSF come with the package ocsf-json-schema, those of
STIX with stix2-validator. Prints what is wrong, line by line; exit code 1 if anything is.
"""
import json
import sys


def sarif(document, schema):
    from jsonschema import Draft4Validator

    with open(schema, encoding="utf-8") as file:
        validator = Draft4Validator(json.load(file), format_checker=Draft4Validator.FORMAT_CHECKER)
    return [problem(error) for error in validator.iter_errors(json.loads(document))]


def ocsf(document, _schema):
    import ocsf_json_schema
    from jsonschema import Draft202012Validator

    problems, validators = [], {}
    for number, line in enumerate(document.splitlines(), 1):
        event = json.loads(line)
        version = event["metadata"]["version"]
        profiles = tuple(event["metadata"].get("profiles", []))
        key = (version, event["class_uid"], profiles)
        if key not in validators:
            schemas = ocsf_json_schema.OcsfJsonSchemaEmbedded(ocsf_json_schema.get_ocsf_schema(version))
            name = schemas.lookup_class_name_from_uid(event["class_uid"])
            validators[key] = Draft202012Validator(schemas.get_class_schema(name, list(profiles)))
        problems += [f"line {number}: {problem(error)}" for error in validators[key].iter_errors(event)]
        # What JSON schemas do not say: https://github.com/ocsf/ocsf-docs/blob/main/overview/understanding-ocsf.md
        if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
            problems.append(f"line {number}: type_uid is not class_uid and activity_id")
        if event["category_uid"] != event["class_uid"] // 1000:
            problems.append(f"line {number}: category_uid is not that of class_uid")
    return problems


def stix(document, _schema):
    from stix2validator import ValidationOptions, validate_string

    results = validate_string(document, ValidationOptions(version="2.1", strict=False))
    return [f"{error}" for error in results.errors]


def events(form, path):
    """Prints the number of events by stream, as another reader counts them."""
    import pyarrow.csv
    import pyarrow.ipc
    import pyarrow.json
    import pyarrow.parquet

    if form == "arrow":
        with pyarrow.ipc.open_file(path) as file:
            table = file.read_all()
    else:
        read = {"parquet": pyarrow.parquet.read_table, "csv": pyarrow.csv.read_csv, "ndjson": pyarrow.json.read_json}
        table = read[form](path)
    table.validate(full=True)
    if pyarrow.types.is_dictionary(table.schema.field("stream").type):
        at = table.schema.get_field_index("stream")
        table = table.set_column(at, "stream", table.column(at).cast("string"))
    counts = table.column("stream").value_counts()
    print(json.dumps({count["values"].as_py(): count["counts"].as_py() for count in counts}, sort_keys=True))
    print(table.num_rows, table.num_columns, table.schema.field("time").type)


def problem(error):
    return f"{error.json_path}: {error.message[:300]}"


if __name__ == "__main__":
    schema = sys.argv[3] if len(sys.argv) > 3 else None
    if sys.argv[1] in ("arrow", "parquet", "csv", "ndjson"):
        events(sys.argv[1], sys.argv[2])
        sys.exit(0)
    check = {"sarif": sarif, "ocsf": ocsf, "stix": stix}[sys.argv[1]]
    with open(sys.argv[2], encoding="utf-8") as file:
        wrong = check(file.read(), schema)
    for line in wrong[:20]:
        print(line)
    sys.exit(1 if wrong else 0)
