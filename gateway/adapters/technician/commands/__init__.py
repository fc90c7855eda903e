"""`lvzha lane ...`: what a technician with a laptop reads, tests and orders. Everything heavy is imported on use.

Exit status: 0 done, 1 refused, failed, expired or timeout, 2 no access, no broker or a wrong argument.
"""

from gateway.adapters.technician.commands import looking, orders, settings  # each adds its commands, in this order
from gateway.adapters.technician.commands.frame import app

__all__ = ["app", "looking", "orders", "settings"]
