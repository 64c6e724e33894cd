"""Raises exceptions of every shape and writes what CPython prints next to the `error_detail` that structlog makes of them.

    python3.11 cases.py > cases.json

The code is compiled under a file name that does not exist, so that `traceback` finds no source lines, as the
normalizer finds none.
"""
import json
import sys
import traceback

RAISERS = '''
def fail(text="x"):
    raise ValueError(text)

def plain():
    fail()

def without_text():
    raise KeyError

def never_raised():
    return RuntimeError("never raised")

def cause():
    try:
        fail("row has no amount: '\u00d7' \\n see https://wiki")
    except ValueError as error:
        raise RuntimeError("load failed") from error

def context():
    try:
        fail()
    except ValueError:
        raise RuntimeError("while handling")

def long_chain():
    try:
        try:
            try:
                fail("1")
            except ValueError as error:
                raise KeyError("2") from error
        except KeyError:
            raise OSError(2, "3")
    except OSError as error:
        raise RuntimeError("4") from error

def cause_without_frames():
    raise RuntimeError("4") from ValueError("never raised")

def notes():
    error = ValueError("noted")
    error.add_note("one")
    error.add_note("two\\nthree\\n")
    raise error

def recursion(depth=9):
    if depth == 0:
        fail("deep")
    recursion(depth - 1)

def two_recursions():
    def down(depth):
        if depth == 0:
            fail("deep")
        down(depth - 1)
    down(4)

def three_times():
    recursion(3)

def many_lines():
    fail("a\\r\\nb\\rc\\u2028d\\n\\ne\\n")

def syntax():
    exec(compile("x = (1 +\\n", "/opt/airflow/dags/broken.py", "exec"))

def syntax_indented():
    exec(compile("def f():\\n    return 1 +\\n", "/opt/airflow/dags/broken.py", "exec"))

def indentation():
    exec(compile("def f():\\nreturn 1\\n", "/opt/airflow/dags/broken.py", "exec"))

def members(count, make=lambda at: ValueError(f"item {at}")):
    errors = []
    for at in range(count):
        try:
            raise make(at)
        except Exception as error:
            error.add_note(f"note for item {at}")
            errors.append(error)
    return errors

def group():
    raise ExceptionGroup("3 rows failed", members(3))

def group_of_one_without_frames():
    raise ExceptionGroup("one", [ValueError("never raised")])

def wide_group():
    raise ExceptionGroup("16 rows failed", members(16))

def wider_group():
    raise ExceptionGroup("20 rows failed", members(20))

def nested_groups():
    def inner(at):
        return ExceptionGroup(f"inner {at}", members(at + 1)) if at != 1 else TypeError("between")
    raise ExceptionGroup("outer", members(3, inner))

def nested_at_the_end():
    raise ExceptionGroup("outer", members(1, lambda _: ExceptionGroup("middle", members(1, lambda _: ExceptionGroup("inner", members(2))))))

def deep_groups():
    error = ValueError("bottom")
    for at in range(12):
        error = ExceptionGroup(f"level {at}", [error])
    raise error

def group_from_a_cause():
    # Made before, so that the cause is no context of theirs: Python prints an exception once, structlog tells of it
    # wherever it occurs.
    errors = members(2)
    try:
        fail("first")
    except ValueError as error:
        raise ExceptionGroup("caused", errors) from error

def cause_is_a_group():
    try:
        group()
    except ExceptionGroup as error:
        raise RuntimeError("after the group") from error

def member_with_a_chain():
    def chained(at):
        try:
            fail(f"first {at}\\nof two lines")
        except ValueError as error:
            try:
                raise KeyError(at) from error
            except KeyError as second:
                return second
    raise ExceptionGroup("chained members", members(2, chained))

def group_with_lines():
    raise ExceptionGroup("lines", members(2, lambda at: ValueError("a\\nb\\x0bc\\r\\nd\\u2029e")))
'''


def detail(error):
    """As `structlog.tracebacks.extract` does it."""
    chain, is_cause = [], False
    while error is not None:
        syntax = None
        if isinstance(error, SyntaxError):
            syntax = {
                "offset": error.offset or 0,
                "filename": error.filename or "?",
                "line": error.text or "",
                "lineno": error.lineno or 0,
                "msg": error.msg,
            }
        is_group = isinstance(error, BaseExceptionGroup)
        chain.append({
            "exc_type": type(error).__name__,
            "exc_value": str(error),
            "exc_notes": list(getattr(error, "__notes__", [])),
            "syntax_error": syntax,
            "is_cause": is_cause,
            "frames": [
                {"filename": frame.f_code.co_filename, "lineno": line, "name": frame.f_code.co_name}
                for frame, line in traceback.walk_tb(error.__traceback__)
            ],
            "is_group": is_group,
            "exceptions": [detail(member) for member in error.exceptions] if is_group else [],
        })
        if error.__cause__ is not None:
            error, is_cause = error.__cause__, True
        elif error.__context__ is not None and not error.__suppress_context__:
            error, is_cause = error.__context__, False
        else:
            error = None
    return chain


def main():
    names = {"__name__": "__main__"}
    exec(compile(RAISERS, "/opt/airflow/dags/cases.py", "exec"), names)
    functions = [item for item in names.values() if getattr(item, "__module__", None) == "__main__"]
    cases = []
    for function in functions:
        if function.__name__ in ("fail", "members"):
            continue
        try:
            error = function()
        except Exception as raised:
            # Without the frame of this script.
            error = raised.with_traceback(raised.__traceback__.tb_next)
        if isinstance(error, Exception):
            if isinstance(error, SyntaxError):
                # structlog keeps where the error begins, not where it ends.
                error.end_offset = None
            expected = "".join(traceback.format_exception(error))
            cases.append({"name": function.__name__, "error_detail": detail(error), "expected": expected})
    json.dump(cases, sys.stdout, indent=1, ensure_ascii=True)
    print()


if __name__ == "__main__":
    main()
