"""`ogdc-worker`, the program inside every task: `process` runs a partition, `publish` shows the result.

Every task pays for this package's start, so its modules import little: no pathlib, subprocess, argparse or
urllib3 before they are needed, and paths are strings.
"""
