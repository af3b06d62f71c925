"""Where a public name is defined, followed through imports, and what a module exports."""

import ast
from dataclasses import dataclass
from functools import cache
from typing import Final

from website.layout import ROOT

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.AnnAssign
_DEFINITIONS: Final = (
    ast.ClassDef,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Assign,
    ast.AnnAssign,
)


@dataclass(frozen=True, eq=False)
class Module:
    """A module's name, its file in the repository, and its statements."""

    name: str
    path: str
    tree: ast.Module

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.tree) or ""


@dataclass(frozen=True, eq=False)
class Defined:
    """A statement that defines a name, and the docstring that belongs to it."""

    module: Module
    node: Definition
    docstring: str


@cache
def module(name: str) -> Module:
    base = ROOT.joinpath(*name.split("."))
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    return Module(name, str(path.relative_to(ROOT)), ast.parse(path.read_text()))


def exported(of: Module) -> list[str]:
    """What it says that it exports, or else every public class and function that it defines."""
    for node in of.tree.body:
        if isinstance(node, ast.Assign) and _names(node) == {"__all__"}:
            return sorted(ast.literal_eval(node.value))
    return [
        node.name
        for node in of.tree.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        and not node.name.startswith("_")
    ]


@cache
def defined(name: str, of: Module) -> Defined | None:
    """The definition of `name` in a module or in what that imports it from; None: not ours."""
    own, imported = _table(of)
    if name in own or name not in imported:
        return own.get(name)
    source, original = imported[name]
    return defined(original, module(source))


@cache
def _table(of: Module) -> tuple[dict[str, Defined], dict[str, tuple[str, str]]]:
    """What a module defines, and from where it imports what is ours, and under which name."""
    own: dict[str, Defined] = {}
    imported: dict[str, tuple[str, str]] = {}
    for body in _bodies(of.tree):
        for index, node in enumerate(body):
            if isinstance(node, _DEFINITIONS):
                for name in _names(node):
                    own.setdefault(name, Defined(of, node, _docstring(body, index)))
            elif isinstance(node, ast.ImportFrom) and node.module and _is_ours(node.module):
                for alias in node.names:
                    imported[alias.asname or alias.name] = node.module, alias.name
    return own, imported


def _bodies(tree: ast.Module) -> list[list[ast.stmt]]:
    """The statements of a module, and those under an `if` or a `with`."""
    inner = [node.body for node in tree.body if isinstance(node, (ast.If, ast.With))]
    return [tree.body, *inner]


def _names(node: ast.stmt) -> set[str]:
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return {node.name}
        case ast.Assign():
            return {target.id for target in node.targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def _docstring(body: list[ast.stmt], index: int) -> str:
    """Its own, or of an assignment the text that follows."""
    node = body[index]
    if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return ast.get_docstring(node) or ""
    return text_after(body, index)


def text_after(body: list[ast.stmt], index: int) -> str:
    """The text that follows a statement, which is how an attribute is documented."""
    match body[index + 1 : index + 2]:
        case [ast.Expr(value=ast.Constant(value=str(text)))]:
            return text
    return ""


def _is_ours(name: str) -> bool:
    return name.split(".")[0] == "postbox"
