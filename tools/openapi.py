#!/usr/bin/env python3
"""Writes the OpenAPI descriptions in openapi/, which the server serves and the runner embeds.

usage: tools/openapi.py healthlake|healthimaging   print the description of our API
       tools/openapi.py check                      compare openapi/ with what would be written

They come from src/*/model.json, the tables that requests are checked by, so a description cannot
promise what the server refuses. All prose is in this file.
"""
import json
import pathlib
import re
import sys

import service_model

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "openapi"
# A plain scalar that no YAML parser takes for anything but this text.
PLAIN = re.compile(r"^[A-Za-z/_$][A-Za-z0-9_./$={}-]*( [A-Za-z0-9(][A-Za-z0-9_./()-]*[,;.]?)*$")
WORDS_OF_YAML = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}

SUMMARIES = {
    "CreateFHIRDatastore": "Makes a data store for FHIR R4 resources",
    "DeleteFHIRDatastore": "Deletes a data store with all its resources",
    "DescribeFHIRDatastore": "What a data store is and which state it is in",
    "DescribeFHIRExportJob": "How far an export is",
    "DescribeFHIRImportJob": "How far an import is",
    "ListFHIRDatastores": "The data stores, filtered and in pages",
    "ListFHIRExportJobs": "The exports of a data store, filtered and in pages",
    "ListFHIRImportJobs": "The imports of a data store, filtered and in pages",
    "ListTagsForResource": "The tags of a data store or image set",
    "StartFHIRExportJob": "Begins to write a data store out as NDJSON files",
    "StartFHIRImportJob": "Begins to read NDJSON files into a data store",
    "TagResource": "Sets tags",
    "UntagResource": "Removes tags by key",
    "CopyImageSet": "Copies an image set, wholly or in part",
    "CreateDatastore": "Makes a data store for DICOM image sets",
    "DeleteDatastore": "Deletes a data store that holds no image sets",
    "DeleteImageSet": "Deletes an image set",
    "GetDICOMImportJob": "How far an import is",
    "GetDatastore": "What a data store is and which state it is in",
    "GetImageFrame": "The encoded pixels of one frame",
    "GetImageSet": "What an image set is and which state it is in",
    "GetImageSetMetadata": "The metadata of an image set as gzip-compressed JSON",
    "ListDICOMImportJobs": "The imports of a data store, filtered and in pages",
    "ListDatastores": "The data stores, filtered and in pages",
    "ListImageSetVersions": "The versions of an image set, in pages",
    "SearchImageSets": "The image sets that match the criteria, in pages",
    "StartDICOMImportJob": "Begins to read DICOM P10 files into a data store",
    "UpdateImageSetMetadata": "Changes metadata, which makes a new version",
}
# Shapes that only headers and errors name.
UNUSED = {"String"}
# Bodies that are bytes.
STREAMED = {"ImageSetMetadataBlob", "PayloadBlob"}
# GetImageFrame answers with the type of the stored transfer syntax, metadata as gzip.
BLOB_TYPES = {
    "GetImageFrame": ["image/jph", "image/jphc", "image/j2c", "image/jpeg", "image/jxl", "video/mpeg",
                      "video/mp4", "video/H256", "application/octet-stream"],
    "GetImageSetMetadata": ["application/json"],
}


def scalar(value):
    if not isinstance(value, str):
        return json.dumps(value)
    if PLAIN.match(value) and value.lower() not in WORDS_OF_YAML:
        return value
    return json.dumps(value)


def emit(value, indent, out):
    """Block style; empty collections and lists of scalars inline. Keeps the order of members."""
    pad = " " * indent
    items = value.items() if isinstance(value, dict) else [(None, item) for item in value]
    for name, item in items:
        head = pad + ("-" if name is None else scalar(name) + ":")
        if isinstance(item, dict) and item:
            if name is None:  # The first member beside the dash.
                lines = []
                emit(item, indent + 2, lines)
                lines[0] = pad + "- " + lines[0].lstrip()
                out.extend(lines)
            else:
                out.append(head)
                emit(item, indent + 2, out)
        elif isinstance(item, list) and any(isinstance(entry, dict) for entry in item):
            out.append(head)
            emit(item, indent + 2, out)
        elif isinstance(item, list):
            out.append(head + " [" + ", ".join(scalar(entry) for entry in item) + "]")
        else:
            out.append(head + " " + (scalar(item) if item != {} else "{}"))


def render(document, source):
    out = [f"# Made by tools/openapi.py from {source}."]
    emit(document, 0, out)
    return "\n".join(out) + "\n"


def reference(name):
    return {"$ref": f"#/components/schemas/{name}"}


def head(title, version, description, signing_name):
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description},
        # Only the server that this text was read from: whoever means another one says so.
        "servers": [{"url": "/", "description": "The server that serves this description"}],
        "security": [{"sigv4": []}],
        "paths": {},
        "components": {
            "securitySchemes": {"sigv4": {
                "type": "apiKey", "name": "Authorization", "in": "header",
                "description": "AWS Signature Version 4",
                "x-amazon-apigateway-authtype": "awsSigv4", "x-aws-signingName": signing_name}},
            "schemas": {}},
    }


