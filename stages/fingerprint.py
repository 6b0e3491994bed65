"""fingerprint: what code each verb runs, as a small file that all its stages depend on.

Reads   stages/: of each verb its module and all that it imports from there, directly or not; without params.py and
        entries/, whose values the stages name as params
Writes  fingerprints/<verb>.txt: a digest and a path a line, in the order of the paths

Comments, docstrings and blank lines are no code. So touching the metrics never retrains, explaining them reruns
nothing, and a dependency cannot be forgotten.
"""

import ast
import hashlib
import io
import tokenize
from pathlib import Path

from stages.command import run
from stages.pix2pix.publish import whole_file

VERBS = ("download", "prepare", "train", "render", "evaluate", "score", "probe", "report")
DECLARED = ("stages/params.py", "stages/entries/")


def fingerprint(verb: str, *, root: Path) -> str:
    """The lines of `verb` in the repository at `root`."""
    return "".join(
        f"{hashlib.sha256(code_of(file.read_text(encoding='utf-8')).encode()).hexdigest()} {path}\n"
        for path, file in sorted((file.relative_to(root).as_posix(), file) for file in import_closure(verb, root=root))
    )


def import_closure(verb: str, *, root: Path) -> set[Path]:
    """Files of `root`/stages that `verb` imports, directly or not, itself included; without DECLARED."""
    seen: set[Path] = set()
    waiting = [root / f"stages/{verb}.py"]
    while waiting:
        file = waiting.pop()
        if file in seen or file.relative_to(root).as_posix().startswith(DECLARED):
            continue
        seen.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file}: relative imports hide dependencies"
                names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            paths = (root.joinpath(*name.split(".")).with_suffix(".py") for name in names if name.startswith("stages."))
            waiting += [path for path in paths if path.exists()]
    return seen


def code_of(source: str) -> str:
    """Python source without comments, docstrings and the blank lines between statements."""
    lines, text = source.split("\n"), set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            lines[line - 1] = lines[line - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno:
            text |= set(range(node.lineno, node.end_lineno))  # whose line ends are its own
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())) as docstring, *_] if docstring.end_lineno:
                    end = lines[docstring.end_lineno - 1].encode()[docstring.end_col_offset :].decode()
                    start = lines[docstring.lineno - 1].encode()[: docstring.col_offset].decode()
                    lines[docstring.lineno - 1 : docstring.end_lineno] = [start + end] + [""] * (
                        docstring.end_lineno - docstring.lineno
                    )
                    text -= set(range(docstring.lineno, docstring.end_lineno))
    numbered = enumerate(lines, 1)
    return "\n".join(line if n in text else line.rstrip() for n, line in numbered if n in text or line.strip())


def main() -> None:
    for verb in VERBS:
        with whole_file(Path("fingerprints", f"{verb}.txt")) as partial:
            partial.write_text(fingerprint(verb, root=Path.cwd()), encoding="utf-8")


if __name__ == "__main__":
    run(main)
