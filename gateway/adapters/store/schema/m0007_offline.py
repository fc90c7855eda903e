"""Offline lists: what each lane was given to decide by while the gateway is silent, the newest versions of it."""

from __future__ import annotations

from sqlite_utils import Database


def m0007_offline(db: Database) -> None:
    db.execute("""create table offline_list (
  lane text not null,
  version integer not null,
  made_at_ms integer not null,
  sha256 text not null,
  records blob not null,                         -- nine bytes per entry: hash, class; ascending
  primary key (lane, version)
) strict""")
