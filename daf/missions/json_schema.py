"""JSON schemas of all configuration files, for editors and other programs.

`python -m daf.missions.json_schema FOLDER` writes them. `config.schema.yaml` is the schema of a
benchmark in one part, for the table of parameters in Snakemake's catalog of workflows.

A schema accepts every file that DAF accepts, except numbers that are written as text. DAF checks
more than a schema can express.
"""

import json
import sys
from pathlib import Path
from typing import Any

from daf.config import BenchmarkConfig, DAFConfig, DAFSweepConfig
from daf.config.yaml12 import dump_yaml
from daf.files.text_files import write_text
from daf.missions.layout_generator import SEED_PATTERN
from daf.missions.layout_registry import GENERATORS
from daf.missions.mission import Mission

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SUFFIX = ".schema.json"
NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""Bounds that pydantic leaves in its own words, by schema keyword."""

Schema = dict[str, Any]


def build_config_and_mission_schemas() -> dict[str, Schema]:
    """Return the schemas by the kind of their file."""
    return {
        "benchmark": _benchmark_schema(),
        "sweep": _sweep_schema(),
        "mission": _mission_schema(),
        "pipelines": _build_model_schema(DAFConfig),
    }


def build_config_and_mission_schema_texts() -> dict[str, str]:
    """Return the text of each schema file by its name."""
    schemas = build_config_and_mission_schemas()
    files = {f"{kind}{SUFFIX}": _json_text(schema) for kind, schema in schemas.items()}
    return files | {
        "config.schema.yaml": dump_yaml(_inline_references(schemas["benchmark"]), width=100)
    }


def write_schemas(folder: Path) -> None:
    """Write all schema files to a folder."""
    for name, text in build_config_and_mission_schema_texts().items():
        write_text(folder / name, text)


def _json_text(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _inline_references(schema: Schema) -> Schema:
    """Return a schema with its definitions in the place of their references."""
    definitions = schema["$defs"]

    def resolve(value: Any) -> Any:
        if isinstance(value, list):
            return [resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        resolved = {k: resolve(v) for k, v in value.items() if k != "$ref"}
        if "$ref" not in value:
            return resolved
        # A default and a description beside a reference belong to the key.
        return resolve(definitions[value["$ref"].rpartition("/")[2]]) | resolved

    return resolve({key: value for key, value in schema.items() if key != "$defs"})


def _benchmark_schema() -> Schema:
    schema = _build_model_schema(BenchmarkConfig)
    policy = schema["$defs"]["PolicyConfig"]["properties"]
    policy["name"]["anyOf"][0]["pattern"] = NAME_PATTERN
    policy["training"] |= {"$ref": "#/$defs/TrainingConfig"}
    schema["properties"]["name"]["pattern"] = NAME_PATTERN
    short_form = {"type": "string", "minLength": 1}
    for key, model in (("policies", "PolicyConfig"), ("missions", "EvaluationMission")):
        schema["properties"][key]["items"] = _either_short_form_or_model(short_form, model)
    mission = schema["$defs"]["EvaluationMission"]["properties"]
    mission["training"]["anyOf"][0] |= {"$ref": "#/$defs/TrainingConfig"}
    return schema


def _sweep_schema() -> Schema:
    schema = _build_model_schema(DAFSweepConfig)
    schema["properties"]["name"]["anyOf"][0]["pattern"] = NAME_PATTERN
    # One value is short for a list of one.
    schema["$defs"]["Parameter"]["properties"]["when"]["additionalProperties"] = {}
    space = schema["properties"]["search_space"]
    space["minProperties"] = space.pop("minLength")
    space["additionalProperties"] = _either_short_form_or_model(
        {"type": "array", "minItems": 1}, "Parameter"
    )
    return schema


def _mission_schema() -> Schema:
    """Return the schema of a mission file, which may extend another mission and the catalog."""
    schema = _build_model_schema(Mission)
    del schema["required"]
    keys, parts = schema["properties"], schema["$defs"]
    keys["extends"] = {
        "description": "mission that supplies the missing keys, a built-in name or a .yaml file",
        "type": "string",
    }
    rows = {key: value for key, value in keys["map"].items() if key != "description"}
    text = {"type": "string", "description": "rows of the map as lines of a text"}
    keys["map"] = {"description": keys["map"]["description"], "anyOf": [rows, text]}
    for name in (generator.__name__ for generator in GENERATORS.values()):
        parts[name].pop("required")
        parts[name]["properties"]["seed"]["anyOf"] = [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": f"^{SEED_PATTERN}-{SEED_PATTERN}$"},
        ]
        generator_key = parts[name]["properties"]["generator"]
        generator_key.pop("default")
    refs = [{"$ref": f"#/$defs/{generator.__name__}"} for generator in GENERATORS.values()]
    keys["layout"] = {"description": keys["layout"]["description"], "anyOf": refs}
    assembler, chest = parts.pop("Assembler"), parts.pop("Chest")
    kinds = [part["properties"].pop("kind")["const"] for part in (assembler, chest)]
    parts["Station"] = {
        "description": "A station of the catalog with other values, or a new one with its kind.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "kind": {"description": "kind of the station", "enum": kinds},
            **chest["properties"],
            **assembler["properties"],
        },
    }
    keys["stations"]["additionalProperties"] = {"$ref": "#/$defs/Station"}
    schema["anyOf"] = [{"required": [key]} for key in ("map", "layout", "extends")]
    schema["not"] = {"required": ["map", "layout"]}
    return schema


def _build_model_schema(model: type) -> Schema:
    """Return the schema of a model in plain JSON Schema, without the titles of its keys."""
    schema = model.model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        for key, value in part["properties"].items():
            part["properties"][key] = _rename_bounds_and_remove_titles(value)
        part.pop("title")
    return {"$schema": DIALECT, "title": f"DAF: {model.__name__}", **schema}


def _rename_bounds_and_remove_titles(value: Any) -> Any:
    if isinstance(value, list):
        return [_rename_bounds_and_remove_titles(item) for item in value]
    if not isinstance(value, dict):
        return value
    bounds = {word: value[key] for key, word in BOUNDS.items() if key in value}
    other_keys = {
        k: _rename_bounds_and_remove_titles(v)
        for k, v in value.items()
        if k not in BOUNDS and k != "title"
    }
    return bounds | other_keys


def _either_short_form_or_model(short_form: Schema, model_name: str) -> Schema:
    return {"anyOf": [short_form, {"$ref": f"#/$defs/{model_name}"}]}


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
