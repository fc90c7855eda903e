"""Turns rows of the registers into what their templates show. No HTML, no I/O."""

from __future__ import annotations

from typing import Any

from gateway.adapters.web.texts import Texts
from gateway.adapters.web.views import plate_badge
from gateway.domain.dictionary import Field, Register
from gateway.domain.identifiers import masked
from gateway.domain.records import local_text
from gateway.domain.register_rows import RowBrief, Value, claims_of, in_force
from gateway.domain.register_sheet import shown
from gateway.domain.register_sources import document_kinds, source_label
from gateway.domain.verification import Item
from gateway.services.audit_desk import Task
from gateway.services.networking import Networking
from gateway.services.register_questions import RowDetail

LIST_FIELDS = 7
AUDIT_TONES = {
    "verified": "allow",
    "accepted": "allow",
    "pending": "hold",
    "unverified": "hold",
    "conflict": "deny",
    "failed": "deny",
}

NETWORK_TONES = {"linked": "allow", "not_linked": "deny", "unknown": "hold"}


def named(field: Field | Register, t: Texts) -> str:
    return t.choose(field.zh, field.en)


def text_of(field: Field, value: str, t: Texts) -> str:
    return masked(value) if field.personal else shown(field, value, t.language)


def list_fields(register: Register) -> list[Field]:
    """The columns of a list: key fields first, then the first plain ones."""
    plain = [f for f in register.fields if f.type != "photo" and not f.derived and f.name not in register.key]
    return [register.field(name) for name in register.key] + plain[: LIST_FIELDS - len(register.key)]


def list_row(register: Register, brief: RowBrief, t: Texts) -> dict[str, Any]:
    return {
        "key": brief.key, "cells": [text_of(f, brief.values.get(f.name, ""), t) for f in list_fields(register)],
        "audit": brief.audit, "audit_word": t.label("audit_state", brief.audit) if brief.audit else "",
        "tone": AUDIT_TONES.get(brief.audit, "none"), "conflicts": brief.conflicts, "changed": local_text(brief.changed_at_ms)[:16],
    }  # fmt: skip


def said(value: Value, t: Texts) -> str:
    """Source, origin, person, time."""
    return " · ".join(
        filter(None, (source_label(value.source, t.language), value.origin, value.by, local_text(value.at_ms)[:16]))
    )


def item_view(item: Item, t: Texts) -> dict[str, Any]:
    v = item.value
    return {
        "number": item.number, "name": named(item.field, t), "field": item.field.name,
        "value": (t("registers.attached") if item.field.type == "photo" else text_of(item.field, v.value, t)) if v else _nothing(item, t),
        "said": said(v, t) if v else "", "state": item.state, "state_word": t.label("audit_state", item.state),
        "tone": AUDIT_TONES[item.state], "is_open": not item.is_good,
        "checked": " · ".join(filter(None, (_verifier(item, t), item.how, local_text(item.checked_at_ms)[:16]))) if item.checked_at_ms else "",
        "findings": [t.choose(f.zh, f.en) for f in item.findings],
    }  # fmt: skip


def _nothing(item: Item, t: Texts) -> str:
    """What stands where nobody has said anything: networking that is not known is called so."""
    return t("network_state.unknown") if item.field.name == "network_status" else ""


def networking_view(n: Networking, t: Texts) -> dict[str, Any]:
    """A China VI vehicle's networking with its source and time."""
    return {
        "key": n.key, "plate": plate_badge(n.plate_no, n.plate_colour, t), "fleet": n.fleet_name, "state": n.state,
        "word": t.label("network_state", n.state), "tone": NETWORK_TONES[n.state], "differs": n.differs,
        "said": " · ".join(filter(None, (source_label(n.source, t.language) if n.source else "", n.by))),
        "at": local_text(n.at_ms)[:16] if n.at_ms else "",
    }  # fmt: skip


def _verifier(item: Item, t: Texts) -> str:
    return (
        source_label(item.verifier, t.language) if item.value and item.verifier == item.value.source else item.verifier
    )


