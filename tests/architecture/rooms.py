"""A contract of import-linter: a room is entered by its door, which is its `__init__`."""

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class RoomsContract(Contract):
    """A folder below one of `houses` is a room; outside it, only its `__init__` is imported.

    `doors` are inner modules that are entered by their own name.
    """

    houses = fields.ListField(subfield=fields.StringField())
    doors = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        broken = sorted(
            (importer, imported)
            for room in self._rooms(graph)
            for imported in graph.find_descendants(room)
            if not self._is_door(imported)
            for importer in graph.find_modules_that_directly_import(imported)
            if importer != room and not importer.startswith(f"{room}.")
        )
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["broken"]:
            output.print_error(f"{importer} imports {imported}: import it from the room")

    def _rooms(self, graph: ImportGraph) -> list[str]:
        houses: Any = self.houses
        return [
            child
            for house in houses
            for child in graph.find_children(house)
            if graph.find_children(child)
        ]

    def _is_door(self, module: str) -> bool:
        doors: Any = self.doors or []
        return any(module == door or module.startswith(f"{door}.") for door in doors)
