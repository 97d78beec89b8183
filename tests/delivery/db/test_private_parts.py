"""The private parts of Django that compiled statements stand on: one that has gone is named before anything breaks."""

import inspect

import pytest
from django.db import connection, models
from django.db.models.expressions import Expression
from django.db.models.query import get_related_populators
from django.db.models.sql import InsertQuery, Query, UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

from delivery.db.compiled import Parameter
from delivery.models import Email

# The part, and the names of the arguments that it is called with.
PARTS = {
    "Query.chain": (Query.chain, {"klass"}),
    "Query.get_compiler": (Query.get_compiler, {"connection"}),
    "UpdateQuery.add_update_values": (UpdateQuery.add_update_values, {"values"}),
    "SQLCompiler.as_sql": (SQLCompiler.as_sql, set()),
    "SQLCompiler.compile": (SQLCompiler.compile, {"node"}),
    "SQLCompiler.get_converters": (SQLCompiler.get_converters, {"expressions"}),
    "SQLCompiler.apply_converters": (SQLCompiler.apply_converters, {"rows", "converters"}),
    "get_related_populators": (get_related_populators, {"klass_info", "select", "db"}),
    "Field.pre_save": (models.Field.pre_save, {"model_instance", "add"}),
    "Field.get_db_prep_save": (models.Field.get_db_prep_save, {"value", "connection"}),
    "Model.from_db": (models.Model.from_db, {"db", "field_names", "values"}),
    "Expression.as_sql": (Expression.as_sql, {"compiler", "connection"}),
    "Expression.resolve_expression": (Expression.resolve_expression, {"query", "for_save"}),
    "ops.quote_name": (connection.ops.quote_name, {"name"}),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_there_and_takes_what_it_is_given(name: str) -> None:
    part, arguments = PARTS[name]
    assert arguments <= set(inspect.signature(part).parameters)


def test_a_row_knows_whether_it_is_saved_and_where() -> None:
    email = Email()
    assert (email._state.adding, email._state.db) == (True, None)


def test_a_query_of_an_insert_has_a_compiler() -> None:
    assert callable(InsertQuery(Email).get_compiler(connection=connection).compile)


def test_errors_of_a_driver_are_wrapped_by_hand() -> None:
    assert callable(connection.wrap_database_errors.__enter__)


def test_a_parameter_is_an_expression_that_returns_a_tuple() -> None:
    parameter = Parameter("pk")
    assert parameter.as_sql(None, connection) == ("%s", (parameter,))
