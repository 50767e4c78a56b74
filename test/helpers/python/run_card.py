"""Runs every Python snippet of a dataset card, one after another as a reader would, and prints how many there were."""

import json
import os
import re
import sys

folder = sys.argv[1]
os.chdir(folder)
snippets = re.findall(r"^```python\n(.*?)^```$", open("README.md", encoding="utf-8").read(), re.MULTILINE | re.DOTALL)
names = {}
for snippet in snippets:
    # Where it is, is all that a reader has to fill in.
    code = snippet.replace("s3://BUCKET/PREFIX/VERSION", folder)
    exec(code, names)
    loaded = [value for value in names.values() if hasattr(value, "take") or hasattr(value, "num_rows")]
    assert all(next(iter(each)) for each in loaded), code
print(json.dumps({"snippets": len(snippets)}))
