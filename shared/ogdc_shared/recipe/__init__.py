"""Recipes: what a scientist writes, read and checked.

A recipe is a directory with a `meta.yml` and the side files that it names. Reading goes through these steps,
each in a module of its own and each usable alone:

- `meta` reads `meta.yml` as plain data, safely;
- `models` says what it may hold, `input_models` as inputs, `field_types` as single values; `explain` tells
  the author what it must not, `schema` publishes it as JSON Schema;
- `ids` derives the recipe's id from its name;
- `files` reads side files without ever leaving the directory, `urls` reads lists of URLs;
- `commands` finds the command lines of a shell recipe, and `shell` those that could never run;
- `recipe` puts it all together: `load_recipe` is what the rest of the project calls;
- `bundle` packs a recipe directory into one archive, always the same bytes, and unpacks a stranger's safely.

Nothing here talks to a network, a database or Argo.
"""
