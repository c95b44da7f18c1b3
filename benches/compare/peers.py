"""One task of one peer on one archive, in a process of its own: `peers.py TASK ARCHIVE`.

Prints what it counted as JSON. `seconds` is the time of the work alone: what it takes Python to start
and to import the engine is not held against a peer.

The columns are those that Airside needs, named once below for all engines. `durationMs` is left out:
it is a number in some records and a string in others, and DataFusion reads no such column.
"""

import json
import os
import sys
import time
from pathlib import Path

THREADS = 2

# Claims whose names are addresses.
CLAIMS = "http://schemas.microsoft.com/identity/claims/"
XML_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"


def text(*names):
    """Members that are strings, or read as such."""
    return dict.fromkeys(names)


# Members of each log: None is a string, a dictionary an object, a list an array of such.
LOGS = {
    "activity": text(
        "time", "category", "operationName", "resourceId", "resultType", "resultSignature",
        "correlationId", "callerIpAddress", "tenantId",
    ) | {
        "identity": {
            "authorization": text("scope") | {"evidence": text("principalId", "principalType")},
            "claims": text(
                CLAIMS + "objectidentifier", CLAIMS + "scope", CLAIMS + "tenantid", XML_CLAIMS + "upn",
                XML_CLAIMS + "name", "appid", "appidacr", "idtyp", "name", "iss", "aud", "uti", "ipaddr",
                "xms_mirid", "xms_az_rid",
            ),
        },
        "properties": text("eventCategory", "hierarchy", "requestbody", "responseBody", "statusCode"),
    },
    "storage": text(
        "time", "category", "operationName", "resourceId", "statusText", "uri", "correlationId",
        "callerIpAddress",
    ) | {
        "statusCode": 0,
        "identity": text("type", "tokenHash") | {
            "requester": text("objectId", "appId", "tenantId", "audience", "upn"),
            "authorization": [
                text("result", "denyAssignmentId", "roleDefinitionId", "roleAssignmentId")
                | {"principals": [text("id", "type")]}
            ],
        },
        "properties": text("accountName", "serviceType", "objectKey", "userAgentHeader", "metricResponseType")
        | {"operationCount": 0, "responseBodySize": 0, "requestBodySize": 0},
    },
    "keyvault": text(
        "time", "category", "operationName", "resourceId", "resultSignature", "correlationId", "callerIpAddress",
    ) | {
        "identity": {
            "claim": text(
                "oid", "appid", "appidacr", "idtyp", "upn", "scp", "xms_mirid", "xms_az_rid", "tid", "iss", "uti",
            )
        },
        "properties": text("id", "requestUri", "clientInfo") | {"httpStatusCode": 0},
    },
    "signin": text(
        "time", "category", "operationName", "tenantId", "resultType", "correlationId", "callerIpAddress",
    ) | {
        "properties": text(
            "id", "createdDateTime", "userId", "userPrincipalName", "userDisplayName", "servicePrincipalId",
            "servicePrincipalName", "clientCredentialType", "servicePrincipalCredentialKeyId",
            "federatedCredentialId", "appId", "ipAddress", "userAgent", "resourceDisplayName", "resourceId",
            "correlationId", "uniqueTokenIdentifier",
        ) | {"status": {"errorCode": 0}},
    },
    "sql": text("time", "resourceId", "LogicalServerName") | {
        "properties": text(
            "action_id", "action_name", "application_name", "client_ip", "database_name",
            "database_principal_name", "event_id", "event_time", "server_principal_name", "statement", "succeeded",
        ),
    },
    "databricks": text("time", "category", "operationName", "resourceId", "identity") | {
        "properties": text(
            "sourceIPAddress", "logId", "serviceName", "userAgent", "response", "actionName", "requestId",
            "requestParams",
        ),
    },
    "audit": text("time", "operationName", "tenantId", "correlationId", "callerIpAddress") | {
        "properties": text("id", "result") | {
            "initiatedBy": {
                "user": text("id", "userPrincipalName", "ipAddress"),
                "app": text("servicePrincipalId", "appId"),
            },
            "targetResources": [text("id", "displayName", "type")],
        },
    },
}

