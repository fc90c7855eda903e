"""Models that read: what is known of one, who chose it, and which one is chosen now.

Pure: standard library only. A model is named by the SHA-256 of its .tflite; "" stands for the one that came with the
package. Choices are only added; taking one back is a choice too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


class ModelRefused(ValueError):
    """A model, or a choice of one, is not acceptable; the message says what and what is allowed, Chinese and English."""


@dataclass(frozen=True)
class Manifest:
    """kind: the model's folder name, such as plate-reader. files: name -> SHA-256 of every file of the model.

    input_shape: of the first input, as the file has it. alphabet, types: of a reader, "" and () for others.
    trained_on: one line for people, from the model's own training manifest or from whoever added it.
    """

    kind: str
    sha256: str
    size_bytes: int
    files: dict[str, str]
    input_shape: tuple[int, ...]
    alphabet: str = ""
    types: tuple[str, ...] = ()
    trained_on: str = ""
    added_at_ms: int = 0
    added_by: str = ""


@dataclass(frozen=True)
class Choice:
    """From at_ms on the model sha256 is to read, instead of `was`. undoes: the choice that this one takes back."""

    choice_id: str
    kind: str
    sha256: str
    was: str
    by: str
    why: str
    at_ms: int
    undoes: str = ""


@dataclass(frozen=True)
class Prepared:
    """Models that were verified and lie ready. folder: one folder a kind, as PlatePipeline takes it.

    in_use: kind -> SHA-256 of what will read. refused: kind -> (SHA-256 that was chosen, why not, Chinese, English);
    the one that came with the package stands in for it. is_shipped: all of them came with the package.
    last_choice: the newest choice that was looked at, "" before the first.
    """

    folder: str
    in_use: dict[str, str]
    refused: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    is_shipped: bool = False
    last_choice: str = ""


def standing(choices: Sequence[Choice], kind: str) -> list[Choice]:
    """The choices of this kind that were not taken back, oldest first; the last one holds."""
    stack: list[Choice] = []
    for choice in choices:
        if choice.kind != kind:
            continue
        if choice.undoes:
            stack = [other for other in stack if other.choice_id != choice.undoes]
        else:
            stack.append(choice)
    return stack


def chosen(choices: Sequence[Choice], kind: str) -> str:
    """SHA-256 of the model that is chosen, "" for the one that came with the package."""
    stack = standing(choices, kind)
    return stack[-1].sha256 if stack else ""


def one_of(known: Sequence[Manifest], name: str) -> Manifest:
    """The model whose SHA-256 begins with `name`, at least four hex digits. Raises ModelRefused for none or several."""
    wanted = name.strip().lower()
    if len(wanted) < 4 or any(c not in "0123456789abcdef" for c in wanted):
        raise ModelRefused(f"{name!r}: 请给出哈希的前四位以上 give at least four hex digits of the model's hash")
    found = [m for m in known if m.sha256.startswith(wanted)]
    if len(found) != 1:
        said = "没有这个模型 there is no such model" if not found else "不止一个 more than one"
        raise ModelRefused(f"{name!r}: {said}; `lvzha models list`")
    return found[0]
