"""First file a board runs: every output to its safe level. No network, nothing that waits. main.py follows.

Output expanders keep their level through a reset of the processor, so this runs before anything is read.
"""

import json

try:
    with open("config.json") as f:
        name = json.load(f)["board"]
    __import__("boards." + name, None, None, ("safe_outputs",)).safe_outputs()
except (OSError, ValueError, KeyError, ImportError, AttributeError) as e:
    print("boot: outputs not driven reason=" + str(e))  # main.py refuses the configuration by name