# Where a record of each log names who acted; None where it does not by an id.
PRINCIPAL = {
    "activity": ("identity", "claims", CLAIMS + "objectidentifier"),
    "storage": ("identity", "requester", "objectId"),
    "keyvault": ("identity", "claim", "oid"),
    "signin": ("properties", "servicePrincipalId"),
    "sql": None,
    "databricks": None,
    "audit": None,
}


def log_of(container):
    """The log that a container of the archive holds."""
    known = {
        "insights-activity-logs": "activity",
        "insights-logs-auditevent": "keyvault",
        "insights-logs-auditlogs": "audit",
        "insights-logs-sqlsecurityauditevents": "sql",
    }
    if container in known:
        return known[container]
    if container.endswith("signinlogs"):
        return "signin"
    return "storage" if container.startswith("insights-logs-storage") else "databricks"


def containers(archive):
    """Containers of the archive by log."""
    found = {}
    for folder in sorted(Path(archive).glob("insights-*")):
        found.setdefault(log_of(folder.name), []).append(folder)
    return found


def ending(archive):
    """How the names of the archive's files end."""
    for _, _, names in os.walk(archive):
        if any(name.endswith(".gz") for name in names):
            return ".json.gz"
    return ".json"


def principals(archive):
    """Stream of each Databricks identity of the inventory, by object id: what a join can know."""
    inventory = Path(archive) / "inventory"
    streams = {}
    for row in json.loads((inventory / "service-principals.json").read_text()):
        arm_ids = " ".join(row.get("alternativeNames", [])).lower()
        if "/accessconnectors/" in arm_ids:
            streams[row["id"]] = "adac"
        elif row["displayName"] == "dbmanagedidentity" and "databricks" in arm_ids:
            streams[row["id"]] = "dbmi"
    for row in json.loads((inventory / "access-connectors.json").read_text()):
        identity = row["identity"]
        for who in [identity, *identity.get("userAssignedIdentities", {}).values()]:
            if who.get("principalId"):
                streams[who["principalId"]] = "adac"
    return streams


def answer(rows):
    """Counts of the one query that all engines are asked: log, stream, principal and target of what is found."""
    by_stream, found = {}, {}
    for log, stream, principal, target, count in rows:
        by_stream[stream] = by_stream.get(stream, 0) + count
        if principal:
            found[f"{principal} {target}"] = found.get(f"{principal} {target}", 0) + count
    return {
        "records": sum(by_stream.values()),
        "by_stream": dict(sorted(by_stream.items())),
        "found": dict(sorted(found.items())),
    }


def one_query(relation, field, archive, lower):
    """Classifies every record by its principal, and finds workspace identities that read or write storage.

    `relation` gives the FROM clause of a log, `field` the expression of a path, in the engine's dialect. One
    pass over each log does both: the groups of what is not found have no principal and no target.
    """
    selects = []
    for log in containers(archive):
        path = PRINCIPAL[log]
        principal = f"{lower}({field(*path)})" if path else "''"
        is_found = "status < 400 AND stream = 'dbmi'" if log == "storage" else "1 = 0"
        status = f"{field('statusCode')}" if log == "storage" else "0"
        selects.append(
            f"SELECT '{log}' AS log, stream, CASE WHEN {is_found} THEN principal ELSE '' END AS who, "
            f"CASE WHEN {is_found} THEN target ELSE '' END AS what, count(*) AS records FROM ("
            f"SELECT coalesce(nullif(p.stream, ''), 'other') AS stream, r.principal AS principal, r.target AS target, "
            f"r.status AS status FROM (SELECT {principal} AS principal, {status} AS status, "
            f"{lower}({field('resourceId') if 'resourceId' in LOGS[log] else field('time')}) AS target "
            f"FROM {relation(log)}) AS r LEFT JOIN principals AS p ON r.principal = p.id"
            f") AS classified GROUP BY 1, 2, 3, 4"
        )
    return " UNION ALL ".join(selects)


