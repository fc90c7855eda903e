"""The gateway of Lvzha: reads plates, judges, keeps the ledgers, reports to the regulator."""

__version__ = "0.1.0"
