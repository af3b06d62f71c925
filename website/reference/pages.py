"""A page for each public module: its names with signature, docstring and source."""

import ast
import re
from functools import cache
from typing import Final

from website.layout import listing, relative
from website.reference.definitions import Defined, Module, defined, exported, module
from website.reference.signatures import Class, function, written

MODULES: Final = (
    "postbox",
    "postbox.sync",
    "postbox.motor",
    "postbox.decoders",
    "postbox.integrations.faststream",
    "postbox.integrations.celery",
    "postbox.testing",
    "postbox.pytest",
)
_NAMED: Final = re.compile(r"(?<![`\w])`((?:postbox\.)?[A-Za-z_][\w.]*)`(?!`)")


def reference() -> dict[str, str]:
    """The text of each page, by its place in the site."""
    return {_place(name): _page(module(name)) for name in MODULES}


def _place(name: str) -> str:
    return f"reference/{name}.md"


def _page(of: Module) -> str:
    parts = [f"# {of.name}", _prose(of.docstring, of)]
    names = exported(of)
    found = {name: defined(name, of) for name in names}
    rows = [
        f"| [`{name}`](#{name}) | {_first_sentence(one.docstring, of) or _code(one)} |"
        for name, one in found.items()
        if one
    ]
    if len(rows) > 1:
        parts.append("\n".join(["| name | what it is |", "|---|---|", *rows]))
    for name, one in found.items():
        if one is None:
            raise LookupError(f"{of.name}.{name}: no definition found")
        parts += _entry(name, one, of)
    return "\n\n".join(part for part in parts if part) + "\n"


def _entry(name: str, one: Defined, page: Module) -> list[str]:
    is_class = isinstance(one.node, ast.ClassDef)
    parts = [
        f"## {name} {{ #{name} }}",
        _fenced(written(name, one)),
        _prose(one.docstring, page, own=name),
    ]
    if is_class:
        of = Class(one)
        methods = dict(of.methods)
        constructor = methods.pop("__init__", None)
        if constructor:
            parts.append(_prose(constructor.docstring, page, own=name))
        parts += [
            f"`{ast.unparse(field.target)}`\n:   {_indented(_prose(text, page, own=name))}"
            for field, text in of.attributes()
            if text
        ]
    parts.append(_source(one))
    if is_class:
        for method, how in methods.items():
            parts += _method(f"{name}.{method}", how, page, own=name)
    return parts


def _method(name: str, one: Defined, page: Module, *, own: str) -> list[str]:
    assert isinstance(one.node, (ast.FunctionDef, ast.AsyncFunctionDef))
    return [
        f"### {name} {{ #{name} }}",
        _fenced(function(name.rpartition(".")[2], one.node)),
        _prose(one.docstring, page, own=own),
        _source(one),
    ]


def _source(one: Defined) -> str:
    line, path = one.node.lineno, one.module.path
    link = relative(listing(path, line), _place("postbox"))
    return f"[{path}, line {line}]({link}){{ .source }}"


def _prose(docstring: str, page: Module, *, own: str = "") -> str:
    """A docstring, with its names in code type made links where the reference has them."""

    def linked(found: re.Match[str]) -> str:
        target = _target(found[1], page, own)
        return f"[`{found[1]}`]({target})" if target else found[0]

    return _NAMED.sub(linked, _with_blocks(docstring))


def _target(name: str, page: Module, own: str) -> str:
    if name in ("", own) or name == page.name:
        return ""
    for other in sorted(MODULES, key=len, reverse=True):
        if name == other:
            return f"{name}.md"
        if name.startswith(f"{other}."):
            inner = name.removeprefix(f"{other}.")
            return f"{other}.md#{inner}" if inner in _anchors(other) else ""
    if own and f"{own}.{name}" in _anchors(page.name):
        return f"#{own}.{name}"
    return f"#{name}" if name in _anchors(page.name) else ""


@cache
def _anchors(name: str) -> set[str]:
    of = module(name)
    found = set()
    for public in exported(of):
        found.add(public)
        one = defined(public, of)
        if one and isinstance(one.node, ast.ClassDef):
            found |= {f"{public}.{method}" for method in Class(one).methods}
    return found


def _with_blocks(docstring: str) -> str:
    """Indented examples as blocks of Python."""
    lines = docstring.strip().splitlines()
    shown: list[str] = []
    inside = False
    for index, line in enumerate(lines):
        starts = line.startswith("    ") and (index == 0 or not lines[index - 1].strip())
        if not inside and starts:
            shown.append("```python")
            inside = True
        elif inside and line.strip() and not line.startswith("    "):
            while not shown[-1].strip():
                shown.pop()
            shown += ["```", ""]
            inside = False
        shown.append(line[4:] if inside else line)
    return "\n".join([*shown, "```"] if inside else shown)


def _first_sentence(docstring: str, page: Module) -> str:
    paragraph = " ".join(docstring.strip().partition("\n\n")[0].split())
    sentence = re.split(r"(?<=\.)\s", paragraph, maxsplit=1)[0]
    return _prose(sentence, page).replace("|", "\\|")


def _code(one: Defined) -> str:
    """Of what has no docstring, such as an alias of the driver's."""
    return f"`{ast.unparse(one.node)}`"


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")


def _fenced(code: str) -> str:
    return f"```python\n{code}\n```"
