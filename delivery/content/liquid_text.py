"""What writes HTML in Liquid, for texts without any: rows of a table are lines there, and a line end is one."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TextIO

from liquid import RenderContext
from liquid.builtin.tags.tablerow_tag import TableRow, TablerowNode, TablerowTag
from liquid.exceptions import BreakLoop, ContinueLoop


class _Lines(TablerowNode):
    """A line for each row, with its cells side by side."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Write them."""
        cells, length = self.expression.evaluate(context)
        columns = self.expression.cols
        wide = self._int_or_zero(columns.evaluate(context)) if columns else length
        context.raise_for_loop_limit(length)
        with suppress(BreakLoop):
            self._write(context, buffer, TableRow(self.expression.identifier, cells, length, wide))
        return True

    def _write(self, context: RenderContext, buffer: TextIO, row: TableRow) -> None:
        named: dict[str, object] = {"tablerowloop": row}
        with context.loop(named, row):
            for cell in row:
                named[row.name] = cell
                with suppress(ContinueLoop):
                    self.block.render(context=context, buffer=buffer)
                buffer.write("\n" if row.col_last or row.last else " ")


class Tablerow(TablerowTag):
    """{% tablerow %} in a text."""

    node_class = _Lines


def as_it_is(value: object) -> str:
    """Return a text as it is, where there is nothing to escape or to mark."""
    return str(value)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = dict.fromkeys(
    ("escape", "escape_once", "newline_to_br"), as_it_is
)
