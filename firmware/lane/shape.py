"""Checking and writing of values by description: what the lane contract says of each key. Runs on MicroPython and CPython.

A description is a tuple whose first item names the check: ("int", low, high), ("text", shortest, longest), ("hex", shortest,
longest), ("choice", words), ("member", words, reason, allowed), ("list", description, most), ("map", keys or None,
description, most), ("object", fields), ("null", description), ("bool",), ("pass",), ("alias",), ("id",), ("time",),
("scalar",), ("any",). A key of `fields` that ends in "?" may be absent.
"""

from .walltime import is_time

MAX_SEQ = 2147483647
ERRORS = (
    "oversized",
    "malformed",
    "version",
    "missing",
    "unknown_key",
    "type",
    "range",
    "choice",
    "unknown_kind",
    "unknown_op",
    "combination",
    "topic",
)
HEX = "0123456789abcdef"
DIGITS = "0123456789"
ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class ContractError(ValueError):
    """A message that does not keep the contract. `reason`: one of ERRORS; `where`: key path; `allowed`: in words."""

    def __init__(self, reason, where, allowed):
        super().__init__(reason + " at " + where + "; allowed: " + allowed)
        self.reason = reason
        self.where = where
        self.allowed = allowed


def only(text, letters):
    for c in text:
        if c not in letters:
            return False
    return True


def check_type(value, wanted, where, allowed):
    if type(value) is not wanted:
        raise ContractError("type", where, allowed)


def is_pass(text):
    """True for the name of a pass: eight hex digits, "-", the number of the event that opened it."""
    return (
        type(text) is str
        and 10 <= len(text) <= 19
        and text[8] == "-"
        and only(text[:8], HEX)
        and only(text[9:], DIGITS)
        and text[9] != "0"
        and int(text[9:]) <= MAX_SEQ
    )


def is_alias(text):
    """True for a gateway's provisional pass: "g-" and a ULID."""
    return type(text) is str and len(text) == 28 and text[:2] == "g-" and only(text[2:], ULID)


def check_value(value, spec, where):
    what = spec[0]
    if what == "null":
        if value is not None:
            check_value(value, spec[1], where)
    elif what == "int":
        check_type(value, int, where, "integer")
        if not spec[1] <= value <= spec[2]:
            raise ContractError("range", where, str(spec[1]) + " to " + str(spec[2]))
    elif what == "bool":
        check_type(value, bool, where, "true or false")
    elif what == "text":
        check_type(value, str, where, "text")
        if not spec[1] <= len(value) <= spec[2]:
            raise ContractError("range", where, str(spec[1]) + " to " + str(spec[2]) + " characters")
    elif what == "hex":
        check_type(value, str, where, "lower-case hex digits")
        if not spec[1] <= len(value) <= spec[2] or len(value) % 2 or not only(value, HEX):
            raise ContractError("range", where, str(spec[1]) + " to " + str(spec[2]) + " lower-case hex digits, even")
    elif what == "choice":
        check_type(value, str, where, "one of " + ", ".join(spec[1]))
        if value not in spec[1]:
            raise ContractError("choice", where, "one of " + ", ".join(spec[1]))
    elif what == "member":
        check_type(value, str, where, spec[3])
        if value not in spec[1]:
            raise ContractError(spec[2], where, spec[3])
    elif what == "pass":
        check_type(value, str, where, "boot-seq")
        if not is_pass(value):
            raise ContractError("range", where, "eight hex digits, '-', a number without leading zero")
    elif what == "alias":
        check_type(value, str, where, "g-<ULID>")
        if not is_alias(value):
            raise ContractError("range", where, "g-<ULID>")
    elif what == "id":
        check_type(value, str, where, "ULID")
        if len(value) != 26 or not only(value, ULID):
            raise ContractError("range", where, "ULID: 26 characters of Crockford base 32, upper case")
    elif what == "time":
        check_type(value, str, where, "UTC time")
        if not is_time(value):
            raise ContractError("range", where, "UTC as 2026-11-22T04:12:09.114Z")
    elif what == "scalar":
        if value is not None and type(value) not in (str, int, bool):
            raise ContractError("type", where, "text, integer, true, false or null")
    elif what == "list":
        check_type(value, list, where, "list")
        if len(value) > spec[2]:
            raise ContractError("range", where, "at most " + str(spec[2]) + " items")
        for i, item in enumerate(value):
            check_value(item, spec[1], where + "[" + str(i) + "]")
    elif what == "map":
        check_type(value, dict, where, "object")
        if len(value) > spec[3]:
            raise ContractError("range", where, "at most " + str(spec[3]) + " keys")
        for key in value:
            if type(key) is not str or (spec[1] is not None and key not in spec[1]):
                raise ContractError("unknown_key", where + "." + str(key), "a known key")
            check_value(value[key], spec[2], where + "." + key)
    elif what == "object":
        check_fields(value, spec[1], where)
    # "any" is checked by the caller, which knows its kind


def check_fields(value, fields, where):
    check_type(value, dict, where, "object")
    left = len(value)
    for name in fields:
        key = name[:-1] if name[-1] == "?" else name
        if key in value:
            left -= 1
            check_value(value[key], fields[name], where + "." + key)
        elif name[-1] != "?":
            raise ContractError("missing", where + "." + key, "required")
    if left:
        for key in value:
            if key not in fields and key + "?" not in fields:
                raise ContractError("unknown_key", where + "." + str(key), "a known key")


def _escaped(text):
    for c in text:
        if c == '"' or c == "\\" or ord(c) < 32:
            break
    else:
        return text
    out = []
    for c in text:
        if c == '"' or c == "\\":
            out.append("\\" + c)
        elif c == "\n":
            out.append("\\n")
        elif c == "\r":
            out.append("\\r")
        elif c == "\t":
            out.append("\\t")
        elif ord(c) < 32:
            out.append("\\u%04x" % ord(c))
        else:
            out.append(c)
    return "".join(out)


def dump(value, out):
    """Append the pieces of the canonical JSON of a value to the list `out`: few pieces, for a heap in pieces."""
    kind = type(value)
    if value is None:
        out.append("null")
    elif kind is bool:
        out.append("true" if value else "false")
    elif kind is int:
        out.append(str(value))
    elif kind is str:
        out.append('"' + _escaped(value) + '"')
    elif kind is list:
        out.append("[")
        for i, item in enumerate(value):
            if i:
                out.append(",")
            dump(item, out)
        out.append("]")
    else:
        out.append("{")
        for i, key in enumerate(sorted(value)):
            if i:
                out.append(",")
            out.append('"' + _escaped(key) + '":')
            dump(value[key], out)
        out.append("}")
