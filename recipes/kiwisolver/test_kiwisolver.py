import gc

import kiwisolver
import pytest
from kiwisolver import Constraint, Solver, Variable, strength


def test_solves_a_system():
    left, width, right = Variable("left"), Variable("width"), Variable("right")
    solver = Solver()
    for constraint in (right == left + width, width >= 40, left == 10, (width == 0) | "weak"):
        solver.addConstraint(constraint)
    solver.updateVariables()
    assert (left.value(), width.value(), right.value()) == (10, 40, 50)


def test_suggested_values():
    x, y = Variable("x"), Variable("y")
    solver = Solver()
    solver.addConstraint(y == 2 * x + 1)
    solver.addEditVariable(x, "strong")
    for value in (3, -1.5):
        solver.suggestValue(x, value)
        solver.updateVariables()
        assert y.value() == 2 * value + 1


# Each of these is thrown in C++, caught there by its type, and becomes a Python exception.
def test_unsatisfiable_constraint_reaches_python():
    x = Variable("x")
    solver = Solver()
    solver.addConstraint(x >= 10)
    too_small = x <= 5
    with pytest.raises(kiwisolver.UnsatisfiableConstraint) as caught:
        solver.addConstraint(too_small)
    assert caught.value.args[0] is too_small
    solver.reset()  # the solver survives the exception
    solver.addConstraint(too_small)
    assert solver.hasConstraint(too_small)


def test_other_cpp_exceptions_reach_python():
    x = Variable("x")
    solver = Solver()
    constraint = x == 1
    solver.addConstraint(constraint)
    with pytest.raises(kiwisolver.DuplicateConstraint):
        solver.addConstraint(constraint)
    with pytest.raises(kiwisolver.UnknownConstraint):
        solver.removeConstraint(x == 2)
    with pytest.raises(kiwisolver.UnknownEditVariable):
        solver.suggestValue(x, 3)
    with pytest.raises(kiwisolver.BadRequiredStrength):
        solver.addEditVariable(x, strength.required)
    solver.addEditVariable(x, "weak")
    with pytest.raises(kiwisolver.DuplicateEditVariable):
        solver.addEditVariable(x, "weak")


def test_a_thousand_exceptions_in_a_row():
    x = Variable("x")
    solver = Solver()
    solver.addConstraint(x == 0)
    for i in range(1000):
        with pytest.raises(kiwisolver.UnsatisfiableConstraint):
            solver.addConstraint(x == i + 1)


def test_constraint_from_parts():
    x = Variable("x")
    constraint = Constraint(x - 2, "<=", "strong")
    assert constraint.op() == "<=" and constraint.strength() == strength.strong


# Clearing a cycle calls tp_clear through a pointer: in WebAssembly its type must be right.
def test_garbage_is_collected():
    for _ in range(10):
        x = Variable("x")
        x.setContext([x, x + 1 >= 2])
        del x
    assert gc.collect() > 0
