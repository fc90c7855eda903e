"""Writes what was measured beside the models, and the tables of their cards from it: `python -m tools.bench.plates.card`.

models/plate-reader/gauge.json keeps one section per set, for both models together; the cards' parts between the
marks `<!-- facts -->` and `<!-- gauge -->` are made from it and from the training manifests. Without arguments the
real pictures are scored ($LVZHA_PLATE_PICTURES, else ../shared/plates); `--add NAME=FOLDER` scores further sets under
a name of their own, never averaged with others; `--tables` only writes the tables again. Sections of other models are
dropped. A test keeps cards, gauge.json and models equal.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from gateway.adapters.vision.pipeline import MODELS_FOLDER

from .gauge import MODES, gauge
from .seen import MODELS, load_manifest
from .show import bounds, least

GAUGE = "plate-reader/gauge.json"
REAL = "real"
COUNTS = ("n", "read", "right", "wrong", "unread", "not_found", "errors")
SHARES = ("recognition_rate", "accuracy", "accuracy_with_colour", "right_of_all", "raw_right", "colour", "kind")
GROUPS = ("type", "family", "stratum")

GROUP_HEAD = (
    "| mode | group | n | read | right | wrong | unread | recognition rate % | accuracy % | right of all % |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


class CardUnusable(ValueError):
    """A card lacks its marks; the message names file and mark."""


def model_hashes(models: Path) -> dict[str, str]:
    """File name -> SHA-256 of every model file, float and int8."""
    files = [file for name in MODELS for file in sorted((models / name).glob("*.tflite"))]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def section(document: dict[str, Any], title: str, command: str) -> dict[str, Any]:
    """What is kept of a gauge document: figures, no file names and no paths."""
    return {
        "title": title,
        "command": command,
        "set": {key: document["set"][key] for key in ("hash", "split", "plates", "passes", "left_out_seen")},
        "chosen_on_this_set": any(m["chosen_on_this_set"] for m in document["models"].values()),
        "machine": document["machine"],
        "files": {name: model["file"] for name, model in document["models"].items()},
        "modes": {mode: _kept(doc) for mode, doc in document["modes"].items() if doc.get("n") or _negatives(doc)},
    }


def _negatives(doc: dict[str, Any]) -> int:
    return doc.get("unreadable", {}).get("n", 0)


def _kept(doc: dict[str, Any]) -> dict[str, Any]:
    kept = {key: doc[key] for key in (*COUNTS, *SHARES, "calibration", "unreadable", "first_read", "ms") if key in doc}
    kept["groups"] = {
        group: {
            value: {key: row[key] for key in (*COUNTS[:6], *SHARES[:4])}
            for value, row in doc.get("groups", {}).get(group, {}).items()
        }
        for group in GROUPS
        if doc.get("groups", {}).get(group)
    }
    return kept


def load(models: Path) -> dict[str, Any]:
    """gauge.json, with the sections of the present models only."""
    file, hashes = models / GAUGE, model_hashes(models)
    if file.is_file():
        doc = json.loads(file.read_text(encoding="utf-8"))
        if doc.get("models") == hashes:
            return doc
    return {"models": hashes, "sections": {}}


def facts_table(models: Path, name: str) -> str:
    """Hash, size and training data of one model, as Markdown."""
    lines = ["| | |", "|---|---|"]
    for file in sorted((models / name).glob("*.tflite")):
        data = file.read_bytes()
        lines.append(f"| `{file.name}` | {len(data):,} bytes, sha256 `{hashlib.sha256(data).hexdigest()}` |")
    manifest = load_manifest(models / name)
    if manifest:
        lines += [
            f"| real pictures trained on | {sum(manifest.licences.values()):,} plates in {len(manifest.pictures):,} pictures, "
            f"hash `{manifest.train_rows}` (`manifest.json` names each by hash) |",
            f"| by licence | {', '.join(f'{k} {n:,}' for k, n in manifest.licences.items())} |",
            f"| by type | {', '.join(f'{k} {n:,}' for k, n in manifest.types.items())} |",
            f"| licence filter | `{manifest.licence_filter}` |",
        ]
    return "\n".join(lines)


def tables(doc: dict[str, Any]) -> str:
    """Every section's figures as Markdown."""
    parts = [
        "Recognition rate = read / n; accuracy = right / read. Each share: rate (two-sided 95 % Wilson bounds; ≥ the "
        "one-sided lower bound). One thread. Sets are never averaged with one another."
    ]
    for one in doc["sections"].values():
        parts += _section_lines(one)
    if not doc["sections"]:
        parts.append("Nothing measured with these models yet.")
    if near := doc.get("near_pairs"):
        parts.append(_near_lines(near))
    return "\n\n".join(parts)


def near_pairs(folder: Path, models: Path) -> dict[str, Any]:
    """Figures of `lvzha bench near-pairs --out FOLDER`. Raises ValueError when nothing is there, or of other models."""
    from .near_pairs import figures

    file = folder / "pairs.jsonl"
    if not file.is_file():
        raise ValueError(f"{file} is not there; run lvzha bench near-pairs --out {folder}")
    head, *rows = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    if head["models"] != model_hashes(models):
        raise ValueError(f"{file}: was run with other models; take another folder and run it again")
    found = figures(rows)
    found.pop("wrong_openings_listed")
    return {"seed": head["seed"], "wanted": head["count"]} | found


