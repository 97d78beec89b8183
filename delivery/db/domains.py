"""The domain of an address as databases compute it, the same in queries and in the index that they use."""

from typing import Any, Final

from django.db.models import CharField, Func

# What follows the last @; of an address without one, all of it.
EXPRESSIONS: Final = {
    "sqlite": "lower(substr({0}, length(rtrim({0}, replace({0}, '@', ''))) + 1))",
    "postgresql": "lower(substring({0} from '[^@]*$'))",
}


class DomainOf(Func):
    """The domain of a column's address, in lower case."""

    arity = 1
    output_field = CharField()

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> Any:  # type: ignore[override]
        """Return the expression of this database; a column has no parameters that would have to be repeated."""
        column, params = compiler.compile(self.source_expressions[0])
        return EXPRESSIONS[connection.vendor].format(column), params
