"""Reading params.yaml and config/*.yaml: YAML 1.2, as DVC reads it (`1e-4` is a number, `no` a string)."""

import re
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

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
                    if other := files.get((section, name)):
                        raise ValueError(f"{section}.{name} stands in {other} already")
                    sections[section][name], files[section, name] = entry, file
        except ValueError as error:
            unreadable.append(f"{file}: {error}")
            print(f"warning: {file}: {error}", file=sys.stderr)
    return Configuration(sections, files, unreadable)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Section -> name -> entry."""
    try:
        content = YAML(typ="safe").load(path.read_bytes().decode("utf-8"))
    except Exception as error:  # tags and deep nesting let errors of any kind out of the parser
        message = str(error).partition("To suppress this check")[0] or type(error).__name__
        raise ValueError(f"not readable as YAML: {one_line(message)}") from None
    if not isinstance(content, dict):
        raise ValueError(f"must be a map of sections ({', '.join(SECTIONS)})")
    for section, entries in content.items():
        if section not in SECTIONS:
            raise ValueError(one_line(f"{section}: unknown section (there are: {', '.join(SECTIONS)})"))
        if not isinstance(entries, dict):
            raise ValueError(f"{section}: must be a map of names")
        for name in entries:
            if not (isinstance(name, str) and NAME.fullmatch(name)):
                raise ValueError(one_line(f"{section}.{name}: a name has small letters, digits and _, a letter first"))
    return content
