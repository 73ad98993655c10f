"""What the package is shipped in says the same everywhere, and is what those who take it want."""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from delivery import bundle, papers, registry
from sendoso_mcp import __version__
from sendoso_mcp.server.tools import TOOLS
from sendoso_mcp.settings import VARIABLES, read_settings

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "tests" / "schemas"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STATED = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)


def validate(schema: str, value: Any) -> None:
    content = json.loads((SCHEMAS / schema).read_text(encoding="utf-8"))
    jsonschema_rs.Draft7Validator(content, validate_formats=True).validate(value)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundle")
    with zipfile.ZipFile(bundle.write(place / "dist" / "x.mcpb")) as file:
        file.extractall(place / "x")
    return place / "x"


@pytest.mark.parametrize("path", papers.papers(), ids=lambda path: path.name)
def test_papers_say_what_the_code_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == papers.papers()[path], "run `make papers`"


def test_there_is_one_version(unpacked: Path) -> None:
    manifest = json.loads((unpacked / "manifest.json").read_text())
    project = tomllib.loads((unpacked / "pyproject.toml").read_text())["project"]
    server = json.loads((ROOT / "server.json").read_text())
    assert {manifest["version"], project["version"], server["version"]} == {__version__}
    assert {package["version"] for package in server["packages"]} == {__version__}
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"] == ["version"]
    # The image is told its version by whoever builds it.
    assert __version__ not in DOCKERFILE
    assert 'org.opencontainers.image.version="${VERSION}"' in DOCKERFILE
    assert re.search(rf"^## {re.escape(__version__)} ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_registrys_file_follows_its_schema_and_rules() -> None:
    server = registry.server_json()
    validate("mcp-registry-server.schema.json", server)
    assert server["$schema"].endswith("/2025-12-11/server.schema.json")
    assert len(server["description"]) <= 100
    # Who owns the package on PyPI shows it by this line in the package's description.
    assert f"<!-- mcp-name: {server['name']} -->" in (ROOT / "README.md").read_text()
    assert f'io.modelcontextprotocol.server.name="{server["name"]}"' in DOCKERFILE
    (package,) = server["packages"]
    variables = {each["name"]: each for each in package["environmentVariables"]}
    assert list(variables) == [each.name for each in VARIABLES]
    assert variables["SENDOSO_API_KEY"]["isSecret"]
    assert variables["SENDOSO_LEDGER_URL"]["isSecret"]


def test_a_wrong_file_would_be_seen() -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        validate("mcp-registry-server.schema.json", registry.server_json() | {"version": None})
    with pytest.raises(jsonschema_rs.ValidationError):
        validate("mcpb-manifest-v0.4.schema.json", bundle.manifest() | {"servers": {}})


def test_the_bundles_manifest_follows_its_schema_and_asks_for_the_key_as_a_secret() -> None:
    manifest = bundle.manifest()
    validate("mcpb-manifest-v0.4.schema.json", manifest)
    assert manifest["user_config"]["api_key"]["sensitive"] is True
    assert manifest["user_config"]["policy_file"]["type"] == "file"
    assert [tool["name"] for tool in manifest["tools"]] == [spec.name for spec in TOOLS]
    used = set(re.findall(r"\$\{user_config\.(\w+)\}", json.dumps(manifest["server"])))
    assert used == set(manifest["user_config"])
    assert set(manifest["server"]["mcp_config"]["env"]) <= {each.name for each in VARIABLES}


def test_a_setting_of_the_bundle_that_was_left_empty_counts_as_absent() -> None:
    env = bundle.manifest()["server"]["mcp_config"]["env"]
    assert read_settings(env) == read_settings({})


def test_the_bundle_holds_the_whole_package(unpacked: Path) -> None:
    inside = unpacked / "server" / "sendoso_mcp"
    ours = {path.relative_to(ROOT) for path in (ROOT / "sendoso_mcp").rglob("*.py")}
    assert {Path("sendoso_mcp") / path.relative_to(inside) for path in inside.rglob("*.py")} == ours
    assert len(list((inside / "prompts").glob("*.md"))) == len(list((ROOT / "prompts").glob("*.md")))
    # Python looks beside the script first, so no other copy of the package is taken.
    assert (unpacked / bundle.ENTRY_POINT).parent == inside.parent


def test_the_same_content_is_the_same_bundle(tmp_path: Path) -> None:
    one, two = (bundle.write(tmp_path / name / "x.mcpb") for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_the_bundle_takes_the_versions_that_are_tested(unpacked: Path) -> None:
    project = tomllib.loads((unpacked / "pyproject.toml").read_text())
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["project"]["dependencies"] == ours["dependencies"]
    assert project["project"]["requires-python"] == ours["requires-python"]
    pins = project["tool"]["uv"]["constraint-dependencies"]
    assert [pin.partition("==")[0] for pin in pins] == STATED.findall(
        (ROOT / "requirements-server.lock").read_text()
    )


@pytest.mark.parametrize("name", ["requirements-server.lock", "requirements-build.lock"])
def test_every_lock_has_the_same_versions_and_no_address(name: str) -> None:
    text, whole = ((ROOT / each).read_text() for each in (name, "requirements.lock"))
    versions = re.findall(r"^\S+==\S+", text, re.MULTILINE)
    assert versions
    known = set(re.findall(r"^\S+==\S+", whole, re.MULTILINE))
    # The binary part of psycopg, and what only another system needs, have other markers there.
    assert set(versions) <= known
    assert "://" not in text


def test_the_image_is_built_in_two_stages_and_runs_as_nobody_special() -> None:
    lines = DOCKERFILE.splitlines()
    stages = [line for line in lines if line.startswith("FROM ")]
    assert len(stages) == 2
    assert all(re.search(r":\d+\.\d+-\S+", line) for line in stages)
    last = lines[lines.index(stages[1]) :]
    assert [line for line in last if line.startswith("USER ")] == ["USER 10001:10001"]
    # Its user has no home: whatever is kept, is kept in the volume.
    kept = re.findall(r"(XDG_\w+_HOME)=(\S+)", "\n".join(last))
    assert dict(kept) == {"XDG_STATE_HOME": "/data", "XDG_CACHE_HOME": "/data/cache"}
    # Nothing is fetched or run in the stage that is shipped, and no secret is in it.
    assert not [line for line in last if line.startswith(("RUN ", "ADD "))]
    assert "SENDOSO_API_KEY" not in "\n".join(last)
    copied = set(re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE))
    wanted = {name for line in copied for name in line.split()}
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    assert wanted == {line[1:] for line in kept if line.startswith("!")}
    for name in wanted:
        assert (ROOT / name).exists()


WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")


def test_the_workflow_does_what_the_ci_script_does_with_actions_of_a_fixed_commit() -> None:
    uses = re.findall(r"^\s*-?\s*uses: (.*)$", WORKFLOW, re.MULTILINE)
    assert uses
    assert [each for each in uses if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v[\d.]+", each)] == []
    assert len(set(uses)) == len({each.partition("@")[0] for each in uses})
    assert "run: .ci/run" in WORKFLOW
    assert re.search(r"^permissions:\n  contents: read$", WORKFLOW, re.MULTILINE)
    # Nobody else's words become a part of a script.
    assert not re.search(r"run:.*\$\{\{", WORKFLOW)
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert f'python: ["{oldest.removeprefix(">=")}",' in WORKFLOW


PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: path.name)
def test_papers_name_files_and_commands_that_are_there(paper: Path) -> None:
    text = paper.read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (paper.parent / link).exists()] == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = set(re.findall(r"`make ([a-z -]+)`", text))
    assert {word for words in code for word in words.split()} <= targets


def test_the_images_command_is_one_that_the_command_line_knows() -> None:
    from sendoso_mcp.cli import command_line

    (words,) = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    arguments = command_line().parse_args(json.loads(words))
    assert (arguments.transport, arguments.host, arguments.port) == ("streamable-http", "0.0.0.0", 8000)  # noqa: S104
    assert "EXPOSE 8000" in DOCKERFILE
    assert "http://127.0.0.1:8000/healthz" in DOCKERFILE
