"""How CEL is loaded: without the rest of its package, once, and when it is needed."""

import subprocess
import sys

import pytest

LATE = "import sys, irkit.engine.expressions as e; e.render('plain', {}); print('cel.cel' in sys.modules)"
ALONE = """
import sys, irkit.engine.expressions as e
print(e.evaluate('[1].map(x, x + 1)', {}), sorted({'cel', 'typer', 'prompt_toolkit', 'rich'} & set(sys.modules)))
"""
BEFORE = """
import cel, irkit.engine.expressions as e
print(e.evaluate('1 + 1', {}), cel.evaluate('1 + 2'))
"""
AFTER = """
import irkit.engine.expressions as e
print(e.evaluate('1 + 1', {}), end=' ')
import cel
print(cel.evaluate('1 + 2'))
"""
AT_ONCE = """
from concurrent.futures import ThreadPoolExecutor
from irkit.engine.expression_core import load_cel
with ThreadPoolExecutor(8) as pool:
    print(len({id(one.result()) for one in [pool.submit(load_cel) for _ in range(200)]}))
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [(LATE, "False"), (ALONE, "[2] []"), (BEFORE, "2 3"), (AFTER, "2 3"), (AT_ONCE, "1")],
    ids=["late", "alone", "before", "after", "at once"],
)
def test_cel_is_loaded_when_it_is_needed_alone_and_once(code: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == said