def row_context(d: RowDetail, history: list[dict[str, Any]], t: Texts) -> dict[str, Any]:
    known = in_force(d.register, d.row)
    fields = {f.name: f for f in d.register.fields}
    return {
        "register": d.register.name, "register_name": named(d.register, t), "key": d.key,
        "title": " ".join(text_of(fields[n], known[n].value, t) for n in d.register.key if n in known) or d.key,
        "audit": d.audit, "audit_word": t.label("audit_state", d.audit) if d.audit else "", "tone": AUDIT_TONES.get(d.audit, "none"),
        "removed": d.row.get("removed"), "items": [item_view(i, t) for i in d.items],
        "fields": [
            {"name": f.name, "label": named(f, t), "value": t("registers.attached") if f.type == "photo" else text_of(f, v.value, t),
             "document": v.value if f.type == "photo" else "", "said": said(v, t)}
            for f in d.register.fields if (v := known.get(f.name))
        ],
        "conflicts": [
            {"name": n, "label": named(fields[n], t),
             "claims": [{"value": c.value, "shown": text_of(fields[n], c.value, t), "said": said(c, t)} for c in claims_of(d.row, n)]}
            for n in d.conflicts
        ],
        "findings": [{"label": named(fields[f.field], t) if f.field in fields else f.field, "text": t.choose(f.zh, f.en), "level": f.level} for f in d.findings],
        "missing": [_missing_word(n, fields, t) for n in d.missing],
        "documents": [
            {"id": i, "kind": _kind(doc["kind"], t), "number": doc["number"], "valid": " – ".join(filter(None, (doc["valid_from"], doc["valid_to"]))),
             "has_file": bool(doc["path"]), "said": f"{doc['by']} · {local_text(doc['at_ms'])[:16]}"}
            for i, doc in d.row["documents"].items()
        ],
        "history": [_entry(e, fields, t) for e in reversed(history)],
        "kinds": [(k.code, t.choose(k.zh, k.en)) for k in document_kinds().values()],
        "editable": [
            {"name": f.name, "label": named(f, t), "codes": [(c, w[t.language != "zh"]) for c, w in f.codes.values.items()] if f.type == "code" else []}
            for f in d.register.fields if f.type != "photo" and not f.derived and f.name not in d.register.key
        ],
    }  # fmt: skip


def _kind(code: str, t: Texts) -> str:
    kind = document_kinds().get(code)
    return t.choose(kind.zh, kind.en) if kind else code


def _missing_word(name: str, fields: dict[str, Field], t: Texts) -> str:
    return named(fields[name], t) if name in fields else _kind(name, t)


def _entry(entry: dict[str, Any], fields: dict[str, Field], t: Texts) -> dict[str, Any]:
    body = entry["body"]
    pairs = [(fields[n], v) for part in ("values", "decided") for n, v in body.get(part, {}).items() if n in fields]
    checks = [
        f"{named(fields[n], t)}: {t.label('audit_state', c['state'])}"
        for n, c in body.get("checks", {}).items()
        if n in fields
    ]
    documents = [_kind(doc["kind"], t) for doc in body.get("documents", [])]
    source = source_label(body["source"], t.language) if body.get("source") else ""
    return {
        "seq": entry["seq"], "at": local_text(entry["at_ms"]), "what": t.label("register_what", body["what"]), "by": body["by"],
        "said": " · ".join(filter(None, (source, body.get("origin", ""), body.get("why", "")))), "change": body["change_set"],
        "words": [f"{named(f, t)}: {text_of(f, v, t)}" for f, v in pairs if f.type != "photo"] + checks + documents,
        "hash": entry["hash"],
    }  # fmt: skip


def task_view(task: Task, t: Texts) -> dict[str, Any]:
    return {
        "key": task.key, "title": task.plate_no, "audit": task.audit, "audit_word": t.label("audit_state", task.audit), "tone": AUDIT_TONES[task.audit],
        "items": [item_view(i, t) for i in task.items], "way": t.label("lookup_way", task.way) if task.way else "",
        "lookup": {"state": t.label("lookup_state", task.lookup["state"]), "note": task.lookup["note"], "at": local_text(task.lookup["asked_at_ms"])[:16]} if task.lookup else None,
    }  # fmt: skip
