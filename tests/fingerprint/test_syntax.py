"""What of a source file a digest sees, and what it does not."""

from __future__ import annotations

import pytest

from pj2.fingerprint.syntax import MODULE_LEVEL, source_digests

SOURCE = '''\
"""Module."""

import os

LIMIT = 10  # a comment
NAMES = {"a": 1, "b": 2}
"""What NAMES holds."""


def scale(x: float, factor: float = 2.0) -> float:
    """Docstring."""
    if x > LIMIT:
        return x * factor
    return os.path.getsize("x") + x


def shift(x):
    return x + 1


@final
class Box(Base, flag=True):
    """Docstring."""

    size = 3

    @property
    def area(self) -> int:
        """Docstring."""
        return self.size * 2

    def fill(self):
        pass
'''

# Every syntax that this Python and newer ones know, and that they might parse differently.
SNIPPET = '''\
"""Docstring."""
from __future__ import annotations

import os as system
from collections.abc import Iterator

LIMIT: int = 0x10
NAMES = {"é": 1, "🫨": 2, **{}}
text = f"a{LIMIT:>{LIMIT}}b{text!r}{LIMIT=}" "c" f"{LIMIT:}"


@decorate(1.5, key=None)
def outer(a, /, b: int = 1, *rest: str, c=b"x", d, **more) -> Iterator[int]:
    """Docstring."""
    total = 0
    global LIMIT

    def inner():
        nonlocal total
        total += 1j

    if (n := len(rest)) > 10:
        yield from (x ** 2 for x in rest if x not in more)
    match a:
        case {"k": [1, *_], **kw} | Point(x=0) as found if found:
            return
        case None | True:
            pass
    try:
        return (lambda x, *y: x[1:, ::2])(a)
    except (ValueError, KeyError) as error:
        raise RuntimeError("no") from error
    finally:
        del n


class Base(Parent, metaclass=Meta):
    size = ...

    @property
    def area(self) -> float:
        return self.size @ -1

    async def fetch(self):
        async with self as s, other:
            async for item in s:
                await item
        return [i async for i in s]
'''


def digests(text: str) -> dict[str, str]:
    return source_digests(text.encode())


def replaced(old: str, new: str) -> str:
    assert SOURCE.count(old) == 1, old
    return SOURCE.replace(old, new)


