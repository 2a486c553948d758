import h3
import h3.api.basic_int
import pytest

CELL = "89283082e73ffff"


def test_point_to_cell_and_back():
    assert h3.latlng_to_cell(37.769377, -122.388903, 9) == CELL
    assert h3.cell_to_latlng(CELL) == pytest.approx((37.769274, -122.389923), abs=1e-6)
    assert h3.get_resolution(CELL) == 9


def test_cells_are_64_bits_wide():
    number = h3.str_to_int(CELL)
    assert number == 0x89283082E73FFFF and h3.int_to_str(number) == CELL
    assert h3.api.basic_int.cell_to_parent(number, 5) == h3.str_to_int(h3.cell_to_parent(CELL, 5))


def test_neighbours():
    disk = h3.grid_disk(CELL, 2)
    assert len(set(disk)) == 19
    assert all(h3.grid_distance(CELL, cell) <= 2 for cell in disk)
    assert len(h3.grid_path_cells(CELL, disk[-1])) == h3.grid_distance(CELL, disk[-1]) + 1


def test_hierarchy():
    children = h3.cell_to_children(CELL, 11)
    assert len(children) == 49
    assert h3.compact_cells(children) == [CELL]
    assert set(h3.uncompact_cells([CELL], 11)) == set(children)


def test_polygon():
    shape = h3.LatLngPoly([(37.78, -122.42), (37.78, -122.40), (37.76, -122.40), (37.76, -122.42)])
    cells = h3.polygon_to_cells(shape, 9)
    assert len(cells) > 20 and all(h3.is_valid_cell(c) for c in cells)


def test_distances():
    paris, berlin = (48.8566, 2.3522), (52.52, 13.405)
    assert h3.great_circle_distance(paris, berlin) == pytest.approx(877.464, abs=0.01)
    assert h3.cell_area(CELL) == pytest.approx(0.109438, abs=1e-5)


def test_errors_of_the_c_library_are_exceptions():
    with pytest.raises(h3.H3ResDomainError):
        h3.latlng_to_cell(0, 0, 99)
    with pytest.raises(h3.H3CellInvalidError):
        h3.cell_to_boundary("ffffffffffffffff")
