"""Recipes: parsing and validation.

A recipe is a directory with a `meta.yml` and the files it refers to. It is read in these steps, each in its
own module that can be used alone:

- `meta` parses `meta.yml` safely as plain data.
- `models` defines its schema, with `input_models` for inputs and `field_types` for single values. `explain`
  turns validation errors into messages, `schema` exports the JSON Schema.
- `ids` derives the recipe's id from its name.
- `files` reads other files without leaving the directory, `urls` reads lists of URLs.
- `commands` finds the commands of a shell recipe, `shell` the shell that runs them.
- `recipe` combines these; `load_recipe` is the entry point.
- `bundle` packs a recipe directory reproducibly into an archive, and unpacks untrusted archives safely.

Nothing here uses a network, a database or Argo.
"""