def test_parts_are_named():
    assert set(digests(SOURCE)) == {
        MODULE_LEVEL,
        "function scale",
        "function shift",
        "class Box",
        "method Box.area",
        "method Box.fill",
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Module."""\n', ""),
        ('"""Module."""', "'''Something else.'''"),
        ('"""What NAMES holds."""', '"""Otherwise."""'),
        ("  # a comment", ""),
        ("LIMIT = 10", "# more\nLIMIT = 10"),
        ("\n\n\ndef scale", "\n\n\n\n\n\ndef scale"),
        ('    """Docstring."""\n    if', "    if"),
        ('    """Docstring."""\n\n    size', '    """Another."""\n    size'),
        ('        """Docstring."""\n        return', "        return"),
        (
            "    def fill(self):\n        pass",
            '    def fill(self):\n        """Nothing."""',
        ),
        ("    def fill(self):\n        pass", "    def fill(self): ..."),
        ('"x"', "'x'"),
        ('"x"', 'u"x"'),
        ('"x"', '("" "x")'),
        ('{"a": 1, "b": 2}', '{\n    "a": 1,\n    "b": 2,\n}'),
        ("x + 1", "(x + 1)"),
        ("LIMIT = 10", "LIMIT = 10  # type: int"),
        ("def shift(x):", "def shift(x):  # type: (int) -> int"),
        ("LIMIT = 10", "LIMIT = 0xA"),
    ],
)
def test_spelling_changes_nothing(old, new):
    assert digests(replaced(old, new)) == digests(SOURCE)


def test_line_endings_and_encoding_change_nothing():
    windows = b"\xef\xbb\xbf" + SOURCE.replace("\n", "\r\n").encode()
    assert source_digests(windows) == digests(SOURCE)


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("import os", "import os, sys", MODULE_LEVEL),
        ("LIMIT = 10", "LIMIT = 11", MODULE_LEVEL),
        ("LIMIT = 10", "LIMIT = 10.0", MODULE_LEVEL),
        ("LIMIT = 10", "LIMIT: int = 10", MODULE_LEVEL),
        ("x > LIMIT", "x >= LIMIT", "function scale"),
        ("x * factor", "x / factor", "function scale"),
        ("x * factor", "factor * x", "function scale"),
        ("= 2.0", "= 2.5", "function scale"),
        ("factor: float = 2.0", "factor: float", "function scale"),
        (") -> float:", ") -> int:", "function scale"),
        ('"x"', 'b"x"', "function scale"),
        ('"x"', '"y"', "function scale"),
        ("def shift(x):", "def shift(y):", "function shift"),
        ("def shift(x):", "async def shift(x):", "function shift"),
        ("def shift(x):", "@cache\ndef shift(x):", "function shift"),
        ("return x + 1", "yield x + 1", "function shift"),
        ("return x + 1", "print(x)\n    return x + 1", "function shift"),
        ("return x + 1", "return None", "function shift"),
        ("@final\n", "", "class Box"),
        ("@final\n", "@other\n", "class Box"),
        ("(Base, flag=True)", "(flag=True)", "class Box"),
        ("(Base, flag=True)", "(Other, flag=True)", "class Box"),
        ("flag=True", "flag=1", "class Box"),
        ("flag=True", "other=True", "class Box"),
        ("size = 3", "size = 4", "class Box"),
        ("size = 3", "width = 3", "class Box"),
        ("    @property\n", "", "method Box.area"),
        ("self.size * 2", "self.size * 3", "method Box.area"),
        ("self.size * 2", "self.width * 2", "method Box.area"),
        ("        pass", "        return 1", "method Box.fill"),
    ],
)
def test_a_change_of_what_code_does_names_its_part(old, new, part):
    before, after = digests(SOURCE), digests(replaced(old, new))
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == [part]


def test_a_base_class_is_not_a_decorator():
    assert digests("class C(A): x = 1") != digests("@A\nclass C: x = 1")
    assert digests("class C(A): B") != digests("class C(A, B): pass")


def test_removed_and_added_functions_are_seen():
    before = digests("def f(): return 1\ndef g(): return 2")
    assert before.keys() - digests("def f(): return 1").keys() == {"function g"}


def test_the_order_of_functions_does_not_matter():
    one, two = "def f():\n    return 1\n", "class C:\n    def m(self): return 2\n"
    assert digests(one + two) == digests(two + one)
    one, two = "    def f(self): return 1\n", "    def g(self): return 2\n"
    assert digests(f"class C:\n{one}{two}") == digests(f"class C:\n{two}{one}")


def test_the_order_of_statements_does():
    assert digests("a = 1\nb = 2") != digests("b = 2\na = 1")
    # The later of two functions of one name is the one that stays.
    assert digests("def f(): return 1\ndef f(): return 2") != digests(
        "def f(): return 2\ndef f(): return 1"
    )


def test_a_docstring_that_is_used_is_not_a_docstring():
    assert digests("a = 'x'") != digests("a = 'y'")
    assert digests("def f(): return 'x'") != digests("def f(): return 'y'")


def test_every_python_gives_the_same():
    assert digests(SNIPPET) == {
        MODULE_LEVEL: "8cc9a3964eac6ae5",
        "class Base": "2e5f4d716ba3ca9a",
        "function outer": "60f7e6ba8677dd94",
        "method Base.area": "d262dd283a82e991",
        "method Base.fetch": "cd51fd2e7c6844cb",
    }


def test_a_lone_surrogate_is_a_string_like_others():
    assert digests(r'a = "\ud800"') != digests(r'a = "\ud801"')


def test_source_that_is_not_python():
    with pytest.raises(SyntaxError):
        digests("def f(:")
