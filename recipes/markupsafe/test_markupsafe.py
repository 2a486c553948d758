import markupsafe
from markupsafe import _native, _speedups


def test_compiled_escape_is_the_one_in_use():
    assert markupsafe._escape_inner is _speedups._escape_inner


def test_compiled_and_python_escape_agree():
    # Strings of one, two and four bytes a character take different paths in C.
    for text in ("", "plain", "<a href='x'>\"&\"</a>", "ö<ü>", "☃ & ☃", "\U0001f600<\U0001f600>", "&" * 1000):
        assert _speedups._escape_inner(text) == _native._escape_inner(text)


def test_markup_is_not_escaped_again():
    assert markupsafe.escape(markupsafe.Markup("<em>")) == "<em>"
    assert markupsafe.Markup("<b>%s</b>") % "<i>" == "<b>&lt;i&gt;</b>"