def bounds(shape, low, high):
    out = {}
    if "min" in shape:
        out[low] = shape["min"]
    if "max" in shape:
        out[high] = shape["max"]
    return out


def schema(shape):
    """The JSON Schema of a shape."""
    kind = shape["type"]
    if kind == "structure":
        out = {"type": "object"}
        if shape.get("required"):
            out["required"] = shape["required"]
        if shape.get("union"):
            out.update(minProperties=1, maxProperties=1)
        if shape["members"]:
            out["properties"] = {name: reference(member)
                                 for name, member in shape["members"].items()}
        return out
    if kind == "list":
        return {"type": "array", "items": reference(shape["member"]),
                **bounds(shape, "minItems", "maxItems")}
    if kind == "map":
        return {"type": "object", "propertyNames": reference(shape["key"]),
                "additionalProperties": reference(shape["value"]),
                **bounds(shape, "minProperties", "maxProperties")}
    if kind == "string":
        out = {"type": "string", **bounds(shape, "minLength", "maxLength")}
        if "pattern" in shape:
            pattern = service_model.re2_pattern(shape)
            # Without lookahead, which not every engine has: (?!aws:).+
            if refused := service_model.refused_prefix(shape):
                out["not"] = {"pattern": f"^{refused}"}
            # `any text` says nothing beside the lengths.
            if pattern not in (r"[\P{M}\p{M}]*", r"[\x00-\x7F]*"):
                out["pattern"] = pattern
        if "enum" in shape:
            out["enum"] = shape["enum"]
        return out
    if kind == "blob":
        return {"type": "string", "contentEncoding": "base64"}
    if kind == "timestamp":
        return {"type": "number", "description": "Seconds since 1970-01-01T00:00:00Z"}
    simple = {"boolean": "boolean", "integer": "integer", "long": "integer", "double": "number",
              "float": "number"}
    return {"type": simple[kind], **bounds(shape, "minimum", "maximum")}


def error_responses(operation, errors, statuses, media_types, document):
    """Errors of one status share a response; `x-amzn-ErrorType` tells them apart."""
    by_status = {}
    for error in errors:
        by_status.setdefault(statuses[error], []).append(error)
    responses = document["components"].setdefault("responses", {})
    out = {}
    for status, names in sorted(by_status.items()):
        names.sort()
        name = names[0] if len(names) == 1 else f"{operation}{status}"
        schemas = [reference(error) for error in names]
        responses[name] = {
            "description": ", ".join(names),
            "headers": {"x-amzn-ErrorType": {"schema": {"type": "string", "enum": names}}},
            "content": {media: {"schema": schemas[0] if len(schemas) == 1 else {"oneOf": schemas}}
                        for media in media_types},
        }
        out[str(status)] = {"$ref": f"#/components/responses/{name}"}
    return out


def healthlake():
    model = service_model.read("healthlake")
    shapes = model["shapes"]
    document = head(
        "Amazon HealthLake API of Tarn", "2025-01-24",
        "AWS JSON 1.0 over POST /, where the header X-Amz-Target names the operation. The part of a "
        "path key after # tells operations apart and is never sent.", "healthlake")
    media_types = ["application/x-amz-json-1.0", "application/json"]
    statuses = {name: shape["status"] for name, shape in shapes.items() if "status" in shape}
    for name, operation in model["operations"].items():
        target = f'{model["target_prefix"]}.{name}'
        document["paths"][f"/#X-Amz-Target={target}"] = {"post": {
            "operationId": name,
            "summary": SUMMARIES[name],
            "parameters": [{"name": "X-Amz-Target", "in": "header", "required": True,
                            "schema": {"type": "string", "enum": [target]}}],
            "requestBody": {"required": True, "content": {
                media: {"schema": reference(operation["input"])} for media in media_types}},
            "responses": {
                "200": {"description": "Done", "content": {
                    media: {"schema": reference(operation["output"])} for media in media_types}},
                **error_responses(name, operation["errors"], statuses, media_types, document)},
        }}
    for name, shape in shapes.items():
        if "status" in shape:
            document["components"]["schemas"][name] = {
                "type": "object", "required": ["__type", "Message"],
                "properties": {"__type": {"type": "string", "const": name},
                               "Message": {"type": "string"}}}
        else:
            document["components"]["schemas"][name] = schema(shape)
    return render(document, "src/healthlake/model.json")


