"""Reading params.yaml and config/*.yaml: YAML 1.2, as DVC reads it (`1e-4` is a number, `no` a string)."""

import re
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from pix2pix.config.checks import one_line
from pix2pix.config.configuration import SECTIONS, Configuration

PARAMS, CONFIG = Path("params.yaml"), Path("config")
NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")


def read_configuration(root: Path = Path()) -> Configuration:
    """All entries of the repository at `root`; a file that cannot be read is said on stderr and left out.

    Raises:
        FileNotFoundError: there is no params.yaml.
    """
    if not (root / PARAMS).is_file():
        raise FileNotFoundError(f"{root / PARAMS}: no such file; run from the repository's root")
    sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    files: dict[tuple[str, str], Path] = {}
    unreadable = []
    for path in (root / PARAMS, *sorted((root / CONFIG).glob("*.yaml")), *sorted((root / CONFIG).glob("*/*.yaml"))):
        file = path.relative_to(root)
        try:
            for section, entries in _read(path).items():
                for name, entry in entries.items():
                    of_one_kind = {"refined": "experiments"}.get(section, section)
                    if other := files.get((of_one_kind, name)):
                        raise ValueError(f"{section}.{name} stands in {other} already")
                    sections[section][name], files[section, name] = entry, file
                    if section == "refined":
                        sections["experiments"][name], files["experiments", name] = entry, file
        except ValueError as error:
            unreadable.append(f"{file}: {error}")
            print(f"warning: {file}: {error}", file=sys.stderr)
    return Configuration(sections, files, unreadable)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Section -> name -> entry."""
    try:
        content = YAML(typ="safe").load(path.read_bytes().decode("utf-8"))
    except MarkedYAMLError as error:
        what = str(error.problem).partition(" with value")[0]  # of duplicate keys it shows both values
        where = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        raise ValueError(f"not readable as YAML: {one_line(what)}{where}") from None
    except Exception as error:  # deep nesting and other bytes let errors of any kind out of the parser
        raise ValueError(f"not readable as YAML: {one_line(str(error)) or type(error).__name__}") from None
    if not isinstance(content, dict):
        raise ValueError(f"must be a map of sections ({', '.join(SECTIONS)})")
    for section, entries in content.items():
        if section not in SECTIONS:
            raise ValueError(one_line(f"{section}: unknown section (there are: {', '.join(SECTIONS)})"))
        if not isinstance(entries, dict):
            raise ValueError(f"{section}: must be a map of names")
        for name in entries:
            check_name(f"{section}.{name}", name)
    return content


def check_name(key: str, name: object) -> None:
    """Raise ValueError where `name`, which stands at `key`, is no name of an entry; says one that would be."""
    if not (isinstance(name, str) and NAME.fullmatch(name)):
        allowed = re.sub("[^a-z0-9]+", "_", str(name).lower()).strip("_")[:100]
        such_as = f"such as {allowed}" if NAME.fullmatch(allowed) else "such as mine"
        raise ValueError(one_line(f"{key}: a name has small letters, digits and _, a letter first, {such_as}"))
