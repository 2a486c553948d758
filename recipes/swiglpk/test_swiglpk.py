import swiglpk


def maximum():
    """Of 3x + 2y, with x + y <= 4 and x <= 2."""
    problem = swiglpk.glp_create_prob()
    swiglpk.glp_term_out(swiglpk.GLP_OFF)
    swiglpk.glp_set_obj_dir(problem, swiglpk.GLP_MAX)
    swiglpk.glp_add_rows(problem, 1)
    swiglpk.glp_set_row_bnds(problem, 1, swiglpk.GLP_UP, 0, 4)
    swiglpk.glp_add_cols(problem, 2)
    swiglpk.glp_set_col_bnds(problem, 1, swiglpk.GLP_DB, 0, 2)
    swiglpk.glp_set_col_bnds(problem, 2, swiglpk.GLP_LO, 0, 0)
    columns, values = swiglpk.intArray(3), swiglpk.doubleArray(3)
    for i, price in enumerate((3, 2), start=1):
        swiglpk.glp_set_obj_coef(problem, i, price)
        columns[i], values[i] = i, 1
    swiglpk.glp_set_mat_row(problem, 1, 2, columns, values)
    status = swiglpk.glp_simplex(problem, None)
    found = swiglpk.glp_get_obj_val(problem)
    swiglpk.glp_delete_prob(problem)
    return status, found


def test_a_linear_program_is_solved():
    assert maximum() == (0, 10.0)


def test_the_version_is_the_librarys():
    assert swiglpk.glp_version() == "5.0"