# DuckDB ---------------------------------------------------------------------------------------------


def duckdb_type(members):
    if members is None:
        return "VARCHAR"
    if members == 0:
        return "BIGINT"
    if isinstance(members, list):
        return duckdb_type(members[0]) + "[]"
    return "STRUCT(" + ", ".join(f'"{name}" {duckdb_type(inner)}' for name, inner in members.items()) + ")"


def duckdb_relation(archive, log):
    end = ending(archive)
    globs = ", ".join(f"'{folder}/**/*{end}'" for folder in containers(archive)[log])
    columns = ", ".join(f"'{name}': '{duckdb_type(inner)}'" for name, inner in LOGS[log].items())
    return f"read_ndjson([{globs}], columns={{{columns}}}, hive_partitioning=false)"


def duckdb_connect():
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads={THREADS}")
    # Nobody asked for the order of the files; without it, both threads insert.
    connection.execute("SET preserve_insertion_order=false")
    return connection


def duckdb_load(archive):
    """Loads the needed columns into tables, and does nothing else."""
    connection = duckdb_connect()
    begin = time.perf_counter()
    records = 0
    for log in containers(archive):
        connection.execute(f"CREATE TABLE {log} AS SELECT * FROM {duckdb_relation(archive, log)}")
    seconds = time.perf_counter() - begin
    for log in containers(archive):
        records += connection.execute(f"SELECT count(*) FROM {log}").fetchone()[0]
    return {"records": records, "seconds": seconds}


def duckdb_query(archive):
    """Classifies and runs one detection straight from the files."""
    connection = duckdb_connect()
    begin = time.perf_counter()
    connection.execute("CREATE TABLE principals (id VARCHAR, stream VARCHAR)")
    connection.executemany("INSERT INTO principals VALUES (?, ?)", list(principals(archive).items()))

    def field(*path):
        return ".".join(f'"{name}"' for name in path)

    query = one_query(lambda log: duckdb_relation(archive, log), field, archive, "lower")
    rows = connection.execute(query).fetchall()
    return answer(rows) | {"seconds": time.perf_counter() - begin}


# ClickHouse -----------------------------------------------------------------------------------------


def clickhouse_type(members):
    if members is None:
        return "String"
    if members == 0:
        return "Int64"
    if isinstance(members, list):
        return f"Array({clickhouse_type(members[0])})"
    return "Tuple(" + ", ".join(f"`{name}` {clickhouse_type(inner)}" for name, inner in members.items()) + ")"


def clickhouse_relation(archive, log):
    structure = ", ".join(f"`{name}` {clickhouse_type(inner)}" for name, inner in LOGS[log].items())
    names = ",".join(folder.name for folder in containers(archive)[log])
    names = f"{{{names}}}" if "," in names else names
    return f"file('{Path(archive).resolve()}/{names}/**/*{ending(archive)}', 'JSONEachRow', '{structure}')"


def clickhouse_field(*path):
    return ".".join(f"`{name}`" for name in path)


# Tried: the methods of reading (`mmap` was the fastest by a little), parsing each file in parallel or not
# (no difference where there are more files than threads).
CLICKHOUSE_SETTINGS = {
    # The archive's folders call month and minute `m`; a partition by them collides.
    "use_hive_partitioning": 0,
    "max_threads": THREADS,
    "max_parsing_threads": THREADS,
    "storage_file_read_method": "'mmap'",
    "input_format_skip_unknown_fields": 1,
    "input_format_json_ignore_unknown_keys_in_named_tuple": 1,
    "input_format_json_defaults_for_missing_elements_in_named_tuple": 1,
    "input_format_null_as_default": 1,
    # Counts are counted in every run, never remembered.
    "optimize_count_from_files": 0,
    "use_cache_for_count_from_files": 0,
}


def clickhouse_rows(query):
    import chdb

    listed = ", ".join(f"{name} = {value}" for name, value in CLICKHOUSE_SETTINGS.items())
    result = chdb.query(f"{query} SETTINGS {listed}", "JSONCompactEachRow")
    return [json.loads(line) for line in result.bytes().decode().splitlines() if line]