def healthimaging():
    model = service_model.read("healthimaging")
    shapes = model["shapes"]
    document = head(
        "AWS HealthImaging API of Tarn", "2023-07-19",
        "REST with JSON bodies. Errors carry their name in the header x-amzn-ErrorType. Operations "
        "with x-aws-host-prefix have a host of their own at AWS; here every host is served.",
        "medical-imaging")
    statuses = {name: shape["status"] for name, shape in shapes.items() if "status" in shape}
    for name, operation in model["operations"].items():
        item = document["paths"].setdefault(operation["path"], {})
        item[operation["method"].lower()] = imaging_operation(name, operation, shapes, statuses, document)
        if name == "GetImageFrame":
            item["get"] = frame_by_url(operation, shapes)
    requests = {operation[side] for operation in model["operations"].values() for side in ("input", "output")}
    schemas = document["components"]["schemas"]
    for name, shape in shapes.items():
        if "status" in shape:
            schemas[name] = {"type": "object", "required": ["message"],
                             "properties": {"message": {"type": "string"}}}
        elif name in requests and has_own_body(shape):
            schemas[name] = body_schema(shape)
        elif name not in requests and name not in STREAMED and name not in UNUSED:
            schemas[name] = schema(shape)
    return render(document, "src/healthimaging/model.json")


def frame_by_url(operation, shapes):
    """GetImageFrame's GET, which AWS does not have."""
    labels = [{"name": wire, "in": place, "required": True,
               "schema": reference(shapes[operation["input"]]["members"][member])}
              for member, (place, wire) in shapes[operation["input"]]["places"].items() if place == "path"]
    level = {"type": "integer", "minimum": 0, "maximum": 99}
    frame = {media: {} for media in BLOB_TYPES["GetImageFrame"]}
    return {
        "operationId": "GetImageFrameByUrl",
        "summary": "The same bytes, or a part of them, in a form that can be cached",
        "parameters": labels + [
            {"name": "imageFrameId", "in": "query", "required": True, "schema": reference("ImageFrameId")},
            {"name": "startLevel", "in": "query", "required": False, "schema": level},
            {"name": "endLevel", "in": "query", "required": False, "schema": level},
            {"name": "Range", "in": "header", "required": False, "schema": {"type": "string"}}],
        "responses": {
            "200": {"description": "The frame, or resolution levels of it",
                    "headers": {"ETag": {"schema": {"type": "string"}}}, "content": frame},
            "206": {"description": "A range of its bytes", "content": frame},
            "304": {"description": "The client has it"},
            "400": {"$ref": "#/components/responses/ValidationException"},
            "404": {"$ref": "#/components/responses/ResourceNotFoundException"},
            "416": {"description": "The range begins beyond its end"}},
    }


def payload(shape):
    return next((name for name, place in shape.get("places", {}).items() if place[0] == "payload"), None)


def body_members(shape):
    return {name: member for name, member in shape["members"].items() if name not in shape.get("places", {})}


def has_own_body(shape):
    return payload(shape) is None and bool(body_members(shape))


def body_schema(shape):
    members = body_members(shape)
    required = [name for name in shape.get("required", []) if name in members]
    return schema({"type": "structure", "members": members, "required": required})


def imaging_operation(name, operation, shapes, statuses, document):
    request = shapes[operation["input"]]
    answer = shapes[operation["output"]]
    out = {"operationId": name, "summary": SUMMARIES[name]}
    if prefix := operation.get("host_prefix"):
        out["x-aws-host-prefix"] = prefix
    parameters = []
    for member, (place, wire) in request.get("places", {}).items():
        if place != "payload":
            parameters.append({"name": wire, "in": place,
                               "required": place == "path" or member in request.get("required", []),
                               "schema": reference(request["members"][member])})
    if parameters:
        out["parameters"] = parameters
    body = None
    if whole := payload(request):
        body = (whole in request.get("required", []), reference(request["members"][whole]))
    elif has_own_body(request):
        body = (any(member in request.get("required", []) for member in body_members(request)),
                reference(operation["input"]))
    if body:
        out["requestBody"] = {"required": body[0], "content": {"application/json": {"schema": body[1]}}}
    done = {"description": "Done"}
    if name in BLOB_TYPES:
        if name == "GetImageSetMetadata":
            done["headers"] = {"Content-Encoding": {"schema": {"type": "string", "enum": ["gzip"]}}}
        done["content"] = {media: {} for media in BLOB_TYPES[name]}
    else:
        target = (reference(operation["output"]) if has_own_body(answer) else {"type": "object"})
        done["content"] = {"application/json": {"schema": target}}
    out["responses"] = {"200": done, **error_responses(name, operation["errors"], statuses,
                                                       ["application/json"], document)}
    return out


DESCRIPTIONS = {"healthlake": (healthlake, FOLDER / "amazon-healthlake-openapi.yaml"),
                "healthimaging": (healthimaging, FOLDER / "amazon-healthimaging-openapi.yaml")}


def check():
    stale = [path.name for write, path in DESCRIPTIONS.values() if path.read_text() != write()]
    for name in stale:
        print(f"openapi/{name} differs from what tools/openapi.py writes", file=sys.stderr)
    return 1 if stale else 0


def main():
    verb = sys.argv[1] if len(sys.argv) == 2 else ""
    if verb in DESCRIPTIONS:
        sys.stdout.write(DESCRIPTIONS[verb][0]())
    elif verb == "check":
        return check()
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