def _near_lines(near: dict[str, Any]) -> str:
    strangers, expected = near["strangers"], near["expected"]
    return (
        f"**Lorries one mistakable character away from a registered one** (`lvzha bench near-pairs --seed {near['seed']}`): "
        f"{near['pairs']} of {near['wanted']} pairs. Strangers: wrong openings {strangers['wrong_openings']}, held "
        f"{strangers['held']} (read right {strangers['read_right']}, read wrong {strangers['read_wrong']}, unread "
        f"{strangers['unread']}); not opened {bounds(strangers['not_opened'])} %. Registered ones: {expected['shown']} shown, "
        f"let in {expected['right_openings']}, held {expected['held']}."
    )


def _section_lines(one: dict[str, Any]) -> list[str]:
    """The tables of one set."""
    labelled, machine = one["set"], one["machine"]
    chosen = " The models were chosen on this set, which flatters a little." if one["chosen_on_this_set"] else ""
    head = (
        f"**{one['title']}** (`{one['command']}`, set `{labelled['hash']}`, split {labelled['split']}; "
        f"{', '.join(one['files'].values())}; {machine['cpu'] or machine['machine']}, {machine['runtime']}).{chosen}"
    )
    rows = [
        "| mode | n | read | right | wrong | unread | recognition rate % | accuracy % | number and colour % | right of all % |"
    ]
    rows.append("|---|---|---|---|---|---|---|---|---|---|")
    notes, groups = [], []
    for mode, row in one["modes"].items():
        if row.get("n"):
            rows.append(
                f"| {mode} | {' | '.join(str(row[key]) for key in COUNTS[:5])} | "
                + " | ".join(bounds(row[key]) for key in SHARES[:4])
                + " |"
            )
            at = row["calibration"]["at_precision"]
            notes.append(
                f"{mode}: before the gate {bounds(row['raw_right'])} % right; "
                + "; ".join(f"at {p} % precision {v['share']} % accepted" for p, v in at.items())
                + f"; not found {row['not_found']}; {_ms(row['ms'])}."
            )
            groups += _group_rows(mode, row["groups"])
        if none := row.get("unreadable"):
            notes.append(f"{mode}, nothing to read: {none['n']} with {none['wrong']} read all the same.")
        if first := row.get("first_read"):
            notes.append(f"{mode}, first read alone: {bounds(first['right_of_all'])} % right of all.")
    found = [head, "\n".join(rows)] if len(rows) > 2 else [head]
    if groups:
        found.append("\n".join([*GROUP_HEAD, *groups]))
    return [*found, "\n".join(f"- {note}" for note in notes)]


def _group_rows(mode: str, groups: dict[str, Any]) -> list[str]:
    return [
        f"| {mode} | {value} | {' | '.join(str(row[key]) for key in COUNTS[:5])} | "
        + " | ".join(least(row[key]) for key in ("recognition_rate", "accuracy", "right_of_all"))
        + " |"
        for group in groups.values()
        for value, row in group.items()
    ]


def _ms(times: dict[str, Any]) -> str:
    parts = [f"{name} {ms['cpu_p50']} / {ms['cpu_p95']}" for name, ms in times.items() if ms["p50"] is not None]
    return "ms of CPU p50 / p95: " + ", ".join(parts)


def replaced(text: str, mark: str, made: str, where: Path) -> str:
    """The card with the part between its two marks made anew. Raises CardUnusable without the marks."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise CardUnusable(f"{where}: needs {begin} and {end} once each, around the generated part")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{made}\n{end}{rest.split(end)[1]}"


def card_of(models: Path, name: str, doc: dict[str, Any]) -> str:
    """The card's text as it should be."""
    file = models / name / "card.md"
    text = replaced(file.read_text(encoding="utf-8"), "facts", facts_table(models, name), file)
    return replaced(text, "gauge", tables(doc), file) if name == "plate-reader" else text


def write(models: Path, doc: dict[str, Any]) -> None:
    text = json.dumps(doc, ensure_ascii=False, indent=1) + "\n"
    (models / GAUGE).write_text(text, encoding="utf-8")
    for name in MODELS:
        (models / name / "card.md").write_text(card_of(models, name, doc), encoding="utf-8")


def main() -> int:
    from models.train.pictures import pictures_folder

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS_FOLDER)
    parser.add_argument("--add", action="append", default=[], metavar="NAME=FOLDER", help="score this set as well")
    parser.add_argument("--no-real", action="store_true", help="keep the real pictures' section as it is")
    parser.add_argument(
        "--near-pairs", type=Path, metavar="FOLDER", help="take in what lvzha bench near-pairs ran there"
    )
    parser.add_argument("--tables", action="store_true", help="measure nothing, only write the tables")
    args = parser.parse_args()
    doc = load(args.models)
    if args.near_pairs:
        try:
            doc["near_pairs"] = near_pairs(args.near_pairs, args.models)
        except ValueError as error:
            parser.error(str(error))
    if args.tables:
        write(args.models, doc)
        return 0
    jobs = [] if args.no_real else [(REAL, pictures_folder(), "real pictures, validation split")]
    for text in args.add:
        name, found, folder = text.partition("=")
        if not found or not name or not Path(folder).is_dir():
            parser.error(f"--add {text}: NAME=FOLDER is needed, and the folder must be there")
        jobs.append((name, Path(folder), f"{name} (synthetic)"))
    for name, folder, title in jobs:
        report = gauge(folder, args.models, MODES, progress=sys.stderr.isatty())
        command = "lvzha bench plates --set DIR" if name == REAL else f"tools.bench.plates.make --set {name}"
        doc["sections"][name] = section(report.document(), title, command)
        write(args.models, doc)
        modes = doc["sections"][name]["modes"]
        print(f"{name}: " + ", ".join(f"{mode} n={row.get('n', 0)}" for mode, row in modes.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
