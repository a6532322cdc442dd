"""Print docs/reference/settings.md, from the settings and the options of each network."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import openportability.networks
from openportability.settings import PREFIX, reference

HEAD = f"""# Settings

Printed from the code by `scripts/print_settings.py`; change it there.

Settings are environment variables. Each may also be given as a file:
`{PREFIX}MASTER_KEY_FILE=/run/secrets/key` reads the keyring from that file. An empty value counts
as not given. A value that cannot be used stops the start, with one line that says what to do.

"""

NETWORKS_HEAD = """
## Settings of networks

Each begins with the name under which the network is loaded; below stand those of the folders.

"""


def settings_page() -> str:
    """Return the whole page."""
    return HEAD + reference() + NETWORKS_HEAD + _options_of_networks()


def _options_of_networks() -> str:
    rows = []
    for path in openportability.networks.__path__:
        for folder in sorted(child for child in Path(path).iterdir() if _is_network(child)):
            module = importlib.import_module(f"openportability.networks.{folder.name}")
            for option in module.OPTIONS:
                name = f"{PREFIX}{folder.name}_{option.name}".upper()
                default = f"`{option.default}`" if option.default else ""
                secret = " Secret: better given as a file." if option.secret else ""
                meaning = f"{option.help.rstrip('.')}.{secret}"
                rows.append(f"| `{name}` | {meaning} | {default} |\n")
    return "| name | meaning | default |\n|---|---|---|\n" + "".join(rows)


def _is_network(folder: Path) -> bool:
    return (folder / "__init__.py").is_file()


if __name__ == "__main__":
    sys.stdout.write(settings_page())