def clickhouse_aggregate(archive):
    """Aggregates the needed columns: adds up their lengths, and does nothing else."""
    import chdb  # noqa: F401, imported before the time is taken

    def lengths(members, path=()):
        for name, inner in members.items():
            here = (*path, name)
            if isinstance(inner, dict):
                yield from lengths(inner, here)
            elif inner == 0:
                yield clickhouse_field(*here)
            else:
                yield f"length({clickhouse_field(*here)})"

    begin = time.perf_counter()
    selects = [
        f"SELECT count() AS records, sum({' + '.join(lengths(LOGS[log]))}) AS length "
        f"FROM {clickhouse_relation(archive, log)}"
        for log in containers(archive)
    ]
    rows = clickhouse_rows(" UNION ALL ".join(selects))
    return {"records": sum(int(count) for count, _ in rows), "seconds": time.perf_counter() - begin}


def clickhouse_query(archive):
    """Classifies and runs one detection straight from the files."""
    import chdb  # noqa: F401, imported before the time is taken

    begin = time.perf_counter()
    rows = ", ".join(f"('{who}', '{stream}')" for who, stream in principals(archive).items())
    listed = f"values('id String, stream String', {rows})"
    query = one_query(lambda log: clickhouse_relation(archive, log), clickhouse_field, archive, "lower")
    rows = clickhouse_rows(query.replace("LEFT JOIN principals AS p", f"LEFT JOIN {listed} AS p"))
    rows = [(log, stream, who, what, int(count)) for log, stream, who, what, count in rows]
    return answer(rows) | {"seconds": time.perf_counter() - begin}


# DataFusion -----------------------------------------------------------------------------------------


def arrow_type(members):
    import pyarrow

    if members is None:
        return pyarrow.string()
    if members == 0:
        return pyarrow.int64()
    if isinstance(members, list):
        return pyarrow.list_(arrow_type(members[0]))
    return pyarrow.struct([pyarrow.field(name, arrow_type(inner)) for name, inner in members.items()])


def datafusion_query(archive):
    """Classifies and runs one detection straight from the files."""
    import datafusion
    import pyarrow

    config = (
        datafusion.SessionConfig()
        .with_target_partitions(THREADS)
        .set("datafusion.execution.listing_table_ignore_subdirectory", "false")
    )
    context = datafusion.SessionContext(config)
    end = ending(archive)
    begin = time.perf_counter()
    tables = {}
    for log, folders in containers(archive).items():
        schema = pyarrow.schema([pyarrow.field(name, arrow_type(inner)) for name, inner in LOGS[log].items()])
        for index, folder in enumerate(folders):
            context.register_json(
                f"{log}_{index}",
                f"{folder.resolve()}/",
                schema=schema,
                file_extension=end,
                file_compression_type="gzip" if end.endswith(".gz") else None,
            )
        tables[log] = " UNION ALL ".join(f"SELECT * FROM {log}_{index}" for index in range(len(folders)))
    rows = ", ".join(f"('{who}', '{stream}')" for who, stream in principals(archive).items())
    context.sql(f"CREATE TABLE principals AS SELECT * FROM (VALUES {rows}) AS t(id, stream)").collect()

    def field(*path):
        return f'"{path[0]}"' + "".join(f"['{name}']" for name in path[1:])

    query = one_query(lambda log: f"({tables[log]})", field, archive, "lower")
    rows = []
    for batch in context.sql(query).collect():
        columns = batch.to_pydict()
        rows += zip(columns["log"], columns["stream"], columns["who"], columns["what"], columns["records"])
    return answer(rows) | {"seconds": time.perf_counter() - begin}


TASKS = {
    "duckdb-load": duckdb_load,
    "duckdb-query": duckdb_query,
    "clickhouse-aggregate": clickhouse_aggregate,
    "clickhouse-query": clickhouse_query,
    "datafusion-query": datafusion_query,
}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](sys.argv[2])))
