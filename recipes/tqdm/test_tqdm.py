import io
import sys
import warnings

import pytest
import tqdm


def test_bar_counts_to_the_end():
    out = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sum(tqdm.tqdm(range(100), file=out, ascii=True, ncols=80, mininterval=0)) == 4950
    assert "100%|" in out.getvalue() and "100/100" in out.getvalue()


@pytest.mark.skipif(sys.platform not in ("emscripten", "wasi"), reason="the patch is for WebAssembly")
def test_no_monitor_thread():
    assert tqdm.tqdm.monitor_interval == 0 and tqdm.tqdm.monitor is None


def test_sizes_are_readable():
    assert tqdm.tqdm.format_sizeof(123_456_789) == "123M"
    assert tqdm.tqdm.format_interval(3725) == "1:02:05"
