"""Formulas of blueprints: arithmetic over parameters, read as a tree and never executed."""

import ast
import operator
from collections.abc import Callable, Mapping

Number = int | float

OPERATORS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


def names_in(formula: str) -> set[str] | None:
    """Return the parameters that a formula uses, or None when it is no formula."""
    try:
        tree = ast.parse(formula, mode="eval")
    except SyntaxError:
        return None
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} if _is_formula(tree) else None


def _is_formula(tree: ast.Expression) -> bool:
    allowed = (ast.Expression, ast.BinOp, ast.Name, ast.Load, *OPERATORS)
    return all(
        isinstance(node, allowed)
        or (isinstance(node, ast.Constant) and type(node.value) in (int, float))
        for node in ast.walk(tree)
    )


def evaluate(formula: str, values: Mapping[str, Number]) -> Number:
    """Return the value of a formula that `names_in` has accepted."""
    return _value(ast.parse(formula, mode="eval").body, values)


def _value(node: ast.expr, values: Mapping[str, Number]) -> Number:
    if isinstance(node, ast.Constant):
        assert isinstance(node.value, int | float), "checked by names_in"
        return node.value
    if isinstance(node, ast.Name):
        return values[node.id]
    assert isinstance(node, ast.BinOp), "checked by names_in"
    return OPERATORS[type(node.op)](_value(node.left, values), _value(node.right, values))
