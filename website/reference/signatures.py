"""How a definition reads in a few lines: a function's signature, a class's parameters or fields."""

import ast
from copy import deepcopy
from functools import cached_property
from typing import Final

from website.reference.definitions import Defined, Module, defined, text_after

Function = ast.FunctionDef | ast.AsyncFunctionDef
LINE_LENGTH: Final = 84


class _Read(ast.NodeTransformer):
    """Puts what a reader wants to know in the place of names: a constant's value, and what a
    subclass gives for a type variable."""

    def __init__(self, of: Module, given: dict[str, ast.expr]) -> None:
        self._of = of
        self._given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._given:
            return self._given[node.id]
        found = defined(node.id, self._of) if node.id.isupper() else None
        match found:
            case Defined(node=ast.Assign(value=ast.Constant() as value)):
                return value
            case Defined(node=ast.AnnAssign(value=ast.Constant() as value)):
                return value
        return node


class Class:
    """A class with what it inherits from classes of ours."""

    def __init__(self, of: Defined, given: dict[str, ast.expr] | None = None) -> None:
        assert isinstance(of.node, ast.ClassDef)
        self.of = of
        self.node = of.node
        self._given = given or {}
        self.bases = [self._base(base) for base in of.node.bases]

    @cached_property
    def methods(self) -> dict[str, Defined]:
        """The public methods and properties, those that are inherited last; and `__init__`."""
        found: dict[str, Defined] = {}
        for node in self.node.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_shown(node):
                own = _Read(self.of.module, self._given).visit(deepcopy(node))
                found[node.name] = Defined(self.of.module, own, ast.get_docstring(node) or "")
        for base in self.bases:
            for name, method in base.methods.items() if base else ():
                found.setdefault(name, method)
        return found

    def attributes(self) -> list[tuple[ast.AnnAssign, str]]:
        """The public annotated attributes of its body, each with its docstring."""
        body = self.node.body
        own = [
            (node, text_after(body, index))
            for index, node in enumerate(body)
            if isinstance(node, ast.AnnAssign) and not ast.unparse(node.target).startswith("_")
        ]
        return [pair for base in self.bases if base for pair in base.attributes()] + own

    def _base(self, base: ast.expr) -> "Class | None":
        name, argument = base, None
        if isinstance(base, ast.Subscript):
            name, argument = base.value, base.slice
        found = defined(ast.unparse(name), self.of.module)
        if found is None or not isinstance(found.node, ast.ClassDef):
            return None
        variables = [
            other.slice.id
            for other in found.node.bases
            if isinstance(other, ast.Subscript) and isinstance(other.slice, ast.Name)
        ]
        return Class(found, {variables[0]: argument} if argument and variables else {})


def written(name: str, of: Defined) -> str:
    """The lines that say what `name` is, without its docstring and its body."""
    match of.node:
        case ast.ClassDef():
            return _class(name, Class(of))
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return function(name, _Read(of.module, {}).visit(deepcopy(of.node)))
    return ast.unparse(of.node)


def function(name: str, node: Function) -> str:
    """A function's signature; of a method, without what it is called on."""
    decorators = [ast.unparse(found) for found in node.decorator_list]
    returned = ast.unparse(node.returns) if node.returns else "object"
    if "property" in decorators:
        return f"{name}: {returned}"
    start = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    line = _call(f"{start} {name}", _parameters(node.args), f" -> {returned}")
    return "\n".join([*(f"@{decorator}" for decorator in decorators), line])


def _class(name: str, of: Class) -> str:
    bases = [ast.unparse(base) for base in of.node.bases]
    head = f"class {name}({', '.join(bases)})" if bases else f"class {name}"
    constructor = of.methods.get("__init__")
    if constructor and isinstance(constructor.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return _call(f"class {name}", _parameters(constructor.node.args), "")
    fields = [f"    {ast.unparse(field)}" for field, _ in of.attributes()]
    how = [f"@{ast.unparse(found)}" for found in of.node.decorator_list]
    return "\n".join([*how, f"{head}:" if fields else head, *fields])


def _call(start: str, parameters: list[str], end: str) -> str:
    line = f"{start}({', '.join(parameters)}){end}"
    if len(line) <= LINE_LENGTH or not parameters:
        return line
    inner = "".join(f"    {parameter},\n" for parameter in parameters)
    return f"{start}(\n{inner}){end}"


def _parameters(of: ast.arguments) -> list[str]:
    positional = [*of.posonlyargs, *of.args]
    defaults = [None] * (len(positional) - len(of.defaults)) + list(of.defaults)
    shown = [_parameter(one, default) for one, default in zip(positional, defaults, strict=True)]
    if of.posonlyargs:
        shown.insert(len(of.posonlyargs), "/")
    if positional and positional[0].arg in ("self", "cls"):
        del shown[0]
    if of.vararg:
        shown.append(f"*{_parameter(of.vararg, None)}")
    elif of.kwonlyargs:
        shown.append("*")
    for one, default in zip(of.kwonlyargs, of.kw_defaults, strict=True):
        shown.append(_parameter(one, default))
    if of.kwarg:
        shown.append(f"**{_parameter(of.kwarg, None)}")
    return shown


def _parameter(of: ast.arg, default: ast.expr | None) -> str:
    kind = f": {ast.unparse(of.annotation)}" if of.annotation else ""
    if default is None:
        return of.arg + kind
    equals = " = " if kind else "="
    return f"{of.arg}{kind}{equals}{ast.unparse(default)}"


def _is_shown(node: Function) -> bool:
    return node.name == "__init__" or not node.name.startswith("_")
